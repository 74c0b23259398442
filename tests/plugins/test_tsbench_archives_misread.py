"""What once was read as something else: numbers that are text, names in capitals, other separators, other Unicode."""

import io
import unicodedata

import numpy as np
import pandas as pd
import pytest

from tsbench.errors import InvalidDataError, TsbenchWarning
from tsbench_archives.cells import encoding
from tsbench_archives.columns import header_of, spelt
from tsbench_archives.local import LocalDataset, open_local
from tsbench_archives.recordings import other_rate
from tsbench_archives.ward import RecordingsFolder
from tsbench_archives.written import numbers_as_text, with_point

NFC, NFD = (unicodedata.normalize(form, "Schläfrig") for form in ("NFC", "NFD"))
ROWS = "".join(f"{i / 100},{i % 7 / 2},{i % 5}\n" for i in range(30))
FILES = dict.fromkeys(("r0.csv", "r1.csv"), f"time,ecg,resp\n{ROWS}")
LABELS = "recording,label,subject\nr0,a,p0\nr1,b,p1\n"


def german(text):
    return text.replace(",", ";").replace(".", ",")


@pytest.fixture
def ward(tmp_path):
    def make(files=(), labels=LABELS, static=None, task=""):
        beside = {} if static is None else {"static.csv": static}
        for name, content in {**FILES, **dict(files), "labels.csv": labels, **beside}.items():
            (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return open_local(tmp_path, task)

    return make


def refused(dataset, message):
    with pytest.raises(InvalidDataError, match=message) as caught:
        dataset.load()
    assert "\n" not in str(caught.value)


# --- numbers that are text


@pytest.mark.parametrize(
    ("cell", "point"),
    [
        ("70,5", "70.5"),
        ("-1.234,5", "-1234.5"),
        ("1,5e-3", "1.5e-3"),
        ("1,234", "1.234 or 1234"),
        ("1,234,567.5", "1234567.5"),
        ("70.5", ""),
        ("70", ""),
        ("a,5", ""),
        ("1,2,3", ""),
        (",5", ""),
    ],
)
def test_a_comma_in_a_number(cell, point):
    assert with_point(cell) == point


@pytest.mark.parametrize(
    ("cells", "case", "said"),
    [
        (["70,5", "80,1"], 0, "a number with a comma; write 70.5"),
        (["70", "", "80,1"], 2, "a number with a comma; write 80.1"),
        (["?", "70 kg", "80.5 kg"], 1, "a number with its unit (kg); write 70"),
        (["70kg", "80KG"], 0, "a number with its unit (kg); write 70"),
        (["70,5 kg", "80,1 kg"], 0, "a number with its unit (kg); write 70.5"),
        (["21 kg/m2", "30 kg/m2"], 0, "a number with its unit (kg/m2); write 21"),
        (["5%", "6%"], 0, "a number with its unit (%); write 5"),
        (["36.6 °C", "37 °C"], 0, "a number with its unit (°C); write 36.6"),
        (["120 mm Hg", "80 mm Hg"], 0, "a number with its unit (mm Hg); write 120"),
    ],
)
def test_numbers_that_are_text_are_told(cells, case, said):
    found = numbers_as_text(cells)
    assert (found.case, found.said) == (case, said)


@pytest.mark.parametrize(
    "cells",
    [
        [],
        ["", "NA"],
        ["70", "80.5"],
        ["I", "III"],
        ["1a", "2a"],
        ["4th", "5th"],
        ["70,5", "heavy"],
        ["70 kg", "heavy"],
        ["4 West", "5 East"],
        ["3 or more", "3 or more"],
        ["1-2 years", "3-4 years"],
        ["5E1", "7E1"],
        ["12:30", "12:40"],
    ],
)
def test_categories_stay_what_they_are(cells):
    assert numbers_as_text(cells) is None


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (('"70,5"', '"80,1"'), r"static.csv:2: static 'weight' is '70,5', a number with a comma; write 70\.5$"),
        (("?", '"80,1"'), r"static.csv:3: static 'weight' is '80,1'"),
        (("70", '"80,1"'), r"static.csv:3: static 'weight' is '80,1', a number with a comma"),
        (("70 kg", "80 kg"), r"static.csv:2: static 'weight' is '70 kg', .* write 70, and the unit in the name"),
    ],
)
def test_static_values_that_are_text_are_refused(ward, cells, said):
    refused(ward(static="subject,weight\n" + "".join(f"p{i},{cell}\n" for i, cell in enumerate(cells))), said)


def test_static_categories_of_digits_and_letters_stay(ward):
    panel = ward(static="subject,stage,ward\np0,III,1a\np1,IV,2a\n").load().panel
    assert panel.categories == {"stage": ("III", "IV"), "ward": ("1a", "2a")}


@pytest.mark.parametrize("task", ["", "regression", "classification"])
def test_labels_with_a_decimal_comma_are_refused(ward, task):
    labels = 'recording,label\nr0,"5,20"\nr1,"6,10"\n'
    refused(ward(labels=labels, task=task), r"labels.csv:2: label '5,20' is a number with a comma; write 5\.20")


def test_labels_with_a_unit_are_values_or_doses(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("label,t0\n" + "".join(f"{i}.5 mg,1\n" for i in range(9)))
    refused(LocalDataset(path), r"x\.csv:2: label '0\.5 mg' is a number with its unit \(mg\); write 0\.5")
    path.write_text("label,t0\n" + "".join(f"{i % 2 + 1} mg,1\n" for i in range(9)))
    assert LocalDataset(path).load().panel.classes == ("1 mg", "2 mg")
    refused(LocalDataset(path, "regression"), r"x\.csv:2: label '1 mg' is a number with its unit")


def test_a_decimal_comma_among_values_is_told(ward):
    text = FILES["r0.csv"]
    quoted = text.replace("0.01,0.5,1", '0.01,"0,5",1')
    refused(ward({"r0.csv": quoted}), r"r0\.csv:3: column 'ecg': '0,5' is not a number; write 0\.5")
    refused(ward({"r0.csv": text.replace(".", ",")}), r"r0\.csv:2: 5 fields .* has 3; write numbers with a point")


# --- names whatever their capitals


def test_names_that_mean_something_do_so_whatever_their_capitals():
    names = ["TIME", "Label", "LABEL_Af", "Static_AGE", "ECG", NFD]
    assert spelt(names, ("time", "label")) == ["time", "label", "label_Af", "static_AGE", "ECG", NFC]


@pytest.mark.parametrize("time", ["TIME", "Time"])
def test_times_are_times_whatever_their_capitals(ward, tmp_path, time):
    expected = ward().load().panel
    panel = ward({name: text.replace("time", time) for name, text in FILES.items()}).load().panel
    assert panel.channel_names == ("ecg", "resp")
    np.testing.assert_array_equal(panel.times, expected.times)
    for name in FILES:
        pd.read_csv(tmp_path / name).to_parquet(tmp_path / name.replace("csv", "parquet"))
        (tmp_path / name).unlink()
    np.testing.assert_array_equal(open_local(tmp_path).load().panel.times, expected.times)


def test_tables_of_a_ward_are_read_whatever_the_capitals(ward):
    static = "subject,age\np0,60\np1,70\n"
    expected = ward(static=static).load()
    labels = "Recording,LABEL,Subject\nr0,a,p0\nr1,b,p1\n"
    dataset = ward(labels=labels, static=static.replace("subject", "SUBJECT"))
    assert dataset.card.group == "subject" and dataset.load().fingerprint() == expected.fingerprint()


@pytest.mark.parametrize(
    "content",
    [
        "label,subject,static_age,t0\na,p,60,1\nb,q,70,2\n",
        "case,time,label,subject,v\nk,0,1.5,p,1\nk,1,1.5,p,2\nl,0,2.5,q,1\n",
        "label_x,label_y,t0\n1,0,1\n0,1,2\n",
    ],
)
@pytest.mark.parametrize("extension", ["csv", "parquet"])
def test_tables_are_read_whatever_the_capitals(tmp_path, content, extension):
    header, _, rows = content.partition("\n")
    found = []
    for name, text in (("a", content), ("b", f"{header.upper().replace('LABEL_X', 'LABEL_x')}\n{rows}")):
        text = text.replace("LABEL_Y", "LABEL_y").replace("STATIC_AGE", "STATIC_age")
        path = tmp_path / f"{name}.{extension}"
        path.write_text(text) if extension == "csv" else pd.read_csv(io.StringIO(text)).to_parquet(path)
        dataset = LocalDataset(path)
        panel = dataset.load().panel
        found.append(
            (dataset.card.group, dataset.card.task, panel.fingerprint(), panel.static_names, sorted(panel.meta))
        )
    assert found[0] == found[1]


def test_two_columns_of_one_name_are_refused(ward):
    labels = "recording,label,Label\nr0,a,a\nr1,b,b\n"
    refused(RecordingsFolder(ward(labels=labels).folder), r"labels.csv: two columns are called 'label'")


@pytest.mark.parametrize(
    "name", ["label", "Label", "label_af", "case", "recording", "subject", "sampling_rate", "group"]
)
def test_a_column_that_tells_of_a_whole_recording_is_no_channel(ward, name):
    files = {one: text.replace("resp", name) for one, text in FILES.items()}
    refused(
        ward(files), rf"r0\.csv: has a channel '{name}', .* rename it where it is a signal, drop it where it is none"
    )


# --- rates


def test_a_rate_that_the_times_contradict_is_refused(ward):
    labels = "recording,label,sampling_rate\nr0,a,100\nr1,b,{}\n"
    said = r"labels.csv:3: sampling_rate is 250 Hz, the times of recording 'r1' \(in seconds\) are of 100 Hz; correct"
    refused(ward(labels=labels.format(250)), said)
    assert ward(labels=labels.format(100)).load().panel.sampling_rate == 100


@pytest.mark.parametrize("rate", [1 / 3, 50, 110, 250, 256, 300, 360, 512])
@pytest.mark.parametrize("digits", [3, 4, 9])
@pytest.mark.parametrize("n", [3, 12, 2000])
def test_rounded_times_contradict_no_rate_that_is_theirs(rate, digits, n):
    times = np.round(np.arange(n) / rate, digits)
    assert other_rate(times, rate) is None
    assert other_rate(times, 2 * rate) == pytest.approx(rate, rel=0.1)


def test_gaps_and_irregular_times_contradict_no_rate():
    times = np.arange(100) / 100
    gap = np.concatenate([times, 5 + times])
    assert other_rate(gap, 100) is None and other_rate(gap, 250) == pytest.approx(100)
    assert other_rate(np.cumsum(np.random.default_rng(0).exponential(1, 200)), 250) is None
    assert other_rate(np.zeros(1), 250) is None


# --- labels and subjects that pandas wrote as floats


def test_flags_are_numbers_however_they_are_written(ward):
    files = {"r2.csv": FILES["r0.csv"]}
    panel = ward(files, "recording,label_x,label_y\nr0,1.0,0.0\nr1,0,+1\nr2,,\n").load().panel
    assert panel.y.tolist() == [[1, 0], [0, 1]]
    refused(ward(files, "recording,label_x\nr0,1.0\nr1,0.5\nr2,0\n"), r"labels.csv:3: column 'label_x' is '0.5'")


def test_subjects_are_numbers_however_they_are_written(ward):
    labels = LABELS.replace("p0", "12").replace("p1", "13")
    panel = ward(labels=labels, static="subject,age\n12.0,60\n13.0,70\n").load().panel
    assert panel.static.tolist() == [[60], [70]]
    twice = ward(labels=labels, static="subject,age\n12.0,60\n12,61\n13,70\n")
    refused(twice, r"static.csv:3: subject '12' is there before, in .*static.csv:2")


# --- Unicode


@pytest.mark.parametrize(("file", "cell"), [(NFD, NFC), (NFC, NFD), (NFD, f"{NFC}.csv")])
def test_names_in_two_forms_of_unicode_are_one(ward, file, cell):
    labels = f"recording,label,subject\nr0,a,{NFC}\nr1,b,p1\n{cell},b,p2\n"
    dataset = ward({f"{file}.csv": FILES["r0.csv"]}, labels, f"subject,age\n{NFD},60\np1,70\n")
    panel = dataset.load().panel
    assert panel.case_names() == ["r0", "r1", NFC] and panel.static[0].tolist() == [60]


def test_channels_in_two_forms_of_unicode_are_one(ward):
    files = {name: text.replace("ecg", form) for (name, text), form in zip(FILES.items(), (NFC, NFD), strict=True)}
    assert ward(files).load().panel.channel_names == (NFC, "resp")


def test_two_files_of_one_name_are_refused(ward, tmp_path):
    dataset = ward({f"{form}.csv": FILES["r0.csv"] for form in (NFC, NFD)}, f"{LABELS}{NFC},a,p2\n")
    if len(list(tmp_path.glob("*.csv"))) < 5:
        pytest.skip("the file system takes the two for one file")
    refused(dataset, r"is recording .*, and so is .* \(in another form of Unicode\); keep one")


# --- separators and encodings

SEPARATED = [(german, "';'"), (lambda text: text.replace(",", "\t"), "tabs")]


@pytest.mark.parametrize(("change", "named"), SEPARATED)
@pytest.mark.parametrize("which", ["labels.csv", "static.csv", "r0.csv"])
def test_what_separates_fields_is_named(ward, which, change, named):
    texts = {**FILES, "labels.csv": LABELS, "static.csv": "subject,age\np0,60\np1,70\n"}
    texts[which] = change(texts[which])
    dataset = ward({name: texts[name] for name in FILES}, texts["labels.csv"], texts["static.csv"])
    refused(dataset, rf"{which}:1: fields are separated by {named} \(.*save the file as CSV in UTF-8, with commas")


@pytest.mark.parametrize("code", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("which", ["labels.csv", "static.csv", "r0.csv"])
def test_wide_characters_are_named(ward, which, code):
    texts = {**FILES, "labels.csv": LABELS, "static.csv": "subject,age\np0,60\np1,70\n"}
    texts[which] = texts[which].encode(code)
    dataset = ward({name: texts[name] for name in FILES}, texts["labels.csv"], texts["static.csv"])
    refused(dataset, rf"{which}:1: the file is in {code.upper()}; save it in UTF-8")


@pytest.mark.parametrize(("change", "named"), SEPARATED)
def test_tables_separated_by_something_else_are_refused(tmp_path, change, named):
    wide = "label,t0,t1\na,0.5,1\nb,1,2\n"
    (tmp_path / "one.csv").write_text(change(wide))
    refused(LocalDataset(tmp_path / "one.csv"), rf"one\.csv:1: fields are separated by {named}")
    for part in ("TRAIN", "TEST"):
        (tmp_path / f"x_{part}.csv").write_text(change(wide) if part == "TEST" else wide)
    refused(LocalDataset(tmp_path / "x_TRAIN.csv"), rf"x_TEST\.csv:1: fields are separated by {named}")


def test_tables_and_series_of_wide_characters_are_refused(tmp_path):
    for name, text in (("x.csv", "label,t0\na,1\n"), ("x.tsv", "a\t1\t2\n"), ("x.ts", "@data\n1,2:a\n")):
        (tmp_path / name).write_bytes(text.encode("utf-16"))
        refused(LocalDataset(tmp_path / name), rf"{name}:1: the file is in UTF-16")


@pytest.mark.parametrize(
    "content",
    [
        "label,x;y\na;b,1\n",  # a class and a name that hold what separates fields elsewhere
        'label,"a;b;c;d",t\nx,1,2\n',
        "label,t0\n" + "a,1\n",
    ],
)
def test_semicolons_within_fields_separate_nothing(tmp_path, content):
    (tmp_path / "x.csv").write_text(content)
    assert len(LocalDataset(tmp_path / "x.csv").load().panel) == 1


def test_a_header_is_found_whatever_separates_it(tmp_path):
    path = tmp_path / "labels.csv"
    for text in ("recording,label\nr,a\n", '"recording";"label"\n"r";"a"\n', "sep=;\nrecording;label\nr;a\n"):
        for code in ("utf-8", "utf-8-sig", "utf-16"):
            path.write_bytes(text.encode(code))
            assert header_of(path) == ["recording", "label"]
    path.write_bytes(b"")
    assert header_of(path) == [""] and encoding(path) == "utf-8-sig"


def test_a_name_with_a_comma_and_a_unit_hides_no_semicolon(ward):
    text = "Zeit (s);EKG, mV;Resp, mV\n" + "".join(f"0,{i};1,5;2,5\n" for i in range(9))
    refused(ward({"r0.csv": text}), r"r0\.csv:1: fields are separated by ';'")


# --- facts


def test_a_static_value_among_facts_is_warned_of(ward):
    dataset = ward(labels="recording,label,Static_age\nr0,a,60\nr1,b,70\n")
    with pytest.warns(TsbenchWarning, match=r"labels.csv: column 'static_age' is kept as a fact, .* in static.csv"):
        panel = dataset.load().panel
    assert panel.static is None and panel.meta["static_age"].tolist() == ["60", "70"]
