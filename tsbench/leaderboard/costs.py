"""What the cells of a board took: seconds of training and of the probe, and the most memory."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from tsbench.errors import UsageError
from tsbench.leaderboard.table import COSTS, Board

if TYPE_CHECKING:
    from tsbench.store.store import Store

OVER = ("sum", "mean")


def with_costs(board: Board, store: Store, over: str = "") -> Board:
    """Return a board with `costs`, read from the store that it was made from.

    over : "sum" or "mean" puts COSTS of each method into `summary` too, over the datasets of its mean: NaN for a method
    that is not complete, or of which one was not measured. Memory is never added up: of "sum" it is the most that a
    dataset took, what one machine needs for all. Raises UsageError for any other word.
    """
    if over not in ("", *OVER):
        raise UsageError(f"costs '{over}': choose one of {', '.join(OVER)}")
    taken = pd.DataFrame(store.costs(board.runs["key"]), columns=["key", *COSTS])
    runs = board.runs[["key", "label", "dataset"]].merge(taken, on="key", how="left")
    costs = runs.rename(columns={"label": "method"}).groupby(["method", "dataset"])[list(COSTS)].mean()
    found = replace(board, costs=costs.astype(float))
    return replace(found, summary=pd.concat([board.summary, costs_of(found, over)], axis=1)) if over else found


def costs_of(board: Board, over: str) -> pd.DataFrame:
    """Return COSTS of each method as `with_costs` has them, a row per method of the board."""
    table = {}
    for name in COSTS:
        cells = board.costs[name].unstack("dataset").reindex(index=board.cells.index, columns=list(board.common))
        way = "max" if over == "sum" and name == "peak_memory_bytes" else over
        table[name] = cells.agg(way, axis=1, skipna=False).where(board.summary["complete"])
    return pd.DataFrame(table)
