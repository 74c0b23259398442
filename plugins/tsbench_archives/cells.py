"""What the cells of a file mean, alike in all formats, and how a message shows them."""

from __future__ import annotations

import codecs
import unicodedata
from pathlib import Path

from tsbench.errors import InvalidDataError

# What stands for a missing value, in a cell of values and of labels alike: the spellings that pandas knows, and "?".
_NOTHING = {"", "?", "NA", "<NA>", "N/A", "n/a", "#N/A", "#N/A N/A", "#NA", "NULL", "null", "None"}
_NAN = {"NaN", "nan", "NAN", "-NaN", "-nan", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"}
MISSING = frozenset(_NOTHING | _NAN)
# UTF-32's begins as UTF-16's does.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


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


def composed(text: str) -> str:
    """Return text in the one form that what looks alike has (NFC): names of files of a Mac are in another."""
    return unicodedata.normalize("NFC", text)


def wide_encoding(path: Path) -> str:
    """Return the encoding of a text of two or four bytes to a character, as Excel's "Unicode text" is; "" for none."""
    with path.open("rb") as file:
        head = file.read(64)
    for mark, name in _MARKS.items():
        if head.startswith(mark):
            return name
    low, high = head[: len(head) // 2 * 2 : 2], head[1::2]
    if len(high) > 1 and not (any(low) and any(high)) and any(head):
        return "utf-16-be" if not any(low) else "utf-16-le"
    return ""


def encoding(path: Path) -> str:
    """Return utf-8 (with or without a byte order mark) or, where the bytes are not that, latin-1.

    Raises InvalidDataError for a file of wide characters.
    """
    if wide := wide_encoding(path):
        raise InvalidDataError(f"{path}:1: the file is in {wide.upper()}; save it in UTF-8 (in Excel: CSV UTF-8)")
    try:
        with path.open(encoding="utf-8-sig") as file:
            while file.read(1 << 20):
                pass
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8-sig"
