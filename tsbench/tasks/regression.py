"""Regression: one number per case."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tsbench.errors import InvalidDataError, MethodError
from tsbench.tasks.base import Answer, Array, Metric, Task, pair_of

BINS = 10  # of equally many cases, by which splits stratify
LEAST = 5  # cases of a bin, where there are enough


class Regression(Task):
    """Labels are float64 (n,); answers have y_pred like them and no scores, (n, 0).

    mae and rmse are in the unit of the labels. r2 is the share of the test part's variance that is explained, below 0
    where the mean would be better; NaN where the test part has one value only.
    """

    name = "regression"
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("mae", "low", "label"),
        Metric("rmse", "low", "label"),
        Metric("r2", "high", ""),
    )
    primary = "mae"

    def strata(self, y: Array, least: int = 1) -> npt.NDArray[np.int64]:
        """Return up to BINS bins of neighbouring values, of equally many cases each."""
        bins = max(1, min(BINS, len(y) // max(least, LEAST)))
        rank = np.empty(len(y), dtype=np.int64)
        rank[np.argsort(y, kind="stable")] = np.arange(len(y))
        return rank * bins // len(y)

    def check_learnable(self, y: Array, classes: tuple[str, ...], whose: str = "the training part") -> None:
        """Raise InvalidDataError for one value only."""
        if len(np.unique(y)) < 2:
            raise InvalidDataError(f"{whose} has one value only ({y[0]:g}): nothing to learn")

    def check(self, owner: str, given: Any, n: int, n_classes: int, probabilities: bool = False) -> Answer:
        """Return one finite number per case; the scores of the pair are not used, None as a rule."""
        y_pred = np.asarray(pair_of(owner, given)[0])
        if y_pred.shape != (n,) or y_pred.dtype.kind not in "fiu":
            raise MethodError(
                f"{owner} gave predictions of shape {y_pred.shape}, {y_pred.dtype}, for {n} cases; "
                "expected one number each"
            )
        broken = n - int(np.isfinite(y_pred).sum())
        if broken:
            raise MethodError(f"{owner} gave a NaN or infinite prediction for {broken} of {n} cases")
        return Answer(y_pred.astype(np.float64), np.empty((n, 0)))

    def decide(self, owner: str, scores: Any, n: int, n_classes: int, probabilities: bool = False) -> Answer:
        """Take the scores (n, 1) as the numbers that are predicted."""
        values = np.asarray(scores)
        return self.check(owner, (values[:, 0] if values.shape == (n, 1) else values, None), n, n_classes)

    def of_net(self, owner: str, outputs: Any, n: int, n_classes: int) -> Answer:
        """Take the outputs (n, 1) as the numbers that are predicted."""
        return self.decide(owner, outputs, n, n_classes)

    def words(self, y: Array, classes: tuple[str, ...]) -> Array:
        """Return the numbers."""
        return y

    def score(self, y_true: Array, answer: Answer, n_classes: int) -> dict[str, float]:
        """Return the metrics."""
        error = y_true - answer.y_pred
        squared, spread = float((error**2).mean()), float(((y_true - y_true.mean()) ** 2).mean())
        return {
            "mae": float(np.abs(error).mean()),
            "rmse": float(np.sqrt(squared)),
            "r2": 1 - squared / spread if spread else float("nan"),
        }
