"""Repeating runs of a shard: whether its numbers can be had at all, which nothing in the file can show."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tsbench.evidence.verify import Evidence
from tsbench.measure.worker import Worker
from tsbench.plan.result import Result
from tsbench.plan.spec import RunSpec
from tsbench.store.packing import unpack
from tsbench.tasks import RETRIEVAL
from tsbench.tasks.retrieval import partners
from tsbench.tasks.score import Predictions, metrics_of

SHARE = 0.02
"""Of the test cases that a repetition may answer otherwise, and one in any case: other processors round differently."""

CLOSE = 1e-3
"""How far values that are filled in may lie apart, in prepared units and as a share of the value."""


@dataclass(frozen=True)
class Repeated:
    """A run that was repeated: how many of its test cases were answered otherwise; `error` where it could not be.

    what : what is counted: test cases, or the values that were filled in. error : also names a metric that differs by
    more than `metric_tolerance`.
    """

    spec: RunSpec
    changed: int = 0
    cases: int = 0
    error: str = ""
    what: str = "test cases"

    @property
    def agrees(self) -> bool:
        """Say whether no more answers differ than other processors explain."""
        return not self.error and self.changed <= max(1, SHARE * self.cases)


def repeat(runs: Sequence[Evidence], sample: int, seed: int, worker: Worker) -> Iterator[Repeated]:
    """Run a random few again, the same for the same seed, from scratch: worker keeps no checkpoints."""
    for one in random.Random(seed).sample(runs, min(sample, len(runs))):  # noqa: S311
        yield _compared(one, worker.run(one.result.spec))


def metric_tolerance(answers: Predictions) -> float:
    """Return how far a metric of the scores, or of a search, may lie from that of a repetition.

    As a fraction, of a metric above 1 as a share of it. As of answers it is SHARE, or what one test case is worth: of
    an area under a curve, a mean over classes, 2 / (classes * cases of the rarest class), as where a case of that class
    passes all others.
    """
    if answers.task == RETRIEVAL.name:
        return max(SHARE, 1 / len(answers.cases))
    several = answers.y_true.ndim == 2
    has = answers.y_true if several else np.eye(len(answers.classes), dtype=np.int64)[answers.y_true]
    counts = has.sum(axis=0, dtype=np.int64)
    counts = np.minimum(counts, len(has) - counts) if several else counts
    counts = counts[counts > 0]
    return max(SHARE, 2 / (len(counts) * int(counts.min()))) if len(counts) else SHARE


def _other_metric(theirs: Predictions, ours: Predictions) -> str:
    """Return which metric of the scores, or of a search, a repetition does not have; "" where all are close.

    What follows from the answers alone is not looked at: these are compared one by one.
    """
    scored = theirs if theirs.task == RETRIEVAL.name else replace(theirs, y_pred=ours.y_pred)
    metrics, again = metrics_of(scored), metrics_of(ours)
    if metrics.keys() != again.keys():
        return f"its metrics are {', '.join(metrics)}, here they are {', '.join(again)}"
    within = metric_tolerance(ours)
    for name, here in again.items():
        there = metrics[name]
        if math.isnan(there) != math.isnan(here) or abs(there - here) > within * max(1.0, abs(here)):
            return f"its {name} is {there:.4g}, here it is {here:.4g} (at most {within:.2g} apart)"
    return ""


def _compared(one: Evidence, again: Result) -> Repeated:
    spec = one.result.spec
    if again.predictions is None:
        return Repeated(spec, error=again.error)
    theirs, ours = unpack(one.content), again.predictions
    if not np.array_equal(theirs.cases, ours.cases) or not np.array_equal(theirs.y_true, ours.y_true):
        return Repeated(spec, error="its test cases or their labels are not those of the data here")
    if theirs.places is not None or ours.places is not None:
        if not np.array_equal(theirs.places, ours.places):  # type: ignore[arg-type]
            return Repeated(spec, error="other values are hidden of the data here")
        changed = ~np.isclose(theirs.y_pred, ours.y_pred, CLOSE, CLOSE)
        return Repeated(spec, int(changed.sum()), len(changed), what="values")
    if theirs.classes != ours.classes:
        return Repeated(spec, error="its classes are not those of the data here")
    if (ours.classes or ours.task == RETRIEVAL.name) and (why := _other_metric(theirs, ours)):
        return Repeated(spec, error=why)
    said = [partners(one.y_pred) if one.task == RETRIEVAL.name else one.y_pred for one in (theirs, ours)]
    return Repeated(spec, int((said[0] != said[1]).sum()), len(ours.y_pred))
