"""Readers of a user's own tables (.csv, .parquet), each returning one Panel.

A table is wide (one row per case, every column a time point) or, when it has a column `case`, long (one row per time
point). The columns `subject`, `record`, `fold` and `group` describe a case and become its `meta`; those called
`static_NAME` become its static values.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tsbench.data.memory import check_room
from tsbench.data.panel import CASE, Panel, normalise_label
from tsbench.errors import InvalidDataError
from tsbench_archives.arrays import META, array_names, read_npz
from tsbench_archives.cells import MISSING, encoding, reason, shown, why_missing
from tsbench_archives.dates import TIMES, is_date, seconds
from tsbench_archives.labels import PREFIX as LABEL
from tsbench_archives.labels import several, target
from tsbench_archives.statics import PREFIX as STATIC
from tsbench_archives.statics import static_fields

TEXT = ("case", "label", *META)
DROP = "drop the column: rows then keep their order"
TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
UNFIT = (pa.types.is_nested, pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)


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

    @property
    def labels(self) -> list[str]:
        """The columns that name a label each; none where there is a column of labels."""
        return [] if "label" in self.frame else [name for name in self.names if name.startswith(LABEL)]

    def text(self, name: str, empty: bool = False) -> npt.NDArray[Any]:
        """Return a column as names spelt as `normalise_label` does; raises InvalidDataError where one is missing.

        empty : an empty cell is none that is missing.
        """
        cells = self.cells(name)
        missing = [row for row, cell in enumerate(cells) if cell in MISSING and not (empty and not cell)]
        if missing:
            why = why_missing(cells[missing[0]], len(missing), "row")
            raise InvalidDataError(
                f"{self.where(missing[0])}: column '{name}' is empty {why}; fill it or remove the row"
            )
        spelling = {cell: normalise_label(cell) for cell in set(cells)}
        return np.asarray([spelling[cell] for cell in cells], dtype=object)

    def cells(self, name: str) -> list[str]:
        """Return a column as text without surrounding blanks, "" where it is empty; a text that is repeated is one."""
        column = self.frame[name]
        values = column.cat.categories if isinstance(column.dtype, pd.CategoricalDtype) else column
        # A number keeps its type until normalise_label has seen it: 2.0 and 1e16 are whole.
        cells = [value.strip() if isinstance(value, str) else normalise_label(value) for value in values.tolist()]
        if values is not column:
            return ["" if code < 0 else cells[code] for code in column.cat.codes]
        return ["" if empty else cell for cell, empty in zip(cells, column.isna(), strict=True)]

    def numbers(self, name: str, remedy: str = "leave it empty where the value is missing") -> npt.NDArray[np.float64]:
        """Return a column as float64, NaN where empty; raises InvalidDataError where a value is not a number."""
        column = self.frame[name]
        if column.dtype.kind in "iufb":
            return column.to_numpy(dtype=np.float64, na_value=np.nan)
        cells = self.cells(name)
        values = pd.to_numeric(pd.Series(cells, dtype=object), errors="coerce").to_numpy(dtype=np.float64)
        bad = [row for row in np.flatnonzero(np.isnan(values)) if cells[row] not in MISSING]
        if bad:
            found = shown(cells[bad[0]])
            raise InvalidDataError(
                f"{self.where(bad[0])}: column '{shown(name)}': {found!r} is not a number; correct it, or {remedy}"
            )
        return values

    def matrix(self, names: list[str]) -> npt.NDArray[np.float64]:
        """Return columns as float64 (n_rows, n_columns), read as `numbers` does."""
        frame = self.frame[names]
        if all(kind.kind in "iufb" for kind in frame.dtypes):  # at once: asking pandas for 64,000 columns takes long
            return frame.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.stack([self.numbers(name) for name in names], axis=1)

    def times(self, case: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Return the column `time`: numbers as they are, dates as seconds since the first of their case.

        Raises InvalidDataError where a cell is empty, or neither.
        """
        numeric = self.frame["time"].dtype.kind in "iufb"
        cells = [] if numeric else self.cells("time")
        dated = any(map(is_date, cells))
        times = seconds(cells, case, self.where) if dated else self.numbers("time", f"write {TIMES}, or {DROP}")
        if not np.isfinite(times).all():
            at = (~np.isfinite(times)).argmax()
            found = "empty" if np.isnan(times[at]) else f"{times[at]!s}, which is no time"
            raise InvalidDataError(f"{self.where(at)}: column 'time' is {found}; fill it, or {DROP}")
        return times


def read_table(path: Path, task: str = "", labelled: bool = True) -> Panel:
    """Read a .csv or .parquet file, wide or long (see the module). Raises InvalidDataError.

    Labels are a column `label`, which `task` says the meaning of (see `labels.target`), or for multilabel a column
    `label_NAME` of 0 and 1 for each label.
    Wide: every other column is a time point, in file order; an empty cell is a missing value.
    Long: a column `case`, labels that are constant within a case, optionally `time` (numbers or dates, which increase
    within a case); every other column is a channel; cases may differ in length and keep the order of their first rows.
    Both: columns `static_NAME` (constant within a case) are static values, see `static_fields`.
    """
    table = _read_csv(path, labelled) if path.suffix.lower() == ".csv" else _read_parquet(path, labelled)
    if not len(table.frame):
        raise InvalidDataError(f"{path}: holds no row")
    try:
        if labelled:
            _check_layout(table, task)
        return _long(table, task, labelled) if "case" in table.frame else _wide(table, task, labelled)
    except InvalidDataError as error:
        raise error if str(error).startswith(str(path)) else InvalidDataError(f"{path}: {error}") from error


def read_unlabelled(path: Path) -> Panel:
    """Read a table or arrays like `read_table` and `read_npz`, labels not needed and left out where there are any."""
    return read_npz(path, labelled=False) if path.suffix.lower() == ".npz" else read_table(path, labelled=False)


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
                    return [name.strip() for name in next(csv.reader(file), [])]
            case _:
                return [str(name).strip() for name in pq.read_schema(path).names]
    except Exception as error:  # as above
        raise InvalidDataError(f"{path}: cannot be read: {reason(error)}") from error


def _read_csv(path: Path, labelled: bool) -> _Table:
    """Check the number of fields of every row, then let pandas parse the values."""
    try:
        with path.open(newline="", encoding=encoding(path)) as file:
            reader = csv.reader(_without_nul(path, file))
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
            keep_default_na=False,
            na_values=sorted(MISSING),
            float_precision="round_trip",
            low_memory=False,
        )
    except (OSError, csv.Error, ValueError, OverflowError) as error:
        raise InvalidDataError(f"{path}: cannot be read: {reason(error)}") from error
    return _Table(path, frame, lines)


def _without_nul(path: Path, lines: Iterable[str]) -> Iterator[str]:
    """Yield lines as they are; raises InvalidDataError at a NUL, after which pandas reads no more of a cell."""
    for number, line in enumerate(lines, start=1):
        if "\0" in line:
            raise InvalidDataError(f"{path}:{number}: holds a NUL character (\\0); remove it")
        yield line


def _read_parquet(path: Path, labelled: bool) -> _Table:
    try:
        with pq.ParquetFile(path) as file:
            facts, schema = file.metadata, file.schema_arrow
        _check_kinds(path, schema)  # before it is read: a list may unpack to any size
        packed = sum(facts.row_group(group).total_byte_size for group in range(facts.num_row_groups))
        check_room(2 * 8 * facts.num_rows * facts.num_columns + packed)
        # A text that is repeated stays one: a dictionary may unpack to any size.
        texts = [column.name for column in schema if any(is_text(column.type) for is_text in TEXTS)]
        with pq.ParquetFile(path, read_dictionary=texts) as file:
            table = file.read(use_threads=False)  # threads make a wide table slower
        # Without its metadata pandas keeps an index as the column it is, so that `case` may be one.
        frame = table.to_pandas(ignore_metadata=True)
    except InvalidDataError as error:
        raise error if str(error).startswith(str(path)) else InvalidDataError(f"{path}: {error}") from error
    except Exception as error:  # a damaged file raises errors of many kinds
        raise InvalidDataError(f"{path}: not a .parquet file: {reason(error)}") from error
    _check_names(path, list(frame.columns), labelled)
    return _Table(path, frame, range(len(frame)))


def _check_kinds(path: Path, schema: pa.Schema) -> None:
    for column in schema:
        if any(unfit(column.type) for unfit in UNFIT):
            kind = shown(str(column.type))
            raise InvalidDataError(f"{path}: column '{shown(column.name)}' is of type {kind}, not of numbers or text")


def _check_names(path: Path, names: list[str], labelled: bool) -> None:
    if not any(names):
        raise InvalidDataError(f"{path}: the file is empty; a header with the names of the columns is expected")
    known: set[str] = set()
    for number, name in enumerate(names):
        if name in ("", "__index_level_0__") or name.startswith("Unnamed:"):
            raise InvalidDataError(f"{path}: column {number} has no name; name it, or drop it if it is a row index")
        if name in known:
            raise InvalidDataError(f"{path}: two columns are called '{shown(name)}'; names must differ")
        known.add(name)
    listed = ", ".join(map(shown, names[:10])) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
    if labelled and "label" not in names and not any(name.startswith(LABEL) for name in names):
        raise InvalidDataError(f"{path}: has no column 'label'; its columns are {listed}")
    if "time" in names and "case" not in names:
        raise InvalidDataError(f"{path}: has a column 'time' but no column 'case'; its columns are {listed}")
    if not {name for name in names if not name.startswith((LABEL, STATIC))} - {*TEXT, "time"}:
        raise InvalidDataError(f"{path}: has no column of values; its columns are {listed}")


def _check_layout(table: _Table, task: str) -> None:
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


def _target(table: _Table, task: str, read: Callable[[str, bool], npt.NDArray[Any]], rows: Sequence[int]) -> Any:
    """Return y, classes and task of a Panel; read(name, empty) gives a column's cell of each case, rows its row."""

    def where(case: int) -> str:
        return table.where(rows[case])

    if not table.labels:
        return target(read("label", task == "multilabel").tolist(), task, where)
    flags = np.stack([read(name, False) for name in table.labels], axis=1)
    wrong = np.argwhere(~np.isin(flags, ("0", "1")))
    if len(wrong):
        case, label = wrong[0]
        raise InvalidDataError(
            f"{where(case)}: column '{shown(table.labels[label])}' is {shown(flags[case, label])!r}; a label is 0 or 1"
        )
    return several(flags == "1", [name.removeprefix(LABEL) for name in table.labels])


def _wide(table: _Table, task: str, labelled: bool) -> Panel:
    points = [name for name in table.names if name not in TEXT and not name.startswith((LABEL, STATIC))]
    X = table.matrix(points)[:, None, :]
    fields: dict[str, Any] = {"meta": {name: _names(table.text(name)) for name in META if name in table.frame}}
    statics = {name.removeprefix(STATIC): table.cells(name) for name in table.names if name.startswith(STATIC)}
    fields |= static_fields(statics, table.where)
    if labelled:
        fields |= _target(table, task, table.text, range(len(X)))
    return Panel.build(X, **fields)


def _long(table: _Table, task: str, labelled: bool) -> Panel:
    case, names = pd.factorize(table.text("case"))
    lengths = np.bincount(case)
    beside = (LABEL, STATIC)
    channels = [name for name in table.names if name not in (*TEXT, "time") and not name.startswith(beside)]
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


def _constant(table: _Table, name: str, case: npt.NDArray[np.int64], empty: bool = False) -> npt.NDArray[Any]:
    """Return the one value each case has in a column; raises InvalidDataError where a case has two."""
    values = table.text(name, empty)
    first = values[np.unique(case, return_index=True)[1]]
    _check_constant(table, name, values, first[case], np.arange(len(case)))
    return first


def _constant_if_given(table: _Table, name: str, case: npt.NDArray[np.int64]) -> list[str]:
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
    table: _Table, name: str, values: npt.NDArray[Any], expected: npt.NDArray[Any], rows: npt.NDArray[np.int64]
) -> None:
    differs = rows[values[rows] != expected[rows]]
    if len(differs):
        here, before = shown(values[differs[0]]), shown(expected[differs[0]])
        raise InvalidDataError(
            f"{table.where(differs[0])}: column '{shown(name)}' is {here!r} where the case began with {before!r}; "
            "it must be constant within a case"
        )


def _check_increasing(
    table: _Table,
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
