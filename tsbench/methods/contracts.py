"""What the code of plugins returns within a run, checked: each fault is a MethodError that names whose it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tsbench.data.series import Series
from tsbench.errors import MethodError


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


def as_scores(owner: str, scores: Tensor) -> npt.NDArray[np.float64]:
    """Return scores as float64 in memory, for the task to check; refuses complex numbers."""
    if scores.is_complex():
        raise MethodError(f"{owner} gave complex scores, expected real numbers")
    x: npt.NDArray[np.float64] = scores.double().cpu().numpy()
    return x


def check_filled(owner: str, given: Tensor, series: Series) -> Tensor:
    """Return series with missing values as `reconstruct` gave them, observed ones as they were, 0 beyond their end.

    Raises MethodError for another shape, what is no float, and NaN or infinity in place of a missing value.
    """
    if given.shape != series.x.shape or not given.is_floating_point():
        kind = str(given.dtype).removeprefix("torch.")
        raise MethodError(
            f"{owner}.reconstruct gave {kind} of shape {tuple(given.shape)} for series of shape "
            f"{tuple(series.x.shape)}; expected floats of that shape"
        )
    filled = series.filled(given.to(series.x.dtype))
    broken = int((~torch.isfinite(filled)).sum())
    if broken:
        raise MethodError(f"{owner}.reconstruct gave {broken} NaN or infinite values for missing ones: it diverged")
    return filled


def check_numbers(owner: str, values: Any) -> dict[str, float]:
    """Return what is to be noted beside a result as plain numbers; refuses what is no number."""
    try:
        return {str(name): v if isinstance(v, int | float) else float(v) for name, v in dict(values).items()}
    except (TypeError, ValueError) as error:
        raise MethodError(f"{owner} must give a number under each name, got {values!r:.200}") from error
