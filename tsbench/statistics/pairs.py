"""Two methods at a time: wins, ties and losses, Wilcoxon's signed-rank test with Holm's correction, effect sizes."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from tsbench.statistics.ranks import ranks, rounded, whole

Array = npt.NDArray[np.float64]
EXACT = 50  # datasets; with more, the normal approximation


def pairs(cells: pd.DataFrame, sign: int) -> pd.DataFrame:
    """Return a row for each two methods, on the datasets that all methods have; `first` has the better average rank.

    first, second : names. n : datasets. wins, ties, losses : of the first. difference : mean of first minus second, in
    the metric's unit. p : two-sided, of Wilcoxon's signed-rank test. p_holm : the same, adjusted for the number of rows
    by Holm's procedure. effect : matched-pairs rank-biserial correlation in [-1, 1], positive where the first is
    better.

    Zeros are ranked and then dropped (Pratt 1959), tied differences share their average rank. Up to EXACT datasets p is
    exact given these ranks, beyond it is of the normal approximation (scipy). Where all differences are zero, p is 1.
    """
    table = whole(cells)
    table = table.loc[ranks(table, sign).mean(axis=1).sort_values(kind="stable").index]
    one, other = np.array([*combinations(range(len(table)), 2)], dtype=int).reshape(-1, 2).T
    values, n = table.to_numpy(), table.shape[1]
    raw = values[one] - values[other]
    raw[np.abs(raw) < 1e-12 * np.maximum(np.abs(values[one]), np.abs(values[other]))] = 0
    # Differences that are equal on paper differ in their last bits, and would break ties.
    better = sign * rounded(np.round(raw, 12) if n and np.abs(raw).max(initial=0) > 1e-6 else raw)
    p, effect = signed_rank(better)
    return pd.DataFrame(
        {
            "first": table.index[one],
            "second": table.index[other],
            "n": n,
            "wins": (better > 0).sum(axis=1),
            "ties": (better == 0).sum(axis=1),
            "losses": (better < 0).sum(axis=1),
            "difference": raw.mean(axis=1) if n else np.full(len(one), np.nan),
            "p": p,
            "p_holm": holm(p),
            "effect": effect,
        }
    )


def signed_rank(differences: Array) -> tuple[Array, Array]:
    """Return p (two-sided) and rank-biserial correlation of each row of differences (pairs, datasets)."""
    count, n = differences.shape
    if n == 0 or count == 0:
        return np.full(count, np.nan), np.full(count, np.nan)
    from scipy.stats import rankdata

    ranked = rankdata(np.abs(differences), axis=1) * np.sign(differences)
    effect = ranked.sum(axis=1) / (n * (n + 1) / 2)
    if n <= EXACT:
        return np.array([_exact(row) for row in ranked]), effect
    from scipy.stats import wilcoxon

    p, some = np.ones(count), (differences != 0).any(axis=1)
    if some.any():
        p[some] = wilcoxon(differences[some], zero_method="pratt", method="asymptotic", axis=1).pvalue
    return p, effect


def _exact(ranked: Array) -> float:
    """Return the share of all assignments of signs to these ranks that are as far from the middle as the given one.

    scipy's exact distribution is of ranks without ties, and its permutations take a minute for 200 pairs.
    """
    twice = np.rint(2 * np.abs(ranked[ranked != 0])).astype(int)  # average ranks are multiples of a half
    chance = np.zeros(twice.sum() + 1)
    chance[0] = 1
    for rank in twice:
        chance[rank:] += chance[:-rank].copy()
        chance /= 2
    plus = int(np.rint(2 * ranked[ranked > 0].sum()))
    return float(min(1.0, 2 * min(chance[: plus + 1].sum(), chance[plus:].sum())))


def holm(p: Array) -> Array:
    """Return p adjusted by Holm's step-down procedure (1979): the i-th smallest of m, from 0, times m - i, made monotone.

    NaN counts for nothing and stays.
    """
    adjusted = np.full(len(p), np.nan)
    order = np.argsort(p)[: int(np.isfinite(p).sum())]
    steps = np.arange(len(order), 0, -1) * p[order]
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted
