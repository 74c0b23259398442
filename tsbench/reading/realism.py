"""How real filled-in windows look: what a small classifier can tell of them from true ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tsbench.corruptions.importance import case_statistics
from tsbench.data.panel import Array, Panel
from tsbench.errors import InvalidDataError, UsageError
from tsbench.measure.imputation import Windows

FOLDS = 5
FEWEST = 30  # cases, which leave a few leaves of trees on training folds
LEAF = 5  # windows
Z = 1.959964  # of a 95 % interval
NEAR = 0.05  # of a mean or deviation


class Score(NamedTuple):
    """Share of windows told right, its 95 % interval, and how many cases it is of."""

    accuracy: float
    low: float
    high: float
    cases: int


def realism(runs: Sequence[Mapping[str, Any]], windows_of: Callable[[Mapping[str, Any]], Windows]) -> pd.DataFrame:
    """Return a row per run: key, method, dataset, protocol, fold, seed, cases, hidden, accuracy, low, high.

    hidden : share of the windows' observed values that were filled in. windows_of : gives a run's windows. Raises
    UsageError for a run that fills nothing in, InvalidDataError for one of too few cases.
    """
    rows = []
    for run in runs:
        name = f"run {run['key'][:12]} ({run['label']} on {run['dataset']})"
        if run["status"] != "succeeded" or run["task"] != "imputation":
            why = "fills nothing in" if run["status"] == "succeeded" else f"is {run['status']}"
            raise UsageError(f"{name} {why}: take one of protocol impute")
        windows = windows_of(run)
        about = {column: run[column] for column in ("key", "label", "dataset", "protocol", "fold", "seed")}
        try:
            found = discriminative_score(windows.true, windows.filled)
        except InvalidDataError as error:
            raise InvalidDataError(f"{name}: {error}") from None
        told = found._asdict()
        rows.append({**about, "cases": told.pop("cases"), "hidden": windows.share, **told})
    return pd.DataFrame(rows).rename(columns={"label": "method"})


def discriminative_score(true: Panel, filled: Panel) -> Score:
    """Return how well boosted trees tell cases with values filled in from the same cases as they were.

    true, filled : the same n cases with the same values observed. The trees (scikit-learn's, 100 of up to 15 leaves of
    at least LEAF windows, learning rate 0.05) see `window_statistics`; in each of FOLDS folds both windows of a case
    are on one side, so that none is known from training. Where each channel of each true case has mean 0 and deviation
    1, both kinds are brought to that first: else that alone would tell them apart. The interval is normal over the
    cases' own shares (0, 0.5 or 1). 0.5 is chance. Raises InvalidDataError below FEWEST cases.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import KFold

    n = len(true)
    if n < FEWEST:
        raise InvalidDataError(f"{n} cases have values filled in; telling windows apart takes at least {FEWEST}")
    given = [np.asarray(panel.X, dtype=np.float64) for panel in (true, filled)]
    if _normalised(given[0]):
        given = [_rescaled(X) for X in given]
    statistics = [window_statistics(replace(true, X=X.astype(np.float32))) for X in given]
    right = np.empty((n, 2))
    for train, test in KFold(FOLDS, shuffle=True, random_state=0).split(np.arange(n)):
        trees = HistGradientBoostingClassifier(
            max_iter=100, max_leaf_nodes=15, min_samples_leaf=LEAF, learning_rate=0.05, random_state=0
        )
        known = ~np.isnan(np.concatenate([one[train] for one in statistics])).all(axis=0)  # which the trees ask for
        trees.fit(np.concatenate([one[train][:, known] for one in statistics]), np.repeat([0, 1], len(train)))
        for kind, one in enumerate(statistics):
            right[test, kind] = trees.predict(one[test][:, known]) == kind
    shares = right.mean(axis=1)
    mean, half = float(shares.mean()), Z * float(shares.std(ddof=1)) / n**0.5
    return Score(mean, max(0.0, mean - half), min(1.0, mean + half), n)


def _normalised(X: Array) -> bool:
    """Say whether each channel of each case (n, n_channels, n_timepoints) comes with mean 0 and deviation 1, or 0."""
    mean, std = _moments(X)
    return bool(np.all(np.abs(mean) < NEAR) and np.all((np.abs(std - 1) < NEAR) | (std < NEAR)))


def _rescaled(X: Array) -> Array:
    """Return each channel of each case with mean 0 and deviation 1; a constant one has deviation 0."""
    mean, std = (one[:, :, None] for one in _moments(X))
    scaled: Array = (X - mean) / np.where(std > NEAR, std, 1.0)
    return scaled


def _moments(X: Array) -> tuple[Array, Array]:
    """Return mean and deviation (n, n_channels) of the observed values of each channel, 0 where there is none."""
    seen = ~np.isnan(X)
    count, known = np.maximum(seen.sum(axis=2), 1), np.where(seen, X, 0.0)
    mean = known.sum(axis=2) / count
    return mean, np.sqrt((np.where(seen, X - mean[:, :, None], 0.0) ** 2).sum(axis=2) / count)


def window_statistics(panel: Panel) -> Array:
    """Return float64 (n, 8 n_channels) of what was observed of each case's channels, NaN where that is nothing.

    Mean, deviation, minimum, maximum, last value, observed share, and the mean absolute first and second difference of
    neighbouring observed values, which tell what is smoother than real.
    """
    found = case_statistics(panel)
    rough = np.full((*found.shape[:2], 2), np.nan)
    X = panel.X[:].astype(np.float64)
    for case, channel in np.argwhere(~np.isnan(X).all(axis=2)):
        values = X[case, channel][~np.isnan(X[case, channel])]
        for order in (1, 2):
            if len(values) > order:
                rough[case, channel, order - 1] = np.abs(np.diff(values, order)).mean()
    statistics: Array = np.concatenate([found, rough], axis=2).reshape(len(panel), -1)
    return statistics
