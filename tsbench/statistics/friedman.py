"""All methods at once: Friedman's test, and the critical difference of average ranks after Nemenyi."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tsbench.statistics.groups import ALPHA
from tsbench.statistics.ranks import whole


@dataclass(frozen=True)
class Friedman:
    """Friedman's test that all methods are equal, and Iman and Davenport's (1980) less cautious form of it.

    chi2, p : corrected for ties, with methods - 1 degrees of freedom. f, p_f : of Iman and Davenport; f is infinite
    where all datasets rank the methods alike.
    """

    methods: int
    datasets: int
    chi2: float
    p: float
    f: float
    p_f: float

    @property
    def least(self) -> float:
        """The smallest exact p on so many datasets: how often chance alone has all of them rank the methods alike."""
        return float(math.factorial(self.methods) ** (1.0 - self.datasets)) if self.methods < 20 else 0.0


def friedman(cells: pd.DataFrame) -> Friedman | None:
    """Return the test on the datasets that all methods have; None below 3 methods or 2 datasets, or where all tie."""
    from scipy.stats import f as f_distribution
    from scipy.stats import friedmanchisquare

    table = whole(cells)
    k, n = table.shape
    if k < 3 or n < 2 or (table.nunique() == 1).all():
        return None
    chi2, p = friedmanchisquare(*table.to_numpy())
    left = n * (k - 1) - chi2
    f = (n - 1) * chi2 / left if left > 1e-9 else np.inf
    return Friedman(k, n, float(chi2), float(p), float(f), float(f_distribution.sf(f, k - 1, (k - 1) * (n - 1))))


def critical_difference(methods: int, datasets: int, alpha: float = ALPHA) -> float:
    """Return the difference of average ranks that Nemenyi's test asks for (Demsar 2006, section 3.2.2).

    Its weakness: it judges two methods by ranks that the others set, so that adding or removing a third can change
    what is told apart (Benavoli et al. 2016), and it takes every pair's ranks to vary alike. `groups` does neither.
    NaN for less than two methods or no dataset.
    """
    from scipy.stats import studentized_range

    if methods < 2 or datasets < 1:
        return float("nan")
    q = studentized_range.ppf(1 - alpha, methods, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(methods * (methods + 1) / (6 * datasets)))
