"""Ranks, wins, and the datasets they are over."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

DIGITS = 12  # values that agree in these are a tie: sums of the same runs in another order differ behind them


def shared(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the datasets of which every method has a finite value, in their order."""
    there: pd.DataFrame = cells.loc[:, np.isfinite(cells.to_numpy(float)).all(axis=0)]
    return there


def whole(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the datasets of which every method has a finite value, by name, values with DIGITS significant digits."""
    kept = shared(cells).sort_index(axis=1, key=lambda names: names.map(str))
    return pd.DataFrame(rounded(kept.to_numpy(float)), kept.index, kept.columns)


def rounded(values: npt.NDArray[np.float64], digits: int = DIGITS) -> npt.NDArray[np.float64]:
    """Return values with this many significant digits; what is not finite stays."""
    usual = np.isfinite(values) & (np.abs(values) > 1e-290)
    scale = 10.0 ** (digits - 1 - np.floor(np.log10(np.abs(values), where=usual, out=np.zeros_like(values))))
    return np.where(usual, np.round(values * scale) / scale, values)


def differences(values: npt.NDArray[np.float64], others: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return values less others, 0 where the two are a tie."""
    return np.where(rounded(values) == rounded(others), 0.0, values - others)


def ranks(cells: pd.DataFrame, sign: int) -> pd.DataFrame:
    """Return the rank of each method on each dataset that all have: 1 is the best, a tie shares the average rank."""
    return (sign * whole(cells)).rank(axis=0, ascending=False, method="average")


def wins(cells: pd.DataFrame, sign: int) -> pd.Series:
    """Return on how many of the datasets that all have each method is the best, or as good as the best."""
    signed = sign * whole(cells)
    return signed.eq(signed.max(axis=0)).sum(axis=1)


def interquartile_means(cells: pd.DataFrame) -> pd.Series:
    """Return each method's mean over the middle half of its values on the datasets that all have.

    A quarter of the datasets is left out at each end, with fractional weights where that is no whole number. NaN for
    less than 4 datasets, of which no middle half is left.
    """
    ordered = np.sort(whole(cells).to_numpy(), axis=1)
    n = ordered.shape[1]
    edges = np.arange(n + 1)
    weights = np.clip(np.minimum(edges[1:], 3 * n / 4) - np.maximum(edges[:-1], n / 4), 0, None)
    return pd.Series(ordered @ weights / weights.sum() if n >= 4 else np.nan, cells.index)
