"""Task: what is to be predicted, how it is checked, scored and divided, and what does not suit it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from tsbench.data.panel import Panel
from tsbench.errors import InvalidDataError, MethodError, returned

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Metric:
    """A number that says how good answers are.

    better : whether a high or a low value is good. unit : "fraction" (shown in percent), "label" (that of the labels),
    "prepared" (that of the values after normalisation), "" for a number without one. beside : names of the metrics that
    it is to be read beside: what chance gives, and what is possible. resampled : False where a bootstrap of cases is
    biased, so that there is no interval.
    """

    name: str
    better: Literal["high", "low"] = "high"
    unit: Literal["fraction", "label", "prepared", ""] = "fraction"
    beside: tuple[str, ...] = ()
    resampled: bool = True

    @property
    def sign(self) -> int:
        """Return 1 where a high value is good, -1 where a low one is: sign times value is to be large."""
        return 1 if self.better == "high" else -1

    def text(self, value: float, percent: bool = True) -> str:
        """Return a value as it is shown: a fraction in percent or with three decimals, others with four digits."""
        if self.unit != "fraction":
            return f"{value:.4g}"
        return f"{100 * value:.1f}" if percent else f"{value:.3f}"


@dataclass(frozen=True)
class Answer:
    """What was predicted for n cases, checked by the task (which says of what shape the arrays are).

    probabilities : the scores are probabilities, so that metrics of calibration are defined.
    """

    y_pred: Array
    scores: Array
    probabilities: bool = False


class Measured:
    """What runs are measured by.

    metrics : every metric that may be computed; primary : the one that ranks and tunes where none is named. The version
    rises when numbers change; it is part of a row's key for all but classification.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    metrics: ClassVar[tuple[Metric, ...]]
    primary: ClassVar[str]

    def confusion(self, y_true: Array, y_pred: Array, n_classes: int) -> Array | None:
        """Return counts of what was predicted for what was true; None where labels are not counted."""
        return None

    def words(self, y: Array, classes: tuple[str, ...]) -> Array:
        """Return what is true or predicted (n,) as a reader has it: names of classes, or numbers."""
        return np.array(classes, dtype=object)[y]


class Task(Measured, ABC):
    """What a target is and how answers are measured. `name` is that of `Panel.task`."""

    def target(self, panel: Panel, index: Array | slice = slice(None)) -> Array:
        """Return the labels of some cases of a labelled panel."""
        if panel.y is None:
            raise InvalidDataError("the cases have no labels")
        return np.asarray(panel.y[index])

    @abstractmethod
    def strata(self, y: Array, least: int = 1) -> npt.NDArray[np.int64]:
        """Return int64 (n,): of which stratum each case is, when cases are split or a share of them is drawn.

        least : how many cases a stratum needs for what is meant; where the task can, it makes none with fewer.
        """

    @abstractmethod
    def check_learnable(self, y: Array, classes: tuple[str, ...], whose: str = "the training part") -> None:
        """Raise InvalidDataError where the labels of a training part, called `whose`, leave nothing to learn."""

    @abstractmethod
    def check(self, owner: str, given: Any, n: int, n_classes: int, probabilities: bool = False) -> Answer:
        """Return what a predictor gave, (y_pred, scores), as an Answer; raises MethodError naming its owner."""

    @abstractmethod
    def decide(self, owner: str, scores: Any, n: int, n_classes: int, probabilities: bool = False) -> Answer:
        """Return the Answer that the scores of a method with its own decision rule stand for; raises MethodError."""

    @abstractmethod
    def of_net(self, owner: str, outputs: Any, n: int, n_classes: int) -> Answer:
        """Return the Answer that a net's outputs stand for, logits (n, n_classes) or numbers (n, 1)."""

    @abstractmethod
    def score(self, y_true: Array, answer: Answer, n_classes: int) -> dict[str, float]:
        """Return the metrics by name; NaN for one that is not defined on these labels."""

    def refuse(self, method: Any, probe: Any | None) -> str | None:
        """Return why a method's class does not serve this task, or a probe's class, in words; None if both do.

        probe : None for a method with a decision rule of its own.
        """
        served = served_by(method)
        if probe is None and self.name not in served:
            return f"predicts for {_listed(served)} only"
        if getattr(method, "supervised", False) and self.name not in served:
            return f"is trained for {_listed(served)} only"
        if probe is not None and self.name not in probe.tasks:
            return f"has a probe for {_listed(probe.tasks)} only"
        if probe is not None and probe.needs not in ("features", "module"):
            return f"has a probe that needs '{probe.needs}', which runs cannot give yet"
        return None


def served_by(method: Any) -> frozenset[str]:
    """Return the names of the tasks that a class of methods learns and decides; classification where it says none."""
    served: frozenset[str] = getattr(method, "tasks", frozenset({"classification"}))
    return served


def _listed(tasks: frozenset[str]) -> str:
    return " and ".join(sorted(tasks))


def pair_of(owner: str, given: Any) -> tuple[Any, Any]:
    """Return the two values that a predictor must give; raises MethodError on anything else."""
    pair = returned(given, tuple, f"{owner}, predict")
    if len(pair) != 2:
        raise MethodError(f"{owner}, predict returned {len(pair)} values, expected predictions and scores")
    return pair[0], pair[1]


def check_scores(owner: str, given: Any, n_cases: int, n_classes: int) -> npt.NDArray[np.float64]:
    """Return scores as float64 (n_cases, n_classes); refuses another shape, what is no number, and NaN."""
    raw = np.asarray(given)
    if raw.shape != (n_cases, n_classes) or raw.dtype.kind not in "fiub":
        raise MethodError(
            f"{owner} gave scores of shape {raw.shape}, {raw.dtype}, expected ({n_cases}, {n_classes}) real numbers"
        )
    scores: npt.NDArray[np.float64] = raw.astype(np.float64, copy=False)
    if np.isnan(scores).any():
        raise MethodError(f"{owner} gave NaN scores for {int(np.isnan(scores).any(axis=1).sum())} of {n_cases} cases")
    return scores


def check_probabilities(owner: str, scores: Array) -> None:
    """Raise MethodError where scores that are said to be probabilities leave 0 to 1."""
    if scores.size and (scores.min() < 0 or scores.max() > 1):
        raise MethodError(
            f"{owner} says its scores are probabilities and gave values from {scores.min():g} to {scores.max():g}"
        )
