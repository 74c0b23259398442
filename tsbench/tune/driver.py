"""The driver of searches: gives the runs of their trials to an executor and takes what came of them."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

import optuna
import sqlalchemy as sa
from optuna.trial import FrozenTrial

from tsbench.cleanup import afterwards
from tsbench.errors import StoreError
from tsbench.execute.executors.base import Done, Executor
from tsbench.execute.interruption import Interruption
from tsbench.execute.log import DriverLog
from tsbench.execute.loop import MOST_LOSSES, Driver
from tsbench.plan.result import Result
from tsbench.tune.search import Attempt, Search
from tsbench.tune.storage import HEARTBEAT_SECONDS

VANISHED = "its worker vanished before the end of a run"
NO_LOG = DriverLog(Path(), "")  # not entered: it writes nothing


def run_searches(
    searches: Iterable[Search],
    executor: Executor,
    n_trials: int,
    limit: float,
    trial_ended: Callable[[Search, FrozenTrial], None] = lambda *_: None,
    search_ended: Callable[[Search], None] = lambda _: None,
    log: DriverLog = NO_LOG,
) -> None:
    """Try until each study has n_trials, those made earlier or by other processes included.

    searches : taken from the iterable as slots of the executor become free. Slots work on different studies as long as
    there are enough, so that each goes on as it would alone. limit : seconds; no further trial of a study starts once
    its trials took as long. log : gets the runs as they are given out, lost and ended.

    KeyboardInterrupt (or SIGTERM) ends the trials under way, which the next search does again, and passes through.
    """
    driver = _Driver(searches, executor, n_trials, limit, trial_ended, search_ended, log)
    with Interruption(executor) as interruption, heartbeats(driver.under_way):
        with afterwards(driver.interrupt):
            driver.drive(interruption)
        if interruption.asked:
            raise KeyboardInterrupt


@contextlib.contextmanager
def heartbeats(under_way: Callable[[], Iterable[Attempt]]) -> Iterator[None]:
    """Give a sign of life for each trial under way, in a thread: the calling one may be busy with a run."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(HEARTBEAT_SECONDS):
            for attempt in under_way():
                with contextlib.suppress(StoreError, optuna.exceptions.StorageInternalError, sa.exc.SQLAlchemyError):
                    attempt.search.storage.record_heartbeat(attempt.trial._trial_id)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class _Driver(Driver):
    """Which trials are under way on which slot, which wait for one, and which studies are open."""

    def __init__(
        self,
        searches: Iterable[Search],
        executor: Executor,
        n_trials: int,
        limit: float,
        trial_ended: Callable[[Search, FrozenTrial], None],
        search_ended: Callable[[Search], None],
        log: DriverLog,
    ) -> None:
        super().__init__(executor)
        self.n_trials, self.limit, self.log = n_trials, limit, log
        self.trial_ended, self.search_ended = trial_ended, search_ended
        self._coming, self._all_open = iter(searches), False
        self._open: list[Search] = []
        self._running: dict[int, Attempt] = {}
        self._waiting: deque[Attempt] = deque()
        self._previous: dict[int, Search] = {}

    def under_way(self) -> list[Attempt]:
        """Return the trials that have begun and not ended."""
        return [*self._running.values(), *self._waiting]

    def hand_out(self) -> bool:
        """Give every idle slot the next run of a trial; say whether a trial or a study is left to wait for."""
        for slot in self.executor.idle():
            attempt = self._waiting.popleft() if self._waiting else self._begin(self._previous.get(slot))
            if attempt is None or attempt.spec is None:
                continue
            self._running[slot], self._previous[slot] = attempt, attempt.search
            self.log.started(attempt.spec, slot)
            self.executor.submit(slot, attempt.spec)
        return bool(self._running or self._waiting or self._open or not self._all_open)

    def take(self, done: Done) -> None:
        """Tell a trial what came of its run; a run that ended with its worker is given out again, a few times."""
        attempt, result = self._running.pop(done.slot), done.result or Result(done.spec, "crashed", error=VANISHED)
        if result.status == "crashed":
            attempt.losses += 1
            if attempt.losses < MOST_LOSSES:
                self.log.lost(done.spec, done.slot)
                self._waiting.appendleft(attempt)
                return
            result.error += f", {MOST_LOSSES} times"
        self.log.finished(result, done.slot)
        attempt.take(result)
        if attempt.spec is not None:
            self._waiting.appendleft(attempt)
        else:
            self.trial_ended(attempt.search, attempt.frozen())

    def interrupt(self) -> None:
        """End every trial under way."""
        for slot, attempt in self._running.items():
            if attempt.spec is not None:
                self.log.finished(Result(attempt.spec, "interrupted"), slot)
        for attempt in self.under_way():
            attempt.interrupt()
            self.trial_ended(attempt.search, attempt.frozen())

    def _begin(self, previous: Search | None) -> Attempt | None:
        """Begin a trial: of the slot's own study, of one that nobody works on, of a new one, at last of any."""
        taken = [attempt.search for attempt in self.under_way()]
        free = sorted((one for one in self._open if one not in taken), key=lambda one: one is not previous)
        for search in chain(free, self._opened(), dict.fromkeys(taken)):
            attempt = self._begin_in(search)
            if attempt is None and search not in taken:
                search.revive()  # the last chance for the trials of processes that died meanwhile
                attempt = self._begin_in(search)
                if attempt is None:
                    self._open.remove(search)
                    self.search_ended(search)
            if attempt is not None:
                return attempt
        return None

    def _begin_in(self, search: Search) -> Attempt | None:
        while search.wants(self.n_trials, self.limit):
            attempt = search.begin()
            if attempt.spec is not None:
                return attempt
            self.trial_ended(search, attempt.frozen())
        return None

    def _opened(self) -> Iterator[Search]:
        for search in self._coming:
            search.open(self.n_trials)
            self._open.append(search)
            yield search
        self._all_open = True
