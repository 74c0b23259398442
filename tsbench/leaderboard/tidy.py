"""A board as a table with a row per cell, and tables as Parquet."""

from __future__ import annotations

import io

import pandas as pd

from tsbench.leaderboard.table import COSTS, Board
from tsbench.plan.exposure import CLEAN


def tidy(board: Board) -> pd.DataFrame:
    """Return a row per cell: what it is of, `Board.evidence`, COSTS, exposure; keys as one text, with blanks between.

    low and high, the ends of its interval, where `Board.intervals` were asked for. COSTS are the means over a cell's
    runs, empty where they were not asked for.
    """
    cells = board.evidence
    place = pd.MultiIndex.from_frame(cells[["method", "dataset"]])
    about = {"protocol": board.protocol.name, "protocol_hash": board.protocol.hash()[:12], "metric": board.metric}
    costs = board.costs.reindex(place).reset_index(drop=True) if len(board.costs) else pd.DataFrame(index=cells.index)
    costs = costs.reindex(columns=list(COSTS)).astype(float)
    exposures = [board.exposures.get(pair, CLEAN) for pair in place]
    if board.intervals:
        ends = pd.DataFrame([board.intervals[pair] for pair in place], columns=["low", "high"])
        costs = pd.concat([ends, costs], axis=1)
    table = pd.concat([cells[["method", "dataset"]].assign(**about), cells.iloc[:, 2:], costs], axis=1)
    return table.assign(exposure=exposures, keys=[" ".join(keys) for keys in cells["keys"]])


def to_parquet(frame: pd.DataFrame) -> bytes:
    """Return a table as Parquet; of columns of one name (a dataset may be called as a fact is) the later get a number.

    Texts and numbers keep their types; a name is stored as it is.
    """
    import pyarrow as pa
    import pyarrow.parquet as parquet

    names: list[str] = []
    for name in map(str, frame.columns):
        number, free = 2, name
        while free in names:
            number, free = number + 1, f"{name}.{number}"
        names.append(free)
    buffer = io.BytesIO()
    parquet.write_table(pa.Table.from_pandas(frame.set_axis(names, axis=1), preserve_index=False), buffer)
    return buffer.getvalue()
