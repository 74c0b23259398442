"""P12, P19 and the hourly cohorts of the ICU demos from miniature distributions, and their real samples."""

import tarfile

import clinical_files as make
import numpy as np
import pandas as pd
import pytest

from tsbench.errors import InvalidDataError
from tsbench_clinical.icu import IcuDemo
from tsbench_clinical.p12 import P12, SENSORS, parse_record
from tsbench_clinical.p19 import P19
from tsbench_clinical.p19 import SENSORS as P19_SENSORS
from tsbench_clinical.p19 import parse_record as parse_psv


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("TSBENCH_DATA", str(tmp_path))
    monkeypatch.setenv("TSBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def real(monkeypatch, tmp_path):
    monkeypatch.setenv("TSBENCH_DATA", str(make.DEV_DATA))
    monkeypatch.setenv("TSBENCH_CACHE", str(tmp_path))


# --- P12: one record


def parsed(rows, **fixed):
    return parse_record(make.p12_text(7, rows, **fixed), "7.txt", "7")


def test_a_row_for_each_time_and_nan_for_what_was_not_measured():
    rows = [("00:00", "HR", 70), ("00:00", "Temp", 0), ("01:30", "HR", -3), ("47:59", "pH", 7.4), ("48:00", "HR", 1)]
    series, _ = parsed(rows)
    assert series.times.tolist() == [0, 1.5, 47 + 59 / 60]
    heart, temperature, ph = (SENSORS.index(name) for name in ("HR", "Temp", "pH"))
    np.testing.assert_array_equal(series.values[:, heart], [70, -3, np.nan])
    np.testing.assert_array_equal(series.values[:, temperature], [0, np.nan, np.nan])  # zero is a value
    assert series.values[2, ph] == 7.4
    assert np.isfinite(series.values).sum() == 4


def test_of_two_values_at_one_minute_the_later_counts_and_weights_are_left_out():
    series, static = parsed([("00:05", "HR", 70), ("00:05", "HR", 71), ("00:06", "Weight", 90)], weight=80)
    assert series.times.tolist() == [5 / 60]
    assert series.values[0, SENSORS.index("HR")] == 71
    assert static[-1] == 80


def test_descriptors_are_found_by_name_among_measurements():
    text = "Time,Parameter,Value\n00:00,HR,70\n00:00,ICUType,2\n00:00,Weight,-1\n00:00,Age,54\n00:00,GCS,15\n"
    text += "00:00,RecordID,7\n00:00,Height,170\n00:00,Gender,0\n"
    series, static = parse_record(text, "7.txt", "7")
    np.testing.assert_array_equal(static, [54, 1, 0, 170, 0, 1, 0, 0, np.nan])
    assert np.isfinite(series.values).sum() == 2


def test_unknown_descriptors_are_missing():
    _, static = parsed([], age=-1, gender=-1, icu=-1, weight=-1)
    assert np.isnan(static).all()


def test_columns_of_a_record_in_another_order():
    lines = make.p12_text(7, [("00:05", "HR", 70)]).splitlines()
    text = "\n".join(",".join(reversed(line.split(","))) for line in lines)
    series, static = parse_record(text, "7.txt", "7")
    assert series.values[0, SENSORS.index("HR")] == 70 and static[0] == 60


@pytest.mark.parametrize(
    ("rows", "fixed", "message"),
    [
        ([("00:05", "HR", "high")], {}, r"line 8: '00:05,HR,high' cannot be read"),
        ([("00:05", "HR", "")], {}, r"line 8: .* cannot be read"),
        ([("00:05", "HR", "nan")], {}, r"line 8: .* its value is missing"),
        ([("00:05", "HR", "inf")], {}, r"line 8: .* is not a finite number"),
        ([("00:05", "HR", "7_0")], {}, r"line 8: .* is not a finite number"),
        ([("00:05", "HR", "7,0")], {}, r"line 8: .* it has not three fields"),
        ([("01:00", "HR", 1), ("00:59", "HR", 1)], {}, r"line 9: .* its time 00:59 is before the one above"),
        ([("1h", "HR", 1)], {}, r"line 8: .* '1h' is no time"),
        ([("00:75", "HR", 1)], {}, r"line 8: .* '00:75' is no time"),
        ([("-1:00", "HR", 1)], {}, r"line 8: .* '-1:00' is no time"),
        ([("00:05", "Mood", 1)], {}, r"line 8: 'Mood' is no parameter of the challenge"),
        ([("00:05", "Age", 61)], {}, r"line 8: the descriptor Age is given at 00:05"),
        ([], {"record": 8}, r"states RecordID 8; the file was renamed"),
        ([], {"age": 700}, r"Age is 700, which is not between 0 and 130"),
        ([], {"gender": 2}, r"Gender is 2"),
        ([], {"gender": 0.5}, r"Gender is 0.5, which is no code"),
        ([], {"icu": 2.5}, r"ICUType is 2.5, which is no code"),
        ([], {"icu": 9}, r"ICUType is 9"),
    ],
)
def test_a_record_that_cannot_be_is_refused(rows, fixed, message):
    with pytest.raises(InvalidDataError, match=rf"^7\.txt.*{message}"):
        parse_record(make.p12_text(fixed.pop("record", 7), rows, **fixed), "7.txt", "7")


def test_a_truncated_or_foreign_record_is_refused():
    text = make.p12_text(7, [])
    for content, message in (("", "its first line"), ("x,y\n", "its first line"), (text[:60], "cannot be read|has no")):
        with pytest.raises(InvalidDataError, match=rf"^7\.txt.*({message})"):
            parse_record(content, "7.txt", "7")


# --- P12: the dataset


def test_p12_labels_and_splits(folder):
    make.write_p12(folder / "p12", n=6)
    data = P12().load()
    panel = data.panel
    assert panel.X.shape == (12, 36, 2)
    np.testing.assert_allclose(panel.times[0], [7 / 60, 12.5])
    assert panel.static.shape == (12, 9)
    assert panel.classes == ("alive", "died") and panel.y.tolist() == [0, 1] * 6
    assert panel.meta["record"].tolist() == [str(n) for n in [*range(1000, 1006), *range(2000, 2006)]]
    official = data.folds["official"][0]
    assert official.train.tolist() == list(range(6)) and official.test.tolist() == list(range(6, 12))
    stay = P12("p12-los", "los").load().panel
    assert stay.classes == ("3 days or less", "longer than 3 days")
    assert stay.y.tolist() == [0, 0, 1, 1, 1, 1] * 2


def test_with_set_c_set_b_validates(folder):
    make.write_p12(folder / "p12", n=3, sets="abc")
    official = P12().load().folds["official"][0]
    assert [part.tolist() for part in official] == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


def test_p12_from_archives_is_the_same(folder):
    make.write_p12(folder / "p12")
    expected = P12().load().fingerprint()
    for letter in "ab":
        with tarfile.open(folder / "p12" / f"set-{letter}.tar.gz", "w:gz") as archive:
            archive.add(folder / "p12" / f"set-{letter}", f"set-{letter}")
        for file in (folder / "p12" / f"set-{letter}").iterdir():
            file.unlink()
        (folder / "p12" / f"set-{letter}").rmdir()
    assert P12().load().fingerprint() == expected


def test_outcomes_of_a_set_that_is_not_here_are_not_read(folder):
    make.write_p12(folder / "p12")
    (folder / "p12" / "set-b").rename(folder / "elsewhere")
    data = P12().load()
    assert len(data.panel) == 6 and "official" not in data.folds


def test_records_with_descriptors_only_are_left_out(folder):
    make.write_p12(folder / "p12")
    (folder / "p12" / "set-a" / "1002.txt").write_text(make.p12_text(1002, []))
    assert "1002" not in P12().load().panel.meta["record"].tolist()


def test_unknown_stays_are_short_or_left_out(folder):
    make.write_p12(folder / "p12")
    outcomes = folder / "p12" / "Outcomes-a.txt"
    outcomes.write_text(outcomes.read_text().replace("1005,6,1,7,", "1005,6,1,-1,"))
    assert P12("p12-los", "los").load().panel.y.tolist()[:6] == [0, 0, 1, 1, 1, 0]
    assert len(P12("p12-los", "los", unknown_stay="drop").load().panel) == 11


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("1001,6,1,3,-1,1\n", ""), r"set-a/1001.txt: record 1001 has no outcome"),
        (lambda text: text + "1000,6,1,3,-1,1\n", r"Outcomes-a.txt, line 8: record 1000 has an outcome already"),
        (lambda text: text + "1999,6,1,3,-1,1\n", r"Outcomes-a.txt: record 1999 has no file"),
        (lambda text: text.replace("1001,6,1,3,-1,1", "1001,6,1,3,-1,2"), r"line 3: record 1001 has death 2"),
        (lambda text: text.replace("1001,6,1,3,-1,1", "1001,6,1,3,-1,yes"), r"line 3: 'yes' is not a number"),
        (lambda text: text.replace("1001,6,1,3,-1,1", "1001,6,1,3"), r"line 3: has 4 fields for 6 columns"),
        (lambda text: text.replace("In-hospital_death", "Dead"), r"has the column 'In-hospital_death' 0 times"),
    ],
)
def test_p12_outcomes_that_cannot_be_are_refused(folder, change, message):
    make.write_p12(folder / "p12")
    outcomes = folder / "p12" / "Outcomes-a.txt"
    assert change(outcomes.read_text()) != outcomes.read_text()
    outcomes.write_text(change(outcomes.read_text()))
    with pytest.raises(InvalidDataError, match=message):
        P12().load()


def test_a_patient_that_is_there_twice_or_outcomes_that_are_not_there(folder):
    make.write_p12(folder / "p12")
    copy = folder / "p12" / "set-b" / "1001.txt"
    copy.write_text((folder / "p12" / "set-a" / "1001.txt").read_text())
    with pytest.raises(InvalidDataError, match=r"set-b/1001.txt: is there twice, also as .*set-a/1001.txt"):
        P12().load()
    copy.unlink()
    for letter in "ab":
        (folder / "p12" / f"Outcomes-{letter}.txt").unlink()
    with pytest.raises(InvalidDataError, match="there is no Outcomes-a.txt"):
        P12().load()


def split(path, *parts):
    array = np.empty(3, dtype=object)
    array[:] = [np.array(part) for part in parts]
    np.save(path, array)


def write_raindrop_p12(place, ids, n_splits=5):
    place.mkdir(parents=True, exist_ok=True)
    table = np.zeros((len(ids), 6), dtype=np.int64)
    table[:, 0], table[:, 3], table[:, 5] = ids, np.arange(len(ids)), np.arange(len(ids)) % 2
    np.save(place / "arr_outcomes.npy", table)
    rows = np.arange(len(ids))
    for number in range(1, n_splits + 1):
        turned = np.roll(rows, number)
        split(place / f"phy12_split{number}.npy", turned[:-4], turned[-4:-2], turned[-2:])
    return rows


def test_raindrops_splits_are_those_of_the_records_that_are_here(folder):
    make.write_p12(folder / "p12", n=6)
    ids = [*range(1000, 1006), *range(2000, 2006), 3000, 3001]  # two of set c are not here
    rows = write_raindrop_p12(folder / "raindrop" / "P12", ids)
    data = P12().load()
    assert len(data.folds["raindrop"]) == 5
    turned = np.roll(rows, 3)
    fold = data.folds["raindrop"][2]
    assert fold.train.tolist() == [i for i in turned[:-4].tolist() if i < 12]
    assert fold.test.tolist() == [i for i in turned[-2:].tolist() if i < 12]


def test_splits_that_are_no_split_are_refused(folder):
    make.write_p12(folder / "p12", n=6)
    ids = [*range(1000, 1006), *range(2000, 2006)]
    place = folder / "raindrop" / "P12"
    write_raindrop_p12(place, ids)
    split(place / "phy12_split2.npy", range(8), range(7, 10), range(10, 12))
    with pytest.raises(InvalidDataError, match="phy12_split2.npy: its parts are not a split of the rows 0 to 11"):
        P12().load()


def test_p12_as_raindrop_has_it(folder):
    ids = list(range(1000, 1012))
    place = folder / "P12data"
    write_raindrop_p12(place / "splits", ids)
    (place / "processed_data").mkdir()
    (place / "splits" / "arr_outcomes.npy").rename(place / "processed_data" / "arr_outcomes.npy")
    records = np.empty(12, dtype=object)
    for i in range(12):
        arr = np.zeros((5, 36))
        arr[:3] = np.random.default_rng(i).integers(0, 3, (3, 36))
        arr[0] = 5
        time = np.array([[0], [90], [150], [0], [0]])
        records[i] = {"id": str(ids[i]), "static": (1, 2), "extended_static": [60, 0, 1, -1, 0, 0, 1, 0, 80]}
        records[i] |= {"arr": arr, "time": time, "length": 3}
    np.save(place / "processed_data" / "PTdict_list.npy", records)
    data = P12().load()
    panel = data.panel
    assert panel.X.shape == (12, 36, 3)
    np.testing.assert_array_equal(panel.times[4], [0, 1.5, 2.5])
    expected = records[4]["arr"][:3].T
    np.testing.assert_array_equal(panel.X[4], np.where(expected == 0, np.nan, expected))
    np.testing.assert_array_equal(panel.static[0], [60, 0, 1, np.nan, 0, 0, 1, 0, 80])
    assert panel.y.tolist() == [0, 1] * 6
    assert len(data.folds["raindrop"]) == 5
    records[4]["time"] = np.array([[0], [90], [90], [0], [0]])
    np.save(place / "processed_data" / "PTdict_list.npy", records)
    with pytest.raises(InvalidDataError, match=r"PTdict_list.npy, record 4: its times do not rise"):
        P12().load()


@make.needs("p12")
@make.needs("raindrop")
def test_real_p12(real):
    data = P12().load()
    panel = data.panel
    assert panel.X.shape == (7990, 36, 202)
    assert int(panel.y.sum()) == 554 + 568
    assert np.bincount(panel.meta["set"] == "b").tolist() == [3997, 3993]
    table = np.load(make.DEV_DATA / "raindrop" / "P12" / "arr_outcomes.npy")[:7990]
    assert panel.meta["record"].astype(int).tolist() == table[:, 0].tolist()  # the row order of Raindrop
    assert panel.y.tolist() == table[:, 5].tolist()
    observed, rows = int(np.isfinite(panel.X).sum()), int(panel.lengths.sum())
    assert 1 - observed / (36 * rows) == pytest.approx(0.849, abs=0.001)
    for number, fold in enumerate(data.folds["raindrop"], 1):
        path = make.DEV_DATA / "raindrop" / "P12" / f"phy12_split{number}.npy"
        for part, expected in zip(fold, np.load(path, allow_pickle=True), strict=True):
            assert part.tolist() == [row for row in expected.tolist() if row < 7990]
    with tarfile.open(make.DEV_DATA / "p12" / "set-a.tar.gz") as archive:
        text = pd.read_csv(archive.extractfile("set-a/132539.txt"))
    case = panel.meta["record"].tolist().index("132539")
    minutes = text.Time.str.split(":", expand=True).astype(int) @ [60, 1]
    pivot = text.assign(minute=minutes)[text.Parameter.isin(SENSORS) & (minutes < 2880)]
    pivot = pivot.pivot_table(index="minute", columns="Parameter", values="Value", aggfunc="last").reindex(
        columns=SENSORS
    )
    length = panel.lengths[case]
    np.testing.assert_allclose(panel.times[case, :length], pivot.index.to_numpy() / 60)
    np.testing.assert_allclose(panel.X[case, :, :length], pivot.to_numpy().T, rtol=1e-6)
    np.testing.assert_array_equal(panel.static[case], [54, 1, 0, np.nan, 0, 0, 0, 1, np.nan])


# --- P19


def test_p19_labels_lengths_and_statics(folder):
    make.write_p19(folder / "p19")
    (folder / "p19" / "training_setA" / "p000099.psv").write_text(make.psv(1))
    (folder / "p19" / "training_setB" / "p100099.psv").write_text(make.psv(60))
    data = P19().load()
    panel = data.panel
    assert panel.X.shape == (12, 34, 10)
    assert panel.classes == ("none", "sepsis") and panel.y.tolist() == [0, 1] * 6
    assert panel.lengths.tolist() == [5, 6, 7, 8, 9, 10] * 2
    np.testing.assert_array_equal(panel.times[0], [1, 2, 3, 4, 5, *[np.nan] * 5])
    np.testing.assert_allclose(panel.static[0], [61.5, 1, np.nan, np.nan, -2.5])
    assert np.isnan(panel.X[0, P19_SENSORS.index("Lactate")]).tolist() == [False] + [True] * 9
    assert data.folds["sets"][0].train.tolist() == list(range(6))


def test_p19_columns_in_another_order():
    one, static, sepsis = parse_psv(make.psv(6, sepsis=True), "p.psv")
    lines = make.psv(6, sepsis=True).splitlines()
    other, other_static, _ = parse_psv("\n".join("|".join(reversed(line.split("|"))) for line in lines), "p.psv")
    np.testing.assert_array_equal(one.values, other.values)
    np.testing.assert_array_equal(static, other_static)
    assert sepsis


def cell(line, column, value):
    def change(text):
        lines = text.splitlines()
        fields = lines[line - 1].split("|")
        fields[lines[0].split("|").index(column)] = value
        return "\n".join([*lines[: line - 1], "|".join(fields), *lines[line:]])

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (cell(3, "HR", "fast"), r"line 3: 'fast' is not a number"),
        (cell(3, "HR", "1e999"), r"line 3: '1e999' is not a finite number"),
        (cell(3, "HR", "1e39"), r"holds a value that is too large"),
        (cell(4, "ICULOS", "2"), r"line 4: ICULOS 2 is not after the one before"),
        (cell(4, "ICULOS", "1"), r"line 4: ICULOS 1 is not after the one before"),
        (cell(4, "ICULOS", "NaN"), r"an hour has no ICULOS"),
        (cell(4, "SepsisLabel", "NaN"), r"SepsisLabel is not 0 or 1"),
        (cell(4, "SepsisLabel", "2"), r"SepsisLabel is not 0 or 1"),
        (cell(2, "Age", "300"), r"Age is 300, which is not between 0 and 130"),
        (cell(2, "Gender", "-1"), r"Gender is -1, which is not between 0 and 1"),
        (cell(2, "Gender", "0.5"), r"Gender is 0.5, which is no code"),
        (cell(2, "Unit1", "0.5"), r"Unit1 is 0.5, which is no code"),
        (cell(1, "HR", "Pulse"), r"has the column 'HR' 0 times"),
        (cell(1, "HR", "Temp"), r"has the column 'HR' 0 times"),
        (lambda text: text[:-40], r"line 7: has \d+ numbers, expected 41"),
        (lambda text: text.splitlines()[0], r"is empty"),
        (lambda text: "", r"has the column 'HR' 0 times"),
    ],
)
def test_a_psv_that_cannot_be_is_refused(change, message):
    with pytest.raises(InvalidDataError, match=rf"^p\.psv.*{message}"):
        parse_psv(change(make.psv(6)), "p.psv")


def test_a_p19_patient_that_is_there_twice_is_refused(folder):
    make.write_p19(folder / "p19")
    (folder / "p19" / "training_setB" / "p000001.psv").write_text(make.psv(5))
    with pytest.raises(InvalidDataError, match=r"p000001.psv: is there twice"):
        P19().load()


def test_p19_as_raindrop_has_it(folder):
    place = folder / "raindrop" / "P19"
    place.mkdir(parents=True)
    records = np.empty(12, dtype=object)
    for i in range(12):
        arr = np.zeros((60, 34))
        arr[: 3 + i] = i + 1
        time = np.arange(60)[:, None]
        records[i] = {"id": i, "extended_static": (60, 1, 0, 1, -3, 9), "arr": arr, "time": time, "length": 3 + i}
    np.save(place / "PT_dict_list_6.npy", records)
    np.save(place / "arr_outcomes_6.npy", (np.arange(12) % 2).astype(float)[:, None])
    for number in range(1, 6):
        split(place / f"phy19_split{number}_new.npy", range(8), range(8, 10), range(10, 12))
    data = P19().load()
    assert data.panel.X.shape == (12, 34, 14)
    assert data.panel.static.shape == (12, 5)
    assert data.panel.times[0, :3].tolist() == [0, 1, 2]
    assert len(data.folds["raindrop"]) == 5 and data.folds["raindrop"][0].test.tolist() == [10, 11]


@make.needs("p19")
def test_real_p19(real):
    panel = P19().load().panel
    assert panel.X.shape == (4863, 34, 59)
    name = next((make.DEV_DATA / "p19").glob("*.tar.xz"))
    with tarfile.open(name) as archive:
        members = [member for member in archive.getmembers() if member.isfile()][:200:10]
        for member in members:
            table = pd.read_csv(archive.extractfile(member), sep="|")
            record = member.name.rpartition("/")[2][:-4]
            if not 1 < len(table) < 60:
                assert record not in panel.meta["record"]
                continue
            case = panel.meta["record"].tolist().index(record)
            np.testing.assert_allclose(panel.X[case, :, : len(table)], table[list(P19_SENSORS)].to_numpy().T, rtol=1e-6)
            np.testing.assert_array_equal(panel.times[case, : len(table)], table.ICULOS)
            assert panel.y[case] == table.SepsisLabel.max()


# --- ICU demos


@pytest.mark.parametrize("task", ["mortality24", "sepsis"])
def test_icu_cohorts(folder, task):
    make.write_icu(folder / "icu-demo", task)
    panel = IcuDemo("icu", task, "eicu").load().panel
    assert panel.X.shape == (6, 2, 4)  # crp has no value in any stay
    assert panel.channel_names == ("hr", "lact")
    assert panel.times[0].tolist() == [0, 1, 2, 3]
    assert panel.X[1, 0].tolist() == [64, 65, 66, 67]
    assert np.isnan(panel.X[0, 1]).tolist() == [False, True, True, False]
    assert panel.meta["record"].tolist() == list(range(10, 16))
    assert panel.classes == (("alive", "died") if task == "mortality24" else ("none", "sepsis"))
    assert panel.y.tolist() == [0, 1] * 3
    np.testing.assert_array_equal(
        panel.static[:3], [[50, 0, np.nan, 70], [50, 1, np.nan, 70], [50, np.nan, np.nan, 70]]
    )


def change(place, name, how):
    path = place / f"{name}.parquet"
    how(pd.read_parquet(path)).to_parquet(path)


@pytest.mark.parametrize(
    ("name", "how", "message"),
    [
        ("dyn", lambda t: t.drop(columns="time"), r"dyn.parquet: has the column 'time' 0 times"),
        ("dyn", lambda t: t.drop(columns="bun"), r"dyn.parquet: has no column 'bun'; leave one empty"),
        (
            "dyn",
            lambda t: t.rename(columns={"hr": "HR", "ph": "pH"}),
            r"has no column 'hr', nor 1 more of its 48 variab",
        ),
        ("dyn", lambda t: t.assign(time=t.time.dt.total_seconds()), r"most rows are 3600 after .* expected 1 hour"),
        (
            "dyn",
            lambda t: t.assign(hr="x"),
            r"dyn.parquet: the column 'hr' holds what is no number, 'x' in row 0, of stay 10",
        ),
        (
            "dyn",
            lambda t: t.assign(hr=np.inf),
            r"'hr' holds a value that is infinite or too large in row 0, of stay 10",
        ),
        ("dyn", lambda t: t.iloc[::-1], r"dyn.parquet: stay 10: its times run backwards or repeat"),
        ("dyn", lambda t: pd.concat([t, t.iloc[:1]]), r"dyn.parquet: stay 10: its times run backwards or repeat"),
        ("dyn", lambda t: t[t.stay_id > 10], r"dyn.parquet: stay 10 of outc.parquet has no hour"),
        ("dyn", lambda t: t[:0], r"dyn.parquet: is empty"),
        ("sta", lambda t: t[1:], r"dyn.parquet: stay 10 is not in sta.parquet"),
        ("outc", lambda t: t[1:], r"dyn.parquet: stay 10 is not in outc.parquet"),
        ("outc", lambda t: pd.concat([t, t[:1]]), r"outc.parquet: stay 10 is there twice"),
        ("sta", lambda t: pd.concat([t, t[:1]]), r"sta.parquet: stay 10 is there twice"),
        ("outc", lambda t: t.assign(label=2), r"outc.parquet: a label is not 0 or 1 but 2, in row 0, of stay 10"),
        ("sta", lambda t: t.assign(age=300.0), r"sta.parquet: stay 10: age is 300, which is not between 0 and 130"),
        (
            "sta",
            lambda t: t.assign(weight=-1.0),
            r"sta.parquet: stay 10: weight is -1, which is not between 0 and 1000",
        ),
        ("sta", lambda t: t.assign(sex="X"), r"sta.parquet: sex is 'X', expected Male or Female, in row 0, of stay 10"),
    ],
)
def test_an_icu_cohort_that_cannot_be_is_refused(folder, name, how, message):
    place = make.write_icu(folder / "icu-demo", "mortality24")
    change(place, name, how)
    with pytest.raises(InvalidDataError, match=message):
        IcuDemo("icu", "mortality24", "eicu").load()


def test_an_icu_cohort_without_a_table_or_with_a_damaged_one(folder):
    place = make.write_icu(folder / "icu-demo", "mortality24")
    (place / "sta.parquet").write_bytes((place / "sta.parquet").read_bytes()[:-20])
    with pytest.raises(InvalidDataError, match=r"sta.parquet: is no parquet table"):
        IcuDemo("icu", "mortality24", "eicu").load()
    (place / "sta.parquet").unlink()
    with pytest.raises(InvalidDataError, match=r"needs the file sta.parquet"):
        IcuDemo("icu", "mortality24", "eicu").load()


@make.needs("icu-demo")
@pytest.mark.parametrize(
    ("task", "source", "shape", "positive"),
    [
        ("mortality24", "eicu", (1367, 48, 25), 70),
        ("mortality24", "mimic", (99, 47, 25), 21),
        ("sepsis", "eicu", (896, 47, 169), 63),
        ("sepsis", "mimic", (115, 47, 169), 1),
    ],
)
def test_real_icu_cohorts(real, task, source, shape, positive):
    panel = IcuDemo("icu", task, source).load().panel
    assert panel.X.shape == shape
    counts = dict(zip(panel.classes, np.bincount(panel.y).tolist(), strict=True))
    assert counts["died" if task == "mortality24" else "sepsis"] == positive
    table = pd.read_parquet(make.DEV_DATA / "icu-demo" / task / f"{source}_demo" / "dyn.parquet")
    for case in (0, len(panel) // 2, len(panel) - 1):
        rows = table[table.stay_id == panel.meta["record"][case]]
        found = panel.X[case, :, : panel.lengths[case]]
        np.testing.assert_allclose(found, rows[list(panel.channel_names)].to_numpy().T, rtol=1e-6)
        np.testing.assert_allclose(panel.times[case, : len(rows)], rows.time.dt.total_seconds() / 3600)
