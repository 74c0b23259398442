"""Dates in a column of times, read as seconds since the first of their case."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from tsbench.errors import InvalidDataError
from tsbench_archives.cells import MISSING, shown

TIMES = "numbers, such as seconds, or dates such as 2020-01-31 or 2020-01-31T12:30:00"
_DATE = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?P<zone>Z|[+-]\d\d(?::?\d\d)?)?)?", re.ASCII
)


def is_date(cell: str) -> bool:
    """Say whether a cell is written as a date, with or without a time of day and a time zone (ISO 8601)."""
    return _DATE.fullmatch(cell) is not None


def seconds(cells: Sequence[str], case: npt.NDArray[np.int64], where: Callable[[int], str]) -> npt.NDArray[np.float64]:
    """Return seconds (n,) of dates since the first of their case, NaN where a cell is missing.

    case : (n,) index of each row's case. where : names a row in messages. Raises InvalidDataError where a cell is no
    date, or only some have a time zone.
    """
    moments = pd.to_datetime(pd.Series(cells, dtype=object), format="ISO8601", utc=True, errors="coerce")
    zoned: bool | None = None
    for row, cell in enumerate(cells):
        if cell in MISSING:
            continue
        date = _DATE.fullmatch(cell)
        if date is None or moments.isna().iloc[row]:
            raise InvalidDataError(
                f"{where(row)}: column 'time': {shown(cell)!r} is no date as others are; write all as {TIMES}, or drop "
                "the column: rows then keep their order"
            )
        if zoned is not None and zoned != (date["zone"] is not None):
            raise InvalidDataError(
                f"{where(row)}: column 'time': {cell!r} {'lacks a' if zoned else 'has a'} time zone, unlike those "
                "before it; write all with one or all without"
            )
        zoned = date["zone"] is not None
    elapsed = moments - moments.groupby(case).transform("min")
    return np.asarray(elapsed.dt.total_seconds(), dtype=np.float64)
