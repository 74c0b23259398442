"""Readers of files of columns whose values are one column of lists, a case in each row; they never lie in memory whole.

An Arrow file (.arrow, .feather) that is not compressed is read by case where it lies. The pages of a Parquet file must
be unpacked in their order: its values are copied once to a temporary file, a few megabytes at a time.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tsbench.data.memory import check_room
from tsbench.data.panel import Panel
from tsbench.data.scratch import Rows
from tsbench.data.stream import BLOCK_BYTES, Streamed, open_cases
from tsbench.errors import InvalidDataError, TsbenchError
from tsbench_archives.arrays import META, from_arrays
from tsbench_archives.cells import reason, shown
from tsbench_archives.statics import PREFIX as STATIC

VALUES, LABEL, LENGTH = "X", "label", "length"
MOST_BATCHES = 256  # each is a file of its own to `Streamed`
MAGIC_BYTES = 8  # before the first message of an Arrow file


@dataclass(frozen=True)
class _Kind:
    """What a column of cases holds: numbers of one type, n_channels times n_timepoints of them in each."""

    dtype: np.dtype[Any]
    case: tuple[int, int]

    @classmethod
    def of(cls, schema: pa.Schema) -> _Kind:
        """Raise InvalidDataError where the column does not hold as many numbers for each case."""
        if schema.get_field_index(VALUES) < 0:
            listed = ", ".join(map(shown, schema.names[:10]))
            raise InvalidDataError(f"has no one column '{VALUES}' of the values of each case; its columns are {listed}")
        kind, sizes = schema.field(VALUES).type, []
        while pa.types.is_fixed_size_list(kind):
            sizes.append(kind.list_size)
            kind = kind.value_type
        numbers = pa.types.is_floating(kind) or pa.types.is_integer(kind)
        if not numbers or len(sizes) not in (1, 2) or 0 in sizes:
            raise InvalidDataError(
                f"column '{VALUES}' is of type {shown(str(schema.field(VALUES).type))}; a case is a fixed-size list of "
                f"numbers, or for several channels of such lists: fill a shorter case with NaN, and add '{LENGTH}'"
            )
        return cls(np.dtype(kind.to_pandas_dtype()), (1, *sizes)[-2:])

    def numbers(self, column: Any) -> Any:
        """Return the numbers of a column, one case after the other; raises InvalidDataError for an empty value."""
        while True:
            if column.null_count:
                raise InvalidDataError(f"column '{VALUES}' has empty values; write NaN where one is missing")
            if not pa.types.is_fixed_size_list(column.type):
                return column
            size = column.type.list_size
            column = column.values.slice(column.offset * size, len(column) * size)


def read_arrow(path: Path, task: str = "", labelled: bool = True) -> Panel:
    """Read an Arrow IPC (Feather) file whose cases stay in it. Raises InvalidDataError.

    Column X : fixed-size lists of n_timepoints numbers, or of n_channels such lists. label, subject, record, fold,
    group and static_<name> are as in other tables; length : steps of the case that count.
    """
    return _told(path, "an Arrow file", lambda: from_arrays(_arrow_arrays(path, labelled), task, labelled))


def read_parquet_cases(path: Path, task: str = "", labelled: bool = True) -> Panel:
    """Read a .parquet file that has the columns of `read_arrow`. Raises InvalidDataError."""
    return _told(path, "a .parquet file", lambda: from_arrays(_parquet_arrays(path, labelled), task, labelled))


def holds_cases(schema: pa.Schema) -> bool:
    """Say whether a table has a column of cases, and not one for each time point."""
    at = schema.get_field_index(VALUES)
    return at >= 0 and bool(pa.types.is_nested(schema.field(at).type))


def read_schema(path: Path) -> pa.Schema:
    """Return the columns of an Arrow file; raises errors of many kinds."""
    with pa.memory_map(str(path)) as file:
        return pa.ipc.open_file(file).schema


def label_column(path: Path) -> list[Any]:
    """Return the labels of an Arrow file; raises errors of many kinds."""
    with pa.memory_map(str(path)) as file:
        whole = file.read_buffer()
        _check_plain(whole)
        return [label for batch in _batches(whole) for label in batch.column(LABEL).to_pylist()]


def _told(path: Path, what: str, read: Callable[[], Panel]) -> Panel:
    try:
        return read()
    except InvalidDataError as error:
        raise error if str(error).startswith(str(path)) else InvalidDataError(f"{path}: {error}") from error
    except TsbenchError:
        raise
    except Exception as error:  # a damaged file raises errors of many kinds
        raise InvalidDataError(f"{path}: not {what}: {reason(error)}") from error


def _arrow_arrays(path: Path, labelled: bool) -> dict[str, Any]:
    with pa.memory_map(str(path)) as file:
        whole = file.read_buffer()
        schema = pa.ipc.open_file(whole).schema
        kind, names = _Kind.of(schema), _names(schema, labelled)
        _check_plain(whole)
        batches = list(_batches(whole))
        places = [_place(batch.column(VALUES), kind, whole) for batch in batches]
        arrays = _arrays(pa.Table.from_batches(batches, schema).select(names))
    files = [open_cases(path, start, kind.dtype, (n_cases, *kind.case)) for start, n_cases in places if n_cases]
    if not files:
        raise InvalidDataError("holds no case")
    ends = np.cumsum([len(one) for one in files])
    lengths = np.split(arrays["lengths"], ends[:-1]) if "lengths" in arrays else [None] * len(files)
    return {**arrays, VALUES: Streamed.joined([Streamed.of(*one) for one in zip(files, lengths, strict=True)])}


def _parquet_arrays(path: Path, labelled: bool) -> dict[str, Any]:
    texts = [column.name for column in pq.read_schema(path) if pa.types.is_string(column.type)]
    # A text that is repeated stays one: a dictionary may unpack to any size.
    options: dict[str, Any] = {"pre_buffer": False, "buffer_size": BLOCK_BYTES, "read_dictionary": texts}
    with pq.ParquetFile(path, **options) as file, ExitStack() as stack:
        kind, names = _Kind.of(file.schema_arrow), _names(file.schema_arrow, labelled)
        check_room(2 * 8 * file.metadata.num_rows * len(names))
        rows = stack.enter_context(Rows(kind.dtype))
        arrays = _arrays(file.read(names, use_threads=False)) if names else {}
        size = max(1, BLOCK_BYTES // (kind.dtype.itemsize * math.prod(kind.case)))
        for batch in file.iter_batches(size, columns=[VALUES], use_threads=False):
            rows.add(kind.numbers(batch.column(VALUES)).to_numpy().reshape(len(batch), *kind.case))
        if not rows.shape:
            raise InvalidDataError("holds no case")
        return {**arrays, VALUES: rows.cases(arrays.get("lengths"))}


def _names(schema: pa.Schema, labelled: bool) -> list[str]:
    """Return the columns beside the values; raises InvalidDataError for one that is not known, or lacking."""
    names = [name for name in schema.names if name != VALUES]
    known = (LABEL, LENGTH, *META)
    for name in names:
        if names.count(name) > 1 or (name not in known and not name.startswith(STATIC)):
            raise InvalidDataError(
                f"column '{shown(name)}' is there twice, or not known beside '{VALUES}'; known are "
                f"{', '.join(known)} and {STATIC}NAME"
            )
    if labelled and LABEL not in names:
        raise InvalidDataError(f"has no column '{LABEL}' beside '{VALUES}'")
    return names if labelled else [name for name in names if name != LABEL]


def _arrays(table: pa.Table) -> dict[str, Any]:
    """Return the columns beside the values as arrays called as `read_npz` has them."""
    arrays = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if column.null_count and not name.startswith(STATIC):
            raise InvalidDataError(f"column '{shown(name)}' has empty values")
        if pa.types.is_dictionary(column.type):
            longest = max((len(str(one)) for chunk in column.chunks for one in chunk.dictionary.to_pylist()), default=0)
            check_room(8 * len(column) * longest)
            column = column.cast(column.type.value_type)
        kind = column.type
        if not any(of(kind) for of in (pa.types.is_floating, pa.types.is_integer, pa.types.is_boolean)):
            column = column.cast(pa.large_string()).fill_null("")
        array = np.array(column.to_numpy())  # a copy: the map is closed
        if array.dtype == object:
            check_room(4 * len(array) * max(map(len, array), default=0))
            array = array.astype(np.str_)
        arrays[{LABEL: "y", LENGTH: "lengths"}.get(name, f"meta_{name}" if name in META else name)] = array
    return arrays


def _batches(whole: pa.Buffer) -> Iterator[pa.RecordBatch]:
    """Yield the batches of rows of an Arrow file, of whose values nothing is copied; raises errors of many kinds."""
    file = pa.ipc.open_file(whole)
    if file.num_record_batches > MOST_BATCHES:
        raise InvalidDataError(
            f"has its rows in {file.num_record_batches} batches, more than {MOST_BATCHES}; write it in larger ones"
        )
    for number in range(file.num_record_batches):
        batch = file.get_batch(number)
        batch.validate()  # sizes; what values point at is looked at where all of them are read
        batch.select([name for name in batch.schema.names if name != VALUES]).validate(full=True)
        yield batch


def _place(column: Any, kind: _Kind, whole: pa.Buffer) -> tuple[int, int]:
    """Return the byte at which the values of a batch begin in the file, and its number of cases."""
    numbers = kind.numbers(column)
    values = numbers.buffers()[1]
    start = values.address - whole.address + numbers.offset * kind.dtype.itemsize
    size = len(numbers) * kind.dtype.itemsize
    if len(numbers) != len(column) * math.prod(kind.case) or not 0 <= start <= whole.size - size:
        raise InvalidDataError(f"its column '{VALUES}' does not lie in it as its header says")
    return start, len(column)


def _check_plain(whole: pa.Buffer) -> None:
    """Raise InvalidDataError where the values of an Arrow file are compressed, before any is unpacked."""
    stream = pa.BufferReader(whole)
    stream.seek(MAGIC_BYTES)
    for message in pa.ipc.MessageReader.open_stream(stream):
        if message.type != "schema" and _compressed(message.metadata.to_pybytes()):
            raise InvalidDataError("is compressed: cases are not read by themselves; write it with no compression")


def _compressed(header: bytes) -> bool:
    """Say whether a message has a field `compression`, which pyarrow does not tell (Message.fbs of Arrow's format)."""

    def field(table: int, number: int) -> int:
        names = table - struct.unpack_from("<i", header, table)[0]
        place = 4 + 2 * number
        there = place < struct.unpack_from("<H", header, names)[0]
        offset = struct.unpack_from("<H", header, names + place)[0] if there else 0
        return table + offset if offset else 0

    def follow(place: int) -> int:
        return place + int(struct.unpack_from("<I", header, place)[0])

    return field(follow(field(follow(0), 2)), 3) != 0
