"""Where a command may write, refused before any work; files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tsbench.errors import TsbenchError, UsageError


def check_file(out: Path, option: str = "--out") -> None:
    """Raise UsageError for a file of an option that is a folder, or lies where no file can be made."""
    with _refused(out, option):
        if out.is_dir():
            raise UsageError(f"{option} {out}: this is a folder; name a file")
    check_folder(out.parent, option)


def check_folder(out: Path, option: str = "--out") -> None:
    """Raise UsageError for a folder of an option that can neither be made nor written to; nothing is made."""
    with _refused(out, option):
        there = out.absolute()
        while not there.exists():
            there = there.parent
        if not there.is_dir():
            raise UsageError(f"{option} {out}: {there} is a file, not a folder; name another")
        if not os.access(there, os.W_OK | os.X_OK):
            raise UsageError(f"{option} {out}: {there} may not be written to; name another folder")


@contextlib.contextmanager
def _refused(out: Path, option: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"{option} {out}: cannot be written: {error.strerror}") from None


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that the old content stays until the new is complete."""
    with replacing(path) as file:
        file.write(content)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write, which takes the place of the old one when it is complete."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            yield file
        partial.replace(path)
    except OSError as error:
        raise TsbenchError(f"cannot write {path}: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
