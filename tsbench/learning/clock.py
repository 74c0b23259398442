"""A clock of work: it stands still while a process does what it does once, importing modules and compiling functions.

So a run takes the same seconds in a process that has done such runs before and in one that has not.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

IMPORTING, COMPILING = "importing", "compiling"

Note = Callable[[str, float], None]
"""Called with what begins ("importing" or "compiling") and 0, and with "" and the seconds it took when it is over."""


def silent(doing: str, seconds: float) -> None:
    """Note nothing."""


class _Once(threading.local):
    """What this thread does once and the seconds it has spent so; what lies within another counts as that other."""

    def __init__(self) -> None:
        self.seconds = {IMPORTING: 0.0, COMPILING: 0.0}
        self.note: Note = silent
        self.doing, self.depth, self.began = "", 0, 0.0

    def begin(self, doing: str) -> None:
        self.depth += 1
        if self.depth == 1:
            self.doing, self.began = doing, time.perf_counter()
            self.note(doing, 0.0)

    def end(self) -> None:
        self.depth -= 1
        if self.depth == 0:
            seconds = time.perf_counter() - self.began
            self.seconds[self.doing] += seconds
            self.note("", seconds)
            _listen()


_once = _Once()
_listening = False


def work_seconds() -> float:
    """Return the seconds of this thread's clock of work; only differences mean anything."""
    return time.perf_counter() - sum(_once.seconds.values())


def compile_seconds() -> float:
    """Return the seconds for which this thread has compiled functions (numba) while it was watched."""
    return _once.seconds[COMPILING]


@contextlib.contextmanager
def watching(note: Note = silent) -> Iterator[None]:
    """Watch what this thread does once while the context lasts; without, the clock of work is an ordinary one."""
    # The one place that every import passes which finds its module not there yet; others pay nothing.
    bootstrap: Any = importlib._bootstrap
    original = bootstrap._find_and_load

    def find_and_load(*arguments: Any) -> Any:
        _once.begin(IMPORTING)
        try:
            return original(*arguments)
        finally:
            _once.end()

    _once.note, _once.depth, bootstrap._find_and_load = note, 0, find_and_load
    _listen()
    try:
        yield
    finally:
        _once.note, bootstrap._find_and_load = silent, original


@contextlib.contextmanager
def timed(durations: dict[str, float], stage: str) -> Iterator[None]:
    """Add the seconds of work that the context takes to those of a stage; none where it ends by an error."""
    started = work_seconds()
    yield
    durations[stage] = durations.get(stage, 0.0) + work_seconds() - started


def _listen() -> None:
    """Have numba tell when it compiles, or loads what it has compiled, once it has been imported."""
    global _listening
    if _listening or "numba.core.dispatcher" not in sys.modules:
        return
    _listening = True
    from numba.core import event  # type: ignore[import-untyped]

    class Listener(event.Listener):  # type: ignore[misc]
        def on_start(self, event: Any) -> None:
            _once.begin(COMPILING)

        def on_end(self, event: Any) -> None:
            _once.end()

    event.register("numba:compiler_lock", Listener())
