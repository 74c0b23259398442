"""Names that may be one: classes, and subjects or groups, which differ by capitals or blanks alone."""

from __future__ import annotations

from collections.abc import Iterable

from tsbench.data.panel import Panel


def spelt_twice(panel: Panel, group: str | None) -> list[str]:
    """Return what is to be said of classes, and of values of the array `group` of meta, that may be one."""
    found = {"classes": _twice(panel.classes)}
    if group is not None and group in panel.meta:
        found[f"two names of a {group}"] = _twice(map(str, panel.meta[group].tolist()))
    return [
        f"{what} differ by capitals or blanks alone: {', '.join(map(repr, sorted(names)))}; where they are one, spell "
        "them alike"
        for what, names in found.items()
        if names
    ]


def _twice(names: Iterable[str]) -> set[str]:
    """Return the spellings of the first name that has several."""
    spellings: dict[str, set[str]] = {}
    for name in dict.fromkeys(names):
        spellings.setdefault("".join(name.casefold().split()), set()).add(name)
    return next((found for found in spellings.values() if len(found) > 1), set())
