"""Runs in this process, one after the other: no limits, no isolation, nothing to start."""

from __future__ import annotations

from tsbench.execute.executors.base import Done, Executor, Note, Step, silent
from tsbench.measure.worker import Worker
from tsbench.plan.spec import RunSpec


class Inline(Executor):
    """Does each run in the calling thread, in `wait`."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self._spec: RunSpec | None = None

    def idle(self) -> list[int]:
        """Return the one slot when it has no run."""
        return [0] if self._spec is None else []

    def submit(self, slot: int, spec: RunSpec) -> None:
        """Keep the run for `wait`."""
        self._spec = spec

    def wait(self, step: Step, note: Note = silent) -> list[Done]:
        """Do the run; KeyboardInterrupt passes through."""
        spec, self._spec = self._spec, None
        if spec is None:
            return []
        self.worker.progress = lambda number, total, loss: step(spec, number, total, loss)
        self.worker.note = lambda doing, seconds: note(spec, doing)
        self.busy_here = True
        try:
            if self.interrupted:  # since the driver last looked, and before this thread was busy
                raise KeyboardInterrupt
            result = self.worker.run(spec)
        finally:
            self.busy_here = False
        return [Done(0, spec, result)]

    def stop(self) -> None:
        """Forget the run that has not begun."""
        self._spec = None
