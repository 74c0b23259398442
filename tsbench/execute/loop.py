"""The loop of every driver: hand out, wait, take what came, until nothing is left or the user interrupts."""

from __future__ import annotations

from abc import ABC, abstractmethod

from tsbench.cleanup import afterwards
from tsbench.execute.executors.base import Done, Executor, Note, Step, silent
from tsbench.execute.interruption import Interruption

MOST_LOSSES = 3
"""How often a run is given out whose worker vanishes."""


class Driver(ABC):
    """Decides what an executor has done next, and keeps what comes of it."""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor

    @abstractmethod
    def hand_out(self) -> bool:
        """Give every idle slot a run; say whether there is anything left to wait for."""

    @abstractmethod
    def take(self, done: Done) -> None:
        """Keep what came of a run."""

    def drive(self, interruption: Interruption, step: Step = lambda *_: None, note: Note = silent) -> None:
        """Have all runs done; Ctrl-C ends those under way. The executor is stopped at the end, whatever happens."""
        with afterwards(self.executor.stop):
            while not interruption.asked and self.hand_out():
                try:
                    finished = self.executor.wait(step, note)
                except KeyboardInterrupt:
                    interruption.asked = True
                    break
                for done in finished:
                    self.take(done)
