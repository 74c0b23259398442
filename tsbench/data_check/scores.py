"""How well the labels of the test part are told, with an interval, and whether that is clearly above chance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from tsbench.data.panel import Array, Panel

RESAMPLES = 200
MARGIN = 0.05  # above chance, from which on it matters
Numbers = npt.NDArray[np.float64]


def targets(panel: Panel) -> Numbers:
    """Return what is to be told, float64 (n, k): a column of 0 and 1 for each class or label, or the numbers."""
    assert panel.y is not None
    if panel.task == "classification":
        return np.eye(len(panel.classes))[panel.y]
    return panel.y.astype(np.float64).reshape(len(panel), -1)


def quality(task: str, truth: Numbers, scores: Numbers) -> float:
    """Return the mean AUROC over the classes that have both cases and others, NaN for none; R2 for numbers."""
    if task == "regression":
        spread = np.square(truth - truth.mean()).sum()
        return float(1 - np.square(truth - scores).sum() / spread) if spread else float("nan")
    from scipy.stats import rankdata

    positive = truth.sum(axis=0)
    useful = (positive > 0) & (positive < len(truth))
    if not useful.any():
        return float("nan")
    ranks, n = rankdata(scores[:, useful], axis=0), positive[useful]
    areas = ((ranks * truth[:, useful]).sum(axis=0) - n * (n + 1) / 2) / (n * (len(truth) - n))
    return float(areas.mean())


def metric(task: str) -> tuple[str, float]:
    """Return what `quality` gives and what chance gives of it."""
    return ("R2", 0.0) if task == "regression" else ("AUROC", 0.5)


def interval(measure: Callable[[Array], float], n_cases: int) -> tuple[float, float]:
    """Return the 95 % interval of a measure over 200 bootstrap samples of the cases, whose indices it is given."""
    rng = np.random.default_rng(0)
    found = [measure(rng.integers(n_cases, size=n_cases)) for _ in range(RESAMPLES)]
    found = [value for value in found if value == value]
    low, high = np.quantile(found, [0.025, 0.975]) if found else (np.nan, np.nan)
    return float(low), float(high)
