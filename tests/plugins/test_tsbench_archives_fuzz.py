"""Damaged files: every reader gives a Panel or refuses in one line that names the file."""

import io
import os
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from aeon import datasets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tsbench.errors import InvalidDataError, TsbenchError, UsageError
from tsbench.panel import normalise_label
from tsbench_archives import readers, tables
from tsbench_archives.local import LocalDataset

READ = {
    "ts": readers.read_ts,
    "tsv": readers.read_tsv,
    "txt": readers.read_txt,
    "arff": readers.read_arff,
    "csv": tables.read_table,
    "npz": tables.read_npz,
    "parquet": tables.read_table,
}
TEXT = [extension for extension in READ if extension not in ("npz", "parquet")]


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def parquet(**columns):
    """Return a .parquet file of columns given by name."""
    return parquet_of(pa.table(columns))


def parquet_of(table):
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


VALID = {
    "ts": [
        b"#c\n@problemName X\n@timeStamps false\n@missing true\n@univariate true\n@equalLength true\n@seriesLength 3\n"
        b"@classLabel true a b\n@data\n1,2,3:a\n4,?,6e-3:b\n",
        b"@univariate false\n@dimension 2\n@equalLength false\n@classLabel true 1 2\n@data\n1,2:3,4:1\n5:6:2\n",
    ],
    "tsv": [b"1\t1.5\t-2\t3e2\n2\tNaN\t5\t6\n"],
    "txt": [b"  1.0 1.5 -2 3e2\n  2.0 NaN 5 6\n"],
    "arff": [
        b"%c\n@relation X\n@attribute t0 numeric\n@attribute t1 numeric\n@attribute target {a,b}\n@data\n"
        b"1,2,a\n3,?,b\n",
        b"@relation X\n@attribute r relational\n@attribute t0 numeric\n@end r\n@attribute c {a,b}\n@data\n"
        b"'1\\n2',a\n'3\\n4',b\n",
    ],
    "csv": [b"label,subject,t0,t1\na,s1,1,2\nb,s2,,4e5\n", b"case,time,label,c0,c1\n1,0,a,1,2\n1,1,a,3,\n2,0,b,5,6\n"],
    "npz": [npz(X=np.ones((2, 1, 3)), y=np.array(["a", "b"]), lengths=np.array([3, 2]), meta_subject=np.array([1, 2]))],
    "parquet": [parquet(label=["a", "b"], t0=[1.0, 2.0], t1=[3.0, None])],
}
# What damage of real files looks like: separators, line ends, headers, labels and numbers where they do not belong.
PIECES = [
    *(
        b",",
        b":",
        b"\t",
        b"\n",
        b"\r\n",
        b"\r",
        b" ",
        b"'",
        b'"',
        b"\\n",
        b"{",
        b"}",
        b"@",
        b"%",
        b"#",
        b"?",
        b"\0",
        b"",
    ),
    *(
        b"@data\n",
        b"@DATA",
        b"@classLabel true",
        b"@classLabel false\n",
        b"@timeStamps true\n",
        b"@equalLength false\n",
    ),
    *(b"@dimension 99999999999\n", b"@seriesLength 1000000000000\n", b"@attribute x {a,b}\n", b"(2020-01-01,1)"),
    *(
        b"nan",
        b"NaN",
        b"inf",
        b"-inf",
        b"1e30",
        b"-1e30",
        b"1e39",
        b"1e400",
        b"1e-400",
        b"0x10",
        b"1_0",
        b"1,5",
        b"--1",
    ),
    *(
        b"True",
        b"None",
        b"label",
        b"case",
        b"time",
        b"1" * 400,
        b"1" * 5000,
        "é".encode(),
        "ярлык".encode(),
        "标签".encode(),
    ),
    *(
        "é".encode("latin-1"),
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\xe2\x80\xa8",
        b"\x85",
        b"\x1c",
        b"\x0b",
        "\u0661".encode(),
    ),
    *(b'"unclosed', b"\x1a", b"\xed\xa0\x80"),
]


def outcome(path, content, read):
    """Return the Panel or None where the file was refused as it should be."""
    path.write_bytes(content)
    try:
        panel = read(path)
    except (InvalidDataError, UsageError) as error:
        message = str(error)
        assert str(path) in message
        assert "\n" not in message and len(message) < 1000 + len(str(path))
        return None
    assert len(panel) > 0
    assert np.isfinite(panel.X[~np.isnan(panel.X)]).all()
    assert panel.y is not None and len(panel.y) == len(panel)
    assert (panel.lengths >= 1).all() and panel.lengths.max() <= panel.n_timepoints
    panel.fingerprint()
    return panel


@st.composite
def mutated(draw, extension):
    """A valid file with pieces cut out, put in or repeated."""
    content = draw(st.sampled_from(VALID[extension]))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        stop = min(len(content), start + draw(st.sampled_from([0, 0, 1, 2, 5, 40])))
        piece = draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=4), st.just(content[start:stop] * 2)))
        content = content[:start] + piece + content[stop:]
    return content


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


@pytest.mark.parametrize("extension", READ)
def test_the_valid_files_are_valid(folder, extension):
    for content in VALID[extension]:
        assert len(outcome(folder / f"valid.{extension}", content, READ[extension])) == 2


@pytest.mark.parametrize("extension", READ)
def test_mutated_files(folder, extension):
    @settings(
        max_examples=int(os.environ.get("TSBENCH_FUZZ", "60")), deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(content=mutated(extension))
    def check(content):
        outcome(folder / f"mutated.{extension}", content, READ[extension])

    check()


@pytest.mark.parametrize("extension", ["ts", "arff"])
def test_what_aeon_reads_is_read_alike_or_refused(folder, extension):
    parser = getattr(datasets, f"load_from_{extension}_file")

    @settings(
        max_examples=int(os.environ.get("TSBENCH_FUZZ", "60")), deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(content=mutated(extension))
    def check(content):
        path = folder / f"both.{extension}"
        panel = outcome(path, content, READ[extension])
        try:
            X, y = parser(str(path))
        except Exception:  # aeon raises errors of many kinds
            return
        if panel is not None:
            assert len(X) == len(panel)
            for values, case, length in zip(X, panel.X, panel.lengths, strict=True):
                np.testing.assert_array_equal(np.float32(values), case[:, :length])
            written = [normalise_label(label.strip("'\"")).lower() for label in y]
            assert [panel.classes[i].lower() for i in panel.y] == written

    check()


@pytest.mark.parametrize("extension", READ)
def test_random_bytes(folder, extension):
    @settings(
        max_examples=int(os.environ.get("TSBENCH_FUZZ", "30")), deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(content=st.binary(max_size=300))
    def check(content):
        outcome(folder / f"random.{extension}", content, READ[extension])

    check()


@pytest.mark.parametrize("extension", [extension for extension in READ if extension != "txt"])
def test_a_local_dataset_never_fails_otherwise(folder, extension):
    """The card reads the file too."""

    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    @given(content=mutated(extension))
    def check(content):
        path = folder / f"local.{extension}"
        path.write_bytes(content)
        dataset = LocalDataset(path)
        for step in (lambda: dataset.card, dataset.load):
            try:
                step()
            except TsbenchError as error:
                assert str(path) in str(error)

    check()


@pytest.mark.parametrize("extension", READ)
def test_empty_files(folder, extension):
    for content in (b"", b"\n", b"\r\n\r\n", b"\xef\xbb\xbf", b"\0"):
        assert outcome(folder / f"empty.{extension}", content, READ[extension]) is None


@pytest.mark.parametrize("extension", TEXT)
@pytest.mark.parametrize("change", ["crlf", "bom", "both", "no last line end"])
def test_line_ends_and_byte_order_marks_do_not_matter(folder, extension, change):
    for content in VALID[extension]:
        expected = outcome(folder / f"plain.{extension}", content, READ[extension]).fingerprint()
        changed = content.replace(b"\n", b"\r\n") if change in ("crlf", "both") else content
        changed = b"\xef\xbb\xbf" + changed if change in ("bom", "both") else changed
        changed = changed.rstrip(b"\r\n") if change == "no last line end" else changed
        assert outcome(folder / f"changed.{extension}", changed, READ[extension]).fingerprint() == expected


@pytest.mark.parametrize("value", ["1e30", "-1e30", "3.4028234e38", "1e-45", "1e-400", "-0.0"])
@pytest.mark.parametrize("label", ["a", "ярлык", "标签", "é", "1e30", "-1", "a b"])
@pytest.mark.parametrize("extension", [extension for extension in TEXT if extension != "txt"])
def test_large_numbers_and_labels_in_any_script(folder, extension, value, label):
    rows = {
        "ts": f"@data\n{value},1:{label}\n",
        "tsv": f"{label}\t{value}\t1\n",
        "arff": f"@attribute c {{{label}}}\n@data\n{value},1,{label}\n",
        "csv": f"label,t0,t1\n{label},{value},1\n",
    }
    panel = outcome(folder / f"value.{extension}", rows[extension].encode(), READ[extension])
    assert panel.X[0, 0, 0] == np.float32(value)
    assert len(panel.classes) == 1


@pytest.mark.parametrize("value", ["1_0", "\u0661", "0x10", "1d3", "1e", "True"])
@pytest.mark.parametrize("extension", TEXT)
def test_what_is_no_number_in_one_format_is_none_in_the_others(folder, extension, value):
    rows = {
        "ts": f"@data\n1,1:a\n1,{value}:a\n",
        "tsv": f"a\t1\t1\na\t1\t{value}\n",
        "txt": f"a 1 1\na 1 {value}\n",
        "arff": f"@attribute c {{a}}\n@data\n1,1,a\n1,{value},a\n",
        "csv": f"label,t0,t1\na,1,1\na,1,{value}\n",
    }
    path = folder / f"number.{extension}"
    path.write_text(rows[extension], encoding="utf-8")
    line = 1 + rows[extension][: rows[extension].index(value, 10)].count("\n")
    with pytest.raises(InvalidDataError, match=rf"number\.{extension}:{line}: .*'{value}' is not a number"):
        READ[extension](path)


def test_counts_in_headers_are_not_believed(folder):
    content = VALID["ts"][0].replace(b"@seriesLength 3", b"@seriesLength 1000000000000\n@dimension 99999999999")
    assert outcome(folder / "counts.ts", content, READ["ts"]).n_timepoints == 3


@pytest.mark.parametrize("shape", ["(999999999, 1, 3)", "(99999999999999, 1, 3)", "(-1, 1, 3)", "(2, 1, 10**9)"])
def test_an_array_that_claims_to_be_huge(folder, shape):
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    array = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(48)
    buffer = io.BytesIO(npz(y=np.array(["a", "b"])))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("X.npy", array)
    assert outcome(folder / "huge.npz", buffer.getvalue(), READ["npz"]) is None


@pytest.mark.parametrize("extension", READ)
def test_a_file_that_ends_early(folder, extension):
    """A text file may end after a whole case and be valid; no other may."""
    for content in VALID[extension]:
        for length in range(1, len(content), 1 + len(content) // 100):
            panel = outcome(folder / f"cut.{extension}", content[:length], READ[extension])
            assert panel is None or (extension in TEXT and len(panel) <= 2)


@pytest.mark.parametrize("extension", ["npz", "parquet"])
def test_flipped_bits(folder, extension):
    content = VALID[extension][0]
    for position in range(0, len(content), 1 + len(content) // 150):
        changed = bytearray(content)
        changed[position] ^= 0x55
        outcome(folder / f"flipped.{extension}", bytes(changed), READ[extension])


@pytest.mark.parametrize("extension", TEXT)
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "utf-7", "cp037"])
def test_other_encodings_are_refused(folder, extension, encoding):
    for content in VALID[extension]:
        text = content.decode().replace("a", "é")
        panel = outcome(folder / f"encoded.{extension}", text.encode(encoding), READ[extension])
        assert panel is None or encoding == "utf-7"


LABELS = ["ярлык", "标签", "é", "🙂", "a b", "x" * 3000]


@pytest.mark.parametrize("extension", ["npz", "parquet"])
def test_labels_in_any_script_in_binary_files(folder, extension):
    content = {"npz": npz(X=np.ones((6, 2)), y=np.array(LABELS)), "parquet": parquet(label=LABELS, t0=range(6))}
    assert set(outcome(folder / f"labels.{extension}", content[extension], READ[extension]).classes) == set(LABELS)


ARRAYS = {
    "bytes": np.array([b"a", b"b"]),
    "complex": np.array([1j, 2j]),
    "dates": np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[D]"),
    "records": np.array([(1, 2.0), (2, 3.0)], dtype="i4,f4"),
    "objects": np.array([{"a": 1}, None], dtype=object),
    "big endian": np.array([1, 2], dtype=">i4"),
    "half": np.array([1, 2], dtype=np.float16),
    "none": np.array(None),
    "flags": np.array([True, False]),
    "huge": np.array([1e308, -1e308]),
    "unsigned": np.array([2**64 - 1, 0], dtype=np.uint64),
}


@pytest.mark.parametrize("name", ["X", "y", "lengths", "times", "static", "meta_subject"])
@pytest.mark.parametrize("kind", ARRAYS)
def test_arrays_of_every_type(folder, name, kind):
    array = ARRAYS[kind]
    if array.ndim and name in ("X", "times", "static"):
        array = array[:, None]
    sound = {"X": np.ones((2, 1)), "y": np.array([0, 1])}
    panel = outcome(folder / "types.npz", npz(**{**sound, name: array}), READ["npz"])
    assert kind not in ("complex", "records", "objects", "none") or panel is None
    if panel is not None and panel.static is not None:
        assert np.isfinite(panel.static).all()


def test_columns_of_every_type(folder):
    columns = {
        "lists": pa.array([[1.0], [2.0]]),
        "structs": pa.array([{"a": 1}, {"a": 2}]),
        "bytes": pa.array([b"\xff", b"b"]),
        "bytes of one size": pa.array([b"a", b"b"], pa.binary(1)),
        "dates": pa.array([0, 1], pa.timestamp("s")),
        "flags": pa.array([True, None]),
        "decimals": pa.array([1, 2], pa.decimal128(5, 2)),
        "categories": pa.array(["1", "2"]).dictionary_encode(),
        "nulls": pa.array([None, None]),
        "large": pa.array([2**62, -(2**62)]),
    }
    for kind, column in columns.items():
        for content in (
            parquet(label=["a", "b"], t0=column),
            parquet(label=column, t0=[1.0, 2.0]),
            parquet(case=column, label=["a", "b"], t0=[1.0, 2.0]),
            parquet(case=[1, 1], time=column, label=["a", "a"], t0=[1.0, 2.0]),
            parquet(label=["a", "b"], subject=column, t0=[1.0, 2.0]),
        ):
            panel = outcome(folder / "columns.parquet", content, READ["parquet"])
            assert panel is None or kind not in ("lists", "structs", "bytes", "bytes of one size")
    twice = pa.Table.from_arrays([pa.array(["a", "b"]), pa.array([1.0, 2.0]), pa.array([1, 2])], ["label", "t", "t"])
    assert outcome(folder / "twice.parquet", parquet_of(twice), READ["parquet"]) is None
