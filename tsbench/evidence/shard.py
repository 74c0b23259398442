"""A shard: the results of one method as a Parquet file under 1 MB whose name holds the digest of its content.

Whoever may have made the file: reading takes plain columns alone, and no more memory than the file's size allows.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from tsbench.errors import StoreError, UsageError
from tsbench.identity import canonical
from tsbench.text import plain

FORMAT = "1"
MOST_BYTES = 1_000_000
MOST_ROWS = 10_000
MOST_TEXT = 50_000  # characters of one value
MOST_UNPACKED = 2**26  # bytes of the predictions of a run
AT_ONCE = 64  # rows: what a file makes of itself when it is read is at most this many times its size
DIGITS = 32
NAME = re.compile(rf"[A-Za-z0-9._-]+-([0-9a-f]{{{DIGITS}}})\.parquet")

TEXT, WHOLE, NUMBER, BYTES = pa.string(), pa.int64(), pa.float64(), pa.binary()
# What JSON stands for.
JSON = ("overrides", "params", "versions", "protocol", "metrics", "durations", "facts", "environment")
KINDS = {
    **dict.fromkeys(("key", "method", "dataset", "fingerprint", "normalisation", "split", "device"), TEXT),
    **dict.fromkeys(JSON, TEXT),
    **dict.fromkeys(("method_version", "fold", "seed", "threads", "peak_memory_bytes"), WHOLE),
    **dict.fromkeys(("started", "finished"), NUMBER),
    "predictions": BYTES,
}
SCHEMA = pa.schema([pa.field(name, kind, nullable=False) for name, kind in KINDS.items()])
SAYS_FORMAT = "tsbench_evidence"
LARGE = [name for name, kind in KINDS.items() if kind in (TEXT, BYTES)]
ORDER = ("dataset", "protocol", "fold", "seed", "key")

Row = dict[str, Any]


def find(path: Path) -> list[Path]:
    """Return the shards that a path stands for: itself, or all in and below a folder, by name."""
    try:
        there = path.exists()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    if not there:
        raise UsageError(f"{path}: there is no such file or folder")
    return sorted(path.rglob("*.parquet")) if path.is_dir() else [path]


def read(path: Path) -> list[Row]:
    """Return the rows of a shard, JSON as what it stands for; raises StoreError where it is none.

    That the values of a row make sense together, `verify` says.
    """
    try:
        return _rows(_content(path))
    except StoreError as error:
        raise StoreError(f"{path}: {error}") from None
    except Exception as error:  # whatever pyarrow raises on rubbish
        raise StoreError(f"{path}: cannot be read: {plain(' '.join(str(error).split()))[:200]}") from None


def shards(rows: Sequence[Row]) -> Iterator[tuple[str, bytes]]:
    """Yield (digest, content) of the files that hold these rows, each under MOST_BYTES.

    The same rows give the same files, in whatever order they come. Raises StoreError where one row is larger.
    """
    rows = sorted(rows, key=lambda row: [row[name] if name != "protocol" else row[name]["name"] for name in ORDER])
    content = _bytes(rows)
    if len(content) < MOST_BYTES and len(rows) <= MOST_ROWS:
        yield digest(content), content
    elif len(rows) == 1:
        raise StoreError(f"run {rows[0]['key'][:12]} takes {len(content)} bytes, a shard holds fewer than {MOST_BYTES}")
    else:
        for part in (rows[: len(rows) // 2], rows[len(rows) // 2 :]):
            yield from shards(part)


def digest(content: bytes) -> str:
    """Return the part of a shard's name that is of its content."""
    return hashlib.sha256(content).hexdigest()[:DIGITS]


def _bytes(rows: Sequence[Row]) -> bytes:
    # What rows share stands in the file once, and nothing is compressed: it cannot unpack to more than it is.
    columns = {name: [canonical(row[name]) if name in JSON else row[name] for row in rows] for name in KINDS}
    sink = pa.BufferOutputStream()
    with parquet.ParquetWriter(
        sink,
        SCHEMA,
        compression="none",
        use_dictionary=[name for name in KINDS if name not in ("key", "predictions")],
        write_statistics=False,
        store_schema=False,
    ) as writer:
        writer.write_table(pa.table(columns, SCHEMA), row_group_size=MOST_ROWS)
        writer.add_key_value_metadata({SAYS_FORMAT: FORMAT})
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _content(path: Path) -> bytes:
    """Return the bytes of a shard, which are what its name says."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # reading a pipe would wait for its writer
            raise StoreError("is no file")
        with path.open("rb") as file:
            content = file.read(MOST_BYTES)
    except OSError as error:
        raise StoreError(f"cannot be read: {error.strerror}") from None
    if len(content) == MOST_BYTES:
        raise StoreError(f"has {MOST_BYTES} bytes or more; a shard has fewer")
    name = NAME.fullmatch(path.name)
    if name is None:
        raise StoreError("is not called as a shard of evidence is (<method>-<digest>.parquet)")
    if name[1] != digest(content):
        raise StoreError("its content is not what its name says: it was cut off or changed")
    return content


def _rows(content: bytes) -> list[Row]:
    with parquet.ParquetFile(pa.BufferReader(content), read_dictionary=LARGE) as file:
        _check_form(file)
        known, rows = dict[tuple[Any, bool], Any](), list[Row]()
        for batch in file.iter_batches(batch_size=AT_ONCE, use_threads=False):
            columns = {name: _values(column) for name, column in zip(batch.schema.names, batch.columns, strict=True)}
            for name in LARGE:
                columns[name] = _shared(columns[name], known, name in JSON)
            rows += (dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True))
        return rows


def _check_form(file: parquet.ParquetFile) -> None:
    """Raise StoreError unless the file has the columns of a shard, not compressed, and a number of rows it may have."""
    about, found = file.metadata, file.schema_arrow
    form = (about.metadata or {}).get(SAYS_FORMAT.encode(), b"").decode()
    if form != FORMAT:
        raise StoreError(f"is evidence of format '{plain(form[:20])}', this tsbench reads {FORMAT}")
    kinds = {name: pa.dictionary(pa.int32(), kind) if name in LARGE else kind for name, kind in KINDS.items()}
    if dict(zip(found.names, found.types, strict=True)) != kinds or len(found) != len(kinds):
        raise StoreError("does not have the columns of a shard")
    if not 0 < about.num_rows <= MOST_ROWS:
        raise StoreError(f"has {about.num_rows} rows; a shard has 1 to {MOST_ROWS}")
    groups = (about.row_group(number) for number in range(about.num_row_groups))
    if any(group.column(number).compression != "UNCOMPRESSED" for group in groups for number in range(len(KINDS))):
        raise StoreError("is compressed; a shard is not")


def _values(column: Any) -> list[Any]:
    """Return the values of a column; those that are the same are one object."""
    if column.null_count:
        raise StoreError("has empty values")
    if not isinstance(column, pa.DictionaryArray):
        found: list[Any] = column.to_pylist()
        return found
    distinct = column.dictionary.to_pylist()
    return [distinct[number] for number in column.indices.to_pylist()]


def _shared(values: Sequence[Any], known: dict[tuple[Any, bool], Any], is_json: bool) -> list[Any]:
    """Return texts and bytes, or what they stand for: once for all that are the same in a file."""
    for value in set(values):
        if isinstance(value, str) and len(value) > MOST_TEXT:
            raise StoreError(f"has a text of {len(value)} characters")
        if (value, is_json) not in known:
            known[value, is_json] = _parsed(value) if is_json else value
    return [known[value, is_json] for value in values]


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError):
        raise StoreError(f"has JSON that cannot be read, '{plain(text)[:40]}'") from None


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise StoreError(f"has {text[:20]} among its numbers")
    return number
