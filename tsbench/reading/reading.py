"""Reading: metrics of stored predictions with intervals by subject, subgroups, calibration, net benefit, DeLong."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from tsbench.errors import UsageError
from tsbench.reading.pooled import Pooled
from tsbench.reading.subgroups import subgroups
from tsbench.statistics.clusters import FEWEST, RESAMPLES, clustered
from tsbench.statistics.delong import delong, p_of
from tsbench.tasks import METRICS, RETRIEVAL, measured_by, task_of
from tsbench.tasks.base import Answer, Metric
from tsbench.tasks.binary import (
    BINARY,
    CALIBRATED,
    THRESHOLDS,
    binary_metrics,
    net_benefit,
    positive_class,
)
from tsbench.tasks.calibration import reliability
from tsbench.tasks.score import against_rest

Array = npt.NDArray[Any]
SMALL, SMALL_CLASS = 20, 5  # cases of a group, and of either class, below which it is called small
OF_BINARY = {metric.name: metric for metric in (*BINARY, *CALIBRATED)}


@dataclass(frozen=True)
class Number:
    """A metric of some cases with the ends of its interval, NaN where there is none."""

    name: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Group:
    """The metrics of a subgroup; positives : None where no class is positive; small : too few to be trusted."""

    column: str
    name: str
    cases: int
    subjects: int | None
    positives: int | None
    small: bool
    numbers: Sequence[Number]


@dataclass(frozen=True)
class Against:
    """Two runs on one test part: the areas, DeLong's test, and the difference's interval by subject."""

    name: str
    first: float
    second: float
    p: float
    low: float
    high: float


@dataclass(frozen=True)
class Reading:
    """What `read` found. main : the metric that ranks groups. worst : {column: name of its worst group}.

    positive : the class that is looked for, "" where none is; rule : why this one. curve : of `reliability`, {} without
    probabilities; benefit : (threshold, net benefit, that of treating all).
    """

    name: str
    keys: Sequence[str]
    cases: int
    subjects: int | None
    by: str
    notes: Sequence[str]
    task: str
    classes: Sequence[str]
    positive: str
    rule: str
    main: str
    numbers: Sequence[Number]
    confusion: Array | None
    curve: dict[str, Array] = field(default_factory=dict)
    benefit: Sequence[tuple[float, float, float]] = ()
    groups: Sequence[Group] = ()
    worst: dict[str, str] = field(default_factory=dict)
    against: Against | None = None

    def metric(self, name: str) -> Metric:
        """Return what is known of a metric."""
        return OF_BINARY[name] if self.positive else METRICS[name]


class _View:
    """What of the predictions is measured: one class against the rest, or the task as it is."""

    def __init__(self, found: Pooled, positive: str | None) -> None:
        self.found, self.answers = found, found.answers
        self.positive, self.rule = _positive(found, positive)
        if self.positive:
            self.y, self.said, self.score = against_rest(self.answers, self.positive)

    @property
    def main(self) -> str:
        """Return the metric that says how good a group is."""
        return "auroc" if self.positive else measured_by(self.answers.task).primary

    def measure(self, index: Array) -> dict[str, float]:
        """Return the metrics of some cases of one run."""
        a = self.answers
        if self.positive:
            return binary_metrics(self.y[index], self.said[index], self.score[index], a.probabilities)
        if a.task == RETRIEVAL.name:
            return RETRIEVAL.score(a.y_true[index], a.y_pred[index])
        task = task_of(a.task)
        return task.score(a.y_true[index], Answer(a.y_pred[index], a.scores[index], a.probabilities), len(a.classes))

    def over_runs(self, index: Array) -> dict[str, float]:
        """Return the mean of the metrics over runs."""
        return self.found.mean_over_runs(self.measure, index)

    def numbers(self, index: Array, clusters: Array, resamples: int) -> list[Number]:
        """Return the metrics of some cases, with intervals where a bootstrap is not biased."""
        ends = clustered(clusters[index], lambda drawn: self.over_runs(index[drawn]), resamples)
        known = OF_BINARY if self.positive else METRICS
        return [
            Number(name, value, *(ends[name] if known[name].resampled else (np.nan, np.nan)))
            for name, value in self.over_runs(index).items()
        ]


def read(
    found: Pooled,
    positive: str | None = None,
    by: Sequence[str] = (),
    against: Pooled | None = None,
    resamples: int = RESAMPLES,
) -> Reading:
    """Read predictions: metrics are means over the runs (folds), what is counted is pooled over them.

    positive : a class to set against the rest; None: of two classes the one that the dataset's card names, else the
    last. by : columns as of `subgroups`. against : another configuration on the same test cases.

    Raises UsageError where the classes, the columns or the test cases are not there.
    """
    view = _View(found, positive)
    n, clusters = len(found.part), _clusters(found)
    numbers = view.numbers(np.arange(n), clusters, resamples)
    groups = list(_groups(view, list(dict.fromkeys(by)), clusters, resamples))
    answers = found.answers
    curve, benefit = _calibrated(view)
    return Reading(
        name=found.name,
        keys=[run["key"] for run in found.runs],
        cases=n,
        subjects=None if found.subjects is None else len(np.unique(found.subjects)),
        by=found.by,
        notes=list(_notes(view, clusters)),
        task=answers.task,
        classes=answers.classes,
        positive=view.positive,
        rule=view.rule,
        main=view.main,
        numbers=numbers,
        confusion=measured_by(answers.task).confusion(answers.y_true, answers.y_pred, len(answers.classes)),
        curve=curve,
        benefit=benefit,
        groups=groups,
        worst=_worst(groups, view),
        against=None if against is None else _against(view, against, clusters, resamples),
    )


def _clusters(found: Pooled) -> Array:
    """Return whose each case is; without subjects each case of the dataset is by itself."""
    return found.answers.cases if found.subjects is None else found.subjects


def _positive(found: Pooled, asked: str | None) -> tuple[str, str]:
    """Return the positive class, "" for none, and what says so."""
    classes = found.answers.classes
    if asked is not None:
        if asked not in classes:
            raise UsageError(
                f"--positive {asked}: choose one of {', '.join(classes) or 'none: the run decides on no class'}"
            )
        return asked, "as asked"
    return positive_class(found.answers.task, classes, found.card_positive)


def _notes(view: _View, clusters: Array) -> list[str]:
    found, notes = view.found, []
    if found.subjects is None:
        notes.append(f"intervals take each case as a subject of its own: {found.why}")
    if (count := len(np.unique(clusters))) < FEWEST:
        notes.append(f"no intervals: {count} subjects, and a bootstrap needs {FEWEST}")
    if len(found.runs) > 1:
        notes.append(f"metrics are means over {len(found.runs)} folds; counts and curves are pooled")
    if view.positive and not found.answers.probabilities:
        notes.append("its scores are no probabilities: no calibration, no net benefit (protocol linear has both)")
    return notes


def _calibrated(view: _View) -> tuple[dict[str, Array], list[tuple[float, float, float]]]:
    if not view.positive or not view.answers.probabilities:
        return {}, []
    benefit = [(threshold, *net_benefit(view.y, view.score, threshold)) for threshold in THRESHOLDS]
    return reliability(view.score, view.y), benefit


def _groups(view: _View, by: Sequence[str], clusters: Array, resamples: int) -> Iterator[Group]:
    """Yield the groups by each column; one that is asked for in two ways is called as it was asked for."""
    panel = view.found.panel
    if panel is None and by:
        raise UsageError(f"--by {by[0]} needs the data: {view.found.why}")
    split = [subgroups(panel, text) for text in by] if panel is not None else []
    times = Counter(column for column, _ in split)
    for text, (column, groups) in zip(by, split, strict=True):
        for name, cases in groups.items():
            index = np.flatnonzero(cases)
            positives = int(view.y[index].sum()) if view.positive else None
            few = positives is not None and min(positives, len(index) - positives) < SMALL_CLASS
            known = view.found.subjects
            yield Group(
                column=column if times[column] == 1 else text,
                name=name,
                cases=len(index),
                subjects=None if known is None else len(np.unique(known[index])),
                positives=positives,
                small=few or len(index) < SMALL,
                numbers=view.numbers(index, clusters, resamples),
            )


def _worst(groups: Sequence[Group], view: _View) -> dict[str, str]:
    """Return the worst group of each column by the main metric among those not small, where they are not all alike."""
    sign = 1 if view.positive else METRICS[view.main].sign
    by_column: dict[str, dict[str, float]] = defaultdict(dict)
    for group in groups:
        value = next(one.value for one in group.numbers if one.name == view.main) * sign
        if not group.small and value == value:
            by_column[group.column][group.name] = value
    return {column: min(of, key=of.__getitem__) for column, of in by_column.items() if len(set(of.values())) > 1}


def _against(view: _View, other: Pooled, clusters: Array, resamples: int) -> Against:
    """Compare the areas of two configurations; over several folds, means of areas that are independent."""
    if not view.positive:
        advice = "name it by --positive" if view.found.answers.classes else "the run decides on none"
        raise UsageError(f"--against compares areas of one class against the rest: {advice}")
    order = _aligned(view.found, other)
    theirs = _View(other, view.positive).score[order]
    parts = [view.found.part == part for part in range(len(view.found.runs))]
    tests = [delong(view.y[cases], view.score[cases], theirs[cases]) for cases in parts]
    first, second = (float(np.mean([getattr(test, name) for test in tests])) for name in ("first", "second"))
    variance = sum(test.variance for test in tests) / len(tests) ** 2

    def difference(index: Array) -> dict[str, float]:
        areas = [
            binary_metrics(view.y[index], view.said[index], score[index])["auroc"] for score in (view.score, theirs)
        ]
        return {"difference": areas[0] - areas[1]}

    ends = clustered(clusters, lambda index: view.found.mean_over_runs(difference, index), resamples)["difference"]
    return Against(other.name, first, second, p_of(first - second, variance), *ends)


def _aligned(first: Pooled, second: Pooled) -> Array:
    """Return where the second has the cases of the first; raises UsageError where they were tested on others."""
    keys = [
        [
            (run["fold"], case)
            for run, case in zip((one.runs[i] for i in one.part), one.answers.cases.tolist(), strict=True)
        ]
        for one in (first, second)
    ]
    place = {key: number for number, key in enumerate(keys[1])}
    same_data = first.runs[0]["spec"]["fingerprint"] == second.runs[0]["spec"]["fingerprint"]
    if not same_data or set(keys[0]) != set(keys[1]):
        raise UsageError(f"--against: {second.name} was tested on other cases than {first.name}")
    order = np.asarray([place[key] for key in keys[0]])
    if (second.answers.y_true[order] != first.answers.y_true).any():
        raise UsageError(f"--against: {second.name} was tested on other labels than {first.name}")
    return order
