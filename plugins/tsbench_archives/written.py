"""Numbers that are written as text: with a decimal comma, or with their unit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from tsbench_archives.cells import MISSING, shown

_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_COMMA = r"[+-]?(?:\d{1,3}(?:\.\d{3})+|\d+),\d+(?:[eE][+-]?\d+)?"
_THOUSANDS = r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d*)?"
_UNIT = r"(?P<unit>(?:[^\W\d_]|[%°]|/[^\W\d_])\D*[23]?)"
_PLAIN, _BY_COMMA, _BY_THOUSANDS = (re.compile(one, re.ASCII) for one in (_NUMBER, _COMMA, _THOUSANDS))
_WITH_UNIT = re.compile(rf"(?P<number>{_NUMBER}|{_COMMA}|{_THOUSANDS})(?P<blank>\s*){_UNIT}")
# Behind a number and no blank these make it the name of a category: 4th, and so does one letter: 1a.
_ORDINALS = ("st", "nd", "rd", "th")


class Written(NamedTuple):
    """Numbers that are text: the first such cell, what it is and the remedy in words, and the numbers meant.

    unit : the unit behind each, "" where a comma makes them text.
    """

    case: int
    said: str
    meant: list[str]
    unit: str = ""


def with_point(cell: str) -> str:
    """Return how a number with a decimal comma, or with commas between thousands, is to be written; "" for any other.

    Where it may be either, both ways are given: "1.234 or 1234".
    """
    either = [cell.replace(".", "").replace(",", ".")] if _BY_COMMA.fullmatch(cell) else []
    either += [cell.replace(",", "")] if _BY_THOUSANDS.fullmatch(cell) else []
    return " or ".join(either)


def numbers_as_text(cells: Sequence[str]) -> Written | None:
    """Return what is to be said where all cells, but those that mean missing, are numbers and some are text; else None.

    A unit is one where it stands behind different numbers, and the same in all cells.
    """
    there = [cell for cell in cells if cell not in MISSING]
    different = dict.fromkeys(there)
    comma = next(filter(with_point, different), None)
    if comma is not None and all(with_point(cell) or _PLAIN.fullmatch(cell) for cell in different):
        meant = [(with_point(cell) or cell).split()[0] for cell in there]
        return Written(cells.index(comma), f"a number with a comma; write {with_point(comma)}", meant)
    found = {cell: match for cell in different if (match := _with_unit(cell))}
    number = {cell: with_point(match["number"]) or match["number"] for cell, match in found.items()}
    if len(found) < len(different) or len({match["unit"].casefold() for match in found.values()}) != 1:
        return None
    if len(set(number.values())) < 2:
        return None
    first, match = next(iter(found.items()))
    meant = [number[cell].split()[0] for cell in there]
    said = f"a number with its unit ({shown(match['unit'])}); write {number[first]}"
    return Written(cells.index(first), said, meant, match["unit"])


def _with_unit(cell: str) -> re.Match[str] | None:
    match = None if _PLAIN.fullmatch(cell) else _WITH_UNIT.fullmatch(cell)
    if match is None or match["blank"]:
        return match
    unit = match["unit"]
    return None if unit.casefold() in _ORDINALS or (len(unit) == 1 and unit.isalpha()) else match
