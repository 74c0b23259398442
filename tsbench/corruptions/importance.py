"""How much each sensor tells of the labels, by statistics of the training cases alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tsbench.data.panel import Array, Panel
from tsbench.data.stream import blocks
from tsbench.errors import InvalidDataError

Numbers = npt.NDArray[np.float64]
CASES = 512  # looked at together


def by_importance(train: Panel) -> Array:
    """Return the channels, int64 (n_channels,), the most informative first; equals stay in their order.

    What a channel is worth is the largest F of an analysis of variance over the statistics of `channel_statistics`: of
    the classes, of a linear regression on numbers, or the mean over several labels. This rule is ours, since papers
    take forests over raw values, which are neither quick nor deterministic.
    """
    if train.y is None:
        raise InvalidDataError("the order of sensors is by what they tell of the labels, and the cases have none")
    found = case_statistics(train)
    worth = np.array([max(_worth(column, train) for column in channel.T) for channel in found.transpose(1, 0, 2)])
    return np.argsort(-worth, kind="stable")


def case_statistics(panel: Panel) -> Numbers:
    """Return mean, deviation, minimum, maximum, last value and observed share: (n_cases, n_channels, 6), NaN if none.

    Only values within a case's length count.
    """
    parts = []
    for block in blocks(panel.X, CASES):
        X, lengths = panel.X[block].astype(np.float64), panel.lengths[block]
        inside = (np.arange(X.shape[2]) < lengths[:, None])[:, None]
        seen = ~np.isnan(X) & inside
        count = seen.sum(axis=2)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(seen, X, 0).sum(axis=2) / count
            std = np.sqrt(np.where(seen, np.square(X - mean[:, :, None]), 0).sum(axis=2) / count)
        last = X.shape[2] - 1 - seen[:, :, ::-1].argmax(axis=2)
        found = [mean, std, np.where(seen, X, np.inf).min(axis=2), np.where(seen, X, -np.inf).max(axis=2)]
        found += [np.take_along_axis(X, last[:, :, None], axis=2)[:, :, 0], count / lengths[:, None]]
        stacked = np.stack(found, axis=2)
        stacked[:, :, :5][count == 0] = np.nan
        parts.append(stacked)
    return np.concatenate(parts)


def _worth(values: Numbers, train: Panel) -> float:
    """Return F of one statistic (n,); cases without it count with the median, and what does not vary is worth 0."""
    from sklearn.feature_selection import f_classif, f_regression

    known = values[~np.isnan(values)]
    if not len(known):
        return 0.0
    column = np.where(np.isnan(values), np.median(known), values)
    if column.min() == column.max():
        return 0.0
    assert train.y is not None
    targets = train.y.T if train.y.ndim == 2 else train.y[None]
    column, rule = (column - column.mean()) / column.std(), f_regression if train.task == "regression" else f_classif
    with np.errstate(invalid="ignore", divide="ignore"):
        found = [rule(column[:, None], y)[0][0] for y in targets if len(np.unique(y)) > 1]
    return float(np.nan_to_num(np.mean(found), nan=0.0, posinf=np.inf)) if found else 0.0
