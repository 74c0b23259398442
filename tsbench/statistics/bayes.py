"""The Bayesian signed-rank test (Benavoli et al. 2014, 2017): how probable it is that one of two methods is better."""

from __future__ import annotations

import pandas as pd


def bayesian(cells: pd.DataFrame, sign: int, rope: float) -> pd.DataFrame:
    """Return first, second (as `pairs`), better, equal, worse: how probable each is for the first, summing to 1.

    rope : differences up to this, in the metric's unit, are equal for all that matters. baycomp does it, with a fixed
    seed. Raises UsageError where it is not installed.
    """
    raise NotImplementedError
