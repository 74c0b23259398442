"""Classification: one class per case."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tsbench.errors import InvalidDataError, MethodError
from tsbench.tasks.base import Answer, Array, Metric, Task, check_probabilities, check_scores, pair_of
from tsbench.tasks.calibration import CALIBRATION, calibration
from tsbench.tasks.metrics import METRICS, between_cases, compute, confusion

MOST_OFF = 1e-3  # by which probabilities may miss the sum of 1


class Classification(Task):
    """Labels are int64 (n,), class indices; answers have y_pred (n,), class indices, and scores (n, n_classes).

    Strata are the classes. Metrics are those of `compute` and, for scores that are probabilities, of `calibration`.
    """

    name = "classification"
    metrics: ClassVar[tuple[Metric, ...]] = (
        *(Metric(name) for name in METRICS),
        *CALIBRATION,
    )
    primary = "accuracy"

    def strata(self, y: Array, least: int = 1) -> npt.NDArray[np.int64]:
        """Return the class indices."""
        return y

    def check_learnable(self, y: Array, classes: tuple[str, ...], whose: str = "the training part") -> None:
        """Raise InvalidDataError for one class only."""
        if len(np.unique(y)) < 2:
            raise InvalidDataError(f"{whose} has one class only ('{classes[y[0]]}'): nothing to learn")

    def check(self, owner: str, given: Any, n: int, n_classes: int, probabilities: bool = False) -> Answer:
        """Return class indices and scores; refuses anything but such a pair."""
        classes, scores = pair_of(owner, given)
        y_pred = np.asarray(classes)
        if y_pred.shape != (n,) or y_pred.dtype.kind not in "iu":
            raise MethodError(
                f"{owner} gave predictions of shape {y_pred.shape}, {y_pred.dtype}, for {n} cases; "
                "expected one class index each"
            )
        scores = check_scores(owner, scores, n, n_classes)
        if probabilities:
            check_probabilities(owner, scores)
            if np.abs(scores.sum(axis=1) - 1).max() > MOST_OFF:
                raise MethodError(f"{owner} says its scores are probabilities, and those of a case do not sum to 1")
        return Answer(y_pred, scores, probabilities)

    def decide(self, owner: str, scores: Any, n: int, n_classes: int, probabilities: bool = False) -> Answer:
        """Predict the class of the largest score."""
        scores = check_scores(owner, scores, n, n_classes)
        return self.check(owner, (scores.argmax(axis=1), scores), n, n_classes, probabilities)

    def of_net(self, owner: str, outputs: Any, n: int, n_classes: int) -> Answer:
        """Predict the class of the largest logit; scores are their softmax."""
        from scipy.special import softmax

        logits = check_scores(owner, outputs, n, n_classes)
        if n and not np.isfinite(logits.max(axis=1)).all():
            raise MethodError(
                f"{owner} gave logits that are infinite: the training diverged (lower lr or set clip_norm)"
            )
        return self.decide(owner, softmax(logits, axis=1), n, n_classes, probabilities=True)

    def confusion(self, y_true: Array, y_pred: Array, n_classes: int) -> Array:
        """Return int64 (n_classes, n_classes): cases of each class (a row) predicted as each (a column)."""
        return confusion(y_true, y_pred, n_classes)

    def score(self, y_true: Array, answer: Answer, n_classes: int) -> dict[str, float]:
        """Return the metrics; those of calibration for probabilities alone."""
        scores = between_cases(answer.scores, answer.probabilities)
        found = compute(y_true.astype(np.int64), answer.y_pred.astype(np.int64), scores, n_classes)
        return found | (calibration(y_true, answer.scores) if answer.probabilities else {})
