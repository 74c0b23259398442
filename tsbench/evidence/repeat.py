"""Repeating runs of a shard: whether its numbers can be had at all, which nothing in the file can show."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tsbench.evidence.verify import Evidence
from tsbench.measure.worker import Worker
from tsbench.plan.result import Result
from tsbench.plan.spec import RunSpec
from tsbench.store.packing import unpack
from tsbench.tasks import RETRIEVAL
from tsbench.tasks.retrieval import partners

SHARE = 0.02
"""Of the test cases that a repetition may answer otherwise, and one in any case: other processors round differently."""

CLOSE = 1e-3
"""How far values that are filled in may lie apart, in prepared units and as a share of the value."""


@dataclass(frozen=True)
class Repeated:
    """A run that was repeated: how many of its test cases were answered otherwise; `error` where it could not be.

    what : what is counted: test cases, or the values that were filled in.
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
    said = [partners(one.y_pred) if one.task == RETRIEVAL.name else one.y_pred for one in (theirs, ours)]
    return Repeated(spec, int((said[0] != said[1]).sum()), len(ours.y_pred))
