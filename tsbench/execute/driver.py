"""The driver: takes a plan, has what is missing run, records each result as it comes."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from tsbench.data.splits import counts_for
from tsbench.errors import StoreError
from tsbench.execute.executors.base import Done, Executor
from tsbench.execute.interruption import Interruption
from tsbench.execute.log import DriverLog, log_folder
from tsbench.execute.loop import MOST_LOSSES, Driver
from tsbench.execute.owner import Owner
from tsbench.execute.rescue import Rescue
from tsbench.execute.schedule import Schedule
from tsbench.measure.resources import environment
from tsbench.plan.request import Plan
from tsbench.plan.result import Result
from tsbench.plan.spec import RunSpec
from tsbench.store.store import Store
from tsbench.urls import shown

RETRIED_BY_ITSELF = ("interrupted",)
LOOK_AGAIN_SECONDS = 1.0


class Reporter(Protocol):
    """Shown what happens; the command line draws bars from it."""

    def started(self, spec: RunSpec, number: int, total: int) -> None:
        """Note that a run begins."""

    def step(self, spec: RunSpec, step: int, total: int, loss: float) -> None:
        """Note the progress of training within a run."""

    def note(self, spec: RunSpec, doing: str) -> None:
        """Note what a run's process does once ("importing", "compiling"), and "" when it works again."""

    def finished(self, result: Result) -> None:
        """Note that a run ended, well or not."""

    def waiting(self, count: int) -> None:
        """Note that nothing is left but runs which other drivers are doing."""


@dataclass
class Outcome:
    """What came of a plan. earlier_failures are runs that failed before, or for another driver, and were not retried.

    elsewhere : runs that another driver had at the end of this one.
    """

    plan: Plan
    results: list[Result] = field(default_factory=list)
    already_done: list[RunSpec] = field(default_factory=list)
    earlier_failures: list[tuple[RunSpec, str]] = field(default_factory=list)
    elsewhere: list[RunSpec] = field(default_factory=list)
    interrupted: bool = False

    def failures(self) -> list[Result]:
        """Return the results that failed; one that was interrupted did not."""
        return [result for result in self.results if result.status not in ("succeeded", *RETRIED_BY_ITSELF)]

    def cut_short(self) -> list[Result]:
        """Return the results of runs that were interrupted."""
        return [result for result in self.results if result.status in RETRIED_BY_ITSELF]

    def exit_code(self, available: bool) -> int:
        """Return 130 interrupted, 1 some run failed, 3 only data missing (unless `available`), 0 all succeeded."""
        if self.interrupted or self.cut_short():
            return 130
        if self.failures() or self.earlier_failures or self.plan.invalid:
            return 1
        absent = self.plan.missing or self.plan.missing_sources
        return 3 if absent and not (available and self.plan.specs) else 0


def choose(plan: Plan, store: Store, retry: bool, force: bool) -> tuple[list[RunSpec], Outcome]:
    """Return the runs to execute, and the outcome so far: what the store has is not done again."""
    outcome = Outcome(plan)
    known = {} if force else statuses(store, plan.specs)
    todo = []
    for spec in plan.specs:
        status = known.get(spec.key)
        if status == "succeeded":
            outcome.already_done.append(spec)
        elif status is None or retry or status in RETRIED_BY_ITSELF:
            todo.append(spec)
        else:
            outcome.earlier_failures.append((spec, status))
    return todo, outcome


def statuses(store: Store, specs: Iterable[RunSpec]) -> dict[str, str]:
    """Return {key: status} of the runs that have one; of a success on another split than the data's, none."""
    made_on = {spec.key: spec.made_on for spec in specs}
    found, splits = store.statuses(made_on), store.splits(made_on)
    return {
        key: status
        for key, status in found.items()
        if status != "succeeded" or counts_for(splits.get(key), made_on[key])
    }


def execute(
    todo: Iterable[RunSpec],
    outcome: Outcome,
    executor: Executor,
    store: Store,
    reporter: Reporter,
    budget: float = float("inf"),
    force: bool = False,
) -> Outcome:
    """Have each run done and record it at once; Ctrl-C ends and loses only the runs under way.

    Runs that another driver of the store is doing are left to it and waited for; those it gives up are done here.
    When the store cannot be written any more, no further run starts; those under way are finished and kept in a file
    beside, which the StoreError at the end names. Where what was recorded cannot be read back either, because the store
    was removed, moved or replaced, that is kept there as well.

    budget : seconds; no further run of a method starts once its runs of this plan, those done earlier included, have
    taken as long. force : do runs that have succeeded as well.
    """
    todo = list(todo)
    owner = Owner(store, force)
    with owner, DriverLog(log_folder(store), owner.name) as log, Interruption(executor) as interruption:
        log.plan(len(outcome.plan.specs), todo, force)
        driver = _Driver(todo, outcome, executor, store, reporter, budget, owner, log)
        try:
            driver.drive(interruption, reporter.step, reporter.note)
        except Exception as error:
            driver.verify(error)
            raise
        if interruption.asked:
            driver.record_interrupted()
        driver.verify()
    return outcome


class _Driver(Driver):
    """The state of one execution: what waits, what runs where, what others do, what was spent."""

    def __init__(
        self,
        todo: list[RunSpec],
        outcome: Outcome,
        executor: Executor,
        store: Store,
        reporter: Reporter,
        budget: float,
        owner: Owner,
        log: DriverLog,
    ) -> None:
        super().__init__(executor)
        self.outcome, self.store, self.reporter = outcome, store, reporter
        self.budget, self.owner, self.log, self.total, self.given = budget, owner, log, len(todo), 0
        self.schedule = Schedule(todo)
        self.running: dict[int, tuple[RunSpec, float]] = {}
        self.previous: dict[int, RunSpec] = {}
        self.losses: dict[str, int] = defaultdict(int)
        self.taken = store.seconds(spec.key for spec in outcome.plan.specs)
        self.spent: dict[str, float] = defaultdict(float)
        for spec in outcome.plan.specs:
            self.spent[spec.label] += self.taken.get(spec.key, 0.0)
        self._looked = float("-inf")
        self.trouble: StoreError | None = None
        self.rescue = Rescue(owner.name)

    def _busy(self) -> bool:
        """Say whether anything is left to give out, to come back, or to be done by others."""
        if self.trouble is not None:
            return bool(self.running)
        return bool(self.schedule or self.running or self.outcome.elsewhere)

    def hand_out(self) -> bool:
        """Give every idle slot a run; with nothing left to give, look what has become of the runs of others."""
        if self.trouble is None:
            try:
                self._hand_out()
            except StoreError as error:
                self._give_up(error)
        return self._busy()

    def _hand_out(self) -> None:
        for slot in self.executor.idle():
            spec = self._next(self.previous.get(slot))
            if spec is None:
                continue
            self.running[slot] = spec, time.time()
            self.previous[slot] = spec
            self.given += 1
            self.reporter.started(spec, self.given - 1, self.total)
            self.log.started(spec, slot)
            self.executor.submit(slot, spec)
        if self.outcome.elsewhere and not self.schedule:
            self._look_elsewhere()

    def take(self, done: Done) -> None:
        """Write what came of a run; one that vanished with its worker is given out again, a few times."""
        _, began = self.running.pop(done.slot)
        spec, result = done.spec, done.result
        if result is None:
            self.losses[spec.key] += 1
            self.log.lost(spec, done.slot)
            if self.losses[spec.key] < MOST_LOSSES:
                self.schedule.put_back(spec)
                self.given -= 1
                return
            error = f"its worker vanished before the end of the run, {MOST_LOSSES} times"
            result = Result(spec, "crashed", started=began, finished=time.time(), error=error)
        self.spent[spec.label] += time.time() - began
        self._write(result, done.slot, done.environment)
        self.schedule.over(spec)

    def record_interrupted(self) -> None:
        """Write every run under way as interrupted by the user."""
        self.outcome.interrupted = True
        for slot, (spec, began) in self.running.items():
            error = "interrupted by the user"
            result = Result(spec, "interrupted", started=began, finished=time.time(), error=error)
            self._write(result, slot, None)

    def _next(self, previous: RunSpec | None) -> RunSpec | None:
        """Return the next run that is within its method's budget and no other driver has, claimed."""
        while (spec := self.schedule.next(previous)) is not None:
            if self.spent[spec.label] >= self.budget:
                self.schedule.over(spec)
            elif self.owner.take(spec.key, spec.made_on):
                return spec
            else:
                self.outcome.elsewhere.append(spec)
                self.schedule.over(spec)
        return None

    def _write(self, result: Result, slot: int, facts: dict[str, Any] | None) -> None:
        facts = facts or environment()
        try:
            if self.trouble is None:
                self.store.record(result, facts, self.owner.name)
        except StoreError as error:
            self._give_up(error)
        self.rescue.note(result, facts)
        self._keep()
        self.outcome.results.append(result)
        self.log.finished(result, slot)
        self.reporter.finished(result)

    def verify(self, earlier: Exception | None = None) -> None:
        """Raise StoreError where the store failed, or does not hold in the end all that was recorded in it.

        earlier : what ended the driver; it is told first.
        """
        if self.trouble is None:
            try:
                self.store.verify()
            except StoreError as error:
                self._give_up(error)
        self.rescue.close()
        if self.trouble is not None and earlier is not self.trouble:
            told = self.rescue.told(self.trouble, self.store.name)
            raise StoreError(f"{earlier}; {told}") if earlier else told
        if earlier is None:
            self._check_checkpoints()

    def _check_checkpoints(self) -> None:
        used = {result.checkpoint for result in self.outcome.results if result.checkpoint is not None}
        gone = [name for key, name, _ in used if self.store.checkpoint_is_gone(key)]
        if gone:
            raise StoreError(
                f"{len(gone)} checkpoints ({gone[0]}) are not in {shown(self.store.checkpoint_folder)} any more, which "
                "was removed, moved or replaced meanwhile; every result is recorded. Put the files back, or they are "
                "trained anew when needed"
            )

    def _give_up(self, error: StoreError) -> None:
        """Start nothing more, wait no more for the store, and keep what it has lost."""
        self.trouble, self.store.patience = error, 0.0
        try:
            self.store.verify()
            self.rescue.begin(lost=False)
        except StoreError:
            self.rescue.begin(lost=True)
        self._keep()

    def _keep(self) -> None:
        try:
            self.rescue.keep()
        except StoreError:
            assert self.trouble is not None
            raise self.trouble from None

    def _look_elsewhere(self) -> None:
        """Sort the runs of others: succeeded, failed since, still under way, or given up and so to be done here."""
        idle = not self.running
        if time.monotonic() - self._looked < LOOK_AGAIN_SECONDS:
            if idle:
                time.sleep(LOOK_AGAIN_SECONDS / 10)
            return
        self._looked = time.monotonic()
        self.owner.release_dead()
        others, self.outcome.elsewhere = self.outcome.elsewhere, []
        known = statuses(self.store, others)
        taken, claimed = self.store.seconds(spec.key for spec in others), self.store.claimed()
        for spec in others:
            status = known.get(spec.key)
            if spec.key in claimed:
                self.outcome.elsewhere.append(spec)
            elif status == "succeeded":
                self.outcome.already_done.append(spec)
            elif status is None or status in RETRIED_BY_ITSELF or taken.get(spec.key) == self.taken.get(spec.key):
                self.schedule.put_back(spec)
            else:
                self.outcome.earlier_failures.append((spec, status))
        if self.outcome.elsewhere and idle:
            self.reporter.waiting(len(self.outcome.elsewhere))
