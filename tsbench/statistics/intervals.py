"""Intervals on means and average ranks: what other datasets of the same kind would have given."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tsbench.identity import digest, stage_seed
from tsbench.statistics.ranks import ranks, whole

LEVEL = 0.95
FEWEST = 10  # datasets; with fewer, intervals of 95 % cover in 90 to 93 %
RESAMPLES = 4999


def intervals(cells: pd.DataFrame, sign: int, level: float = LEVEL) -> pd.DataFrame:
    """Return mean_low, mean_high, rank_low, rank_high of each method, from a bootstrap over datasets.

    The datasets that all methods have are drawn with replacement, the same ones for every method, so that ranks stay
    those of one draw. Percentiles, expanded as Hesterberg (2015, section 5.3) does for few datasets: sqrt(n / (n - 1))
    and Student's t in place of the normal. The seed comes of the datasets' names. NaN for fewer than FEWEST datasets,
    and where a method has one value (or one rank) on all of them: nothing tells how it varies.
    """
    from scipy.special import ndtr, stdtrit

    table = whole(cells)
    n = table.shape[1]
    names = ["mean_low", "mean_high", "rank_low", "rank_high"]
    if n < FEWEST or table.empty:
        return pd.DataFrame(np.nan, cells.index, names)
    draw = np.random.default_rng(stage_seed(digest([str(name) for name in table]), "bootstrap"))
    weights = draw.multinomial(n, np.full(n, 1 / n), size=RESAMPLES).T / n
    tail = ndtr(np.sqrt(n / (n - 1)) * stdtrit(n - 1, (1 - level) / 2))
    found = []
    for values in (table.to_numpy(), ranks(table, sign).to_numpy()):
        ends = np.quantile(values @ weights, [tail, 1 - tail], axis=1)
        varies = np.ptp(values, axis=1) > 0
        found += [np.where(varies, end, np.nan) for end in ends]
    return pd.DataFrame(dict(zip(names, found, strict=True)), cells.index)
