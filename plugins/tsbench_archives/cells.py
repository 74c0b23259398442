"""What the cells of a file mean, alike in all formats, and how a message shows them."""

from __future__ import annotations

from pathlib import Path

# What stands for a missing value, in a cell of values and of labels alike: the spellings that pandas knows, and "?".
_NOTHING = {"", "?", "NA", "<NA>", "N/A", "n/a", "#N/A", "#N/A N/A", "#NA", "NULL", "null", "None"}
_NAN = {"NaN", "nan", "NAN", "-NaN", "-nan", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"}
MISSING = frozenset(_NOTHING | _NAN)


def why_missing(cell: str, count: int, unit: str) -> str:
    """Return, in brackets, that a cell which is not empty means missing, and how many such rows or cases there are."""
    spelt = f"{cell!r} means missing; " if cell else ""
    return f"({spelt}{count} such {unit}{'' if count == 1 else 's'})"


def reason(error: Exception) -> str:
    """Return what a library's error says, on one line of moderate length."""
    return f"{type(error).__name__}: {shown(str(error), 200)}"


def shown(text: str, width: int = 40) -> str:
    """Return text from a file as a message shows it: on one line, cut to a width."""
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[:width]}..."


def encoding(path: Path) -> str:
    """Return utf-8 (with or without a byte order mark) or, where the bytes are not that, latin-1."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            while file.read(1 << 20):
                pass
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8-sig"
