"""The readers of .ts, .tsv, .txt and .arff: what they accept and how they refuse the rest."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsbench.errors import InvalidDataError
from tsbench_archives import readers

HEADER = (
    "# made for a test\n@problemName T\n@univariate {univariate}\n@equalLength {equal}\n@classLabel true a b\n@data\n"
)


def ts(body, equal="true", univariate="true"):
    return HEADER.format(equal=equal, univariate=univariate) + body


ARFF = "%comment\n@relation T\n@attribute t0 numeric\n@attribute t1 numeric\n@attribute target {a,b}\n\n@data\n"
RELATIONAL = "@relation T\n@attribute r relational\n@attribute t0 numeric\n@end r\n@attribute target {a,B}\n@data\n"
READ = {"ts": readers.read_ts, "tsv": readers.read_tsv, "txt": readers.read_txt, "arff": readers.read_arff}


@pytest.fixture
def read(tmp_path):
    def call(content, extension="ts"):
        path = tmp_path / f"data.{extension}"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return READ[extension](path)

    return call


def labels(panel):
    return [panel.classes[i] for i in panel.y]


# --- what is read


def test_ts(read):
    panel = read(ts("1,2.5,-3E1:a\n4,?,NaN:b\n"))
    np.testing.assert_array_equal(panel.X, np.float32([[[1, 2.5, -30]], [[4, np.nan, np.nan]]]))
    assert panel.lengths.tolist() == [3, 3]
    assert labels(panel) == ["a", "b"]


def test_ts_of_unequal_length_and_two_channels(read):
    panel = read(ts("1,2,3:4,5,6:a\n7:8:b\n", equal="false", univariate="false"))
    assert panel.X.shape == (2, 2, 3)
    assert panel.lengths.tolist() == [3, 1]
    assert np.isnan(panel.X[1, :, 1:]).all()
    assert panel.X[1, :, 0].tolist() == [7, 8]


def test_a_case_may_end_in_a_missing_value(read):
    """Lengths come from the file's fields, never from NaN."""
    assert read(ts("1,2,?:a\n3:b\n", equal="false")).lengths.tolist() == [3, 1]


def test_labels_keep_their_case_and_odd_spelling(read):
    panel = read("@data\n1:Nandu\n2:NANDU\n3:2.0\n4:2\n5:why?\n")
    assert labels(panel) == ["Nandu", "NANDU", "2", "2", "why?"]


def test_declared_labels_are_compared_by_value(read):
    assert read("@classLabel true 1.0 2.0\n@data\n1:1\n2:2\n").classes == ("1", "2")


@pytest.mark.parametrize("blank", [" ", "\t", " \t "])
def test_tags_are_parted_from_their_values_by_any_blanks(read, blank):
    content = "@PROBLEMNAME x\n@TimeStamps FALSE\n@EqualLength False\n@classLABEL True a b\n@DATA\t\n1,2:a\n3:b\n"
    assert read(content.replace(" ", blank)).lengths.tolist() == [2, 1]
    for refused in ("@timeStamps true", "@classLabel false"):
        with pytest.raises(InvalidDataError, match=refused):
            read(f"{refused}\n@data\n1,2:0\n".replace(" ", blank))


def test_a_missing_value_is_a_label_where_the_file_declares_it(read):
    assert read("@classLabel true NA nan\n@data\n1:NA\n2:nan\n").classes == ("NA", "nan")
    assert read("@attribute c {NA,'None'}\n@data\n1,NA\n2,'None'\n", "arff").classes == ("NA", "None")


@pytest.mark.parametrize("extension", ["tsv", "txt"])
def test_no_line_of_a_table_is_a_comment(read, extension):
    assert read("#up\t1\t2\n%low\t3\t4\n@x\t5\t6\n", extension).classes == ("#up", "%low", "@x")


@pytest.mark.parametrize("extension", ["tsv", "txt"])
def test_a_label_printed_like_the_values_is_a_number(read, extension):
    """As MATLAB and numpy.savetxt print it; 5E1 is a code."""
    panel = read("1.0000000e+00\t1\n-1.000000000000000000e+00\t2\n2.5e-01\t3\n1\t4\n5E1\t5\n50\t6\n", extension)
    assert labels(panel) == ["1", "-1", "0.25", "1", "5E1", "50"]


ATTRIBUTES = {
    "comment": "{a,b} % the classes {c}",
    "several lines": "{a,\n  b\n}",
    "a comment on each line": "{ a, % first, of {two}\n% second\n b % last\n}",
    "quotes": """{'a', "b"}""",
    "blanks": "{ a\t, b }",
}


@pytest.mark.parametrize("what", ATTRIBUTES)
@pytest.mark.parametrize("name", ["target", "'the {class}'", '"it\\"s"'])
def test_arff_class_attribute(read, what, name):
    content = (
        f"@RELATION T\n@Attribute t0\tnumeric\n@ATTRIBUTE {name} {ATTRIBUTES[what]}\n@data % here\n1,a\n2, b % x,y\n"
    )
    assert labels(read(content, "arff")) == ["a", "b"]
    with pytest.raises(InvalidDataError, match=r"data\.arff:\d+: label 'c' is not among those of the class attribute"):
        read(content + "3,c\n", "arff")


@pytest.mark.parametrize(
    ("written", "meant"),
    [("'x,y'", "x,y"), ('"it\'s"', "it's"), (r"'it\'s'", "it's"), ("'a b'", "a b"), ("50%", "50%")],
)
@pytest.mark.parametrize("series", ["1,2", "'1,2\\n3,4'"])
def test_arff_labels_with_commas_and_quotes(read, written, meant, series):
    head = "@attribute s relational\n@attribute t numeric\n@end s\n"
    panel = read(f"{head}@attribute c {{{written}, z}}\n@data\n{series},{written}\n{series}, z\n", "arff")
    assert labels(panel) == [meant, "z"]
    assert panel.n_channels == (2 if "n" in series else 1)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_blank_lines_and_comments_are_skipped(read, newline):
    content = ts("\n1,2:a\n# in between\n\n3,4:b\n\n").replace("\n", newline)
    assert read(content).X.ravel().tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("extension", ["ts", "arff"])
@pytest.mark.parametrize("prefix", [b"\xef\xbb\xbf", b"# caf\xe9 \x92\n", "# café\n".encode()])
def test_byte_order_mark_latin_1_and_utf_8(read, extension, prefix):
    content = ts("1,2:a\n3,4:b\n") if extension == "ts" else ARFF + "1,2,a\n3,4,b\n"
    panel = read(prefix + content.encode(), extension)
    assert panel.X.ravel().tolist() == [1, 2, 3, 4]
    assert labels(panel) == ["a", "b"]


def test_label_in_latin_1(read):
    assert labels(read(b"@data\n1:\xe9t\xe9\n2:b\n")) == ["été", "b"]


def test_tsv(read):
    panel = read("-1\t1\t2\n1\t3\tNaN\n", "tsv")
    np.testing.assert_array_equal(panel.X, np.float32([[[1, 2]], [[3, np.nan]]]))
    assert panel.lengths.tolist() == [2, 2]
    assert panel.classes == ("-1", "1")


def test_txt(read):
    panel = read("   1.0000000e+00   2.95e+00   2.70e+00\n   2.0000000e+00   1.0  -1.0\n", "txt")
    np.testing.assert_array_equal(panel.X, np.float32([[[2.95, 2.7]], [[1, -1]]]))
    assert panel.classes == ("1", "2")


def test_arff(read):
    panel = read(ARFF + "1,2,a\n\n% a comment\n3,?,'b'\n", "arff")
    np.testing.assert_array_equal(panel.X, np.float32([[[1, 2]], [[3, np.nan]]]))
    assert labels(panel) == ["a", "b"]


@pytest.mark.parametrize("quote", ["'", '"'])
def test_relational_arff(read, quote):
    panel = read(RELATIONAL + f"{quote}1,2\\n3,4{quote},a\n{quote}5,6\\n7,8{quote},B\n", "arff")
    assert panel.X.tolist() == [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]
    assert labels(panel) == ["a", "B"]


finite = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(st.lists(st.lists(finite, min_size=3, max_size=3), min_size=1, max_size=4))
def test_all_formats_read_back_float32_exactly(tmp_path_factory, series):
    folder = tmp_path_factory.mktemp("formats", numbered=True)
    rows = [[repr(value) for value in values] for values in series]
    contents = {
        "ts": "@data\n" + "".join(",".join(row) + ":a\n" for row in rows),
        "tsv": "".join("\t".join(["a", *row]) + "\n" for row in rows),
        "txt": "".join(" ".join(["a", *row]) + "\n" for row in rows),
        "arff": "@attribute c {a}\n@data\n" + "".join(",".join([*row, "a"]) + "\n" for row in rows),
    }
    for extension, content in contents.items():
        path = folder / f"x.{extension}"
        path.write_text(content)
        assert READ[extension](path).X.tolist() == np.float32(series)[:, None].tolist()


# --- what is refused, and how


@pytest.mark.parametrize("extension", READ)
@pytest.mark.parametrize("content", [b"", b"\n\n", b"\x00\x01\xff\xfe\x80" * 50, b"PK\x03\x04 not text", b"hello"])
def test_rubbish_is_refused_with_its_path(read, extension, content):
    with pytest.raises(InvalidDataError, match=rf"data\.{extension}:.*") as caught:
        read(content, extension)
    assert "\n" not in str(caught.value)


@given(content=st.binary(max_size=200), extension=st.sampled_from(list(READ)))
def test_no_bytes_escape_as_another_error(tmp_path_factory, content, extension):
    path = tmp_path_factory.mktemp("bytes", numbered=True) / f"x.{extension}"
    for prefix in (b"", b"@attribute c {a}\n@data\n"):
        path.write_bytes(prefix + content)
        try:
            panel = READ[extension](path)
        except InvalidDataError as error:
            assert str(path) in str(error)
        else:
            assert len(panel) > 0


def test_absent_file_is_refused(tmp_path):
    with pytest.raises(InvalidDataError, match=r"nothing\.ts: cannot be read: No such file"):
        readers.read_ts(tmp_path / "nothing.ts")


REFUSED = {
    "no case": ("ts", ts(""), r"data\.ts: holds no case"),
    "no data line": ("ts", "1,2:a\n", r"data\.ts: has no @data line"),
    "no data line in arff": ("arff", "@relation T\n1,2,a\n", r"data\.arff: has no @data line"),
    "time stamps": ("ts", "@timeStamps True\n@data\n(0,1):a\n", "@timeStamps true is not supported"),
    "text target": (
        "ts",
        "@targetlabel true\n@data\n1,2:0.5\n1,2:b\n",
        r"data\.ts:4: label 'b' is not a finite",
    ),
    "missing target": ("ts", "@targetlabel true\n@data\n1,2:0.5\n1,2:NaN\n", r"data\.ts:4: the case has no label"),
    "infinite target": ("ts", "@targetlabel true\n@data\n1,2:inf\n", r"data\.ts:3: label 'inf' is not a finite"),
    "two kinds of labels": ("ts", "@targetlabel true\n@classLabel true a\n@data\n1:a\n", "are both true"),
    "text arff target": ("arff", "@attribute t string\n@data\n1,2\n", "must be numeric .* or list the classes"),
    "no labels": ("ts", "@classLabel false\n@data\n1,2\n", "the cases have no labels"),
    "text value": ("ts", ts("1,2:a\n1,x7:b\n"), r"data\.ts:8: channel 0, time point 1: 'x7' is not a number"),
    "text in tsv": ("tsv", "1\t2\t3\n1\t2\tx7\n", r"data\.tsv:2: channel 0, time point 1: 'x7' is not a number"),
    "boolean in tsv": ("tsv", "1\tTrue\n1\tTrue\n", r"data\.tsv:1: channel 0, time point 0: 'True' is not a number"),
    "text in txt": ("txt", "1 2 3\n1 2 x7\n", r"data\.txt:2: channel 0, time point 1: 'x7' is not a number"),
    "text in arff": ("arff", ARFF + "1,2,a\n1,x7,b\n", r"data\.arff:9: channel 0, time point 1: 'x7' is not a number"),
    "text in relational arff": (
        "arff",
        RELATIONAL + "'1,2\\n3,x7',a\n",
        r"data\.arff:7: channel 1, time point 1: 'x7' is not a number",
    ),
    "empty value": ("ts", ts("1,,2:a\n"), r"data\.ts:7: channel 0 has an empty value"),
    "empty last value": ("tsv", "1\t2\t\n", r"data\.tsv:1: channel 0 has an empty value"),
    "missing label": ("ts", ts("1,2:a\n1,2:\n"), r"data\.ts:8: the case has no label"),
    "no colon": ("ts", ts("1,2:a\n1,2\n"), r"data\.ts:8: the case has no label"),
    "unknown label": (
        "ts",
        ts("1,2:a\n1,2:b\n1,2:3,4\n"),
        r"data\.ts:9: label '3,4' is not among those of @classLabel",
    ),
    "missing label in tsv": ("tsv", "1\t2\n\t3\n", r"data\.tsv:2: the case has no label"),
    "missing label in arff": ("arff", ARFF + "1,2,?\n", r"data\.arff:8: the case has no label"),
    "channels": (
        "ts",
        ts("1,2:3,4:a\n1,2:b\n", univariate="false"),
        r"data\.ts:8: 1 channels where the first case has 2",
    ),
    "ragged channels": (
        "ts",
        ts("1,2,3:4,5:a\n", equal="false", univariate="false"),
        r"data\.ts:7: channels differ in their number of time points \(2 to 3\)",
    ),
    "lengths": ("ts", ts("1,2:a\n1,2,3:b\n"), r"data\.ts:8: 3 time points where the first case has 2"),
    "lengths in tsv": ("tsv", "1\t2\t3\n1\t2\n", r"data\.tsv:2: 1 time points where the first case has 2"),
    "lengths in arff": ("arff", ARFF + "1,2,a\n1,2,3,b\n", r"data\.arff:9: 3 time points where the first case has 2"),
    "unknown tag": ("ts", "@classLabel: false\n@data\n1,2\n", r"data\.ts:1: '@classLabel:' is no tag of a \.ts file"),
    "flag": (
        "ts",
        "\n@timeStamps maybe\n@data\n1:a\n",
        r"data\.ts:2: @timeStamps must be true or false, found 'maybe'",
    ),
    "flag of two words": (
        "ts",
        "@equalLength true false\n@data\n1:a\n",
        r"data\.ts:1: @equalLength must be true or false",
    ),
    "no flag": ("ts", "@classLabel\n@data\n1:a\n", r"data\.ts:1: @classLabel must be true or false, found ''"),
    "count": ("ts", "@seriesLength many\n@data\n1:a\n", r"data\.ts:1: @seriesLength must be a whole number"),
    "tag twice": ("ts", "@classLabel true a\n@classlabel true b\n@data\n1:a\n", r"data\.ts:2: a second @classlabel"),
    "case on the data line": ("ts", "@data 1,2:a\n", r"data\.ts:1: @data must stand alone"),
    "case in the header": ("ts", "1,2:a\n@data\n3,4:a\n", r"data\.ts: has no @data line before its cases; line 1 is"),
    "not univariate": ("ts", ts("1,2:3,4:a\n"), r"data\.ts:7: 2 channels where @univariate is true"),
    "labels missing": (
        "ts",
        "@data\n1:a\n1:NA\n1:?\n",
        r"data\.ts:3: the case has no label \('NA' means missing; 2 such",
    ),
    "undeclared label": ("arff", ARFF + "1,2,a\n1,2,c\n", r"data\.arff:9: label 'c' is not among those of the class"),
    "open list": ("arff", "@attribute c {a,\n@data\n1,a\n", r"data\.arff:1: the classes must be listed as"),
    "words after a list": ("arff", "@attribute c {a} b\n@data\n1,a\n", r"data\.arff:1: the classes must be listed"),
    "empty class": ("arff", "@attribute c {a,,b}\n@data\n1,a\n", r"data\.arff:1: the classes must be listed as"),
    "unknown arff tag": ("arff", "@inputs t\n@data\n1,a\n", r"data\.arff:1: '@inputs' is no tag of an \.arff file"),
    "comment in tsv": ("tsv", "# made by hand\n1\t2\n", r"data\.tsv:1: a label followed by values is expected"),
    "too large": ("ts", ts("1,2:a\n1,1e39:b\n"), r"data\.ts: case 1, channel 0, time point 1 is infinite or too large"),
    "infinite": ("tsv", "1\tinf\n", r"data\.tsv: case 0, channel 0, time point 0 is infinite"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refusal_names_place_and_cause(read, what):
    extension, content, message = REFUSED[what]
    with pytest.raises(InvalidDataError, match=message) as caught:
        read(content, extension)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("extension", "content"),
    [
        ("ts", "@targetlabel true\n@data\n1,2:0.50\n1,2:-3e2\n"),
        ("arff", "@attribute a numeric\n@attribute t numeric\n@data\n1,2,0.50\n1,2,-3e2\n"),
    ],
)
def test_a_numeric_target_is_one_of_regression(read, extension, content):
    panel = read(content, extension)
    assert (panel.task, panel.classes) == ("regression", ())
    assert panel.y.dtype == np.float64
    assert panel.y.tolist() == [0.5, -300.0]
