"""Intervals on numbers of cases that are not independent: whole subjects are drawn, with all their cases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tsbench.identity import stage_seed

Array = npt.NDArray[Any]
LEVEL = 0.95
RESAMPLES = 1000
FEWEST = 10  # subjects; with fewer a bootstrap says nothing
DEFINED = 0.9  # share of the resamples in which a number must be defined
SEED = "clusters"


class Interval(NamedTuple):
    """The ends of an interval, NaN where there is none."""

    low: float
    high: float


def clustered(
    subjects: Array, measure: Callable[[Array], Mapping[str, float]], resamples: int = RESAMPLES, level: float = LEVEL
) -> dict[str, Interval]:
    """Return a percentile interval of each number that `measure` gives of case indices, from a bootstrap of subjects.

    subjects : (n,) whose case is which; as many subjects as there are are drawn with replacement, each with all its
    cases. The seed is fixed. No interval for fewer than FEWEST subjects, nor for a number that is undefined (NaN) in
    more than a tenth of the resamples.
    """
    code = np.unique(subjects, return_inverse=True)[1]
    n = int(code.max(initial=-1)) + 1
    cases = np.split(np.argsort(code, kind="stable"), np.cumsum(np.bincount(code))[:-1])
    names = list(measure(np.arange(len(subjects))))
    if n < FEWEST:
        return dict.fromkeys(names, Interval(np.nan, np.nan))
    draw = np.random.default_rng(stage_seed(SEED, "bootstrap"))
    found = np.empty((resamples, len(names)))
    for row in found:
        drawn = measure(np.concatenate([cases[one] for one in draw.integers(0, n, n)]))
        row[:] = [drawn[name] for name in names]
    return {name: percentiles(values, level) for name, values in zip(names, found.T, strict=True)}


def percentiles(values: Array, level: float = LEVEL) -> Interval:
    """Return the interval of a number from its values over resamples; none where a tenth of them is undefined."""
    defined = values[~np.isnan(values)]
    if len(defined) < DEFINED * len(values):
        return Interval(np.nan, np.nan)
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))
