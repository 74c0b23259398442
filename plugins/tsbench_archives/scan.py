"""The first pass over a .ts, .tsv or .txt file: its header, and its cases as text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from tsbench.data.panel import normalise_label
from tsbench.errors import InvalidDataError
from tsbench_archives.cells import encoding, shown

_FLAGS = ("@timestamps", "@missing", "@univariate", "@equallength", "@targetlabel")
_COUNTS = ("@dimension", "@dimensions", "@serieslength")
_TAGS = (*_FLAGS, *_COUNTS, "@problemname", "@classlabel")
# A number as C, MATLAB and numpy.savetxt print it: in a file of nothing but numbers the label is printed so as well.
_PRINTED = re.compile(r"[+-]?[0-9]\.[0-9]+e[+-][0-9]{2,3}")


class Case(NamedTuple):
    """One case as text: its line in the file, the values of each channel, its label."""

    line: int
    channels: list[str]
    label: str


class Cases(NamedTuple):
    """What the first pass found.

    task : what the file says its labels are, "" where it says nothing. unequal : cases may differ in length.
    univariate : they have one channel. declared : the labels there may be, as `normalise_label` spells them; empty
    where the file does not list them. listed_in : what lists them, for messages.
    """

    cases: Iterator[Case]
    unequal: bool = False
    univariate: bool = False
    declared: frozenset[str] = frozenset()
    listed_in: str = ""
    task: str = ""


def lines(path: Path, comments: str = "#%") -> Iterator[tuple[int, str]]:
    """Yield (line number, text) of the lines that are not blank and do not begin with one of `comments`."""
    with path.open(encoding=encoding(path)) as file:
        for number, line in enumerate(file, start=1):
            text = line.strip(" \r\n")
            if text.strip() and text[0] not in comments:
                yield number, text


def header_ends(path: Path, line: int, text: str) -> bool:
    """Say whether a line of a header is its last, @data; raises InvalidDataError where it is neither that nor a tag."""
    if not text.startswith("@"):
        raise InvalidDataError(f"{path}: has no @data line before its cases; line {line} is {shown(text)!r}")
    tag, *rest = text.split(maxsplit=1)
    if tag.lower() != "@data":
        return False
    if rest and not rest[0].startswith("%"):
        raise InvalidDataError(f"{path}:{line}: @data must stand alone on its line, found {shown(text)!r}")
    return True


def scan_ts(path: Path) -> Cases:
    """Read the header of a .ts file. Raises InvalidDataError, at once or when the cases are asked for."""
    found = lines(path)
    header = _ts_header(path, found)
    if header.get("@timestamps") == ["true"]:
        raise InvalidDataError(f"{path}: @timeStamps true is not supported; write the values on a regular grid")
    flag, *declared = header.get("@classlabel", ["true"])
    target = header.get("@targetlabel") == ["true"]
    if target and "@classlabel" in header and flag.lower() == "true":
        raise InvalidDataError(f"{path}: @targetLabel and @classLabel are both true; keep the one that its labels are")
    if flag.lower() == "false" and not target:
        raise InvalidDataError(f"{path}: @classLabel false: the cases have no labels, which are needed")
    return Cases(
        _ts_cases(path, found),
        unequal=header.get("@equallength") == ["false"],
        univariate=header.get("@univariate") == ["true"],
        declared=frozenset(map(normalise_label, declared)),
        listed_in="@classLabel",
        task="regression" if target else "",
    )


def _ts_header(path: Path, found: Iterator[tuple[int, str]]) -> dict[str, list[str]]:
    """Return {tag in lower case: its words}, flags in lower case; every tag is known, makes sense and has one value."""
    header: dict[str, list[str]] = {}
    for line, text in found:
        if header_ends(path, line, text):
            return header
        (written, *words), where = text.split(), f"{path}:{line}"
        tag = written.lower()
        if tag not in _TAGS:
            raise InvalidDataError(f"{where}: {shown(written)!r} is no tag of a .ts file; correct it or drop the line")
        flag = [word.lower() for word in words[: 1 if tag == "@classlabel" else None]]
        if tag in (*_FLAGS, "@classlabel") and flag not in (["true"], ["false"]):
            raise InvalidDataError(f"{where}: {written} must be true or false, found {shown(' '.join(words))!r}")
        if tag in _COUNTS and not (len(words) == 1 and words[0].isascii() and words[0].isdigit()):
            raise InvalidDataError(f"{where}: {written} must be a whole number, found {shown(' '.join(words))!r}")
        value = flag if tag in _FLAGS else words
        if header.setdefault(tag, value) != value and tag != "@problemname":
            raise InvalidDataError(f"{where}: a second {written}, which says otherwise; keep one of the two")
    raise InvalidDataError(f"{path}: has no @data line; a .ts file needs one before its cases")


def _ts_cases(path: Path, found: Iterator[tuple[int, str]]) -> Iterator[Case]:
    for line, text in found:
        *channels, label = (part.strip() for part in text.split(":"))
        if not channels:
            raise InvalidDataError(f"{path}:{line}: the case has no label; a case ends in ':label'")
        yield Case(line, channels, label)


def scan_tsv(path: Path) -> Cases:
    """Read a .tsv file, in which no line is a comment: a label may begin with any character."""
    return Cases(_split_label(path, lines(path, comments="")))


def scan_txt(path: Path) -> Cases:
    """Read a .txt file, as `scan_tsv` but separated by blanks."""
    found = lines(path, comments="")
    return Cases(_split_label(path, ((line, "\t".join(text.split())) for line, text in found)))


def _split_label(path: Path, found: Iterator[tuple[int, str]]) -> Iterator[Case]:
    for line, text in found:
        label, tab, values = text.partition("\t")
        if not tab:
            raise InvalidDataError(f"{path}:{line}: a label followed by values is expected, found {shown(text)!r}")
        label = label.strip()
        yield Case(line, [values], f"{Decimal(label):f}" if _PRINTED.fullmatch(label) else label)
