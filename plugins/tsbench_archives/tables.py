"""Readers of a user's own tables (.csv, .parquet), each returning one Panel.

A table is wide (one row per case, every column a time point) or, when it has a column `case`, long (one row per time
point). The columns `subject`, `record`, `fold` and `group` describe a case and become its `meta`; those called
`static_NAME` become its static values.
"""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq

from tsbench.data.memory import check_room
from tsbench.data.panel import CASE, Panel, normalise_label
from tsbench.errors import InvalidDataError
from tsbench_archives.arrays import META, array_names, read_npz
from tsbench_archives.arrow import holds_cases, read_arrow, read_parquet_cases, read_schema
from tsbench_archives.cells import MISSING, encoding, reason, shown
from tsbench_archives.columns import spelt
from tsbench_archives.labels import PREFIX as LABEL
from tsbench_archives.labels import of_columns, target
from tsbench_archives.statics import PREFIX as STATIC
from tsbench_archives.statics import static_fields
from tsbench_archives.table import Table, check_columns, read

TEXT = ("case", "label", *META)
WORDS = (*TEXT, "time")


def read_table(path: Path, task: str = "", labelled: bool = True) -> Panel:
    """Read a .csv or .parquet file, wide or long (see the module). Raises InvalidDataError.

    Labels are a column `label`, which `task` says the meaning of (see `labels.target`), or for multilabel a column
    `label_NAME` of 0 and 1 for each label.
    Wide: every other column is a time point, in file order; an empty cell is a missing value.
    Long: a column `case`, labels that are constant within a case, optionally `time` (numbers or dates, which increase
    within a case); every other column is a channel; cases may differ in length and keep the order of their first rows.
    These names count whatever their capitals. A .parquet file with a column `X` of lists is read by
    `read_parquet_cases`.
    Both: columns `static_NAME` (constant within a case) are static values, see `static_fields`.
    """
    if path.suffix.lower() == ".parquet" and _holds_cases(path):
        return read_parquet_cases(path, task, labelled)
    table = read(path, partial(_check_names, labelled=labelled), TEXT, WORDS)
    try:
        if labelled:
            _check_layout(table, task)
        return _long(table, task, labelled) if "case" in table.frame else _wide(table, task, labelled)
    except InvalidDataError as error:
        raise error if str(error).startswith(str(path)) else InvalidDataError(f"{path}: {error}") from error


def read_unlabelled(path: Path) -> Panel:
    """Read a table or arrays like `read_table` and `read_npz`, labels not needed and left out where there are any."""
    readers = {".npz": read_npz, ".arrow": read_arrow, ".feather": read_arrow}
    return readers.get(path.suffix.lower(), read_table)(path, labelled=False)


def meta_names(path: Path) -> tuple[str, ...]:
    """Return the names of the per-case columns of a file without reading its values."""
    names = _header(path)
    if path.suffix.lower() == ".npz":
        return tuple(name.removeprefix("meta_") for name in names if name.startswith("meta_"))
    return tuple(name for name in names if name in META)


def several_labels(path: Path) -> bool:
    """Say by its header whether a table gives several labels per case, in columns."""
    names = _header(path)
    return "label" not in names and any(name.startswith(LABEL) for name in names)


def _header(path: Path) -> list[str]:
    """Return the names of columns, or of arrays."""
    try:
        match path.suffix.lower():
            case ".npz":
                return array_names(path)
            case ".csv":
                with path.open(newline="", encoding=encoding(path)) as file:
                    return spelt([name.strip() for name in next(csv.reader(file), [])], WORDS)
            case ".arrow" | ".feather":
                return list(read_schema(path).names)
            case _:
                return spelt([str(name).strip() for name in pq.read_schema(path).names], WORDS)
    except InvalidDataError:
        raise
    except Exception as error:  # as above
        raise InvalidDataError(f"{path}: cannot be read: {reason(error)}") from error


def _holds_cases(path: Path) -> bool:
    with contextlib.suppress(Exception):  # which reading it tells
        return holds_cases(pq.read_schema(path))
    return False


def _check_names(path: Path, names: Sequence[str], labelled: bool) -> None:
    check_columns(path, names)
    listed = ", ".join(map(shown, names[:10])) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
    if labelled and "label" not in names and not any(name.startswith(LABEL) for name in names):
        raise InvalidDataError(f"{path}: has no column 'label'; its columns are {listed}")
    if "time" in names and "case" not in names:
        raise InvalidDataError(f"{path}: has a column 'time' but no column 'case'; its columns are {listed}")
    if not {name for name in names if not name.startswith((LABEL, STATIC))} - {*WORDS}:
        raise InvalidDataError(f"{path}: has no column of values; its columns are {listed}")


def _check_layout(table: Table, task: str) -> None:
    """Raise InvalidDataError where labels are given in two ways, or in another than the task has."""
    columns = [name for name in table.names if name.startswith(LABEL)]
    if columns and "label" in table.frame:
        raise InvalidDataError(
            f"{table.where(0)}: has both a column 'label' and '{shown(columns[0])}'; give labels in one way, and call "
            f"values by names that do not begin with '{LABEL}'"
        )
    if LABEL in columns:
        raise InvalidDataError(f"{table.path}: column '{LABEL}' names no label; call it {LABEL}NAME")
    if columns and task not in ("", "multilabel"):
        raise InvalidDataError(f"{table.where(0)}: columns '{LABEL}...' are for multilabel; {task} needs one 'label'")


def _target(table: Table, task: str, read: Callable[[str, bool], npt.NDArray[Any]], rows: Sequence[int]) -> Any:
    """Return y, classes and task of a Panel; read(name, empty) gives a column's cell of each case, rows its row."""

    def where(case: int) -> str:
        return table.where(rows[case])

    if not table.labels:
        return target(read("label", task == "multilabel").tolist(), task, where)
    return of_columns({name: read(name, False).tolist() for name in table.labels}, where)


def _wide(table: Table, task: str, labelled: bool) -> Panel:
    points = [name for name in table.names if name not in TEXT and not name.startswith((LABEL, STATIC))]
    X = table.matrix(points)[:, None, :]
    fields: dict[str, Any] = {"meta": {name: _names(table.text(name)) for name in META if name in table.frame}}
    statics = {name.removeprefix(STATIC): table.cells(name) for name in table.names if name.startswith(STATIC)}
    fields |= static_fields(statics, table.where)
    if labelled:
        fields |= _target(table, task, table.text, range(len(X)))
    return Panel.build(X, **fields)


def _long(table: Table, task: str, labelled: bool) -> Panel:
    case, names = pd.factorize(table.text("case"))
    lengths = np.bincount(case)
    beside = (LABEL, STATIC)
    channels = [name for name in table.names if name not in WORDS and not name.startswith(beside)]
    order = np.argsort(case, kind="stable")
    row = case[order]
    position = np.arange(len(row)) - (np.cumsum(lengths) - lengths)[row]
    time = table.times(case)[order] if "time" in table.frame else None
    if time is not None:
        _check_increasing(table, time, order, row, names)
    check_room(2 * 8 * len(lengths) * len(channels) * int(lengths.max()))
    X = np.full((len(lengths), len(channels), lengths.max()), np.nan)
    for number, name in enumerate(channels):
        X[row, number, position] = table.numbers(name)[order]
    fields: dict[str, Any] = {"lengths": lengths, "channel_names": tuple(channels)}
    if time is not None:
        fields["times"] = np.full((len(lengths), lengths.max()), np.nan)
        fields["times"][row, position] = time
    first = order[np.cumsum(lengths) - lengths]
    statics = {
        name.removeprefix(STATIC): _constant_if_given(table, name, case)
        for name in table.names
        if name.startswith(STATIC)
    }
    fields |= static_fields(statics, lambda number: table.where(first[number]))
    fields["meta"] = {CASE: _names(names)}
    fields["meta"] |= {name: _names(_constant(table, name, case)) for name in META if name in table.frame}
    if labelled:
        fields |= _target(table, task, lambda name, empty: _constant(table, name, case, empty), first.tolist())
    return Panel.build(X, **fields)


def _names(cells: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return names as an array of text, which has room for the longest in every cell."""
    check_room(4 * len(cells) * max(map(len, cells)))
    return cells.astype(str)


def _constant(table: Table, name: str, case: npt.NDArray[np.int64], empty: bool = False) -> npt.NDArray[Any]:
    """Return the one value each case has in a column; raises InvalidDataError where a case has two."""
    values = table.text(name, empty)
    first = values[np.unique(case, return_index=True)[1]]
    _check_constant(table, name, values, first[case], np.arange(len(case)))
    return first


def _constant_if_given(table: Table, name: str, case: npt.NDArray[np.int64]) -> list[str]:
    """Return the one value each case has in a column where it is given, "" for a case that has none.

    Raises InvalidDataError where a case has two.
    """
    cells = table.cells(name)
    spelling = {cell: "" if cell in MISSING else normalise_label(cell) for cell in set(cells)}
    values = np.asarray([spelling[cell] for cell in cells], dtype=object)
    given = np.flatnonzero(values != "")
    first = np.full(int(case.max()) + 1, "", dtype=object)
    cases, at = np.unique(case[given], return_index=True)
    first[cases] = values[given[at]]
    _check_constant(table, name, values, first[case], given)
    return [str(value) for value in first]


def _check_constant(
    table: Table, name: str, values: npt.NDArray[Any], expected: npt.NDArray[Any], rows: npt.NDArray[np.int64]
) -> None:
    differs = rows[values[rows] != expected[rows]]
    if len(differs):
        here, before = shown(values[differs[0]]), shown(expected[differs[0]])
        raise InvalidDataError(
            f"{table.where(differs[0])}: column '{shown(name)}' is {here!r} where the case began with {before!r}; "
            "it must be constant within a case"
        )


def _check_increasing(
    table: Table,
    time: npt.NDArray[np.float64],
    order: npt.NDArray[np.int64],
    case: npt.NDArray[np.int64],
    names: Sequence[str] | npt.NDArray[Any],
) -> None:
    """Raise InvalidDataError where a row has no later time than the one before it in its case; all in that order."""
    bad = np.flatnonzero((np.diff(case) == 0) & (np.diff(time) <= 0))
    if len(bad):
        at = bad[0] + 1
        wrong = f"has two rows at time {time[at]:.15g}"
        if time[at] < time[at - 1]:
            here, before = (shown(table.cells("time")[order[i]]) for i in (at, at - 1))
            wrong = f"goes back from time {before} to {here}"
        raise InvalidDataError(
            f"{table.where(order[at])}: case {shown(names[case[at]])!r} {wrong}; times must increase within a case"
        )
