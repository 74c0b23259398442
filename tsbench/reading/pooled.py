"""Pooled: what one configuration predicted, over one fold or several, beside who was tested."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tsbench.data.panel import Panel
from tsbench.errors import InvalidDataError, UsageError
from tsbench.reading.about import People
from tsbench.tasks import RETRIEVAL
from tsbench.tasks.score import Predictions

Array = npt.NDArray[Any]
Measure = Callable[[Array], dict[str, float]]
SAME = ("label", "dataset", "protocol_hash", "seed", "fingerprint")


@dataclass(frozen=True)
class Pooled:
    """The test cases of runs that differ in their fold alone, one below the other.

    part : (n,) of which run each case is. answers : all of them as those of one run. subjects : (n,) whose each case
    is, by the column `by`; None where that is not known, which `why` says. panel : the cases, None without their data.
    """

    runs: Sequence[Mapping[str, Any]]
    part: Array
    answers: Predictions
    subjects: Array | None
    by: str
    why: str
    panel: Panel | None
    card_positive: str

    @property
    def name(self) -> str:
        """What was run on what."""
        first = self.runs[0]
        folds = ", ".join(str(run["fold"]) for run in self.runs)
        word = "fold" if len(self.runs) == 1 else "folds"
        return f"{first['label']} on {first['dataset']}, {first['protocol']}, {word} {folds}, seed {first['seed']}"

    def mean_over_runs(self, measure: Measure, index: Array) -> dict[str, float]:
        """Return the mean over runs of numbers of their cases in the index, over the runs where one is defined."""
        parts = self.part[index]
        found = [measure(index[parts == one]) for one in np.unique(parts)]
        names = dict.fromkeys(name for values in found for name in values)
        return {name: _mean([values[name] for values in found if name in values]) for name in names}


def pooled(runs: Sequence[Mapping[str, Any]], answers: Sequence[Predictions | None], people: People) -> Pooled:
    """Put runs that differ in nothing but the fold together; raises UsageError for others."""
    for run, found in zip(runs, answers, strict=True):
        name = f"run {run['key'][:12]} ({run['label']} on {run['dataset']})"
        if found is None:
            raise UsageError(f"{name} predicted nothing: it is {run['status']}")
        if found.places is not None:
            raise UsageError(
                f"{name} fills in missing values, and this reads classes, labels and numbers of cases; "
                "'tsbench results --predictions' lists what it filled in"
            )
        differs = [what for what in SAME if _fact(run, what) != _fact(runs[0], what)]
        if differs:
            raise UsageError(f"{name} is not of the same {differs[0]} as the first: read folds of one configuration")
    folds = [run["fold"] for run in runs]
    if len(set(folds)) < len(folds):
        raise UsageError(f"fold {next(one for one in folds if folds.count(one) > 1)} is named twice")
    kept = [one for one in answers if one is not None]
    joined = _joined(kept)
    subjects, by = people.subjects(runs[0])
    panel, _ = people.panel(runs[0])
    if panel is not None and joined.cases.max(initial=0) >= len(panel):
        raise InvalidDataError(
            f"run {runs[0]['key'][:12]} has cases that its dataset has not; see 'tsbench store check'"
        )
    return Pooled(
        runs=runs,
        part=np.repeat(np.arange(len(kept)), [len(one.cases) for one in kept]),
        answers=joined,
        subjects=None if subjects is None else subjects[joined.cases],
        by="" if subjects is None else by,
        why=by if subjects is None else "",
        panel=None if panel is None else panel.select(joined.cases),
        card_positive=people.positive(runs[0]),
    )


def _fact(run: Mapping[str, Any], name: str) -> Any:
    return run["spec"]["fingerprint"] if name == "fingerprint" else run[name]


def _joined(parts: Sequence[Predictions]) -> Predictions:
    first = parts[0]
    if any((one.task, one.classes) != (first.task, first.classes) for one in parts):
        raise UsageError("the runs differ in their classes: read folds of one configuration")
    if first.task == RETRIEVAL.name:
        parts = [_in_pool(one, max(len(other.cases) for other in parts)) for one in parts]
    arrays = {
        name: np.concatenate([getattr(one, name) for one in parts]) for name in ("cases", "y_true", "y_pred", "scores")
    }
    probabilities = all(one.probabilities for one in parts)
    return Predictions(**arrays, classes=first.classes, task=first.task, probabilities=probabilities)


def _in_pool(one: Predictions, size: int) -> Predictions:
    """Return what was retrieved with columns for a pool of so many candidates, of which it has no more than before."""
    n = len(one.cases)
    more = ((0, 0), (0, size - n))
    ranks = [np.pad(side, more, constant_values=-1) for side in np.split(one.y_pred, 2, axis=1)]
    return replace(one, y_true=np.pad(one.y_true, more), y_pred=np.concatenate(ranks, axis=1))


def _mean(values: Sequence[float]) -> float:
    defined = [value for value in values if value == value]
    return float(np.mean(defined)) if defined else float("nan")
