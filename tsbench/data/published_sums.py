"""Checksums that a publisher puts beside the files of a dataset: SHA256SUMS.txt, as PhysioNet has one per project."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from tsbench.errors import InvalidDataError

SUMS = "SHA256SUMS.txt"
_LINE = re.compile(r"([0-9a-fA-F]{64}) [ *]?(.+)")


def differing(files: Iterable[Path]) -> list[Path]:
    """Return the files whose sha256 is not that of the SHA256SUMS.txt in the nearest folder above that has one.

    Files that it does not list are not compared. Raises InvalidDataError for a line that is no checksum, and for a file
    that cannot be read.
    """
    listed: dict[Path, dict[str, str]] = {}
    home: dict[Path, Path | None] = {}
    found = []
    for file in files:
        if file.parent not in home:
            home[file.parent] = next((folder for folder in file.parents if (folder / SUMS).is_file()), None)
        folder = home[file.parent]
        if folder is None:
            continue
        try:
            if folder not in listed:
                listed[folder] = _read(folder / SUMS)
            expected = listed[folder].get(file.relative_to(folder).as_posix())
            if expected is not None and expected != _sha256(file):
                found.append(file)
        except OSError as error:
            raise InvalidDataError(f"{error.filename}: cannot be read ({error.strerror})") from error
    return found


def _read(path: Path) -> dict[str, str]:
    """Return {name of a file, relative to the folder: its sha256 in hex}."""
    sums = {}
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        match = _LINE.fullmatch(line.strip())
        if match is None and line.strip():
            raise InvalidDataError(f"{path}, line {number}: is no checksum with the name of a file; get it again")
        if match is not None:
            sums[match[2].removeprefix("./")] = match[1].lower()
    return sums


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
