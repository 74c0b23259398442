"""The contract between the driver, which decides and records, and an executor, which has runs done."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tsbench.run.spec import Result, RunSpec

Step = Callable[[RunSpec, int, int, float], None]
Note = Callable[[RunSpec, str], None]


def silent(spec: RunSpec, doing: str) -> None:
    """Note nothing."""


@dataclass(frozen=True)
class Done:
    """The end of a run on a slot. result is None when the worker vanished and the run is to be given out again.

    environment : that of the machine which did it; None for the driver's own.
    """

    slot: int
    spec: RunSpec
    result: Result | None
    environment: dict[str, Any] | None = None


class Executor(ABC):
    """Has runs done on numbered slots, one run per slot at a time. Only the driver writes to the store.

    busy_here : True while a run occupies the calling thread, so that an interruption must be raised in it.
    interrupted : set by the driver on an interruption; no run may begin in the calling thread any more.
    """

    busy_here: bool = False
    interrupted: bool = False

    @abstractmethod
    def idle(self) -> list[int]:
        """Return the slots that can take a run now."""

    @abstractmethod
    def submit(self, slot: int, spec: RunSpec) -> None:
        """Give a run to an idle slot."""

    @abstractmethod
    def wait(self, step: Step, note: Note = silent) -> list[Done]:
        """Return the runs that ended, after a fraction of a second at most where runs are elsewhere.

        step(spec, step, total, loss) is called with the progress of training, where it is known, and note(spec, doing)
        with what a run's process does once ("importing", "compiling") and "" when that is over.
        """

    @abstractmethod
    def stop(self) -> None:
        """End every run under way at once, with all its processes, and give up the slots."""
