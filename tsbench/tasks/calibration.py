"""How far probabilities can be trusted."""

from __future__ import annotations

import numpy as np

from tsbench.tasks.base import Array, Metric

BINS = 15  # of the expected calibration error
SMALLEST = 1e-15  # a probability below is taken for it by the log loss
CALIBRATION = (Metric("log_loss", "low", ""), Metric("brier", "low", ""), Metric("ece", "low", resampled=False))


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
    confidence, right = top(y_true, scores)
    gaps = np.bincount(_place(confidence), weights=right - confidence, minlength=BINS)
    return {
        "log_loss": float(-np.log(np.maximum(p[cases, y_true], SMALLEST)).mean()),
        "brier": float(((p - truth) ** 2).sum(axis=1).mean()),
        "ece": float(np.abs(gaps).sum() / len(p)),
    }


def reliability(confidence: Array, right: Array) -> dict[str, Array]:
    """Return BINS equal bins of probabilities (n,) and of what came true (n,), those with cases, from the lowest.

    low, high : the edges of a bin. confidence, accuracy : mean probability, and share that came true. cases : how many.
    """
    place = _place(confidence)
    cases = np.bincount(place, minlength=BINS)
    there, n = np.flatnonzero(cases), cases[cases > 0]
    sums = [np.bincount(place, weights=values, minlength=BINS)[there] for values in (confidence, right)]
    edges = {"low": there / BINS, "high": (there + 1) / BINS}
    return {**edges, "confidence": sums[0] / n, "accuracy": sums[1] / n, "cases": n}


def top(y_true: Array, scores: Array) -> tuple[Array, Array]:
    """Return the probability of each case's predicted class, of scores scaled to sum to 1, and whether it is right."""
    p = scores.astype(np.float64)
    p = p / p.sum(axis=1, keepdims=True)
    return p.max(axis=1), p.argmax(axis=1) == y_true


def _place(confidence: Array) -> Array:
    place: Array = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return place
