"""The files of a distribution by name, whether they lie in a folder or in .zip and .tar archives nobody unpacked."""

from __future__ import annotations

import io
import lzma
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from tsbench.errors import InvalidDataError

MAX_FILE_BYTES = 4 << 30
TAR_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")
ARCHIVE_ENDINGS = (".zip", *TAR_ENDINGS)
# What the standard library's readers raise for damaged archives; a bad path inside raises InvalidDataError itself.
DAMAGE = (
    *(zipfile.BadZipFile, tarfile.TarError, lzma.LZMAError, zlib.error, struct.error, EOFError, OSError),
    *(RuntimeError, ValueError, ArithmeticError, LookupError, MemoryError),
)

Read = Callable[[], bytes]


class Files:
    """Named files of folders, archives and single paths; nothing is unpacked to disk.

    Names are relative, with slashes. `wanted` keeps those names it is true for. Files of an archive are read fastest in
    the order of `names`. Raises InvalidDataError for an archive that is damaged, or has a member that leaves it.
    """

    def __init__(self, paths: Iterable[Path], wanted: Callable[[str], bool] = lambda name: True) -> None:
        self._files: dict[str, tuple[str, Read]] = {}
        for path in paths:
            for name, where, read in _entries(path):
                if not wanted(name):
                    continue
                if name in self._files:
                    raise InvalidDataError(f"{where}: is there twice, also as {self._files[name][0]}; remove one")
                self._files[name] = (where, read)
        self._by_base: dict[str, list[str]] = {}
        for name in self._files:
            self._by_base.setdefault(PurePosixPath(name).name, []).append(name)

    @property
    def names(self) -> list[str]:
        """All names, in the order in which they are stored."""
        return list(self._files)

    def read(self, name: str) -> bytes:
        """Return the content of a file; raises InvalidDataError naming it when it cannot be read."""
        where, read = self._files[name]
        try:
            return read()
        except DAMAGE as error:
            raise InvalidDataError(f"{where}: cannot be read ({error}); get the file again") from error

    def text(self, name: str) -> str:
        """Return the content of a text file."""
        try:
            return self.read(name).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InvalidDataError(f"{self.where(name)}: is not UTF-8 text ({error})") from error

    def where(self, name: str) -> str:
        """Return the place of a file, for messages."""
        return self._files[name][0]

    def has(self, base: str) -> bool:
        """Say whether there is a file of this name in any folder."""
        return base in self._by_base

    def find(self, base: str, because: str) -> str:
        """Return the full name of the one file called `base`, in any folder; `because` says in an error what needs it.

        Raises InvalidDataError when there is none or more than one.
        """
        found = self._by_base.get(base, [])
        if not found:
            raise InvalidDataError(f"{because}: needs the file {base}, which is not there; add it")
        if len(found) > 1:
            raise InvalidDataError(f"{because}: {base} is there twice ({self.where(found[0])}, {self.where(found[1])})")
        return found[0]

    def check_headers(self, endings: tuple[str, ...]) -> None:
        """Raise InvalidDataError for a file of these endings that has no header (.hea) of its name beside it."""
        for name in self._files:
            if name.endswith(endings) and str(PurePosixPath(name).with_suffix(".hea")) not in self._files:
                base = PurePosixPath(name).with_suffix(".hea").name
                raise InvalidDataError(
                    f"{self.where(name)}: has no header {base} beside it; add it, or remove the file"
                )


def is_archive(path: Path) -> bool:
    """Say whether a path is an archive of a kind that is read, by its name."""
    return path.name.lower().endswith(ARCHIVE_ENDINGS) and path.is_file()


def listed(path: Path, wanted: Callable[[str], bool]) -> list[Path]:
    """Return the paths on disk that Files would read from: an archive itself, or the wanted files of a folder."""
    if not path.is_dir():
        return [path]
    return [file for file in _walk(path) if wanted(file.relative_to(path).as_posix())]


def _entries(path: Path) -> Iterator[tuple[str, str, Read]]:
    if path.is_dir():
        for file in _walk(path):
            yield file.relative_to(path).as_posix(), str(file), file.read_bytes
    elif is_archive(path):
        try:
            # stays open for as long as the members are read
            yield from _archive(path.name.lower(), path.open("rb"), str(path))
        except DAMAGE as error:
            raise InvalidDataError(f"{path}: is a damaged archive ({error}); get the file again") from error
    else:
        yield path.name, str(path), path.read_bytes


def _walk(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not _is_junk(name))
        yield from (Path(root) / name for name in sorted(files) if not _is_junk(name))


def _archive(name: str, file: IO[bytes], where: str, depth: int = 0) -> Iterator[tuple[str, str, Read]]:
    members = _tar_members(file) if name.endswith(TAR_ENDINGS) else _zip_members(file)
    for member, size, read in members:
        inside = f"{where}: {member}"
        parts = PureWindowsPath(member).parts
        if PureWindowsPath(member).anchor or ".." in parts or "\0" in member:
            raise InvalidDataError(f"{inside}: leaves the archive's folder; the archive is unsafe and was not read")
        if any(_is_junk(part) for part in parts):
            continue
        if size > MAX_FILE_BYTES:
            raise InvalidDataError(f"{inside}: unpacks to {size} bytes, more than {MAX_FILE_BYTES}; it was not read")
        if member.lower().endswith(ARCHIVE_ENDINGS) and depth == 0:  # as UCI packs an archive into another
            yield from _archive(member.lower(), io.BytesIO(read()), inside, depth + 1)
        else:
            yield member, inside, read


def _zip_members(file: IO[bytes]) -> Iterator[tuple[str, int, Read]]:
    archive = zipfile.ZipFile(file)
    for member in archive.infolist():
        if not member.is_dir():
            yield member.orig_filename, member.file_size, partial(archive.read, member)


def _tar_members(file: IO[bytes]) -> Iterator[tuple[str, int, Read]]:
    archive = tarfile.open(fileobj=file)  # noqa: SIM115 - stays open for as long as the members are read
    for member in archive.getmembers():
        if member.isfile():
            yield member.name, member.size, partial(_tar_read, archive, member)
        elif not member.isdir():
            raise InvalidDataError(f"{member.name}: is a link or device; the archive is unsafe and was not read")


def _tar_read(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    opened = archive.extractfile(member)
    content = opened.read() if opened else b""
    if len(content) != member.size:
        raise EOFError("it ends before its size")
    return content


def _is_junk(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"
