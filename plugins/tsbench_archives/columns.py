"""The header of a table: names that mean something whatever their capitals, and what separates them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from pathlib import Path

from tsbench.errors import InvalidDataError
from tsbench_archives.cells import composed, shown, wide_encoding

OTHERS = {";": "';'", "\t": "tabs", "|": "'|'"}  # what separates fields where commas do not, and its name
PREFIXES = ("label_", "static_")
_QUOTED = re.compile(r'"[^"]*"')


def spelt(names: Sequence[str], words: Sequence[str]) -> list[str]:
    """Return names in one form of Unicode, those that are one of `words` or begin with one of PREFIXES as these are.

    words : what names a column mean something, in lower case.
    """
    return [_spelt(composed(str(name)), words) for name in names]


def _spelt(name: str, words: Sequence[str]) -> str:
    low = name.casefold()
    prefix = next((one for one in PREFIXES if low.startswith(one)), "")
    return low if low in words else prefix + name[len(prefix) :]


def check_separator(path: Path, encoding: str) -> None:
    """Raise InvalidDataError, naming what separates its fields, for a .csv file whose first lines have no commas."""
    with path.open(newline="", encoding=encoding) as file:
        lines = list(itertools.islice(file, 2))
    if other := _separator(lines):
        raise InvalidDataError(
            f"{path}:1: fields are separated by {OTHERS[other]} ({shown(lines[0])!r}); save the file as CSV in UTF-8, "
            "with commas between fields and points in numbers (70.5)"
        )


def header_of(path: Path) -> list[str]:
    """Return the names in the header of a .csv file, whatever separates them and however it is encoded."""
    with path.open(newline="", encoding=wide_encoding(path) or "utf-8-sig", errors="replace") as file:
        lines = list(itertools.islice(file, 2))
    other = _separator(lines)
    header = next((line for line in lines if not (other and line.lower().startswith("sep="))), "")
    return [name.strip().strip('"') for name in header.split(other or ",")]


def _separator(lines: Sequence[str]) -> str:
    """Return what separates the fields of a header, and of the row behind it, where commas do not; "" where they do."""
    bare = [_QUOTED.sub("", line) for line in lines]
    by_comma = [line.count(",") for line in bare]
    for other in OTHERS:
        counts = [line.count(other) for line in bare]
        # Where commas stand in names and numbers there may be as many, but not as many in each line.
        even = len(counts) > 1 and counts[0] == counts[1] and by_comma[0] != by_comma[1]
        if counts and all(counts) and (counts[0] > by_comma[0] or even):
            return other
    return ""
