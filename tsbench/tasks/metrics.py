"""Metrics of a classification run, computed from stored predictions: fractions over all classes of the dataset."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tsbench.errors import MethodError

Array = npt.NDArray[Any]
METRICS: tuple[str, ...] = ("accuracy", "f1_macro", "balanced_accuracy", "auroc", "auprc")


def compute(y_true: Array, y_pred: Array, scores: Array, n_classes: int) -> dict[str, float]:
    """Return every metric of METRICS as a fraction in [0, 1].

    Parameters
    ----------
    y_true, y_pred : int64 (n,), class indices in 0 .. n_classes - 1.
    scores : float (n, n_classes), larger is likelier; only their order within a class matters, ties are allowed.

    accuracy is over all cases. f1_macro is the unweighted mean over all n_classes, 0 for a class that is neither
    present nor predicted. balanced_accuracy is the mean recall over the classes present in y_true. auroc (area under
    the ROC curve) and auprc (average precision, no interpolation) are one-vs-rest, averaged without weights over the
    classes that have both positives and negatives in y_true, both classes of a binary problem included; NaN where
    there is none.

    Raises MethodError when sizes disagree, a class index is out of range or a score is NaN.
    """
    scores = np.asarray(scores)
    if scores.shape != (len(y_true), n_classes):
        raise MethodError(f"scores have shape {scores.shape}, expected ({len(y_true)}, {n_classes})")
    missing = int(np.isnan(scores).sum())
    if missing:
        raise MethodError(f"{missing} of {scores.size} scores are NaN: the method diverged")
    matrix = confusion(y_true, y_pred, n_classes)
    hits, true_counts = matrix.diagonal(), matrix.sum(axis=1)
    present = true_counts > 0
    auroc, auprc = _areas(y_true, scores, true_counts)
    return {
        "accuracy": float(hits.sum() / len(y_true)),
        "f1_macro": _f1_macro(matrix),
        "balanced_accuracy": float((hits[present] / true_counts[present]).mean()),
        "auroc": auroc,
        "auprc": auprc,
    }


NEARLY_ONE = 1 - 1e-6  # of a probability, where float32 is too coarse to order cases


def between_cases(scores: Array, probabilities: bool) -> Array:
    """Return scores (n, n_classes) as float64, of two classes such that a column orders the cases.

    What decides between two classes is their difference: distances say nothing by one column. Probabilities, and what
    is not finite, stay as they are, but for those nearly 1: float32 tells these apart by the others of the case alone,
    which put them between NEARLY_ONE and 1 by their logarithm.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if probabilities:
        case, sure = np.nonzero(scores > NEARLY_ONE)  # one column of a case at most
        others = scores[case].sum(axis=1, where=np.arange(scores.shape[1]) != sure[:, None])
        scores, room = scores.copy(), 1 - NEARLY_ONE
        with np.errstate(divide="ignore"):
            scores[case, sure] = 1 - room / (1 - np.log(np.minimum(others / room, 1)))
        return scores
    if scores.shape[1] != 2 or not np.isfinite(scores).all():
        return scores
    return np.asarray(scores - scores[:, ::-1])


def f1_macro(y_true: Array, y_pred: Array, n_classes: int) -> float:
    """Return the unweighted mean F1 over all n_classes, as in `compute`; for selection on a validation part."""
    return _f1_macro(confusion(y_true, y_pred, n_classes))


def confusion(y_true: Array, y_pred: Array, n_classes: int) -> npt.NDArray[np.int64]:
    """Return the int64 (n_classes, n_classes) counts; rows are true classes, columns predicted ones.

    Raises MethodError when there is no case, sizes disagree or a class index is out of range.
    """
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if y_true.shape != y_pred.shape or y_true.ndim != 1 or len(y_true) == 0:
        raise MethodError(f"predictions have shape {y_pred.shape} for labels of shape {y_true.shape}")
    for name, values in [("true", y_true), ("predicted", y_pred)]:
        if values.min() < 0 or values.max() >= n_classes:
            raise MethodError(f"{name} classes go from {values.min()} to {values.max()}, expected 0 to {n_classes - 1}")
    cells = np.bincount(y_true * n_classes + y_pred, minlength=n_classes**2)
    return cells.reshape(n_classes, n_classes).astype(np.int64, copy=False)


def _f1_macro(matrix: Array) -> float:
    counts = matrix.sum(axis=0) + matrix.sum(axis=1)
    return float((2 * matrix.diagonal() / np.maximum(counts, 1)).mean())


def _areas(y_true: Array, scores: Array, true_counts: Array) -> tuple[float, float]:
    """Return macro one-vs-rest (auroc, auprc) from one sort per class; cases of equal score are one threshold."""
    n = len(y_true)
    usable = np.flatnonzero((true_counts > 0) & (true_counts < n))
    if len(usable) == 0:
        return float("nan"), float("nan")
    columns = scores[:, usable].T
    order = np.argsort(columns, axis=1)[:, ::-1]
    ranked = np.take_along_axis(columns, order, axis=1)
    positives = np.cumsum(y_true[order] == usable[:, None], axis=1)
    last_of_tie = np.ones(ranked.shape, dtype=bool)
    last_of_tie[:, :-1] = ranked[:, :-1] != ranked[:, 1:]
    # One entry per (class, threshold), class after class; `step` starts each class anew from zero.
    row, column = np.nonzero(last_of_tie)
    true_positives, selected = positives[row, column], column + 1
    false_positives = selected - true_positives
    first = np.flatnonzero(np.diff(row, prepend=-1))

    def step(values: Array) -> Array:
        difference: Array = np.diff(values, prepend=0)
        difference[first] = values[first]
        return difference

    gained, lost = step(true_positives), step(false_positives)
    n_positive = true_counts[usable]
    area = np.bincount(row, weights=lost * (true_positives - gained / 2)) / (n_positive * (n - n_positive))
    precision = np.bincount(row, weights=gained * true_positives / selected) / n_positive
    return float(area.mean()), float(precision.mean())
