"""Where a command may write: refused before any work."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from tsbench.errors import UsageError


def check_file(out: Path) -> None:
    """Raise UsageError for an --out that is a folder, or lies where no file can be made."""
    with _refused(out):
        if out.is_dir():
            raise UsageError(f"--out {out}: this is a folder; name a file")
    check_folder(out.parent)


def check_folder(out: Path) -> None:
    """Raise UsageError for a folder of --out that can neither be made nor written to; nothing is made."""
    with _refused(out):
        there = out.absolute()
        while not there.exists():
            there = there.parent
        if not there.is_dir():
            raise UsageError(f"--out {out}: {there} is a file, not a folder; name another")
        if not os.access(there, os.W_OK | os.X_OK):
            raise UsageError(f"--out {out}: {there} may not be written to; name another folder")


@contextlib.contextmanager
def _refused(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be written: {error.strerror}") from None
