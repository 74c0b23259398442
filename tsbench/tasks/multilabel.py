"""Multilabel: any number of labels per case."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tsbench.errors import InvalidDataError, MethodError
from tsbench.tasks.base import Answer, Array, Metric, Task, check_probabilities, check_scores, pair_of
from tsbench.tasks.calibration import CALIBRATION, calibration

RARE = 5  # a combination of labels with fewer cases joins the others of its kind


class Multilabel(Task):
    """Labels are uint8 (n, n_labels), 0 or 1; answers have y_pred like them and scores (n, n_labels).

    A label is predicted where its probability is at least 0.5, or its score above 0 where scores are no probabilities.
    auroc and auprc are means over the labels with positives and negatives (macro), or over all decisions (micro), NaN
    where there are none; f1_macro is the mean over all labels, 0 for one neither present nor predicted.
    subset_accuracy is the share of cases whose labels are all right, hamming the share of wrong decisions. Scores that
    are probabilities have the metrics of `calibration`, over all decisions.
    """

    name = "multilabel"
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("auroc_macro"),
        Metric("auroc_micro"),
        Metric("auprc_macro"),
        Metric("auprc_micro"),
        Metric("f1_macro"),
        Metric("f1_micro"),
        Metric("subset_accuracy"),
        Metric("hamming", "low"),
        *CALIBRATION,
    )
    primary = "auroc_macro"

    def strata(self, y: Array, least: int = 1) -> npt.NDArray[np.int64]:
        """Return the combination of labels of each case; those of few cases are one stratum.

        A combination of fewer than RARE or `least` cases counts as its rarest label alone; what is still rare then is
        one stratum, and joins the largest where that is rare, too.
        """
        least = max(least, min(RARE, len(y)))
        found = np.unique(y, axis=0, return_inverse=True)[1].ravel().astype(np.int64)
        counts, total = np.bincount(found), np.maximum(y.sum(axis=0), 1)
        rarest = np.where(y.any(axis=1), np.where(y > 0, 1.0 / total, 0.0).argmax(axis=1), y.shape[1])
        found = np.where(counts[found] < least, rarest + len(counts), found)
        counts = np.bincount(found)
        rare = counts[found] < least
        found[rare] = len(counts)
        if 0 < rare.sum() < least and not rare.all():
            found[rare] = counts.argmax()
        return np.unique(found, return_inverse=True)[1].astype(np.int64)

    def check_learnable(self, y: Array, classes: tuple[str, ...], whose: str = "the training part") -> None:
        """Raise InvalidDataError where no label is there in some cases and missing in others."""
        if not ((y.min(axis=0) == 0) & (y.max(axis=0) == 1)).any():
            raise InvalidDataError(f"{whose} has no label that differs between its cases: nothing to learn")

    def check(self, owner: str, given: Any, n: int, n_classes: int, probabilities: bool = False) -> Answer:
        """Return 0 or 1 for each case and label, and scores; refuses anything but such a pair."""
        labels, scores = pair_of(owner, given)
        y_pred = np.asarray(labels)
        if y_pred.shape != (n, n_classes) or y_pred.dtype.kind not in "iub" or not np.isin(y_pred, (0, 1)).all():
            raise MethodError(
                f"{owner} gave predictions of shape {y_pred.shape}, {y_pred.dtype}, expected 0 or 1 for each of {n} "
                f"cases and {n_classes} labels"
            )
        scores = check_scores(owner, scores, n, n_classes)
        if probabilities:
            check_probabilities(owner, scores)
        return Answer(y_pred.astype(np.uint8), scores, probabilities)

    def decide(self, owner: str, scores: Any, n: int, n_classes: int, probabilities: bool = False) -> Answer:
        """Predict the labels whose score is above 0, or whose probability is at least 0.5."""
        scores = check_scores(owner, scores, n, n_classes)
        y_pred = (scores >= 0.5 if probabilities else scores > 0).astype(np.uint8)
        return self.check(owner, (y_pred, scores), n, n_classes, probabilities)

    def of_net(self, owner: str, outputs: Any, n: int, n_classes: int) -> Answer:
        """Predict the labels whose logit is at least 0; scores are the logistic function of logits."""
        from scipy.special import expit

        logits = check_scores(owner, outputs, n, n_classes)
        if np.isinf(logits).any():
            raise MethodError(f"{owner} gave infinite logits: the training diverged (lower lr or set clip_norm)")
        return self.decide(owner, expit(logits), n, n_classes, probabilities=True)

    def confusion(self, y_true: Array, y_pred: Array, n_classes: int) -> Array:
        """Return int64 (n_classes, 2, 2), for each label: cases without and with it (rows), predicted so (columns)."""
        pairs = (2 * y_true.astype(np.int64) + y_pred).T
        return np.stack([np.bincount(pair, minlength=4).reshape(2, 2) for pair in pairs])

    def words(self, y: Array, classes: tuple[str, ...]) -> Array:
        """Return the names of each case's labels, separated by ';'."""
        return np.array([";".join(classes[i] for i in np.flatnonzero(row)) for row in y], dtype=object)

    def score(self, y_true: Array, answer: Answer, n_classes: int) -> dict[str, float]:
        """Return the metrics, the areas as scikit-learn has them."""
        y_pred, scores = answer.y_pred, np.asarray(answer.scores, dtype=np.float64)
        hits = (y_true & y_pred).sum(axis=0, dtype=np.int64)
        counts = y_true.sum(axis=0, dtype=np.int64) + y_pred.sum(axis=0, dtype=np.int64)
        varies = (y_true.min(axis=0) == 0) & (y_true.max(axis=0) == 1)
        by_label = [_areas(y_true[:, label], scores[:, label]) for label in np.flatnonzero(varies)]
        auroc, auprc = np.mean(by_label, axis=0) if by_label else (np.nan, np.nan)
        auroc_all, auprc_all = _areas(y_true.ravel(), scores.ravel()) if len(np.unique(y_true)) == 2 else [np.nan] * 2
        values = {
            "auroc_macro": auroc,
            "auroc_micro": auroc_all,
            "auprc_macro": auprc,
            "auprc_micro": auprc_all,
            "f1_macro": (2 * hits / np.maximum(counts, 1)).mean(),
            "f1_micro": 2 * hits.sum() / max(counts.sum(), 1),
            "subset_accuracy": (y_true == y_pred).all(axis=1).mean(),
            "hamming": (y_true != y_pred).mean(),
        }
        if answer.probabilities:
            yes = scores.ravel()
            values |= calibration(y_true.ravel(), np.stack([1 - yes, yes], axis=1))
        return {name: float(value) for name, value in values.items()}


def _areas(y_true: Array, scores: Array) -> tuple[float, float]:
    """Return (auroc, auprc) of a label with positives and negatives: to the last bit as scikit-learn, from one sort."""
    scores = np.nan_to_num(scores)  # an infinite score is the largest there is
    order = np.argsort(scores, kind="stable")[::-1]
    last_of_tie = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    hits = np.cumsum(y_true[order], dtype=np.float64)[last_of_tie]
    misses = 1 + last_of_tie - hits
    recall, precision = hits / hits[-1], hits / (hits + misses)
    average_precision = -np.sum(np.diff(np.append(recall[::-1], 0)) * precision[::-1])
    # scikit-learn leaves out what lies on a line between two others, which rounds otherwise.
    corner = np.ones(len(hits), dtype=bool)
    corner[1:-1] = (np.diff(misses, 2) != 0) | (np.diff(hits, 2) != 0)
    x, y = (np.append(0.0, values[corner] / values[-1]) for values in (misses, hits))
    return float((np.diff(x) * (y[1:] + y[:-1]) / 2.0).sum()), float(max(0.0, average_precision))
