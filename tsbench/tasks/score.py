"""From answers to what is stored, and from what is stored to metrics."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tsbench.identity import digest
from tsbench.tasks import IMPUTATION, RETRIEVAL, task_of
from tsbench.tasks.base import Answer, Array
from tsbench.tasks.metrics import between_cases

DIGITS = 16  # of a digest in `truth_text`
STORED = {"classification": np.int32, "multilabel": np.uint8, "regression": np.float64}


@dataclass(frozen=True)
class Predictions:
    """What a run predicted for its test cases: every metric is computed from this.

    cases : int32 (n,) index into the dataset; y_true, y_pred : int32 (n,), for multilabel uint8 (n, n_labels), for
    regression float64 (n,); scores : float32 (n, n_classes), n_classes being 0 for regression; classes : names of
    classes or labels. probabilities : the scores are probabilities. names : str (n,) of the cases, or None.
    places : None but for imputation, where it is int32 (m, 3): of which of the cases (0 to n - 1), channel and time
    point each value is; y_true and y_pred are then float32 (m,), the hidden values and what was filled in for them, in
    prepared units. For retrieval they are uint16 (n, n) and int32 (n, 2 n): relevances and ranks of `tasks.retrieval`.
    """

    cases: npt.NDArray[np.int32]
    y_true: npt.NDArray[Any]
    y_pred: npt.NDArray[Any]
    scores: npt.NDArray[np.float32]
    classes: tuple[str, ...]
    task: str = "classification"
    probabilities: bool = False
    names: npt.NDArray[np.str_] | None = None
    places: npt.NDArray[np.int32] | None = None


def predictions_of(
    task: str,
    cases: Array,
    y_true: Array,
    answer: Answer,
    classes: tuple[str, ...],
    names: npt.NDArray[np.str_] | None = None,
) -> Predictions:
    """Return an answer beside the truth, as the store keeps it; names : of the cases, where they have some."""
    kind = STORED[task]
    return Predictions(
        cases=cases.astype(np.int32),
        y_true=y_true.astype(kind),
        y_pred=answer.y_pred.astype(kind),
        scores=stored_scores(answer.scores),
        classes=classes,
        task=task,
        probabilities=answer.probabilities,
        names=names,
    )


def truth_text(task: str, y_true: Array, classes: Sequence[str]) -> str:
    """Return a digest of the labels of cases in their order, and of the names of classes or labels."""
    labels = np.ascontiguousarray(y_true, dtype=np.dtype(STORED[task]).newbyteorder("<"))
    names = [] if task == "regression" else list(classes)
    return digest([hashlib.sha256(labels.tobytes()).hexdigest(), names])[:DIGITS]


def metrics_of(predictions: Predictions) -> dict[str, float]:
    """Return every metric, from nothing but stored predictions."""
    p = predictions
    if p.places is not None:
        return IMPUTATION.score(p.y_true, p.y_pred, p.places[:, 1])
    if p.task == RETRIEVAL.name:
        return RETRIEVAL.score(p.y_true, p.y_pred)
    return task_of(p.task).score(p.y_true, Answer(p.y_pred, p.scores, p.probabilities), len(p.classes))


def against_rest(answers: Predictions, name: str) -> tuple[Array, Array, Array]:
    """Return of each case whether it is of a class, or has a label, whether the run says so, and the score (n,).

    Probabilities are scaled as calibration has them; of two classes' other scores it is the difference.
    """
    at, scores = answers.classes.index(name), answers.scores.astype(np.float64)
    if answers.task == "multilabel":
        return answers.y_true[:, at] == 1, answers.y_pred[:, at] == 1, scores[:, at]
    scores = between_cases(scores, answers.probabilities)
    if answers.probabilities:
        scores = scores / scores.sum(axis=1, keepdims=True)
    return answers.y_true == at, answers.y_pred == at, scores[:, at]


def stored_scores(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return scores as float32, all divided by one power of two where some are too large: only their order matters."""
    largest = np.abs(scores[np.isfinite(scores)]).max(initial=0.0)
    excess = max(0, int(np.frexp(largest)[1]) - np.finfo(np.float32).maxexp)
    return np.ldexp(scores, -excess).astype(np.float32)
