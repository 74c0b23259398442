"""Files beside the database: in a local folder, or anywhere fsspec reaches; a file is there whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from tsbench.cleanup import afterwards
from tsbench.errors import StoreError, UsageError
from tsbench.urls import shown, without_secrets

Folder = Path | str
"""A Path, or a URL such as s3://bucket/folder for fsspec."""
PIECE_BYTES = 2**20


@dataclass(frozen=True)
class Stored:
    """Size in bytes of a file, and its last change in seconds since 1970 (None where the file system cannot say)."""

    size: int
    modified: float | None


def folder_of(given: str, database: Path | None) -> Folder:
    """Return the folder a user named; "": tsbench-artifacts, for an SQLite file the part of it beside the file.

    Where an earlier version has made `<file>-artifacts`, that stays the folder.
    """
    if "://" in given:
        return given.rstrip("/")
    if given or database is None:
        return Path(given or "tsbench-artifacts")
    earlier = Path(f"{database}-artifacts")
    return earlier if earlier.is_dir() else database.parent / "tsbench-artifacts" / database.name


def join(folder: Folder, name: str) -> Folder:
    """Return a folder within a folder; raises UsageError where a URL cannot be used on this machine."""
    if isinstance(folder, Path):
        return folder / name
    _remote(folder)
    return f"{folder}/{name}"


def write(folder: Folder, name: str, content: bytes) -> None:
    """Write a file under another name and move it into place; raises StoreError."""
    _put(folder, name, iter([content]))


def copy(source: Folder, target: Folder, name: str, sha256: str) -> bool:
    """Copy a file from folder to folder, a piece at a time; return False, and copy nothing, where its sha256 differs.

    Raises StoreError where it cannot be written.
    """
    found = hashlib.sha256()

    def pieces() -> Iterator[bytes]:
        with _open(source, name) as file:
            while piece := _piece(file):
                found.update(piece)
                yield piece
        if found.hexdigest() != sha256:
            raise _UnusableError

    try:
        _put(target, name, pieces())
    except _UnusableError:
        return False
    return True


def digest(folder: Folder, name: str) -> str | None:
    """Return the sha256 (hex) of a file, read a piece at a time; None where `read` would return None."""
    found = hashlib.sha256()
    try:
        with _open(folder, name) as file:
            while piece := _piece(file):
                found.update(piece)
    except _UnusableError:
        return None
    return found.hexdigest()


def read(folder: Folder, name: str) -> bytes | None:
    """Return the content of a file; None when it is not there, cannot be read, or is none that lies in this folder."""
    try:
        with _open(folder, name) as file:
            return b"".join(iter(lambda: _piece(file), b""))
    except _UnusableError:
        return None


def listing(folder: Folder) -> dict[str, Stored]:
    """Return the files of a folder by name; none when there is no such folder."""
    if isinstance(folder, Path):
        found = {}
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            for path in sorted(folder.iterdir()):
                with contextlib.suppress(FileNotFoundError):
                    status = path.lstat()  # a link is its own size: what it leads to is not ours
                    if not stat.S_ISDIR(status.st_mode):
                        found[path.name] = Stored(status.st_size, status.st_mtime)
        return found
    files, root = _remote(folder)
    try:
        entries = [entry for entry in files.ls(root, detail=True) if entry.get("type") != "directory"]
    except FileNotFoundError:
        return {}
    except Exception as error:
        raise StoreError(f"{shown(folder)} cannot be read: {_reason(error, folder)}") from None
    return {entry["name"].rpartition("/")[2]: Stored(entry["size"] or 0, _modified(files, entry)) for entry in entries}


def delete(folder: Folder, name: str) -> None:
    """Remove a file; one that is not there is no error. Raises StoreError."""
    try:
        _check(name)
        if isinstance(folder, Path):
            (folder / name).unlink(missing_ok=True)
        else:
            files, root = _remote(folder)
            with contextlib.suppress(FileNotFoundError):
                files.rm_file(f"{root}/{name}")
    except Exception as error:
        raise StoreError(f"{name} cannot be removed from {shown(folder)}: {_reason(error, folder)}") from None


class _UnusableError(Exception):
    """A file cannot be read, or is not what was asked for."""


def _check(name: str) -> None:
    """Refuse a name that would lead out of its folder, or mean the folder itself."""
    if name in ("", ".", "..") or {"/", "\\", "\0"} & set(name):
        raise ValueError("this is no name of a file within a folder")


def _put(folder: Folder, name: str, pieces: Iterator[bytes]) -> None:
    partial = f".{name}.{os.getpid()}-{secrets.token_hex(4)}.tmp"
    try:
        _check(name)
        if isinstance(folder, Path):
            folder.mkdir(parents=True, exist_ok=True)
            with afterwards(lambda: (folder / partial).unlink(missing_ok=True)):
                with (folder / partial).open("xb") as file:
                    file.writelines(pieces)
                (folder / partial).replace(folder / name)
            return
        files, root = _remote(folder)
        files.makedirs(root, exist_ok=True)
        with afterwards(lambda: _forget(files, f"{root}/{partial}")):
            with files.open(f"{root}/{partial}", "wb") as file:
                for piece in pieces:
                    file.write(piece)
            files.mv(f"{root}/{partial}", f"{root}/{name}")
    except _UnusableError:
        raise
    except Exception as error:  # every file system has errors of its own
        raise StoreError(
            f"{name} cannot be written to {shown(folder)}: {_reason(error, folder)}; make room there, "
            "or name another folder by --artifacts or TSBENCH_ARTIFACTS"
        ) from None


def _forget(files: Any, path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        files.rm_file(path)


@contextlib.contextmanager
def _open(folder: Folder, name: str) -> Iterator[BinaryIO]:
    """Give a regular file that lies in the folder to read: no device, no pipe, no link that leads elsewhere."""
    try:
        _check(name)
        if isinstance(folder, Path):
            if (folder / name).resolve().parent != folder.resolve():
                raise _UnusableError
            file: Any = os.fdopen(os.open(folder / name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb")
        else:
            files, root = _remote(folder)
            file = files.open(f"{root}/{name}", "rb")
    except Exception:
        raise _UnusableError from None
    with contextlib.closing(file):
        if isinstance(folder, Path) and not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise _UnusableError
        yield file


def _piece(file: BinaryIO) -> bytes:
    try:
        return file.read(PIECE_BYTES)
    except Exception:
        raise _UnusableError from None


def _modified(files: Any, entry: dict[str, Any]) -> float | None:
    with contextlib.suppress(Exception):
        return float(files.modified(entry["name"]).timestamp())
    return None


def _remote(url: str) -> tuple[Any, str]:
    """Return fsspec's file system of a URL and the path within it."""
    try:
        from fsspec.core import url_to_fs  # type: ignore[import-untyped]

        files, root = url_to_fs(url)
    except Exception as error:
        raise UsageError(
            f"--artifacts {shown(url)}: {_reason(error, url)}; name a folder, or a URL that fsspec can open here"
        ) from None
    return files, str(root).rstrip("/")


def _reason(error: Exception, folder: Folder) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or type(error).__name__
    return " ".join(without_secrets(text, folder).split())
