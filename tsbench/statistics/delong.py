"""DeLong's test: do two scores of the same cases have the same area under the ROC curve?"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class DeLong(NamedTuple):
    """Areas of two scores, the variance of their difference, and the two-sided p.

    variance is 0 and p 1 where no case tells the two apart; both NaN with fewer than two cases of either kind.
    """

    first: float
    second: float
    variance: float
    p: float

    @property
    def difference(self) -> float:
        """Return the first area less the second."""
        return self.first - self.second


def delong(positive: Array, first: Array, second: Array) -> DeLong:
    """Compare the areas of two scores (n,) of cases that are positive, bool (n,), or not, by midranks (Sun & Xu, 2014).

    Cases are taken as independent. Areas are NaN without a positive or a negative case.
    """
    areas, covariance = auroc_covariance(positive, np.stack([first, second]))
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    return DeLong(float(areas[0]), float(areas[1]), variance, p_of(float(areas[0] - areas[1]), variance))


def p_of(difference: float, variance: float) -> float:
    """Return the two-sided p of a normal difference; 1 where difference and variance are 0."""
    from scipy.special import erfc

    if not variance > 1e-15:  # what rounding leaves of 0
        return 1.0 if abs(difference) < 1e-12 and variance == variance else float("nan")
    return float(erfc(abs(difference) / np.sqrt(2 * variance)))


def auroc_covariance(positive: Array, scores: Array) -> tuple[Array, Array]:
    """Return the areas (k,) of k scores (k, n) of the same cases and DeLong's covariance of them (k, k).

    The covariance is NaN with fewer than two cases of either kind, the areas without one.
    """
    yes, no = scores[:, positive], scores[:, ~positive]
    m, n = yes.shape[1], no.shape[1]
    unknown = np.full((len(scores),) * 2, np.nan)
    if not min(m, n):
        return unknown[0], unknown
    together = np.concatenate([yes, no], axis=1)
    ranks, own_yes, own_no = midranks(together), midranks(yes), midranks(no)
    # Of a positive case: the share of negatives it stands above; of a negative one: the share of positives above it.
    above, below = (ranks[:, :m] - own_yes) / n, 1 - (ranks[:, m:] - own_no) / m
    if min(m, n) < 2:
        return above.mean(axis=1), unknown
    return above.mean(axis=1), np.atleast_2d(np.cov(above)) / m + np.atleast_2d(np.cov(below)) / n


def midranks(scores: Array) -> Array:
    """Return the ranks of each row of scores (k, n), from 1; equal ones share the mean of theirs."""
    from scipy.stats import rankdata

    ranked: Array = rankdata(scores, method="average", axis=1)
    return ranked
