"""MkDocs hooks: reference pages from the code, files of the repository that pages link to, a nav of what exists."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import reference
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
GENERATED: dict[str, Callable[[], str]] = {
    "commands": reference.commands,
    "parameters": reference.parameters,
    "registry": reference.registry,
    "contributing": lambda: (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"),
}


def on_files(files: Files, config: Any) -> Files:
    """Add the leaderboards' CSV files to the site; make the nav of the pages that there are."""
    for path in sorted((ROOT / "leaderboards").rglob("*.csv")):
        files.append(File.generated(config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path)))
    pages = sorted(file.src_uri for file in files.documentation_pages())
    config.nav = existing(config.nav, pages)
    if others := sorted(set(pages) - set(named(config.nav))):
        config.nav.append({"More": others})
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Fill in what is generated, and let links that leave docs/ for a file of the site find it there."""
    folder = posixpath.dirname(page.file.src_uri)

    def moved(match: re.Match[str]) -> str:
        inside = posixpath.normpath(posixpath.join("docs", folder, match[1]))
        return f"]({posixpath.relpath(inside, folder or '.')})" if files.get_file_from_path(inside) else match[0]

    filled = re.sub(r"^\{\{ (\w+) \}\}$", lambda match: GENERATED[match[1]](), markdown, flags=re.MULTILINE)
    return re.sub(r"\]\(((?:\.\./)+[^)#]+)\)", moved, filled)


def existing(nav: list[Any], pages: list[str]) -> list[Any]:
    """Return the nav without the pages that are not there; "methods/" stands for all pages of that folder."""
    kept: list[Any] = []
    for item in nav:
        title, target = next(iter(item.items())) if isinstance(item, dict) else (None, item)
        if isinstance(target, list):
            kept.append({title: existing(target, pages)})
        elif target.endswith("/"):
            inside = [page for page in pages if page.startswith(target)]
            kept += sorted(inside, key=lambda page: (not page.endswith("/index.md"), page))
        elif target in pages:
            kept.append(item)
    return kept


def named(nav: Any) -> Iterator[str]:
    """Yield every page that a nav names."""
    if isinstance(nav, str):
        yield nav
    for item in nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else ():
        yield from named(item)
