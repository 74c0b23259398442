"""Runs in worker processes of this machine."""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Sequence
from functools import partial

from tsbench.run.executors.base import Done, Executor, Note, Step, silent
from tsbench.run.executors.process import WorkerSettings
from tsbench.run.executors.slot import Slot
from tsbench.run.limits import Limits
from tsbench.run.spec import RunSpec

WATCH_SECONDS = 0.1


class Local(Executor):
    """One warm worker process per entry of `settings`; several may name the same GPU and share it."""

    def __init__(self, settings: Sequence[WorkerSettings], limits: Limits) -> None:
        self._ended: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._slots = [Slot(one, limits, partial(self._ended.put, number)) for number, one in enumerate(settings)]

    def idle(self) -> list[int]:
        """Return the slots without a run."""
        return [number for number, slot in enumerate(self._slots) if slot.spec is None]

    def submit(self, slot: int, spec: RunSpec) -> None:
        """Send the run to the slot's worker, which may still be starting."""
        self._slots[slot].submit(spec)

    def wait(self, step: Step, note: Note = silent) -> list[Done]:
        """Return the runs that ended within WATCH_SECONDS, and watch the limits of the others."""
        with contextlib.suppress(queue.Empty):
            self._ended.get(timeout=WATCH_SECONDS)
        done = []
        for number, slot in enumerate(self._slots):
            if slot.spec is not None:
                slot.check(partial(step, slot.spec), partial(note, slot.spec))
            if (ended := slot.collect()) is not None:
                done.append(Done(number, *ended, slot.environment))
        return done

    def stop(self) -> None:
        """Kill every worker with all it started."""
        for slot in self._slots:
            slot.close()
