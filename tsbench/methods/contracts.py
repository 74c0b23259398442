"""What the code of plugins returns within a run, checked: each fault is a MethodError that names whose it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from tsbench.errors import MethodError, returned
from tsbench.methods.classifier import Scores


def check_features(owner: str, features: Tensor, n_cases: int) -> npt.NDArray[np.float32]:
    """Return features as float32 (n_cases, d) in memory; refuses another shape, complex numbers, NaN and infinity."""
    shape = tuple(features.shape)
    if len(shape) != 2 or shape[0] != n_cases or shape[1] == 0 or features.is_complex():
        kind = str(features.dtype).removeprefix("torch.")
        raise MethodError(
            f"{owner} gave features of shape {shape}, {kind}, for {n_cases} cases; expected real numbers (n, d)"
        )
    x: npt.NDArray[np.float32] = features.float().cpu().numpy()
    broken = x.size - int(np.isfinite(x).sum())
    if broken:
        raise MethodError(
            f"{owner} gave features of which {broken} of {x.size} are NaN or infinite: the training diverged (lower lr "
            "or set clip_norm), or values are too large (rescale the data)"
        )
    return x


def check_prediction(owner: str, given: Any, n_cases: int, n_classes: int) -> tuple[npt.NDArray[Any], Scores]:
    """Return (class indices, scores) of what a predictor gave; refuses anything but such a pair."""
    pair = returned(given, tuple, f"{owner}, predict")
    if len(pair) != 2:
        raise MethodError(f"{owner}, predict returned {len(pair)} values, expected class indices and scores")
    y_pred = np.asarray(pair[0])
    if y_pred.shape != (n_cases,) or y_pred.dtype.kind not in "iu":
        raise MethodError(
            f"{owner} gave predictions of shape {y_pred.shape}, {y_pred.dtype}, for {n_cases} cases; "
            "expected one class index each"
        )
    return y_pred, check_scores(owner, pair[1], n_cases, n_classes)


def check_scores(owner: str, given: Any, n_cases: int, n_classes: int) -> Scores:
    """Return scores as float64 (n_cases, n_classes); refuses another shape, what is no number, and NaN."""
    raw = np.asarray(given)
    if raw.shape != (n_cases, n_classes) or raw.dtype.kind not in "fiub":
        raise MethodError(
            f"{owner} gave scores of shape {raw.shape}, {raw.dtype}, expected ({n_cases}, {n_classes}) real numbers"
        )
    scores: Scores = raw.astype(np.float64, copy=False)
    if np.isnan(scores).any():
        raise MethodError(f"{owner} gave NaN scores for {int(np.isnan(scores).any(axis=1).sum())} of {n_cases} cases")
    return scores


def stored_scores(scores: Scores) -> npt.NDArray[np.float32]:
    """Return scores as float32, all divided by one power of two where some are too large: only their order matters."""
    largest = np.abs(scores[np.isfinite(scores)]).max(initial=0.0)
    excess = max(0, int(np.frexp(largest)[1]) - np.finfo(np.float32).maxexp)
    return np.ldexp(scores, -excess).astype(np.float32)


def check_numbers(owner: str, values: Any) -> dict[str, float]:
    """Return what is to be noted beside a result as plain numbers; refuses what is no number."""
    try:
        return {str(name): v if isinstance(v, int | float) else float(v) for name, v in dict(values).items()}
    except (TypeError, ValueError) as error:
        raise MethodError(f"{owner} must give a number under each name, got {values!r:.200}") from error
