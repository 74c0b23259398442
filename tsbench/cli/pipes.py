"""Output into a pipe whose reader (head, less) may go before the end: what is said then is lost, the work is not."""

from __future__ import annotations

import io
import sys
from typing import Any


class _Pipe(io.FileIO):
    """A file that takes what nobody reads any more as written."""

    def write(self, content: Any) -> int:
        try:
            return super().write(content)
        except BrokenPipeError:
            return len(content)


def outlive_readers() -> None:
    """Let standard output and error go on as if they were read, where their reader has gone."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if type(getattr(getattr(stream, "buffer", None), "raw", None)) is io.FileIO and not stream.isatty():
            file = io.BufferedWriter(_Pipe(stream.fileno(), "w", closefd=False))
            wrapped = io.TextIOWrapper(file, stream.encoding, stream.errors, line_buffering=stream.line_buffering)
            setattr(sys, name, wrapped)
