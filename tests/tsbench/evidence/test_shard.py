"""Shards: what is written is read back, and no file of a stranger does more than be refused."""

import os

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from tests.tsbench.evidence.conftest import named, written
from tsbench.errors import StoreError, UsageError
from tsbench.evidence import shard
from tsbench.evidence.apart import read_all


def table(path):
    return pa.table(parquet.read_table(path), shard.SCHEMA)


def replaced(path, name, values, kind=None):
    """Return the table of a shard with another column in place of one."""
    found = parquet.read_table(path)
    column = pa.array(values, kind or found.schema.field(name).type)
    return found.set_column(found.column_names.index(name), pa.field(name, column.type, nullable=False), column)


def test_rows_come_back_and_the_same_rows_make_the_same_file(one):
    rows = shard.read(one)
    assert [row["seed"] for row in rows] == [0, 1]
    assert rows[0]["protocol"]["name"] == "svm-rbf" and rows[0]["metrics"]["accuracy"] > 0.4
    ((digest, content),) = shard.shards(rows[::-1])
    assert one.name == f"majority-{digest}.parquet" and one.read_bytes() == content


def test_many_rows_make_several_files_each_under_the_limit(one, tmp_path):
    row = shard.read(one)[0]
    noise = np.random.default_rng(0)
    rows = [{**row, "key": f"{seed:064x}", "seed": seed, "predictions": noise.bytes(90_000)} for seed in range(30)]
    parts = list(shard.shards(rows))
    assert len(parts) > 2 and all(len(content) < shard.MOST_BYTES for _, content in parts)
    back = [found for _, content in parts for found in shard.read(named(tmp_path, content))]
    assert sorted(found["seed"] for found in back) == list(range(30))
    with pytest.raises(StoreError, match="takes 1.* bytes, a shard holds fewer than 1000000"):
        list(shard.shards([{**row, "predictions": noise.bytes(shard.MOST_BYTES)}]))


def test_a_file_that_was_cut_off_changed_or_renamed_is_refused(one, tmp_path):
    content = one.read_bytes()
    for bad in (content[:-1], content[:100], b"", content[:500] + b"?" + content[501:]):
        path = tmp_path / one.name
        path.write_bytes(bad)
        with pytest.raises(StoreError, match="its content is not what its name says"):
            shard.read(path)
    other = tmp_path / "majority.parquet"
    other.write_bytes(content)
    with pytest.raises(StoreError, match="not called as a shard"):
        shard.read(other)
    other = tmp_path / f"m-{shard.digest(b'')}.parquet"
    other.write_bytes(bytes(shard.MOST_BYTES))
    with pytest.raises(StoreError, match="has 1000000 bytes or more"):
        shard.read(other)


def test_a_folder_stands_for_the_shards_below_it(folder, one):
    assert one in shard.find(folder) and len(shard.find(folder)) == 4 and shard.find(one) == [one]
    with pytest.raises(UsageError, match="no such file or folder"):
        shard.find(folder / "none")


def test_what_unpacks_to_more_than_the_file_is_refused_unread(one, tmp_path):
    row = table(one).slice(0, 1)
    bomb = row.set_column(
        row.column_names.index("predictions"),
        pa.field("predictions", pa.binary(), nullable=False),
        pa.array([bytes(10**8)]),
    )
    packed = written(tmp_path, bomb, compression="zstd")
    assert packed.stat().st_size < shard.MOST_BYTES
    with pytest.raises(StoreError, match="is compressed"):
        shard.read(packed)
    with pytest.raises(StoreError, match="has 20000 rows"):
        shard.read(written(tmp_path, pa.concat_tables([row] * 20_000)))


@pytest.mark.parametrize(
    ("name", "values", "kind", "message"),
    [
        ("seed", ["0", "1"], pa.string(), "columns"),
        ("split", [["a"], ["b"]], pa.list_(pa.string()), "columns"),
        ("key", ["a" * 60_000, "b"], None, "a text of 60000 characters"),
        ("overrides", ["{", "{}"], None, "cannot be read"),
        ("overrides", ["[" * 20_000, "{}"], None, "cannot be read"),
        ("durations", ['{"fit":NaN}', "{}"], None, "NaN among its numbers"),
        ("overrides", ['{"lr":1e999}', "{}"], None, "1e999 among its numbers"),
    ],
)
def test_other_columns_and_values_are_refused(one, tmp_path, name, values, kind, message):
    with pytest.raises(StoreError, match=message):
        shard.read(written(tmp_path, replaced(one, name, values, kind)))


def test_values_that_share_their_beginnings_are_refused(one, tmp_path):
    found = replaced(one, "predictions", [b"0" * 300_000 + b"1", b"0" * 300_000 + b"2"])
    sink = pa.BufferOutputStream()
    encoding = {"use_dictionary": False, "column_encoding": {"predictions": "DELTA_BYTE_ARRAY"}}
    with parquet.ParquetWriter(sink, found.schema, compression="none", **encoding) as writer:
        writer.write_table(found)
        writer.add_key_value_metadata({shard.SAYS_FORMAT: shard.FORMAT})
    with pytest.raises(StoreError, match="cannot be read"):
        shard.read(named(tmp_path, sink.getvalue().to_pybytes()))


def test_what_is_no_file_is_refused_unopened(tmp_path):
    os.mkfifo(tmp_path / "x.parquet")
    (tmp_path / "y.parquet").mkdir()
    (tmp_path / "z.parquet").symlink_to(tmp_path / "none")
    messages = ["is no file", "is no file", "cannot be read: No such file or directory"]
    for path, message in zip(shard.find(tmp_path), messages, strict=True):
        with pytest.raises(StoreError, match=f"{path}: {message}"):
            shard.read(path)
    with pytest.raises(UsageError, match="File name too long"):
        shard.find(tmp_path / ("x" * 300))


def test_another_format_and_other_files_are_refused(one, tmp_path, monkeypatch):
    found = table(one)
    with pytest.raises(StoreError, match="columns"):
        shard.read(written(tmp_path, found.append_column("more", pa.array([0, 0]))))
    with pytest.raises(StoreError, match="cannot be read"):
        shard.read(named(tmp_path, b"PK\x03\x04 this is no Parquet"))
    monkeypatch.setattr(shard, "FORMAT", "2")
    later = written(tmp_path, found)
    monkeypatch.undo()
    with pytest.raises(StoreError, match="is evidence of format '2', this tsbench reads 1"):
        shard.read(later)


@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_flipped_bytes_under_a_fitting_name_are_read_or_refused(one, tmp_path_factory, seed):
    rng, folder, content = np.random.default_rng(seed), tmp_path_factory.mktemp("flipped"), one.read_bytes()
    files = []
    for _ in range(150):
        flipped = bytearray(content)
        # Half of them where Parquet says what a file is, in the footer.
        for place in rng.integers(
            *rng.choice([(0, len(content)), (len(content) - 3000, len(content))]), rng.integers(1, 9)
        ):
            flipped[place] = rng.integers(256)
        files.append(named(folder, bytes(flipped)))
    for path, rows, error in read_all(files):
        assert error.startswith(f"{path}: ") if error else all(row.keys() == shard.KINDS.keys() for row in rows)


def test_what_is_nested_too_deeply_to_come_back_is_refused(one, tmp_path):
    path = written(tmp_path, replaced(one, "environment", ["[" * 700 + "]" * 700, "{}"]))
    (_, rows, error), (_, others, nothing) = read_all([path, one])
    assert rows == [] and error.startswith(f"{path}: cannot be read: ") and len(error.splitlines()) == 1
    assert (len(others), nothing) == (2, "")


def test_what_crashes_the_library_ends_a_process_apart(one, tmp_path):
    """pyarrow ends its process over a codec that there is not."""
    content = one.read_bytes()
    codec = content.index(b"\x15\x00\x16", content.rindex(b"predictions")) + 1
    path = named(tmp_path, content[:codec] + b"\x64" + content[codec + 1 :])
    (first, _, error), (second, rows, nothing) = read_all([path, one])
    assert (first, second, nothing, len(rows)) == (path, one, "", 2)
    assert error == f"{path}: cannot be read: ProcessExpired of the process that read it"
