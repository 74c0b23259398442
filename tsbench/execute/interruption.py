"""Ctrl-C and SIGTERM while runs are under way: asked once, runs are ended and recorded; asked twice, at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from tsbench.execute.executors.base import Executor


class Interruption:
    """A context in which the first SIGINT or SIGTERM sets `asked` and a second raises KeyboardInterrupt.

    A run in this thread is ended by the first one, which is raised in it.
    """

    def __init__(self, executor: Executor) -> None:
        self.executor, self.asked = executor, False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked or self.executor.busy_here:
            raise KeyboardInterrupt
        self.asked = self.executor.interrupted = True
