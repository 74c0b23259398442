"""A user's own files: tables, arrays, archive formats, folders."""

import io
import math
import os
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tsbench.data import memory
from tsbench.data.stream import Streamed
from tsbench.errors import InvalidDataError, MissingDataError, TsbenchError, UsageError
from tsbench_archives import table
from tsbench_archives.cells import MISSING
from tsbench_archives.local import LocalDataset

WIDE = "label,subject,t0,t1,t2\na,s1,1,2,3\nb,s2,4,,6\n"
LONG = "case,time,label,subject,ax,ay\nk1,0,a,s1,1,10\nk1,0.5,a,s1,9,90\nk2,5,b,s2,3,?\nk1,1,a,s1,2,20\n"


@pytest.fixture
def local(tmp_path):
    def make(content, name="data.csv"):
        path = tmp_path / name
        path.write_bytes(content) if isinstance(content, bytes) else path.write_text(content)
        return LocalDataset(path)

    return make


def labels(panel):
    return [panel.classes[i] for i in panel.y]


# --- tables


def test_wide_csv(local):
    dataset = local(WIDE)
    panel = dataset.load().panel
    np.testing.assert_array_equal(panel.X, np.float32([[[1, 2, 3]], [[4, np.nan, 6]]]))
    assert panel.lengths.tolist() == [3, 3]
    assert labels(panel) == ["a", "b"]
    assert panel.meta["subject"].tolist() == ["s1", "s2"]
    assert dataset.load().folds == {}
    assert dataset.card.name == "data"
    assert dataset.card.default_protocol == "svm-rbf-cv5"
    assert dataset.card.group == "subject"
    assert not dataset.card.normalised
    assert dataset.available()


def test_long_csv(local):
    panel = local(LONG).load().panel
    assert panel.lengths.tolist() == [3, 1]
    np.testing.assert_array_equal(panel.X, np.float32([[[1, 9, 2], [10, 90, 20]], [[3, np.nan, np.nan], [np.nan] * 3]]))
    np.testing.assert_array_equal(panel.times, [[0, 0.5, 1], [5, np.nan, np.nan]])
    assert panel.channel_names == ("ax", "ay")
    assert labels(panel) == ["a", "b"]
    assert panel.meta["subject"].tolist() == ["s1", "s2"]


def test_long_csv_without_time_keeps_the_order_of_rows(local):
    panel = local("case,label,v\n2,b,5\n1,a,1\n2,b,4\n1,a,0\n").load().panel
    assert panel.X[:, 0].tolist() == [[5, 4], [1, 0]]
    assert panel.times is None
    assert labels(panel) == ["b", "a"]


@pytest.mark.parametrize("spelling", sorted(MISSING))
def test_what_means_missing_in_a_value_does_in_a_label(tmp_path, local, spelling):
    panel = local(f"label,t0,t1\na,1,{spelling}\nb,2,3\n").load().panel
    np.testing.assert_array_equal(panel.X, np.float32([[[1, np.nan]], [[2, 3]]]))
    message = r"data\.csv:3: column 'label' is empty \(.*2 such rows\); fill it or remove the row"
    with pytest.raises(InvalidDataError, match=message):
        local(f"label,t0\na,1\n{spelling},2\n {spelling} ,3\n").load()
    pd.DataFrame({"label": ["a", spelling], "t0": ["1", spelling]}).to_parquet(tmp_path / "data.parquet")
    with pytest.raises(InvalidDataError, match=r"data\.parquet, row 1: column 'label' is empty \(.*1 such row\)"):
        LocalDataset(tmp_path / "data.parquet").load()
    with pytest.raises(InvalidDataError, match=r"data\.npz: array y: case 1 has no label \(.*1 such case\)"):
        write_npz(tmp_path / "data.npz", X=np.ones((2, 1)), y=["a", spelling]).load()
    with pytest.raises(InvalidDataError, match=r"data\.tsv:2: the case has no label \(.*1 such case\)"):
        local(f"a\t1\n{spelling}\t2\n", "data.tsv").load()


def test_what_means_missing_in_a_text_column_of_a_parquet_file(tmp_path):
    pd.DataFrame({"label": ["a", "b"], "t0": ["1.5", "NA"]}).to_parquet(tmp_path / "data.parquet")
    panel = LocalDataset(tmp_path / "data.parquet").load().panel
    np.testing.assert_array_equal(panel.X, np.float32([[[1.5]], [[np.nan]]]))


SPELLINGS = ["1_10", "11_0", "110", "5E1", "50", "007", "7", "999991000000000102", "999991000000000103"]
SPELLINGS += ["Infinity", "inf", "0x10", "16", "\u0661", "1", "1e3", "1000", "True", "-"]


@pytest.mark.parametrize("extension", ["csv", "tsv", "ts", "arff", "parquet", "npz"])
def test_labels_keep_their_spelling(tmp_path, local, extension):
    """Texts that Python alone takes for one number are as many classes."""
    table = {"label": SPELLINGS, "t0": range(len(SPELLINGS))}
    contents = {
        "csv": "label,t0\n" + "".join(f"{label},1\n" for label in SPELLINGS),
        "tsv": "".join(f"{label}\t1\n" for label in SPELLINGS),
        "ts": f"@classLabel true {' '.join(SPELLINGS)}\n@data\n" + "".join(f"1:{label}\n" for label in SPELLINGS),
        "arff": f"@attribute c {{{','.join(SPELLINGS)}}}\n@data\n" + "".join(f"1,{label}\n" for label in SPELLINGS),
    }
    if extension == "parquet":
        pd.DataFrame(table).to_parquet(tmp_path / "x.parquet")
    elif extension == "npz":
        np.savez(tmp_path / "x.npz", X=np.ones((len(SPELLINGS), 1)), y=SPELLINGS)
    else:
        local(contents[extension], f"x.{extension}")
    assert labels(LocalDataset(tmp_path / f"x.{extension}").load().panel) == SPELLINGS


def test_whole_numbers_of_any_size_in_binary_files(tmp_path):
    codes = [2**62 + 1, 2**62 + 2]
    pd.DataFrame({"label": codes, "t0": [1, 2]}).to_parquet(tmp_path / "x.parquet")
    assert LocalDataset(tmp_path / "x.parquet").load().panel.classes == tuple(map(str, codes))
    assert write_npz(tmp_path / "x.npz", X=np.ones((2, 1)), y=codes).load().panel.classes == tuple(map(str, codes))


def test_subjects_have_one_spelling(tmp_path, local):
    expected = ["1", "2", "007", "a"]
    assert (
        local("label,subject,t0\na,1,1\na,2.0,2\na,007,3\na, a ,4\n").load().panel.meta["subject"].tolist() == expected
    )
    pd.DataFrame({"label": ["a", "b"], "subject": [1.0, 2.0], "t0": [1, 2]}).to_parquet(tmp_path / "x.parquet")
    assert LocalDataset(tmp_path / "x.parquet").load().panel.meta["subject"].tolist() == ["1", "2"]
    texts = {"X": np.ones((2, 1)), "y": [0, 1], "meta_subject": ["1.0", "1"]}
    assert write_npz(tmp_path / "x.npz", **texts).load().panel.meta["subject"].tolist() == ["1", "1"]
    floats = texts | {"meta_subject": [1.0, 2.0], "meta_age": [30.5, np.nan]}
    meta = write_npz(tmp_path / "x.npz", **floats).load().panel.meta
    assert (meta["subject"].dtype, meta["age"][0]) == (np.int64, 30.5)


def test_a_constant_column_of_a_case_is_compared_by_value(local):
    assert local("case,label,subject,v\n1,2,7,1\n1.0,2.0,7.0,2\n").load().panel.lengths.tolist() == [2]


def test_csv_of_another_tool(local):
    panel = local('\ufefflabel, t0,t1\r\n"a, b",1,2\r\n\r\nc,3,4\r\n').load().panel
    assert labels(panel) == ["a, b", "c"]
    assert panel.X.ravel().tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        (["2020-01-01", "2020-01-02", "2020-01-01"], [[0, 86400], [0, np.nan]]),
        (["2020-03-29 01:30:00.5", "2020-03-29 01:30:01", "1999-12-31 23:59"], [[0, 0.5], [0, np.nan]]),
        (["2020-03-29T01:30+01:00", "2020-03-29T03:30+02:00", "2020-01-01T00:00Z"], [[0, 3600], [0, np.nan]]),
    ],
)
def test_dates_are_seconds_since_the_first_of_a_case(tmp_path, local, dates, expected):
    rows = zip("aab", dates, [1, 2, 3], strict=True)
    content = "case,time,label,v\n" + "".join(f"{case},{date},x,{value}\n" for case, date, value in rows)
    panel = local(content).load().panel
    np.testing.assert_array_equal(panel.times, expected)
    frame = pd.read_csv(tmp_path / "data.csv")
    frame["time"] = pd.to_datetime(frame["time"], format="ISO8601", utc="+" in content)
    frame.to_parquet(tmp_path / "data.parquet")
    np.testing.assert_array_equal(LocalDataset(tmp_path / "data.parquet").load().panel.times, expected)


def test_without_the_column_time_rows_keep_their_order(local):
    """What the message about a time that cannot be read advises works."""
    with pytest.raises(InvalidDataError, match="drop the column: rows then keep their order"):
        local("case,time,label,v\nk,noon,a,1\nk,dusk,a,2\n").load()
    assert local("case,label,v\nk,a,1\nk,a,2\n").load().panel.X.tolist() == [[[1, 2]]]


def test_parquet_equals_csv(tmp_path, local):
    for content in (WIDE, LONG):
        from_csv = local(content).load().panel
        frame = pd.read_csv(tmp_path / "data.csv", na_values=["?"])
        frame.to_parquet(tmp_path / "data.parquet")
        from_parquet = LocalDataset(tmp_path / "data.parquet").load().panel
        assert from_parquet.fingerprint() == from_csv.fingerprint()
        assert from_parquet.channel_names == from_csv.channel_names
        assert LocalDataset(tmp_path / "data.parquet").card.group == "subject"


def test_parquet_keeps_an_index_as_a_column(tmp_path, local):
    expected = local(LONG).load().panel.fingerprint()
    pd.read_csv(tmp_path / "data.csv", na_values=["?"]).set_index("case").to_parquet(tmp_path / "data.parquet")
    assert LocalDataset(tmp_path / "data.parquet").load().panel.fingerprint() == expected


REFUSED = {
    "empty": ("", "the file is empty"),
    "no row": ("label,t0\n", "holds no row"),
    "no label column": ("klass,t0\na,1\n", "has no column 'label'; its columns are klass, t0"),
    "no value column": ("label,subject\na,1\n", "has no column of values"),
    "time without case": ("label,time,v\na,0,1\n", "has a column 'time' but no column 'case'"),
    "row index": (",label,t0\n0,a,1\n", "column 0 has no name"),
    "same name twice": ("label,t0,t0\na,1,2\n", "two columns are called 't0'"),
    "fields": ("label,t0,t1\na,1,2\n\nb,1\n", r"data\.csv:4: 2 fields where the header has 3"),
    "more fields": ("label,t0\na,1,2\n", r"data\.csv:2: 3 fields where the header has 2"),
    "text value": ("label,t0\na,1\n\nb,x7\n", r"data\.csv:4: column 't0': 'x7' is not a number"),
    "text in long": ("case,label,v\n1,a,1\n1,a,x7\n", r"data\.csv:3: column 'v': 'x7' is not a number"),
    "date": (
        "case,time,label,v\n1,1/2/2020,a,1\n",
        r"csv:2: column 'time': '1/2/2020' is not a number; .*drop the column",
    ),
    "date and number": ("case,time,label,v\n1,2020-01-01,a,1\n1,7,a,1\n", r"csv:3: column 'time': '7' is no date"),
    "no such date": ("case,time,label,v\n1,2020-02-30,a,1\n", r"csv:2: column 'time': '2020-02-30' is no date"),
    "two dates": (
        "case,time,label,v\nk,2020-01-01,a,1\nk,2020-01-01 00:00,a,2\n",
        r"data\.csv:3: case 'k' has two rows at time 0",
    ),
    "time zones": (
        "case,time,label,v\n1,2020-01-01T00:00Z,a,1\n1,2020-01-01T00:01,a,2\n",
        r"data\.csv:3: column 'time': '2020-01-01T00:01' lacks a time zone",
    ),
    "no time": ("case,time,label,v\n1,0,a,1\n1,,a,1\n", r"data\.csv:3: column 'time' is empty; fill it, or drop"),
    "no date": ("case,time,label,v\n1,2020-01-01,a,1\n1,NA,a,1\n", r"data\.csv:3: column 'time' is empty"),
    "same time": ("case,time,label,v\n7,1,a,1\n7,1,a,2\n", r"data\.csv:3: case '7' has two rows at time 1"),
    "missing label": ("label,t0\na,1\n,2\n", r"data\.csv:3: column 'label' is empty"),
    "two labels": ("case,label,v\n1,a,1\n1,b,2\n", r"data\.csv:3: column 'label' is 'b' where the case began with 'a'"),
    "two subjects": ("case,label,subject,v\n1,a,x,1\n1,a,y,2\n", r"data\.csv:3: column 'subject' is 'y'"),
    "empty channel": (
        "case,label,v,w\n1,a,1,\n2,b,2,\n",
        r"channel 1 \('w'\) has no observed value in any case; drop it",
    ),
    "too large": ("label,t0\na,1e39\n", r"data\.csv: case 0, channel 0, time point 0 is infinite or too large"),
    "too many digits": ("label,t0\na," + "9" * 400 + "\n", r"data\.csv: "),
    "rubbish": (b"\x00\xff\xfe\x01" * 9, r"data\.csv:1: "),
}


@pytest.mark.parametrize("what", REFUSED)
def test_table_refusal_names_place_and_cause(local, what):
    content, message = REFUSED[what]
    with pytest.raises(InvalidDataError, match=message) as caught:
        local(content).load()
    assert "\n" not in str(caught.value)


def test_message_is_one_line_whatever_the_file_says(local):
    with pytest.raises(InvalidDataError) as caught:
        local('label,"a\nb' + "x" * 500 + '"\na,oops\n').load()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_parquet_refusals(tmp_path, local):
    with pytest.raises(InvalidDataError, match=r"data\.parquet: not a \.parquet file"):
        local(b"rubbish", "data.parquet").load()
    pd.DataFrame({"label": ["a", None], "t0": [1, 2]}).to_parquet(tmp_path / "data.parquet")
    with pytest.raises(InvalidDataError, match=r"data\.parquet, row 1: column 'label' is empty"):
        LocalDataset(tmp_path / "data.parquet").load()


# --- arrays


def write_npz(path, **contents):
    np.savez(path, **contents)
    return LocalDataset(path)


def test_npz_with_everything(tmp_path):
    contents = {
        "X": np.arange(12).reshape(2, 2, 3),
        "y": ["a", "b"],
        "lengths": [3, 1],
        "times": np.arange(6).reshape(2, 3),
        "static": [[1], [2]],
        "meta_group": [7, 8],
    }
    dataset = write_npz(tmp_path / "data.npz", **contents)
    panel = dataset.load().panel
    assert panel.lengths.tolist() == [3, 1]
    assert np.isnan(panel.X[1, :, 1:]).all()  # beyond the length
    assert panel.X[0].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert panel.static.tolist() == [[1], [2]]
    assert panel.meta["group"].tolist() == [7, 8]
    assert dataset.card.group == "group"


NPZ_REFUSED = {
    "no y": ({"X": np.zeros((2, 3))}, r"needs arrays X and y, .* it has X"),
    "misspelt": ({"X": np.zeros((2, 3)), "y": [0, 1], "lenghts": [3, 3]}, "it has X, lenghts, y"),
    "one axis": ({"X": np.zeros(3), "y": [0]}, "array X must have 2 or 3 axes"),
    "text": ({"X": np.array([["a"]]), "y": [0]}, "array X is of type <U1, not of numbers"),
    "sizes": ({"X": np.zeros((2, 3)), "y": [0]}, r"array y has shape \(1,\), which does not fit 2 cases"),
    "times": ({"X": np.zeros((2, 3)), "y": [0, 1], "times": np.zeros((2, 2))}, r"array times has shape \(2, 2\)"),
    "lengths": ({"X": np.zeros((2, 3)), "y": [0, 1], "lengths": [3, 4]}, "lengths must be between 1 and 3"),
    "no label": ({"X": np.zeros((2, 3)), "y": [0, np.nan]}, "array y: case 1 has no label"),
    "objects": ({"X": np.zeros((2, 3)), "y": np.array(["a", None], dtype=object)}, "array y holds Python objects"),
    "no subject": (
        {"X": np.zeros((2, 3)), "y": [0, 1], "meta_subject": [1, np.nan]},
        "meta_subject: case 1 has no subject",
    ),
    "same time": (
        {"X": np.zeros((1, 3)), "y": [0], "times": [[0, 2, 2]]},
        "times: case 0, time point 2: 2 is missing, or",
    ),
    "no time": (
        {"X": np.zeros((1, 3)), "y": [0], "times": [[0, np.nan, 2]]},
        "times: case 0, time point 1: nan is missing",
    ),
    "infinite": ({"X": np.full((1, 3), np.inf), "y": [0]}, "case 0, channel 0, time point 0 is infinite"),
    "no case": ({"X": np.zeros((0, 3)), "y": []}, "at least one case"),
}


@pytest.mark.parametrize("what", NPZ_REFUSED)
def test_npz_refusal(tmp_path, what):
    contents, message = NPZ_REFUSED[what]
    with pytest.raises(InvalidDataError, match=message) as caught:
        write_npz(tmp_path / "data.npz", **contents).load()
    assert str(tmp_path / "data.npz") in str(caught.value)


def save_npy(path, X, **contents):
    np.save(path, X)
    np.savez(path.with_suffix(".npz"), **contents)


def write_npy(path, X, **contents):
    save_npy(path, X, **contents)
    return LocalDataset(path)


@pytest.mark.parametrize("axes", [2, 3])
def test_values_beside_the_other_arrays_stay_in_their_file(tmp_path, axes):
    contents = {"y": list("abab"), "lengths": [3, 1, 2, 3], "meta_subject": [7, 7, 8, 8]}
    X = np.arange(12 * (axes - 1), dtype=np.float64).reshape(4, *[axes - 1] * (axes - 2), 3)
    held, streamed = write_npz(tmp_path / "h.npz", X=X, **contents), write_npy(tmp_path / "s.npy", X, **contents)
    assert isinstance(streamed.load().panel.X, Streamed)
    assert streamed.load().fingerprint() == held.load().fingerprint()
    assert streamed.name == "s" and streamed.card.group == "subject" and streamed.card.task == "classification"
    assert [file.name for file in streamed.files()] == ["s.npz", "s.npy"]
    np.testing.assert_array_equal(streamed.load().panel.X[:], held.load().panel.X)


def test_every_part_may_have_its_values_beside_it(tmp_path):
    for part, cases in (("TRAIN", 6), ("TEST", 4), ("UNLABELLED", 3)):
        arrays = {} if part == "UNLABELLED" else {"y": np.arange(cases) % 2}
        save_npy(tmp_path / f"w_{part}.npy", np.full((cases, 5), cases, dtype=np.float16), **arrays)
    dataset = LocalDataset(tmp_path)
    data = dataset.load()
    assert [len(dataset.files()), len(data.panel), len(data.unlabelled)] == [6, 10, 3]
    assert data.panel.X[:, 0, 0].tolist() == [6] * 6 + [4] * 4
    (tmp_path / "w_UNLABELLED.npz").unlink()
    with pytest.raises(UsageError, match=r"w_UNLABELLED\.npy: what its cases are is missing"):
        LocalDataset(tmp_path)


def test_what_is_streamed_needs_no_room(tmp_path):
    dataset = write_npy(tmp_path / "x.npy", np.zeros((100, 1, 100), dtype=np.float32), y=np.arange(100) % 2)
    memory.limit_reading(30_000)
    try:
        assert len(dataset.load().panel) == 100
    finally:
        memory.limit_reading(None)


def cut(path):
    os.truncate(path, path.stat().st_size - 4)


def longer(path):
    with path.open("ab") as file:
        file.write(b"1234")


def scribbled(path):
    with path.open("r+b") as file:
        file.write(b"nothing")


def test_values_of_npz_that_memory_does_not_hold_stay_in_their_file(tmp_path):
    arrays = {"X": np.random.default_rng(0).normal(size=(100, 2, 50)).astype(np.float32), "y": np.arange(100) % 2}
    held = write_npz(tmp_path / "x.npz", **arrays).load()
    np.savez_compressed(tmp_path / "packed.npz", **arrays)
    memory.limit_reading(30_000)
    try:
        streamed = LocalDataset(tmp_path / "x.npz").load()
        with pytest.raises(InvalidDataError, match=r"of memory to read, .* not savez_compressed, X would stay"):
            LocalDataset(tmp_path / "packed.npz").load()
    finally:
        memory.limit_reading(None)
    assert isinstance(streamed.panel.X, Streamed) and not isinstance(held.panel.X, Streamed)
    assert streamed.fingerprint() == held.fingerprint()


NPY_REFUSED = {
    "cut": (np.zeros((2, 3), "f4"), cut, r"ends early: 148 bytes do not hold \(2, 3\) of float32"),
    "longer": (np.zeros((2, 3), "f4"), longer, r"float32 of shape \(2, 3\) takes 24 bytes, but 28 are there"),
    "no header": (np.zeros((2, 3), "f4"), scribbled, "not a .npy file"),
    "empty": (np.zeros((2, 3), "f4"), lambda path: os.truncate(path, 0), "not a .npy file"),
    "objects": (np.array([["a", None]] * 2, dtype=object), None, "must hold numbers of 2 or 3 axes .* got object"),
    "complex": (np.zeros((2, 3), complex), None, "got complex128 of shape"),
    "one axis": (np.zeros(2), None, r"got float64 of shape \(2,\)"),
    "other order": (np.zeros((3, 2)).T, None, "its cases do not lie one after the other; save it with np.asc"),
    "cases": (np.zeros((3, 3)), None, r"array y has shape \(2,\), which does not fit 3 cases"),
    "no case": (np.zeros((0, 3)), None, r"array y has shape \(2,\), which does not fit 0 cases"),
    "infinite": (np.full((2, 3), 1e300), None, "case 0, channel 0, time point 0 is infinite or too large"),
}


@pytest.mark.parametrize("what", NPY_REFUSED)
def test_npy_refusal(tmp_path, what):
    X, damage, message = NPY_REFUSED[what]
    dataset = write_npy(tmp_path / "data.npy", X, y=["a", "b"])
    if damage:
        damage(tmp_path / "data.npy")
    with pytest.raises(InvalidDataError, match=message) as caught:
        dataset.load()
    assert str(tmp_path / "data.np") in str(caught.value) and "\n" not in str(caught.value)


def test_values_without_labels_beside_them_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((2, 3)))
    with pytest.raises(UsageError, match=r"x\.npy: what its cases are is missing; save y, .* in x\.npz"):
        LocalDataset(tmp_path / "x.npy")


def test_times_beyond_a_length_do_not_matter(tmp_path):
    arrays = {"X": np.zeros((1, 3)), "y": [0], "lengths": [2], "times": [[0, 2, 1]]}
    assert write_npz(tmp_path / "x.npz", **arrays).load().panel.lengths.tolist() == [2]


@pytest.mark.parametrize("extension", ["npz", "parquet", "csv", "ts"])
def test_what_takes_more_memory_than_there_is_is_refused_before_it_is_read(tmp_path, monkeypatch, extension):
    path = tmp_path / f"x.{extension}"
    cases = 2000  # one of them long: tables and .ts files unpack to cases times the longest
    if extension == "npz":
        np.savez_compressed(path, X=np.zeros((cases, 1, cases)), y=np.zeros(cases))
        monkeypatch.setattr(np, "load", lambda *_, **__: pytest.fail("was unpacked"))
    elif extension == "parquet":
        pd.DataFrame({"label": "a", **{f"t{i}": np.zeros(100 * cases) for i in range(20)}}).to_parquet(path)
        monkeypatch.setattr(pq.ParquetFile, "read", lambda *_, **__: pytest.fail("was unpacked"))
    elif extension == "csv":
        rows = [f"{case},a,0\n" for case in (*range(cases), *[0] * cases)]
        path.write_text("case,label,v\n" + "".join(rows))
    else:
        lines = [f"{','.join('0' * (cases if case == 0 else 1))}:a\n" for case in range(cases)]
        path.write_text("@equalLength false\n@data\n" + "".join(lines))
    assert path.stat().st_size < 1 << 20
    memory.limit_reading(16 << 20)
    try:
        with pytest.raises(
            InvalidDataError, match=rf"x\.{extension}: takes .* more than the 16.0 MiB of --memory-limit"
        ):
            LocalDataset(path).load()
    finally:
        memory.limit_reading(None)


@pytest.mark.parametrize(("name", "kind", "shape"), [("y", "<U0", (10**9,)), ("X", "|i1", (10**6, 1, 10))])
def test_entries_that_take_no_room_in_the_file_do_in_memory(tmp_path, name, kind, shape):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": kind, "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.npy", header.getvalue() + bytes(math.prod(shape) * np.dtype(kind).itemsize))
    memory.limit_reading(64 << 20)
    try:
        with pytest.raises(InvalidDataError, match=r"x\.npz: takes .* more than the 64.0 MiB of --memory-limit"):
            LocalDataset(tmp_path / "x.npz").load()
    finally:
        memory.limit_reading(None)


@pytest.mark.parametrize("shape", [(2, 1, 2), (2, 1, 4), (10**6, 1, 10**6)])
def test_a_header_that_lies_is_refused(tmp_path, shape):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": shape})
    np.savez(tmp_path / "x.npz", y=np.array([0, 1]))
    with zipfile.ZipFile(tmp_path / "x.npz", "a") as archive:
        archive.writestr("X.npy", header.getvalue() + bytes(48))
    with pytest.raises(InvalidDataError, match=r"x\.npz: .*array X of shape .* bytes, but 48 are there"):
        LocalDataset(tmp_path / "x.npz").load()


@pytest.mark.parametrize("name", ["notes.txt", "X.npy"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_is_no_array_or_there_twice_is_refused(tmp_path, name):
    np.savez(tmp_path / "x.npz", X=np.ones((2, 3)), y=np.array([0, 1]))
    array = io.BytesIO()
    np.save(array, np.zeros((2, 3)))
    with zipfile.ZipFile(tmp_path / "x.npz", "a") as archive:
        archive.writestr(name, array.getvalue())
    with pytest.raises(InvalidDataError, match=r"x\.npz: .*is no array, or there twice"):
        LocalDataset(tmp_path / "x.npz").load()


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_a_text_that_is_repeated_is_not_unpacked(tmp_path, kind):
    """A dictionary of one label of 100 kB for 2,000 cases, of which each would get a copy."""
    long = pa.chunked_array([pa.array(["x" * 100_000], kind)] * 2000)
    pq.write_table(pa.table({"label": long, "t0": np.zeros(2000)}), tmp_path / "x.parquet")
    assert (tmp_path / "x.parquet").stat().st_size < 1 << 20
    cells = table.read(tmp_path / "x.parquet", table.check_columns, None).cells("label")
    assert len(cells) == 2000 and len({id(cell) for cell in cells}) == 1


@pytest.mark.parametrize("values", [pa.array([[0.0] * 9, [1.0]]), pa.array([b"x", b"y"]), pa.array([{"a": 1}] * 2)])
def test_what_cannot_be_used_of_a_parquet_file_is_not_read(tmp_path, monkeypatch, values):
    """A list of any length takes a few bytes in the file."""
    pq.write_table(pa.table({"label": ["a", "b"], "t0": values}), tmp_path / "x.parquet")
    monkeypatch.setattr(pq.ParquetFile, "read", lambda *_, **__: pytest.fail("was unpacked"))
    with pytest.raises(InvalidDataError, match=r"x\.parquet: column 't0' is of type .*, not of numbers or text"):
        LocalDataset(tmp_path / "x.parquet").load()


@pytest.mark.parametrize("row", ["a\0b,1,2", "a,1\0,2", '"a\n\0",1,2'])
def test_a_nul_in_a_table_is_refused_by_its_line(tmp_path, row):
    (tmp_path / "x.csv").write_text(f"label,t0,t1\nb,3,4\n{row}\n")
    line = 3 + row.count("\n")
    with pytest.raises(InvalidDataError, match=rf"x\.csv:{line}: holds a NUL character"):
        LocalDataset(tmp_path / "x.csv").load()


@pytest.mark.parametrize("level", [1e8, 1e9, 1e12])
def test_a_level_that_float32_cannot_hold_is_refused_in_every_format(tmp_path, level):
    """No format casts before it looks."""
    X = level + np.sin(np.arange(20) * np.array([[0.2], [0.6]]))
    rows = [[f"{value!r}" for value in row] for row in X.tolist()]
    contents = {
        "csv": "label," + ",".join(f"t{i}" for i in range(20)) + "\n" + "".join(f"a,{','.join(row)}\n" for row in rows),
        "tsv": "".join("a\t" + "\t".join(row) + "\n" for row in rows),
        "ts": "@data\n" + "".join(",".join(row) + ":a\n" for row in rows),
        "arff": "@attribute c {a}\n@data\n" + "".join(",".join(row) + ",a\n" for row in rows),
    }
    for extension, content in contents.items():
        (tmp_path / f"x.{extension}").write_text(content)
    pd.DataFrame(X).rename(columns=str).assign(label="a").to_parquet(tmp_path / "x.parquet")
    np.savez(tmp_path / "x.npz", X=X, y=[0, 0])
    for extension in (*contents, "parquet", "npz"):
        with pytest.raises(InvalidDataError, match=rf"x\.{extension}: channel 0 varies by .* float32 cannot hold"):
            LocalDataset(tmp_path / f"x.{extension}").load()


def test_damaged_npz_is_refused(local):
    dataset = local(b"PK\x03\x04 damaged", "data.npz")
    with pytest.raises(InvalidDataError, match=r"data\.npz: not a \.npz file"):
        dataset.load()
    with pytest.raises(InvalidDataError, match=r"data\.npz: cannot be read"):
        _ = dataset.card


values = st.floats(width=32, allow_nan=False, allow_infinity=False)
series = st.integers(1, 4).flatmap(lambda n: arrays(np.float32, (n, 2, 3), elements=values))


@given(X=series, names=st.lists(st.sampled_from(["a", "B", "10", "2"]), min_size=4, max_size=4))
def test_npz_and_csv_read_back_what_was_written(tmp_path_factory, X, names):
    folder = tmp_path_factory.mktemp("written", numbered=True)
    y = names[: len(X)]
    rows = ["case,time,label,c0,c1"]
    for case in range(len(X)):
        rows += [f"{case},{t},{y[case]},{float(X[case, 0, t])!r},{float(X[case, 1, t])!r}" for t in range(3)]
    (folder / "x.csv").write_text("\n".join(rows))
    times = np.tile(np.arange(3.0), (len(X), 1))
    from_npz = write_npz(folder / "x.npz", X=X, y=y, times=times).load().panel
    from_csv = LocalDataset(folder / "x.csv").load().panel
    np.testing.assert_array_equal(from_npz.X, X)
    np.testing.assert_array_equal(from_csv.X, X)
    assert labels(from_npz) == labels(from_csv) == y
    assert from_npz.fingerprint() == from_csv.fingerprint()


# --- paths


@pytest.mark.parametrize(("train", "test"), [("X_TRAIN", "X_TEST"), ("x_train", "x_test"), ("train", "test")])
@pytest.mark.parametrize("given_as", ["file", "test file", "folder"])
def test_a_pair_has_the_fold_archive(tmp_path, train, test, given_as):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / f"{train}.csv").write_text("label,t0\na,1\nb,2\n")
    (folder / f"{test}.csv").write_text("label,t0\nc,3\n")
    path = {"file": folder / f"{train}.csv", "test file": folder / f"{test}.csv", "folder": folder}[given_as]
    dataset = LocalDataset(path)
    data = dataset.load()
    [fold] = data.folds["archive"]
    assert (fold.train.tolist(), fold.validation, fold.test.tolist()) == ([0, 1], None, [2])
    assert data.panel.X.ravel().tolist() == [1, 2, 3]
    assert labels(data.panel) == ["a", "b", "c"]
    assert dataset.card.default_protocol is None
    assert dataset.card.name == {"X_TRAIN": "X", "x_train": "x", "train": "mine"}[train]
    assert len(dataset.files()) == 2


@pytest.mark.parametrize(("single", "name"), [(True, "X_UNLABELLED"), (False, "X_unlabelled")])
def test_unlabelled_cases_beside_the_labelled_ones(tmp_path, single, name):
    for part in ("X",) if single else ("X_TRAIN", "X_TEST"):
        (tmp_path / f"{part}.csv").write_text("label,t0\na,1\nb,2\n")
    np.savez(tmp_path / f"{name}.npz", X=np.arange(6.0).reshape(2, 1, 3), meta_subject=np.array(["p", "q"]))
    for path in (tmp_path, tmp_path / ("X.csv" if single else "X_TEST.csv")):
        dataset = LocalDataset(path)
        extra = dataset.load().unlabelled
        assert (dataset.name, len(dataset.files())) == ("X", 2 if single else 3)
        assert (extra.y, extra.task, extra.X.tolist()) == (None, "none", [[[0, 1, 2]], [[3, 4, 5]]])
        assert extra.meta["subject"].tolist() == ["p", "q"]
    (tmp_path / f"{name}.csv").write_text("case,time,label,v\nk,0,,1\nk,1,,2\n")
    with pytest.raises(UsageError, match="give the unlabelled cases in one file"):
        LocalDataset(tmp_path)
    (tmp_path / f"{name}.npz").unlink()
    assert LocalDataset(tmp_path).load().unlabelled.X.tolist() == [[[1, 2]]]
    (tmp_path / f"{name}.csv").unlink()
    (tmp_path / f"{name}.ts").write_text("@data\n1,2:a\n")
    with pytest.raises(UsageError, match=r"in one file, of csv, parquet, npz"):
        LocalDataset(tmp_path)


def test_a_file_called_unlabelled_with_nothing_beside_it_is_a_dataset(tmp_path):
    (tmp_path / "unlabelled.ts").write_text("@data\n1,2:a\n3,4:b\n")
    dataset = LocalDataset(tmp_path / "unlabelled.ts")
    assert (dataset.name, dataset.load().unlabelled, len(dataset.load().panel)) == ("unlabelled", None, 2)


def test_formats_of_the_archives(tmp_path):
    (tmp_path / "X.ts").write_text("@data\n1,2:a\n3,4:b\n")
    (tmp_path / "Y.tsv").write_text("a\t1\t2\nb\t3\t4\n")
    (tmp_path / "Z.arff").write_text("@attribute c {a,b}\n@data\n1,2,a\n3,4,b\n")
    found = {LocalDataset(tmp_path / name).load().panel.fingerprint() for name in ("X.ts", "Y.tsv", "Z.arff")}
    assert len(found) == 1


def test_folder_with_one_arff_file_per_channel(tmp_path):
    for number in (1, 2):
        for part in ("TRAIN", "TEST"):
            text = f"@attribute c {{a,b}}\n@data\n{number},2,a\n3,4,b\n"
            (tmp_path / f"XDimension{number}_{part}.arff").write_text(text)
    dataset = LocalDataset(tmp_path)
    assert dataset.name == "X"
    assert dataset.load().panel.X[:, :, 0].tolist() == [[1, 2], [3, 3]] * 2


def test_single_file_in_a_folder(tmp_path, local):
    local(WIDE, "mine.csv")
    (tmp_path / "README.md").write_text("about the data")
    dataset = LocalDataset(tmp_path)
    assert dataset.name == "mine"
    assert len(dataset.load().panel) == 2


def test_the_dataset_called_like_its_folder_is_meant(tmp_path):
    folder = tmp_path / "Mine"
    folder.mkdir()
    for name in ("Mine", "Mine_eq"):
        (folder / f"{name}.csv").write_text(WIDE)
    assert LocalDataset(folder).files() == [folder / "Mine.csv"]


def test_a_file_without_a_part_is_that_file(tmp_path, local):
    for name in ("X_TRAIN.csv", "X_TEST.csv"):
        (tmp_path / name).write_text(WIDE)
    assert local(WIDE, "X.csv").files() == [tmp_path / "X.csv"]


def test_path_refusals(tmp_path, local):
    with pytest.raises(UsageError, match=r"there is no such file or folder: .*nothing"):
        LocalDataset(tmp_path / "nothing")
    with pytest.raises(
        UsageError, match=r"unknown format '\.xls'; known are \.ts, \.arff, \.tsv, \.csv, \.parquet, \.npz"
    ):
        local("", "data.xls")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UsageError, match="holds no file of a known format"):
        LocalDataset(empty)
    for name in ("a.csv", "b.csv"):
        (empty / name).write_text(WIDE)
    with pytest.raises(UsageError, match=r"holds 2 datasets \(a, b\); name one.*labels.csv is missing"):
        LocalDataset(empty)


@pytest.mark.parametrize("name", ["X_TRAIN.csv", "test.csv"])
def test_half_a_pair_is_refused(tmp_path, name):
    (tmp_path / name).write_text(WIDE)
    for path in (tmp_path, tmp_path / name):
        with pytest.raises(MissingDataError, match="has only one of its train and test files"):
            LocalDataset(path)


def test_parts_that_do_not_fit_together_are_refused(tmp_path, local):
    (tmp_path / "X_TEST.csv").write_text("label,t0\na,1\n")
    dataset = local("label,subject,t0\na,s,1\n", "X_TRAIN.csv")
    with pytest.raises(InvalidDataError, match=r"parts differ in their per-case columns: \['subject'\] and \[\]"):
        dataset.load()


@given(content=st.binary(max_size=200), extension=st.sampled_from(["csv", "npz", "parquet"]))
def test_no_bytes_escape_as_another_error(tmp_path_factory, content, extension):
    path = tmp_path_factory.mktemp("bytes", numbered=True) / f"x.{extension}"
    path.write_bytes((b"label,t0\na," if extension == "csv" else b"") + content)
    try:
        panel = LocalDataset(path).load().panel
    except TsbenchError as error:
        assert str(path) in str(error)
    else:
        assert len(panel) > 0


# --- what labels are


def test_numbers_are_classes_unless_the_task_says_otherwise(local, tmp_path):
    assert local("label,a\n2.50,1\n-1e1,2\n").load().panel.classes == ("-1e1", "2.5")
    dataset = LocalDataset(tmp_path / "data.csv", task="regression")
    panel = dataset.load().panel
    assert (panel.task, panel.classes, panel.y.tolist()) == ("regression", (), [2.5, -10.0])
    assert (dataset.card.task, dataset.card.default_protocol) == ("regression", "ridge-cv5")


COLUMNS = "label_b,label_a,x,y\n1,0,1,2\n0,0,3,4\n1,1.0,5,6\n"


def test_columns_of_0_and_1_are_several_labels(local):
    dataset = local(COLUMNS)
    panel = dataset.load().panel
    assert (panel.task, panel.classes) == ("multilabel", ("a", "b"))
    assert panel.y.tolist() == [[0, 1], [0, 0], [1, 1]] and panel.y.dtype == np.uint8
    assert panel.n_timepoints == 2
    assert (dataset.card.task, dataset.card.default_protocol) == ("multilabel", "ridge-cv5")


def test_a_cell_of_names_is_the_same_as_columns(local, tmp_path):
    local("label,x,y\nb,1,2\n,3,4\n a ; b ,5,6\n", "cells.csv")
    cells = LocalDataset(tmp_path / "cells.csv", task="multilabel").load()
    assert cells.fingerprint() == local(COLUMNS).load().fingerprint()


def test_long_tables_and_arrays_hold_several_labels(local, tmp_path):
    long = local("case,label_b,label_a,v\nk,1,0,1\nk,1,0,2\nl,0,0,3\nl,0,0,4\nm,1,1,5\nm,1,1,6\n", "long.csv").load()
    y = np.array([[1, 0], [0, 0], [1, 1]])
    np.savez(tmp_path / "data.npz", X=[[1.0, 2], [3, 4], [5, 6]], y=y, classes=["b", "a"])
    dataset = LocalDataset(tmp_path / "data.npz")
    assert dataset.load().fingerprint() == local(COLUMNS).load().fingerprint() == long.fingerprint()
    assert dataset.card.task == "multilabel"
    np.savez(tmp_path / "name.npz", X=[[1.0, 2], [3, 4], [5, 6]], y=[10.0, np.nan, 2.5])  # a label each, or none
    named = LocalDataset(tmp_path / "name.npz", task="multilabel").load().panel
    assert (named.classes, named.y.tolist()) == (("2.5", "10"), [[0, 1], [0, 0], [1, 0]])
    np.savez(tmp_path / "number.npz", X=[[1.0, 2], [3, 4]], y=[0.1, 1 / 3])
    assert LocalDataset(tmp_path / "number.npz", task="regression").load().panel.y.tolist() == [0.1, 1 / 3]


@pytest.mark.parametrize(
    ("content", "task", "said"),
    [
        ("label,x\n1,1\nhigh,2\n", "regression", r"data\.csv:3: label 'high' is not a finite number"),
        ("label,x\n1,1\ninf,2\n", "regression", r"data\.csv:3: label 'inf' is not a finite number"),
        ("label,x\n1,1\n1_0,2\n", "regression", r"data\.csv:3: label '1_0' is not a finite number"),
        ("label,x\n1,1\nNaN,2\n", "regression", r"data\.csv:3: column 'label' is empty \('NaN' means missing"),
        ("label,x\n1,1\n,2\n", "regression", r"data\.csv:3: column 'label' is empty"),
        ("label,x\na,1\na;NA,2\n", "multilabel", r"data\.csv:3: label 'NA' means missing"),
        ("label,x\n,1\n,2\n", "multilabel", r"data\.csv:2: no case has a label"),
        ("label,label_a,x\na,1,1\n", "", r"data\.csv:2: has both a column 'label' and 'label_a'"),
        ("label_a,x\n1,1\n2,2\n", "", r"data\.csv:3: column 'label_a' is '2'; a label is 0 or 1"),
        ("label_a,x\n1,1\n,2\n", "", r"data\.csv:3: column 'label_a' is empty"),
        ("label_a,x\n1,1\n0,2\n", "regression", r"data\.csv:2: columns 'label_\.\.\.' are for multilabel"),
        ("case,label_a,x\nk,1,1\nk,0,2\n", "", r"data\.csv:3: column 'label_a' is '0' where the case began with '1'"),
        ("case,label,x\nk,1,1\nl,b,2\n", "regression", r"data\.csv:3: label 'b' is not a finite number"),
        ("label_a,label_b\n1,0\n", "", "has no column of values"),
        ("label_1,label_+1.0,x\n1,0,1\n0,1,2\n", "", r"data\.csv: two labels are called '1'"),
        ("label_a,label_nan,x\n1,0,1\n0,1,2\n", "", r"data\.csv: label 1 is called 'nan', which means missing"),
    ],
)
def test_labels_that_are_none_are_refused_by_row(local, tmp_path, content, task, said):
    local(content)
    with pytest.raises(InvalidDataError, match=said):
        LocalDataset(tmp_path / "data.csv", task=task).load()


@pytest.mark.parametrize(
    ("y", "more", "task", "said"),
    [
        ([1.0, np.nan], {}, "regression", "array y: case 1 has no label"),
        (["1", "b"], {}, "regression", "array y: case 1: label 'b' is not a finite number"),
        ([[1, 0], [2, 0]], {}, "", "array y: case 1: 2 is no label"),
        ([[1, 0], [1, 0]], {"classes": ["a"]}, "", "classes must name each of the 2 columns"),
        ([[1, 0], [1, 0]], {"classes": [["a"], ["b"]]}, "", "classes must name each of the 2 columns"),
        ([[1, 0], [1, 0]], {"classes": ["a", "a"]}, "", "two labels are called 'a'"),
        ([[1, 0], [1, 0]], {"classes": ["1", "1.0"]}, "", "two labels are called '1'"),
        ([[1, 0], [1, 0]], {"classes": ["", "a"]}, "", "label 0 is called '', which means missing"),
        ([[], []], {}, "", "there is no label"),
        ([[1, 0], [1, 0]], {}, "regression", "several labels per case, where regression needs one"),
    ],
)
def test_arrays_of_labels_that_are_none_are_refused(tmp_path, y, more, task, said):
    np.savez(tmp_path / "data.npz", X=[[1.0, 2], [3, 4]], y=y, **more)
    with pytest.raises(InvalidDataError, match=said):
        LocalDataset(tmp_path / "data.npz", task=task).load()


# --- static values

STATICS = "label,static_age,static_sex,t0\na,61.5,f,1\nb,?,m,2\na,70,,3\n"


def test_static_columns_of_a_wide_table(tmp_path, local):
    panel = local(STATICS).load().panel
    assert (panel.static_names, panel.categories) == (("age", "sex"), {"sex": ("f", "m")})
    np.testing.assert_array_equal(panel.static, np.float32([[61.5, 0], [np.nan, 1], [70, np.nan]]))
    assert panel.X.shape == (3, 1, 1)
    pd.read_csv(tmp_path / "data.csv", na_values="?").to_parquet(tmp_path / "data.parquet")
    assert LocalDataset(tmp_path / "data.parquet").load().fingerprint() == local(STATICS).load().fingerprint()
    arrays = {"static_age": [61.5, np.nan, 70], "static_sex": ["f", "m", ""]}
    npz = write_npz(tmp_path / "data.npz", X=[[1.0], [2], [3]], y=["a", "b", "a"], **arrays)
    assert npz.load().fingerprint() == local(STATICS).load().fingerprint()


def test_static_columns_of_a_long_table_may_be_given_once_per_case(local):
    panel = local("case,label,static_age,static_ward,v\nk,a,50,,1\nj,b,,icu,2\nk,a,,x,3\nj,b,60.0,,4\n").load().panel
    assert panel.static.tolist() == [[50, 1], [60, 0]]
    assert panel.categories == {"ward": ("icu", "x")}
    assert panel.channel_names == ("v",)


def test_parts_may_differ_in_their_categories(tmp_path, local):
    (tmp_path / "w_TRAIN.csv").write_text("label,static_ward,t0\na,y,1\nb,z,2\n")
    panel = local("label,static_ward,t0\na,x,1\nb,,2\n", "w_TEST.csv").load().panel
    assert panel.categories == {"ward": ("x", "y", "z")}
    np.testing.assert_array_equal(panel.static[:, 0], [1, 2, 0, np.nan])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "label,static_age,t0\na,61,1\nb,old,2\n",
            r"csv:3: static 'age' is 'old', where other cases have numbers",
        ),
        (
            "case,label,static_age,v\nk,a,1,1\nk,a,2,2\n",
            r"csv:3: column 'static_age' is '2' where the case began",
        ),
        ("label,static_age\na,61\n", "has no column of values"),
        ("label,static_,t0\na,61,1\n", r"data\.csv: 'static_' names no static value; call it static_NAME"),
        (
            "label,static_id,t0\n" + "".join(f"a,p{i},1\n" for i in range(101)),
            r"data\.csv:2: static 'id' has 101 different texts",
        ),
    ],
)
def test_static_columns_that_make_no_sense_are_refused(local, content, message):
    with pytest.raises(InvalidDataError, match=message):
        local(content).load()


def test_static_arrays_are_given_in_one_way(tmp_path):
    with pytest.raises(InvalidDataError, match="both an array static and static_age"):
        write_npz(tmp_path / "x.npz", X=np.ones((2, 3)), y=[0, 1], static=[[1], [2]], static_age=[1, 2]).load()


# --- times


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (("0", "2", "1"), r"data\.csv:4: case 'k' goes back from time 2 to 1; times must increase within a case"),
        (("2020-01-02", "2020-01-01", "2020-01-03"), r"csv:3: case 'k' goes back from time 2020-01-02 to 2020-01-01"),
        (("1600000000", "1600000010", "1600000010"), r"data\.csv:4: case 'k' has two rows at time 1600000010"),
        (("2020-01-01", "5", "2020-01-03"), r"data\.csv:3: column 'time': '5' is no date as others are"),
        (("5", "2020-01-01", "2020-01-03"), r"data\.csv:2: column 'time': '5' is no date as others are"),
        (("2020-01-01", "NaT", "2020-01-03"), r"data\.csv:3: column 'time': 'NaT' is no date"),
        (("0", "nan", "2"), r"data\.csv:3: column 'time' is empty"),
        (("0", "inf", "2"), r"data\.csv:3: column 'time' is inf, which is no time"),
        (("2020-01-01T00:00Z", "2020-01-01T01:00", "2020-01-02T00:00Z"), r"data\.csv:3: .* lacks a time zone"),
    ],
)
def test_times_that_are_none_are_refused_by_case_and_row(local, times, message):
    rows = "".join(f"k,{time},a,{value}\n" for value, time in enumerate(times))
    with pytest.raises(InvalidDataError, match=message):
        local("case,time,label,v\n" + rows).load()


def test_unix_times_keep_their_steps_and_cases_may_be_interleaved(local):
    panel = local("case,time,label,v\nk,1600000000,a,1\nj,5,b,2\nk,1600000010,a,3\nj,4e1,b,4\n").load().panel
    assert panel.times.dtype == np.float64
    assert np.diff(panel.times).ravel().tolist() == [10, 35]
    assert panel.X[:, 0].tolist() == [[1, 3], [2, 4]]


@pytest.mark.parametrize("kind", ["M8[s]", "M8[ns]", "U"])
def test_dates_in_arrays_are_seconds_since_the_first_of_a_case(tmp_path, kind):
    dates = np.asarray([["2020-01-01", "2020-01-02"], ["2021-06-01T10:00:00", "NaT"]], "M8[s]").astype(kind)
    contents = {"X": np.ones((2, 2)), "y": [0, 1], "times": dates}
    panel = write_npz(tmp_path / "x.npz", lengths=[2, 1], **contents).load().panel
    np.testing.assert_array_equal(panel.times, [[0, 86400], [0, np.nan]])
    with pytest.raises(InvalidDataError, match="array times: case 1, time point 1: .*'NaT' is no date"):
        write_npz(tmp_path / "x.npz", **contents).load()
    contents["times"] = np.repeat(dates[:1, ::-1], 2, axis=0)
    with pytest.raises(InvalidDataError, match="array times: case 0, time point 1: 0 is missing, or not above"):
        write_npz(tmp_path / "x.npz", **contents).load()
