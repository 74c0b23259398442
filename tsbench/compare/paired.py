"""Two columns of scores over the same datasets: their mean difference with its interval, and a paired test."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from tsbench.statistics.intervals import LEVEL, intervals
from tsbench.statistics.pairs import pairs


@dataclass(frozen=True)
class Paired:
    """The first less the second over n datasets: mean, its interval (NaN for few datasets), Wilcoxon's p (two-sided).

    better, equal, worse : on how many datasets the first is.
    """

    n: int
    mean: float
    low: float
    high: float
    p: float
    better: int
    equal: int
    worse: int

    def content(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {**asdict(self), "level": LEVEL, "test": "Wilcoxon signed-rank, two-sided"}

    def words(self) -> str:
        """Return it in words, fractions in points of a hundred."""
        within = f"{100 * LEVEL:g}% interval {100 * self.low:+.1f} to {100 * self.high:+.1f}"
        within = "no interval: too few" if math.isnan(self.low) else within
        return (
            f"mean {100 * self.mean:+.1f} points ({within}), better on {self.better}, equal on {self.equal}, "
            f"worse on {self.worse}, p = {self.p:.2g} (Wilcoxon signed-rank)"
        )


def paired(first: pd.Series, second: pd.Series, sign: int) -> Paired:
    """Compare two columns of the same datasets; sign : +1 where high is good, -1 where low is."""
    (found,) = pairs(pd.DataFrame({"first": first, "second": second}).T, sign).to_dict("records")
    counts = [int(found[name]) for name in ("wins", "ties", "losses")]
    better, equal, worse = counts if found["first"] == "first" else counts[::-1]
    difference = first - second
    span = intervals(difference.to_frame("difference").T, sign)
    low, high = (float(span[name].iloc[0]) for name in ("mean_low", "mean_high"))
    return Paired(len(first), float(difference.mean()), low, high, float(found["p"]), better, equal, worse)
