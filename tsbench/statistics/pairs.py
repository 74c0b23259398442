"""Two methods at a time: wins, ties and losses, Wilcoxon's signed-rank test with Holm's correction, effect sizes."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from tsbench.statistics.ranks import DIGITS, ranks, rounded, whole

Array = npt.NDArray[np.float64]
EXACT = 50  # datasets; with more, the normal approximation


def pairs(cells: pd.DataFrame, sign: int) -> pd.DataFrame:
    """Return a row for each two methods, on the datasets that all methods have; `first` has the better average rank.

    first, second : names. n : datasets. wins, ties, losses : of the first. difference : mean of first minus second, in
    the metric's unit. p : two-sided, of Wilcoxon's signed-rank test. p_holm : the same, adjusted for the number of rows
    by Holm's procedure. effect : matched-pairs rank-biserial correlation in [-1, 1], positive where the first is
    better.

    Zeros are ranked and then dropped (Pratt 1959), tied differences share their average rank. Up to EXACT datasets p is
    exact given these ranks, beyond it is of the normal approximation. Where all differences are zero, p is 1.
    """
    first, second, one, other = compared(cells, sign)
    raw, n = one - other, one.shape[1]
    better = sign * rounded(raw, DIGITS - 3)  # what is equal on paper differs in its last bits
    p, effect = signed_rank(better)
    return pd.DataFrame(
        {
            "first": first,
            "second": second,
            "n": n,
            "wins": (better > 0).sum(axis=1),
            "ties": (better == 0).sum(axis=1),
            "losses": (better < 0).sum(axis=1),
            "difference": raw.mean(axis=1) if n else np.nan,
            "p": p,
            "p_holm": holm(p),
            "effect": effect,
        }
    )


def compared(cells: pd.DataFrame, sign: int) -> tuple[pd.Index, pd.Index, Array, Array]:
    """Return the names of each two methods, the better average rank first, and their values (pairs, datasets)."""
    order = ranks(cells, sign).mean(axis=1).sort_values(kind="stable").index
    table = whole(cells).loc[order]
    one, other = np.array([*combinations(range(len(order)), 2)], dtype=int).reshape(-1, 2).T
    return order[one], order[other], table.to_numpy()[one], table.to_numpy()[other]


def signed_rank(differences: Array) -> tuple[Array, Array]:
    """Return p (two-sided) and rank-biserial correlation of each row of differences (pairs, datasets)."""
    count, n = differences.shape
    if n == 0 or count == 0:
        return np.full(count, np.nan), np.full(count, np.nan)
    from scipy.special import ndtr

    ranked = pd.DataFrame(np.abs(differences)).rank(axis=1).to_numpy() * np.sign(differences)
    effect = ranked.sum(axis=1) / (n * (n + 1) / 2)
    if n <= EXACT:
        return np.array([_exact(row) for row in ranked]), effect
    spread = np.sqrt((ranked**2).sum(axis=1))  # each rank has either sign with the same probability
    z = np.divide(ranked.sum(axis=1), spread, out=np.zeros(count), where=spread > 0)
    return 2 * ndtr(-np.abs(z)), effect


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
    """Return p adjusted by Holm's step-down procedure (1979); NaN counts for nothing and stays.

    The i-th smallest of m, from 0, is multiplied by m - i, and none falls below the one before it.
    """
    adjusted = np.full(len(p), np.nan)
    order = np.argsort(p)[: int(np.isfinite(p).sum())]
    steps = np.arange(len(order), 0, -1) * p[order]
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted
