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
    place, confidence, right = _binned(p, y_true)
    gaps = np.bincount(place, weights=right - confidence, minlength=BINS)
    return {
        "log_loss": float(-np.log(np.maximum(p[cases, y_true], SMALLEST)).mean()),
        "brier": float(((p - truth) ** 2).sum(axis=1).mean()),
        "ece": float(np.abs(gaps).sum() / len(p)),
    }


def reliability(y_true: Array, scores: Array) -> dict[str, Array]:
    """Return BINS equal bins of the predicted class's probability, those with cases, from the lowest.

    low, high : its edges. confidence, accuracy : mean probability, and share that is right. cases : how many. scores :
    as of `calibration`.
    """
    p = scores.astype(np.float64)
    place, confidence, right = _binned(p / p.sum(axis=1, keepdims=True), y_true)
    cases = np.bincount(place, minlength=BINS)
    there, n = np.flatnonzero(cases), cases[cases > 0]
    sums = [np.bincount(place, weights=values, minlength=BINS)[there] for values in (confidence, right)]
    edges = {"low": there / BINS, "high": (there + 1) / BINS}
    return {**edges, "confidence": sums[0] / n, "accuracy": sums[1] / n, "cases": n}


def _binned(p: Array, y_true: Array) -> tuple[Array, Array, Array]:
    """Return the bin of each case, its confidence, and whether it is right."""
    confidence, right = p.max(axis=1), p.argmax(axis=1) == y_true
    return np.minimum((confidence * BINS).astype(int), BINS - 1), confidence, right
