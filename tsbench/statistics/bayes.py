"""The Bayesian signed-rank test (Benavoli et al. 2014, 2017): how probable it is that one of two methods is better."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tsbench.errors import UsageError
from tsbench.identity import digest, stage_seed
from tsbench.statistics.pairs import compared
from tsbench.statistics.ranks import whole

DRAWS = 2000  # of the posterior: a probability's standard error is below 0.012


def bayesian(cells: pd.DataFrame, sign: int, rope: float) -> pd.DataFrame:
    """Return first, second (as `pairs` has them), better, equal, worse: how probable each is for the first.

    rope : differences up to this, in the metric's unit, are equal for all that matters. The three sum to 1; on no
    dataset they are NaN. The seed comes of the datasets' names. Raises UsageError for a negative rope, and where
    baycomp is not installed.
    """
    if not rope >= 0:
        raise UsageError(f"rope {rope:g}: give a difference of 0 or more")
    try:
        from baycomp import SignedRankTest
    except ModuleNotFoundError:
        raise UsageError('the Bayesian test needs baycomp: pip install "tsbench[stats]"') from None
    first, second, one, other = compared(cells, sign)
    seed = stage_seed(digest([str(name) for name in whole(cells)]), "bayes") % 2**32
    found = np.full((len(first), 3), np.nan)
    if one.shape[1]:
        for number, (x, y) in enumerate(zip(sign * one, sign * other, strict=True)):
            draws = SignedRankTest.sample(x, y, rope, nsamples=DRAWS, random_state=seed)
            likeliest = draws.argmax(axis=1)  # of each draw: first better, equal, second better
            found[number] = np.bincount(likeliest, minlength=3) / DRAWS
    return pd.DataFrame({"first": first, "second": second}).assign(
        **dict(zip(("better", "equal", "worse"), found.T, strict=True))
    )
