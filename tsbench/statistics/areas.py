"""Areas under the curves of many resamples at once: a resample is how often each case is drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def areas(positive: Array, score: Array, drawn: Array) -> tuple[Array, Array]:
    """Return AUROC and average precision of resamples, each (r,), NaN where a resample has one side alone.

    positive : bool (n,). score : float (n,), larger is likelier; ties count half. drawn : (r, n), how often each
    resample has each case. The same as `tasks.metrics.compute` gives of the cases drawn.
    """
    order = np.argsort(-score, kind="stable")
    ranked, drawn = score[order], drawn[:, order].astype(np.float64)
    last = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)  # of each tie
    selected = drawn.cumsum(axis=1)[:, last]
    hits = (drawn * positive[order]).cumsum(axis=1)[:, last]
    gained, lost = np.diff(hits, prepend=0.0), np.diff(selected - hits, prepend=0.0)
    positives, negatives = hits[:, -1], selected[:, -1] - hits[:, -1]
    with np.errstate(invalid="ignore", divide="ignore"):
        auroc = (lost * (hits - gained / 2)).sum(axis=1) / (positives * negatives)
        precision = (gained * hits / np.maximum(selected, 1)).sum(axis=1) / positives
    return auroc, np.where(negatives > 0, precision, np.nan)
