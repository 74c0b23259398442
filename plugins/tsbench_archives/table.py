"""The columns of a .csv or .parquet file, read strictly: with the line or row in every error."""

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
from tsbench.data.panel import normalise_label
from tsbench.errors import InvalidDataError
from tsbench_archives.cells import MISSING, composed, encoding, reason, shown, why_missing
from tsbench_archives.columns import check_separator, spelt
from tsbench_archives.dates import TIMES, is_date, seconds
from tsbench_archives.labels import PREFIX as LABEL
from tsbench_archives.written import with_point

DROP = "drop the column: rows then keep their order"
TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
UNFIT = (pa.types.is_nested, pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)
Check = Callable[[Path, Sequence[str]], None]


@dataclass(frozen=True)
class Table:
    """The columns of a file; `lines` is where each row stands: the line of a .csv file, the row (from 0) of others."""

    path: Path
    frame: pd.DataFrame
    lines: Sequence[int]

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return [str(name) for name in self.frame.columns]

    def where(self, row: int | np.integer[Any]) -> str:
        """Return the place of a row, for messages."""
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
        cells = [
            composed(value.strip()) if isinstance(value, str) else normalise_label(value) for value in values.tolist()
        ]
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
            point = with_point(cells[bad[0]])
            cure = f"write {point}" if point else f"correct it, or {remedy}"
            raise InvalidDataError(
                f"{self.where(bad[0])}: column '{shown(name)}': {shown(cells[bad[0]])!r} is not a number; {cure}"
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


def read(path: Path, check: Check, text: Sequence[str] | None, words: Sequence[str] = ()) -> Table:
    """Read a .csv or .parquet file. Raises what `check` of the names raises, and InvalidDataError.

    text : columns of names, None for all. words : names that mean something whatever their capitals (see `spelt`).
    """
    csv_file = path.suffix.lower() == ".csv"
    table = _read_csv(path, check, text, words) if csv_file else _read_parquet(path, check, words)
    if not len(table.frame):
        raise InvalidDataError(f"{path}: holds no row")
    return table


def check_columns(path: Path, names: Sequence[str]) -> None:
    """Raise InvalidDataError unless each column has a name of its own."""
    if not any(names):
        raise InvalidDataError(f"{path}: the file is empty; a header with the names of the columns is expected")
    known: set[str] = set()
    for number, name in enumerate(names):
        if name in ("", "__index_level_0__") or name.startswith("Unnamed:"):
            raise InvalidDataError(f"{path}: column {number} has no name; name it, or drop it if it is a row index")
        if name in known:
            raise InvalidDataError(
                f"{path}: two columns are called '{shown(name)}'; names must differ, those that tsbench reads in more "
                "than capitals"
            )
        known.add(name)


def _read_csv(path: Path, check: Check, text: Sequence[str] | None, words: Sequence[str]) -> Table:
    """Check the number of fields of every row, then let pandas parse the values."""
    try:
        code = encoding(path)
        check_separator(path, code)
        with path.open(newline="", encoding=code) as file:
            reader = csv.reader(_without_nul(path, file))
            names = spelt([name.strip() for name in next(reader, [])], words)
            check(path, names)
            lines, alone, rows = [], len(names) == 1, 0
            for row in reader:
                if not row and not alone:  # in a file of one column it is a missing value
                    continue
                if len(row) != len(names) and row:
                    cure = "leave a field empty where the value is missing"
                    if len(row) > len(names):
                        cure = "write numbers with a point (70.5), and text that holds a comma in quotes"
                    raise InvalidDataError(
                        f"{path}:{reader.line_num}: {len(row)} fields where the header has {len(names)}; {cure}"
                    )
                lines.append(reader.line_num)
                rows = len(lines) if row == [""] or any(map(str.strip, row)) else rows  # [""] is written ""
        lines = lines[:rows] if alone else lines  # what is empty at the end is the end of the file
        frame = pd.read_csv(
            path,
            header=0,
            names=names,
            index_col=False,
            encoding=code,
            converters={name: str.strip for name in (names if text is None else text) if name in names},
            keep_default_na=False,
            na_values=sorted(MISSING),
            float_precision="round_trip",
            low_memory=False,
            skip_blank_lines=not alone,
            nrows=len(lines),
        )
    except (OSError, csv.Error, ValueError, OverflowError) as error:
        raise InvalidDataError(f"{path}: cannot be read: {reason(error)}") from error
    return Table(path, frame, lines)


def _without_nul(path: Path, lines: Iterable[str]) -> Iterator[str]:
    """Yield lines as they are; raises InvalidDataError at a NUL, after which pandas reads no more of a cell."""
    for number, line in enumerate(lines, start=1):
        if "\0" in line:
            raise InvalidDataError(f"{path}:{number}: holds a NUL character (\\0); remove it")
        yield line


def _read_parquet(path: Path, check: Check, words: Sequence[str]) -> Table:
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
    frame.columns = pd.Index(spelt(list(frame.columns), words))
    check(path, list(frame.columns))
    return Table(path, frame, range(len(frame)))


def _check_kinds(path: Path, schema: pa.Schema) -> None:
    for column in schema:
        if any(unfit(column.type) for unfit in UNFIT):
            kind = shown(str(column.type))
            raise InvalidDataError(f"{path}: column '{shown(column.name)}' is of type {kind}, not of numbers or text")
