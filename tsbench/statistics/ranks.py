"""Ranks, wins, and the datasets they are over."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

DIGITS = 12  # values that agree in these are a tie: sums of the same runs in another order differ behind them


def whole(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the datasets that every method has, their values rounded to DIGITS significant digits."""
    kept = cells.loc[:, cells.notna().all()]
    return pd.DataFrame(rounded(kept.to_numpy(float)), kept.index, kept.columns)


def rounded(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return values with DIGITS significant digits; what is not finite stays."""
    usual = np.isfinite(values) & (np.abs(values) > 1e-290)
    scale = 10.0 ** (DIGITS - 1 - np.floor(np.log10(np.abs(values), where=usual, out=np.zeros_like(values))))
    return np.where(usual, np.round(values * scale) / scale, values)


def ranks(cells: pd.DataFrame, sign: int) -> pd.DataFrame:
    """Return the rank of each method on each dataset that all have: 1 is the best, a tie shares the average rank."""
    return (sign * whole(cells)).rank(axis=0, ascending=False, method="average")


def wins(cells: pd.DataFrame, sign: int) -> pd.Series:
    """Return on how many of the datasets that all have each method is the best, or as good as the best."""
    signed = sign * whole(cells)
    return signed.eq(signed.max(axis=0)).sum(axis=1)


def interquartile_means(cells: pd.DataFrame) -> pd.Series:
    """Return each method's mean over the middle half of its values on the datasets that all have.

    With fractional weights at both ends, so that exactly a quarter of the datasets' weight is left out on each side:
    one dataset that is easy or hopeless moves it little, and a change of the number of datasets makes no step.
    """
    ordered = np.sort(whole(cells).to_numpy(), axis=1)
    n = ordered.shape[1]
    edges = np.arange(n + 1)
    weights = np.clip(np.minimum(edges[1:], 3 * n / 4) - np.maximum(edges[:-1], n / 4), 0, None)
    means = ordered @ weights / weights.sum() if n else np.full(len(cells), np.nan)
    return pd.Series(means, cells.index)
