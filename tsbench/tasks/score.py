"""What a classification run predicted, and every metric that follows from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tsbench.tasks.metrics import compute


@dataclass(frozen=True)
class Predictions:
    """What a run predicted for its test cases: every metric is computed from this.

    cases : int32 (n,) index into the dataset; y_true, y_pred : int32 (n,); scores : float32 (n, n_classes).
    """

    cases: npt.NDArray[np.int32]
    y_true: npt.NDArray[np.int32]
    y_pred: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float32]
    classes: tuple[str, ...]


def metrics_of(predictions: Predictions) -> dict[str, float]:
    """Return every metric, from nothing but stored predictions."""
    p = predictions
    return compute(p.y_true.astype(np.int64), p.y_pred.astype(np.int64), p.scores, len(p.classes))
