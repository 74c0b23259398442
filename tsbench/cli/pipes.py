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
        buffer = getattr(stream, "buffer", None)
        raw = getattr(buffer, "raw", buffer)  # the same where python runs unbuffered
        if type(raw) is not io.FileIO or stream.isatty():
            continue
        pipe: Any = _Pipe(raw.fileno(), "w", closefd=False)
        setattr(
            sys,
            name,
            io.TextIOWrapper(
                pipe if raw is buffer else io.BufferedWriter(pipe),
                stream.encoding,
                stream.errors,
                line_buffering=stream.line_buffering,
                write_through=stream.write_through,
            ),
        )
