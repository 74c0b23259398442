"""How far probabilities can be trusted."""

from __future__ import annotations

import numpy as np

from tsbench.tasks.base import Array, Metric

BINS = 15  # of the expected calibration error
SMALLEST = 1e-15  # a probability below is taken for it by the log loss
CALIBRATION = (Metric("log_loss", "low", ""), Metric("brier", "low", ""), Metric("ece", "low"))


def calibration(y_true: Array, scores: Array) -> dict[str, float]:
    """Return the metrics of CALIBRATION of probabilities (n, n_classes), scaled to sum to 1, for the true classes (n,).

    log_loss : mean, natural logarithm. brier : mean squared distance to the true class's corner, 0 to 2. ece : the
    expected calibration error of the predicted class's probability, in BINS equal bins.
    """
    p = scores.astype(np.float64)
    p = p / p.sum(axis=1, keepdims=True)
    cases = np.arange(len(p))
    truth = np.zeros(p.shape)
    truth[cases, y_true] = 1.0
    confidence, right = p.max(axis=1), p.argmax(axis=1) == y_true
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, weights=right - confidence, minlength=BINS)
    return {
        "log_loss": float(-np.log(np.maximum(p[cases, y_true], SMALLEST)).mean()),
        "brier": float(((p - truth) ** 2).sum(axis=1).mean()),
        "ece": float(np.abs(gaps).sum() / len(p)),
    }
