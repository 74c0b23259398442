"""Output whose reader (head, less) may go before the end, or whose disk is full: what is said is lost, the work not."""

from __future__ import annotations

import io
import sys
from typing import Any

from tsbench.errors import TsbenchError

ERROR = 2


class _Pipe(io.FileIO):
    """A file that takes what nobody reads any more as written; of standard output that is full one error says so."""

    full = False

    def write(self, content: Any) -> int:
        try:
            return len(content) if self.full else super().write(content)
        except BrokenPipeError:
            return len(content)
        except OSError as error:
            self.full = True
            if self.fileno() == ERROR:  # there is nobody left to tell
                return len(content)
            raise TsbenchError(f"standard output cannot be written: {error.strerror}") from None


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
