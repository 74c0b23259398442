"""The driver: takes a plan, runs what is missing, records each result as it comes."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from tsbench.run.plan import Plan
from tsbench.run.resources import environment
from tsbench.run.spec import Result, RunSpec
from tsbench.run.store import Store
from tsbench.run.worker import Worker

RETRIED_BY_ITSELF = ("interrupted",)


class Reporter(Protocol):
    """Shown what happens; the command line draws bars from it."""

    def started(self, spec: RunSpec, number: int, total: int) -> None:
        """Note that a run begins."""

    def step(self, step: int, total: int, loss: float) -> None:
        """Note the progress of training within the run."""

    def finished(self, result: Result) -> None:
        """Note that a run ended, well or not."""


@dataclass
class Outcome:
    """What came of a plan. earlier_failures are runs that failed before and were not retried."""

    plan: Plan
    results: list[Result] = field(default_factory=list)
    already_done: list[RunSpec] = field(default_factory=list)
    earlier_failures: list[tuple[RunSpec, str]] = field(default_factory=list)
    interrupted: bool = False

    def failures(self) -> list[Result]:
        """Return the results that did not succeed."""
        return [result for result in self.results if result.status != "succeeded"]

    def exit_code(self, available: bool) -> int:
        """Return 130 interrupted, 1 some run failed, 3 only data missing (unless `available`), 0 all succeeded."""
        if self.interrupted:
            return 130
        if self.failures() or self.earlier_failures or self.plan.invalid:
            return 1
        return 3 if self.plan.missing and not (available and self.plan.specs) else 0


def choose(plan: Plan, store: Store, retry: bool, force: bool) -> tuple[list[RunSpec], Outcome]:
    """Return the runs to execute, and the outcome so far: what the store has is not done again."""
    outcome = Outcome(plan)
    known = {} if force else store.statuses(spec.key for spec in plan.specs)
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


def execute(
    todo: Iterable[RunSpec],
    outcome: Outcome,
    worker: Worker,
    store: Store,
    reporter: Reporter,
    budget: float = float("inf"),
) -> Outcome:
    """Run each spec in this process and record it at once; Ctrl-C loses only the run it hits.

    budget : seconds; no further run of a method starts once its runs of this plan, those done earlier included, have
    taken as long.
    """
    todo = list(todo)
    spent: dict[str, float] = defaultdict(float)
    taken = store.seconds(spec.key for spec in outcome.plan.specs)
    for spec in outcome.plan.specs:
        spent[spec.label] += taken.get(spec.key, 0.0)
    worker.progress = reporter.step
    facts = environment()
    for number, spec in enumerate(todo):
        if spent[spec.label] >= budget:
            continue
        reporter.started(spec, number, len(todo))
        began = time.time()
        try:
            result = worker.run(spec)
        except KeyboardInterrupt:
            result = Result(spec, "interrupted", started=began, finished=time.time(), error="interrupted by the user")
            outcome.interrupted = True
        spent[spec.label] += time.time() - began
        store.record(result, facts)
        outcome.results.append(result)
        reporter.finished(result)
        if outcome.interrupted:
            break
    return outcome
