"""Data of the multi-comparison matrix (Ismail-Fawaz et al. 2023): every method against every other."""

from __future__ import annotations

import pandas as pd

from tsbench.statistics.pairs import pairs
from tsbench.statistics.ranks import whole


def comparison_matrix(cells: pd.DataFrame, sign: int) -> pd.DataFrame:
    """Return the rows of `pairs` in both directions, as (row, column): difference, wins, ties, losses, p.

    In order of the methods' means, the best first, as rows and as columns; p is not adjusted, so that what two methods
    show does not depend on which others there are.
    """
    columns = ["row", "column", "difference", "wins", "ties", "losses", "p"]
    there = pairs(cells, sign).rename(columns={"first": "row", "second": "column"})[columns]
    back = there.rename(columns={"row": "column", "column": "row", "wins": "losses", "losses": "wins"})
    both = pd.concat([there, back.assign(difference=-back["difference"])[columns]])
    place = {name: i for i, name in enumerate((-sign * whole(cells).mean(axis=1)).sort_values(kind="stable").index)}
    return both.sort_values(["row", "column"], key=lambda names: names.map(place), ignore_index=True)
