"""Cases in a column of lists: read by case from an Arrow file, copied out of a Parquet file, the same as in memory."""

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from tsbench.data.stream import Streamed
from tsbench.errors import InvalidDataError
from tsbench_archives.local import LocalDataset

CASES = 12
VALUES = np.random.default_rng(0).normal(size=(CASES, 2, 5)).astype(np.float32)
BESIDE = {"label": list("ab") * 6, "subject": [case // 2 for case in range(CASES)], "static_age": [30.5] * CASES}


def lists(X):
    """Return an array of cases as Arrow has them: lists of lists of time points, of time points alone for two axes."""
    column = pa.array(X.reshape(-1))
    for size in X.shape[:0:-1]:
        column = pa.FixedSizeListArray.from_arrays(column, size)
    return column


def table(X=VALUES, **columns):
    return pa.table({"X": lists(X) if isinstance(X, np.ndarray) else X, **{**BESIDE, **columns}})


def saved(path, found, rows=5, **options):
    if path.suffix == ".parquet":
        parquet.write_table(found, path, row_group_size=rows)
    else:
        with pa.ipc.new_file(path, found.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
            writer.write_table(found, max_chunksize=rows)
    return path


def write(path, found, rows=5, **options):
    return LocalDataset(saved(path, found, rows, **options))


def in_memory(tmp_path, X=VALUES, **arrays):
    beside = {"y": BESIDE["label"], "meta_subject": BESIDE["subject"], "static_age": BESIDE["static_age"]}
    np.savez(tmp_path / "held.npz", X=X, **{**beside, **arrays})
    return LocalDataset(tmp_path / "held.npz").load()


@pytest.mark.parametrize("name", ["x.arrow", "x.feather", "x.parquet"])
@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int16])
def test_the_data_is_that_of_arrays_in_memory_and_stays_in_its_file(tmp_path, name, kind):
    X = (100 * VALUES).astype(kind)
    dataset, held = write(tmp_path / name, table(X)), in_memory(tmp_path, X)
    data = dataset.load()
    assert isinstance(data.panel.X, Streamed) and data.fingerprint() == held.fingerprint()
    assert (dataset.card.group, dataset.card.task) == ("subject", "classification")
    np.testing.assert_array_equal(data.panel.X[[11, 0, 5, 4]], held.panel.X[[11, 0, 5, 4]])


@pytest.mark.parametrize("name", ["x.arrow", "x.parquet"])
def test_cases_may_end_early_and_have_one_channel(tmp_path, name):
    X, lengths = VALUES[:, 0], np.arange(CASES) % 5 + 1
    data = write(tmp_path / name, table(X, length=lengths)).load()
    assert data.fingerprint() == in_memory(tmp_path, X, lengths=lengths).fingerprint()
    assert data.panel.X.shape == (CASES, 1, 5) and data.panel.lengths.tolist() == lengths.tolist()


def test_two_files_are_a_split_and_a_third_needs_no_labels(tmp_path):
    for part in ("TRAIN", "TEST", "UNLABELLED"):
        saved(tmp_path / f"x_{part}.arrow", table() if part != "UNLABELLED" else table().drop_columns(["label"]))
    data = LocalDataset(tmp_path).load()
    assert (len(data.panel), len(data.unlabelled), len(data.folds["archive"][0].test)) == (24, 12, 12)


def test_labels_may_be_categories_or_numbers(tmp_path):
    words = pa.array(BESIDE["label"]).dictionary_encode()
    assert write(tmp_path / "x.arrow", table(label=words)).load().panel.classes == ("a", "b")
    values = write(tmp_path / "y.arrow", table(label=np.arange(CASES) + 0.5))
    assert values.card.task == "regression" and values.load().panel.y.tolist() == [n + 0.5 for n in range(CASES)]


def ragged(X):
    return pa.array([list(map(float, case[0])) for case in X])


HOLES = pa.array([[1.0, None]] * CASES, pa.list_(pa.float32(), 2))
REFUSED = {
    "lists of any length": (table(ragged(VALUES)), r"column 'X' is of type list<.*a case is a fixed-size list"),
    "words": (table(pa.array([["a"]] * CASES, pa.list_(pa.string(), 1))), "a case is a fixed-size list of numbers"),
    "empty values": (table(HOLES), "column 'X' has empty values; write NaN"),
    "no case": (table().slice(0, 0), "holds no case"),
    "no labels": (table().drop_columns(["label"]), "has no column 'label' beside 'X'"),
    "a column too many": (table(t0=[0] * CASES), "column 't0' is there twice, or not known"),
    "an empty label": (table(label=[None, *BESIDE["label"][1:]]), "column 'label' has empty values"),
    "a length": (table(length=[9] * CASES), "lengths must be between 1 and 5"),
    "infinite": (table(np.full((CASES, 2, 3), 1e300)), "channel 0, time point 0 is infinite or too large"),
}


@pytest.mark.parametrize("name", ["x.arrow", "x.parquet"])
@pytest.mark.parametrize("what", REFUSED)
def test_refusal(tmp_path, name, what):
    found, message = REFUSED[what]
    with pytest.raises(InvalidDataError, match=message) as caught:
        write(tmp_path / name, found).load()
    assert str(caught.value).startswith(str(tmp_path / name)) and "\n" not in str(caught.value)


def test_compressed_values_and_a_great_many_batches_are_refused(tmp_path):
    for codec in ("lz4", "zstd"):
        with pytest.raises(InvalidDataError, match=r"x\.arrow: is compressed: .*; write it with no compression"):
            write(tmp_path / "x.arrow", table(), compression=codec).load()
    many = pa.concat_tables([table()] * 30)
    with pytest.raises(InvalidDataError, match="in 360 batches, more than 256; write it in larger ones"):
        write(tmp_path / "x.arrow", many, rows=1).load()


def test_wide_tables_without_lists_have_no_column_of_cases(tmp_path):
    wide = pa.table({"t0": [0.0, 1.0], "t1": [1.0, 0.0], "label": ["a", "b"]})
    with pytest.raises(InvalidDataError, match="has no one column 'X' of the values of each case; its columns are t0"):
        write(tmp_path / "x.arrow", wide).load()
    assert not isinstance(write(tmp_path / "x.parquet", wide).load().panel.X, Streamed)


@pytest.mark.parametrize("name", ["x.arrow", "x.parquet"])
def test_a_file_that_is_cut_off_is_refused(tmp_path, name):
    saved(tmp_path / name, table())
    content = (tmp_path / name).read_bytes()
    for size in range(0, len(content), 197):
        (tmp_path / name).write_bytes(content[:size])
        with pytest.raises(InvalidDataError) as caught:
            LocalDataset(tmp_path / name).load()
        assert str(caught.value).startswith(f"{tmp_path / name}: ") and "\n" not in str(caught.value)


def test_values_are_where_the_file_says(tmp_path):
    """Bytes of an Arrow file that were changed give other values, or a refusal."""
    saved(tmp_path / "x.arrow", table())
    content, rng = (tmp_path / "x.arrow").read_bytes(), np.random.default_rng(0)
    for _ in range(60):
        flipped = bytearray(content)
        flipped[rng.integers(len(content))] ^= 1 << rng.integers(8)
        (tmp_path / "x.arrow").write_bytes(flipped)
        try:
            data = LocalDataset(tmp_path / "x.arrow").load()
        except InvalidDataError as error:
            assert str(error).startswith(f"{tmp_path / 'x.arrow'}: ") and "\n" not in str(error)
        else:
            assert data.panel.X[:].shape == data.panel.X.shape
