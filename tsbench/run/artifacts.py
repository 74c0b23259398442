"""Files beside the database: in a local folder, or anywhere fsspec reaches; a file is there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tsbench.cleanup import afterwards
from tsbench.errors import StoreError, UsageError
from tsbench.urls import shown, without_secrets

Folder = Path | str
"""A Path, or a URL such as s3://bucket/folder for fsspec."""


@dataclass(frozen=True)
class Stored:
    """Size in bytes of a file, and its last change in seconds since 1970 (None where the file system cannot say)."""

    size: int
    modified: float | None


def folder_of(given: str, database: Path | None) -> Folder:
    """Return the folder a user named ("": beside the SQLite file, or ./tsbench-artifacts for a server)."""
    if "://" in given:
        return given.rstrip("/")
    return Path(given or (f"{database}-artifacts" if database else "tsbench-artifacts"))


def join(folder: Folder, name: str) -> Folder:
    """Return a folder within a folder; raises UsageError where a URL cannot be used on this machine."""
    if isinstance(folder, Path):
        return folder / name
    _remote(folder)
    return f"{folder}/{name}"


def write(folder: Folder, name: str, content: bytes) -> None:
    """Write a file under another name and move it into place; raises StoreError."""
    partial = f".{name}.{os.getpid()}-{secrets.token_hex(4)}.tmp"
    try:
        if isinstance(folder, Path):
            folder.mkdir(parents=True, exist_ok=True)
            with afterwards(lambda: (folder / partial).unlink(missing_ok=True)):
                (folder / partial).write_bytes(content)
                (folder / partial).replace(folder / name)
            return
        files, root = _remote(folder)
        files.makedirs(root, exist_ok=True)
        try:
            files.pipe_file(f"{root}/{partial}", content)
            files.mv(f"{root}/{partial}", f"{root}/{name}")
        finally:
            with contextlib.suppress(FileNotFoundError):
                files.rm_file(f"{root}/{partial}")
    except Exception as error:  # every file system has errors of its own
        raise StoreError(
            f"{name} cannot be written to {shown(folder)}: {_reason(error, folder)}; make room there, "
            "or name another folder by --artifacts or TSBENCH_ARTIFACTS"
        ) from None


def read(folder: Folder, name: str) -> bytes | None:
    """Return the content of a file, None when it is not there or cannot be read."""
    with contextlib.suppress(Exception):
        if isinstance(folder, Path):
            return (folder / name).read_bytes()
        files, root = _remote(folder)
        content: bytes = files.cat_file(f"{root}/{name}")
        return content
    return None


def listing(folder: Folder) -> dict[str, Stored]:
    """Return the files of a folder by name; none when there is no such folder."""
    if isinstance(folder, Path):
        found = {}
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            for path in sorted(folder.iterdir()):
                with contextlib.suppress(FileNotFoundError):
                    found[path.name] = Stored(path.stat().st_size, path.stat().st_mtime)
        return found
    files, root = _remote(folder)
    try:
        entries = files.ls(root, detail=True)
    except FileNotFoundError:
        return {}
    except Exception as error:
        raise StoreError(f"{shown(folder)} cannot be read: {_reason(error)}") from None
    return {entry["name"].rsplit("/", 1)[1]: Stored(entry["size"] or 0, _modified(files, entry)) for entry in entries}


def delete(folder: Folder, name: str) -> None:
    """Remove a file; one that is not there is no error. Raises StoreError."""
    try:
        if isinstance(folder, Path):
            (folder / name).unlink(missing_ok=True)
        else:
            files, root = _remote(folder)
            with contextlib.suppress(FileNotFoundError):
                files.rm_file(f"{root}/{name}")
    except Exception as error:
        raise StoreError(f"{name} cannot be removed from {shown(folder)}: {_reason(error, folder)}") from None


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
