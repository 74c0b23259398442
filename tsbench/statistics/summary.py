"""What a board says of each method: mean, rank, how sure they are, and whom it cannot be told apart from."""

from __future__ import annotations

import pandas as pd

from tsbench.statistics.groups import groups, letters
from tsbench.statistics.intervals import intervals
from tsbench.statistics.ranks import interquartile_means, ranks, shared, wins


def summary(cells: pd.DataFrame, sign: int) -> pd.DataFrame:
    """Return mean, rank, wins, both intervals, iqm and group of each method, over what all of them have.

    group : letters, as of `letters`; "" where there are none.
    """
    ends, group = intervals(cells, sign), letters(groups(cells, sign))
    found = {
        "mean": shared(cells).mean(axis=1),
        "rank": ranks(cells, sign).mean(axis=1),
        "wins": wins(cells, sign).astype("Int64"),
        **ends,
        "iqm": interquartile_means(cells),
        "group": [group.get(name, "") for name in cells.index],
    }
    return pd.DataFrame(found, cells.index)
