"""Who may import whom: what several plugins share is in tsbench.nn or in a plugin of building blocks."""

import ast

import pytest

from tests.conftest import ROOT

PLUGINS = sorted(folder.name for folder in (ROOT / "plugins").iterdir() if (folder / "__init__.py").is_file())
BUILDING_BLOCKS = {"tsbench_encoders", "tsbench_formats", "tsbench_imaging", "tsbench_probes", "tsbench_spectral"}


def imported_plugins(folder):
    """Return {plugin: files that import it}, wherever in a file the import stands."""
    found = {}
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            for name in names:
                if name.startswith("tsbench_"):
                    found.setdefault(name.partition(".")[0], set()).add(path.relative_to(ROOT).as_posix())
    return found


@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_plugin_imports_no_other_but_building_blocks(plugin):
    allowed = {plugin} if plugin in BUILDING_BLOCKS else {plugin, *BUILDING_BLOCKS}
    found = imported_plugins(ROOT / "plugins" / plugin)
    assert {name: files for name, files in found.items() if name not in allowed} == {}


def test_the_core_imports_no_plugin():
    assert imported_plugins(ROOT / "tsbench") == {}


def test_building_blocks_bring_no_method(installed):
    brought = {entry.plugin for entry in installed["methods"]}
    assert brought and not brought & BUILDING_BLOCKS
