"""Readers of a user's own tables and arrays (.csv, .parquet, .npz), each returning one Panel.

A table is wide (one row per case, every column a time point) or, when it has a column `case`, long (one row per time
point). The columns `subject`, `record`, `fold` and `group` describe a case and become its `meta`.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tsbench.errors import InvalidDataError
from tsbench.panel import Panel
from tsbench_archives.readers import MISSING_LABELS, encoding, reason, shown

META = ("subject", "record", "fold", "group")
TEXT = ("case", "label", *META)
UNFIT = (pa.types.is_nested, pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)
ARRAYS = ("X", "y", "lengths", "times", "static")


@dataclass(frozen=True)
class _Table:
    """The columns of a file; `lines` is where each row stands: the line of a .csv file, the row (from 0) of others."""

    path: Path
    frame: pd.DataFrame
    lines: Sequence[int]

    @property
    def names(self) -> list[str]:
        return [str(name) for name in self.frame.columns]

    def where(self, row: int | np.integer[Any]) -> str:
        return f"{self.path}{':' if self.path.suffix.lower() == '.csv' else ', row '}{self.lines[int(row)]}"

    def text(self, name: str) -> npt.NDArray[Any]:
        """Return a column as text; raises InvalidDataError where it is empty."""
        column = self.frame[name]
        values = np.asarray([str(value).strip() for value in column.tolist()], dtype=object)
        empty = column.isna().to_numpy() | np.isin([value.lower() for value in values], MISSING_LABELS)
        if empty.any():
            raise InvalidDataError(f"{self.where(empty.argmax())}: column '{name}' is empty; fill it or remove the row")
        return values

    def numbers(self, name: str) -> npt.NDArray[np.float64]:
        """Return a column as float64, NaN where empty; raises InvalidDataError where a value is not a number."""
        column = self.frame[name]
        if column.dtype.kind in "iufb":
            return column.to_numpy(dtype=np.float64, na_value=np.nan)
        values = pd.to_numeric(column.astype(str), errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        bad = np.isnan(values) & ~column.isna().to_numpy()
        if bad.any():
            found = shown(str(column.iloc[bad.argmax()]))
            raise InvalidDataError(
                f"{self.where(bad.argmax())}: column '{shown(name)}': {found!r} is not a number; "
                "correct it, or leave it empty where the value is missing"
            )
        return values


def read_table(path: Path, labelled: bool = True) -> Panel:
    """Read a .csv or .parquet file, wide or long (see the module). Raises InvalidDataError.

    Wide: a column `label`; every other column is a time point, in file order; an empty cell is a missing value.
    Long: columns `case` and `label` (constant within a case), optionally `time` (a number, by which rows are ordered);
    every other column is a channel; cases may differ in length and keep the order of their first rows.
    """
    table = _read_csv(path, labelled) if path.suffix.lower() == ".csv" else _read_parquet(path, labelled)
    if not len(table.frame):
        raise InvalidDataError(f"{path}: holds no row")
    try:
        return _long(table, labelled) if "case" in table.frame else _wide(table, labelled)
    except InvalidDataError as error:
        raise error if str(error).startswith(str(path)) else InvalidDataError(f"{path}: {error}") from error


def read_unlabelled(path: Path) -> Panel:
    """Read a table or arrays like `read_table` and `read_npz`, labels not needed and left out where there are any."""
    return read_npz(path, labelled=False) if path.suffix.lower() == ".npz" else read_table(path, labelled=False)


def read_npz(path: Path, labelled: bool = True) -> Panel:
    """Read arrays from a .npz file. Raises InvalidDataError.

    X (n_cases, n_channels, n_timepoints) or (n_cases, n_timepoints), y (n_cases,); optionally lengths (n_cases,), times
    (n_cases, n_timepoints), static (n_cases, n_static) and any meta_<name> (n_cases,). Values beyond a case's length
    are ignored.
    """
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except Exception as error:  # a damaged archive raises errors of many kinds
        raise InvalidDataError(f"{path}: not a .npz file of plain arrays: {reason(error)}") from error
    try:
        return _from_arrays(arrays, labelled)
    except InvalidDataError as error:
        raise InvalidDataError(f"{path}: {error}") from error


def meta_names(path: Path) -> tuple[str, ...]:
    """Return the names of the per-case columns of a file without reading its values."""
    try:
        match path.suffix.lower():
            case ".npz":
                with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                    return tuple(name.removeprefix("meta_") for name in file.files if name.startswith("meta_"))
            case ".csv":
                with path.open(newline="", encoding=encoding(path)) as file:
                    names = next(csv.reader(file), [])
            case _:
                names = pq.read_schema(path).names
    except Exception as error:  # as above
        raise InvalidDataError(f"{path}: cannot be read: {reason(error)}") from error
    return tuple(name for name in map(str.strip, names) if name in META)


def _read_csv(path: Path, labelled: bool) -> _Table:
    """Check the number of fields of every row, then let pandas parse the values."""
    try:
        with path.open(newline="", encoding=encoding(path)) as file:
            reader = csv.reader(file)
            names = [name.strip() for name in next(reader, [])]
            _check_names(path, names, labelled)
            lines = []
            for row in filter(None, reader):
                if len(row) != len(names):
                    raise InvalidDataError(
                        f"{path}:{reader.line_num}: {len(row)} fields where the header has {len(names)}; "
                        "leave a field empty where the value is missing"
                    )
                lines.append(reader.line_num)
        frame = pd.read_csv(
            path,
            header=0,
            names=names,
            index_col=False,
            encoding=encoding(path),
            converters={name: str.strip for name in TEXT if name in names},
            na_values=["?"],
            float_precision="round_trip",
            low_memory=False,
        )
    except (OSError, csv.Error, ValueError, OverflowError) as error:
        raise InvalidDataError(f"{path}: cannot be read: {reason(error)}") from error
    return _Table(path, frame, lines)


def _read_parquet(path: Path, labelled: bool) -> _Table:
    try:
        # Without its metadata pandas keeps an index as the column it is, so that `case` may be one.
        table = pq.read_table(path)
        frame = table.to_pandas(ignore_metadata=True)
    except Exception as error:  # a damaged file raises errors of many kinds
        raise InvalidDataError(f"{path}: not a .parquet file: {reason(error)}") from error
    for column in table.schema:
        if any(unfit(column.type) for unfit in UNFIT):
            kind = shown(str(column.type))
            raise InvalidDataError(f"{path}: column '{shown(column.name)}' is of type {kind}, not of numbers or text")
    _check_names(path, list(frame.columns), labelled)
    return _Table(path, frame, range(len(frame)))


def _check_names(path: Path, names: list[str], labelled: bool) -> None:
    if not any(names):
        raise InvalidDataError(f"{path}: the file is empty; a header with the names of the columns is expected")
    for number, name in enumerate(names):
        if name in ("", "__index_level_0__") or name.startswith("Unnamed:"):
            raise InvalidDataError(f"{path}: column {number} has no name; name it, or drop it if it is a row index")
        if name in names[:number]:
            raise InvalidDataError(f"{path}: two columns are called '{shown(name)}'; names must differ")
    listed = ", ".join(map(shown, names[:10])) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
    if labelled and "label" not in names:
        raise InvalidDataError(f"{path}: has no column 'label'; its columns are {listed}")
    if "time" in names and "case" not in names:
        raise InvalidDataError(f"{path}: has a column 'time' but no column 'case'; its columns are {listed}")
    if not set(names) - {*TEXT, "time"}:
        raise InvalidDataError(f"{path}: has no column of values; its columns are {listed}")


def _wide(table: _Table, labelled: bool) -> Panel:
    points = [name for name in table.names if name not in TEXT]
    X = np.stack([table.numbers(name) for name in points], axis=1)[:, None, :]
    meta = {name: table.text(name).astype(str) for name in META if name in table.frame}
    return Panel.build(X, table.text("label") if labelled else None, meta=meta)


def _long(table: _Table, labelled: bool) -> Panel:
    case, names = pd.factorize(table.text("case"))
    lengths = np.bincount(case)
    channels = [name for name in table.names if name not in (*TEXT, "time")]
    time = table.numbers("time") if "time" in table.frame else np.arange(len(case), dtype=np.float64)
    if np.isnan(time).any():
        raise InvalidDataError(f"{table.where(np.isnan(time).argmax())}: column 'time' is empty; fill it")
    order = np.lexsort((time, case))
    row = case[order]
    position = np.arange(len(row)) - (np.cumsum(lengths) - lengths)[row]
    repeated = np.flatnonzero((np.diff(row) == 0) & (np.diff(time[order]) == 0))
    if len(repeated):
        at = order[repeated[0] + 1]
        raise InvalidDataError(f"{table.where(at)}: case {shown(names[case[at]])!r} has two rows at time {time[at]:g}")
    X = np.full((len(lengths), len(channels), lengths.max()), np.nan)
    for number, name in enumerate(channels):
        X[row, number, position] = table.numbers(name)[order]
    fields: dict[str, Any] = {"lengths": lengths, "channel_names": tuple(channels)}
    if "time" in table.frame:
        fields["times"] = np.full((len(lengths), lengths.max()), np.nan)
        fields["times"][row, position] = time[order]
    fields["meta"] = {name: _constant(table, name, case).astype(str) for name in META if name in table.frame}
    return Panel.build(X, _constant(table, "label", case) if labelled else None, **fields)


def _constant(table: _Table, name: str, case: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """Return the one value each case has in a column; raises InvalidDataError where a case has two."""
    values = table.text(name)
    first = values[np.unique(case, return_index=True)[1]]
    differs = values != first[case]
    if differs.any():
        at = differs.argmax()
        here, before = shown(values[at]), shown(first[case[at]])
        raise InvalidDataError(
            f"{table.where(at)}: column '{name}' is {here!r} where the case began with {before!r}; "
            "it must be constant within a case"
        )
    return first


def _from_arrays(arrays: dict[str, npt.NDArray[Any]], labelled: bool) -> Panel:
    there = ", ".join(map(shown, sorted(arrays))) or "none"
    unknown = [name for name in arrays if name not in ARRAYS and not name.startswith("meta_")]
    if unknown or "X" not in arrays or (labelled and "y" not in arrays):
        raise InvalidDataError(
            f"needs arrays X and y, may have {', '.join(ARRAYS[2:])} and meta_<name>; it has {there}"
        )
    kinds = {"lengths": ("iu", "whole numbers"), **dict.fromkeys(("X", "times", "static"), ("iufb", "numbers"))}
    for name, array in arrays.items():
        allowed, wanted = kinds.get(name, ("iufbU", "numbers or text"))
        if array.dtype.kind not in allowed:
            raise InvalidDataError(f"array {shown(name)} is of type {shown(str(array.dtype))}, not of {wanted}")
    X = arrays["X"] if arrays["X"].ndim != 2 else arrays["X"][:, None, :]
    if X.ndim != 3:
        raise InvalidDataError(f"array X must have 2 or 3 axes (cases, channels, time points), got shape {X.shape}")
    expected = {"y": 1, "lengths": 1, "times": 2, "static": 2}
    for name, array in arrays.items():
        if name != "X" and (array.ndim != expected.get(name, 1) or len(array) != len(X)):
            raise InvalidDataError(f"array {shown(name)} has shape {array.shape}, which does not fit {len(X)} cases")
    labels = arrays["y"].tolist() if labelled else None
    missing = [i for i, label in enumerate(labels or ()) if str(label).strip().lower() in MISSING_LABELS]
    if missing:
        raise InvalidDataError(f"array y: case {missing[0]} has no label; label it or remove it")
    fields: dict[str, Any] = {"meta": {n[5:]: arrays[n] for n in arrays if n.startswith("meta_")}}
    fields |= {name: arrays[name] for name in ("lengths", "times", "static") if name in arrays}
    if "times" in fields and fields["times"].shape != (len(X), X.shape[2]):
        raise InvalidDataError(f"array times has shape {fields['times'].shape}, expected {(len(X), X.shape[2])}")
    if "static" in fields:
        with np.errstate(over="ignore"):  # Panel refuses the infinite values that result
            fields["static"] = fields["static"].astype(np.float32)
    if "times" in fields:
        fields["times"] = fields["times"].astype(np.float64)
    if "lengths" in fields:
        beyond = np.arange(X.shape[2]) >= fields["lengths"][:, None]
        X = np.where(beyond[:, None, :], np.nan, X)
    return Panel.build(X, labels, **fields)
