"""AFDB, MITDB, PTB-XL, CPSC 2018 and CinC 2021 from miniature distributions, and their real samples."""

import ast
import csv

import clinical_files as make
import numpy as np
import pytest

from tsbench.errors import InvalidDataError, UsageError
from tsbench_clinical.ecg12 import Cinc2021, Cpsc2018
from tsbench_clinical.leads import LEADS
from tsbench_clinical.ptbxl import PtbXl
from tsbench_clinical.rhythm import Afdb, Mitdb


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("TSBENCH_DATA", str(tmp_path))
    monkeypatch.setenv("TSBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def real(monkeypatch, tmp_path):
    monkeypatch.setenv("TSBENCH_DATA", str(make.DEV_DATA))
    monkeypatch.setenv("TSBENCH_CACHE", str(tmp_path))


# --- rhythm windows


def test_windows_have_the_rhythm_that_covers_most(folder):
    make.write_mitdb(folder / "mitdb")
    data = Mitdb("mitdb").load()
    panel = data.panel
    assert panel.X.shape == (6 * 2, 2, 3600)
    # (N from 20, (AFIB from 3700: the second window, from 3620, is mostly AFIB
    assert [panel.classes[label] for label in panel.y[:2]] == ["N", "AFIB"]
    assert panel.meta["record"][:3].tolist() == ["100", "100", "101"]
    np.testing.assert_allclose(panel.meta["start"][:2], [20 / 360, 3620 / 360])
    samples = np.random.default_rng(0).integers(-900, 900, (2, 7300))
    np.testing.assert_allclose(panel.X[1], samples[:, 3620:7220] / 200, rtol=1e-6)
    assert panel.meta["subject"].tolist() == [r if r != "202" else "201" for r in panel.meta["record"].tolist()]
    for fold in data.folds["archive"]:
        parts = [set(panel.meta["subject"][part].tolist()) for part in fold]
        assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
    (tnc,) = data.folds["tnc"]
    assert sorted(set(panel.meta["subject"][tnc.test].tolist())) == ["208"]


def test_window_options(folder):
    make.write_mitdb(folder / "mitdb")
    assert Mitdb("mitdb", seconds=5).load().panel.X.shape == (6 * 4, 2, 1800)
    assert Mitdb("mitdb", seconds=5, overlap=0.5).load().panel.X.shape == (6 * 7, 2, 1800)
    for options in ({"seconds": 0}, {"seconds": 0.001}, {"overlap": 1}, {"seconds": float("nan")}):
        with pytest.raises(UsageError):
            Mitdb("mitdb", **options)


def test_windows_of_other_rhythms_are_left_out(folder):
    make.write_mitdb(folder / "mitdb")
    (folder / "mitdb" / "100.atr").write_bytes(make.atr([(20, "VT"), (3700, "NOD")]))
    panel = Mitdb("mitdb").load().panel
    assert [panel.classes[label] for label in panel.y[panel.meta["record"] == "100"]] == ["J"]


def test_afdb_leaves_out_the_two_records_without_signals(folder):
    for record in ("04015", "00735"):
        make.write_wfdb(folder / "afdb", record, np.ones((2, 5100)), 250, ("ECG1", "ECG2"), form="212", gain=200)
        (folder / "afdb" / f"{record}.atr").write_bytes(make.atr([(30, "AFIB"), (2530, "J")]))
    (folder / "afdb" / "00735.dat").unlink()
    panel = Afdb("afdb").load().panel
    assert panel.X.shape == (2, 2, 2500)
    assert set(panel.meta["record"].tolist()) == {"04015"}
    assert [panel.classes[label] for label in panel.y] == ["AFIB", "J"]
    (folder / "afdb" / "04015.dat").unlink()
    with pytest.raises(InvalidDataError, match=r"04015.hea: needs the file 04015.dat"):
        Afdb("afdb").load()


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("101.dat", lambda content: content[:-30], "101.hea, 101.dat: .*it is truncated"),
        ("101.hea", lambda content: content.replace(b" 360 7300", b" 360 7200"), "101.hea, 101.dat: .*they disagree"),
        ("101.hea", lambda content: content.replace(b" 360 ", b" 250 "), "101.hea: is sampled at 250 Hz, expected 360"),
        ("101.hea", lambda content: content.replace(b"/mV", b"/bpm"), "101.hea, signal 0 'MLII': is in 'bpm'"),
        ("101.hea", lambda content: content.replace(b"101 2", b"104 2"), "101.hea: is the header of record '104'"),
        ("101.atr", lambda content: content[:-3], "101.atr: ends within an annotation"),
        ("101.dat", lambda content: b"\xff" + content[1:], "101.hea, signal 0 'MLII': its checksum"),
    ],
)
def test_a_record_that_cannot_be_is_refused(folder, file, change, message):
    make.write_mitdb(folder / "mitdb", n=7300)
    path = folder / "mitdb" / file
    content = path.read_bytes()
    assert change(content) != content
    path.write_bytes(change(content))
    with pytest.raises(InvalidDataError, match=message):
        Mitdb("mitdb").load()


def test_the_first_lead_is_found_by_its_name(folder):
    make.write_mitdb(folder / "mitdb")
    expected = Mitdb("mitdb").load().fingerprint()
    samples = np.random.default_rng(1).integers(-900, 900, (2, 7300))
    make.write_wfdb(folder / "mitdb", "101", samples[::-1], 360, ("V1", "MLII"), form="212", gain=200)
    assert Mitdb("mitdb").load().fingerprint() == expected
    make.write_wfdb(folder / "mitdb", "101", samples, 360, ("V5", "V2"), form="212", gain=200)  # without MLII
    assert Mitdb("mitdb").load().fingerprint() == expected
    make.write_wfdb(folder / "afdb", "04015", [[1] * 5100, [2] * 5100], 250, ("ECG2", "ECG1"), form="212", gain=200)
    (folder / "afdb" / "04015.atr").write_bytes(make.atr([(30, "AFIB")]))
    np.testing.assert_allclose(Afdb("afdb").load().panel.X[0, :, 0], [2 / 200, 1 / 200])


def test_a_lead_that_is_there_twice_is_refused(folder):
    make.write_mitdb(folder / "mitdb")
    samples = np.random.default_rng(1).integers(-900, 900, (2, 7300))
    make.write_wfdb(folder / "mitdb", "101", samples, 360, ("V1", "v1"), form="212", gain=200)
    with pytest.raises(InvalidDataError, match=r"101.hea: has lead V1 2 times, expected two leads"):
        Mitdb("mitdb").load()


def test_annotations_without_a_rhythm_are_refused(folder):
    make.write_mitdb(folder / "mitdb")
    (folder / "mitdb" / "101.atr").write_bytes(bytes(2))
    with pytest.raises(InvalidDataError, match=r"101.atr: has no rhythm, so that no window has a label"):
        Mitdb("mitdb").load()


def test_signals_without_a_header_are_a_record_that_is_missed(folder):
    make.write_mitdb(folder / "mitdb", n=7300)
    (folder / "mitdb" / "101.hea").unlink()
    with pytest.raises(InvalidDataError, match=r"101\.(atr|dat): has no header 101.hea beside it"):
        Mitdb("mitdb").load()


@make.needs("mitdb")
def test_real_mitdb(real):
    wfdb = pytest.importorskip("wfdb")
    panel = Mitdb("mitdb").load().panel
    assert panel.X.shape == (2470, 2, 3600)
    assert dict(zip(panel.classes, np.bincount(panel.y).tolist(), strict=True)) == {
        "AFIB": 799,
        "AFL": 77,
        "J": 22,
        "N": 1572,
    }
    assert len(set(panel.meta["record"].tolist())) == 16 and len(set(panel.meta["subject"].tolist())) == 15
    rng = np.random.default_rng(0)
    for case in rng.integers(0, len(panel), 20):
        record, start = panel.meta["record"][case], round(panel.meta["start"][case] * 360)
        values, _ = wfdb.rdsamp(str(make.DEV_DATA / "mitdb" / record), sampfrom=start, sampto=start + 3600)
        np.testing.assert_allclose(panel.X[case], values.T, atol=1e-6)
        marks = wfdb.rdann(str(make.DEV_DATA / "mitdb" / record), "atr")
        changes = [
            (s, t.strip("\0")[1:]) for s, t in zip(marks.sample, marks.aux_note, strict=True) if t.startswith("(")
        ]
        names = [[t for s, t in changes if s <= sample][-1] for sample in range(start, start + 3600, 10)]
        most = max(set(names), key=names.count)
        assert panel.classes[panel.y[case]] == {"NOD": "J"}.get(most, most)


# --- PTB-XL


def test_ptbxl_has_labels_reports_and_folds(folder):
    make.write_ptbxl(folder / "ptb-xl", n=24)
    data = PtbXl().load()
    panel = data.panel
    assert panel.task == "multilabel" and panel.y.dtype == np.uint8
    assert panel.X.shape == (16, 12, 1000)  # the third of each three has no diagnostic code
    assert panel.classes == ("HYP", "MI", "NORM")
    assert panel.y[:2].tolist() == [[0, 0, 1], [1, 1, 0]]
    assert panel.channel_names == LEADS
    assert panel.text[:2].tolist() == ["sinusrhythmus, nr 0", "sinusrhythmus, nr 1"]
    assert panel.meta["record"][:8].tolist() == [1, 2, 4, 5, 7, 8, 10, 11]
    np.testing.assert_array_equal(panel.static[:2], [[90, 0, np.nan, 70], [51, 1, np.nan, 70]])
    samples = np.arange(12 * 1000).reshape(12, 1000) % 500 + 3
    np.testing.assert_allclose(panel.X[2], samples / 1000, rtol=1e-6)
    split = data.folds["ptbxl"][0]
    assert set(panel.meta["fold"][split.train].tolist()) <= set(range(1, 9))
    assert set(panel.meta["fold"][split.test].tolist()) == {10}


def test_ptbxl_subclasses(folder):
    make.write_ptbxl(folder / "ptb-xl")
    panel = PtbXl("ptb-xl-subclass", "subclass").load().panel
    assert panel.classes == ("IMI", "LVH", "NORM")


def test_ptbxl_without_all_folds_has_no_split(folder):
    make.write_ptbxl(folder / "ptb-xl", n=5)
    assert PtbXl().load().folds == {}


def edit(folder, change):
    """Change the table of a PTB-XL: `change` takes the list of rows, header first."""
    path = folder / "ptb-xl" / "ptbxl_database.csv"
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    rows = change(rows) or rows
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def put(row, column, value):
    def change(rows):
        rows[row][rows[0].index(column)] = value

    return change


def test_ptbxl_columns_are_found_by_name(folder):
    make.write_ptbxl(folder / "ptb-xl")
    expected = PtbXl().load().fingerprint()
    edit(folder, lambda rows: [list(reversed(row)) for row in rows])
    assert PtbXl().load().fingerprint() == expected


def test_ptbxl_reports_may_hold_anything(folder):
    make.write_ptbxl(folder / "ptb-xl")
    edit(folder, put(1, "report", 'EKG "normal", ßü\nsecond line'))
    edit(folder, put(2, "report", ""))
    assert PtbXl().load().panel.text[:2].tolist() == ['EKG "normal", ßü\nsecond line', ""]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put(2, "ecg_id", "1"), r"ptbxl_database.csv, line 3: record 1 is there twice"),
        (put(2, "strat_fold", "11"), r"line 3: record 2 is in fold 11"),
        (put(2, "scp_codes", "{'NORM': "), r"line 3, record 2: scp_codes .* is no dict of codes"),
        (put(2, "scp_codes", "{'XYZ': 0.0}"), r"line 3, record 2: the code XYZ is not in scp_statements.csv"),
        (put(2, "age", "old"), r"line 3: 'old' is not a number"),
        (put(2, "age", "150"), r"line 3, record 2: age is 150, which is not between 0 and 130"),
        (put(2, "age", "-1"), r"line 3, record 2: age is -1, which is not between 0 and 130"),
        (put(2, "sex", "2"), r"line 3, record 2: sex is 2, which is not between 0 and 1"),
        (put(2, "sex", "0.5"), r"line 3, record 2: sex is 0.5, which is no code"),
        (put(2, "weight", "-70"), r"line 3, record 2: weight is -70, which is not between 0 and 1000"),
        (put(2, "patient_id", "1.0"), r"patient 1 is in the folds 1 and 2"),
        (put(2, "patient_id", ""), r"line 3: '' is not a whole number"),
        (put(2, "filename_lr", "records100/00000/99999_lr"), r"record 2: needs the file 99999_lr.hea"),
        (put(0, "report", "text"), r"has the column 'report' 0 times"),
        (lambda rows: rows[:1], r"no record has a diagnostic class"),
    ],
)
def test_a_ptbxl_table_that_cannot_be_is_refused(folder, change, message):
    make.write_ptbxl(folder / "ptb-xl")
    edit(folder, change)
    with pytest.raises(InvalidDataError, match=message):
        PtbXl().load()


def test_a_ptbxl_record_that_cannot_be_is_refused(folder):
    place = folder / "ptb-xl" / "records100" / "00000"
    samples = np.ones((12, 1000))
    make.write_ptbxl(folder / "ptb-xl")
    (place / "00002_lr.dat").write_bytes((place / "00002_lr.dat").read_bytes()[:-24])
    with pytest.raises(InvalidDataError, match=r"00002_lr.hea, 00002_lr.dat: .*truncated"):
        PtbXl().load()
    make.write_wfdb(place, "00002_lr", samples, 500, LEADS)
    with pytest.raises(InvalidDataError, match=r"00002_lr.hea: is sampled at 500 Hz, expected 100 Hz"):
        PtbXl().load()
    make.write_wfdb(place, "00002_lr", samples[:, :900], 100, LEADS)
    with pytest.raises(InvalidDataError, match=r"00002_lr.hea: has 900 samples, expected 1000"):
        PtbXl().load()
    (place / "00002_lr.hea").write_bytes((place / "00001_lr.hea").read_bytes())
    with pytest.raises(InvalidDataError, match=r"00002_lr.hea: is the header of record '00001_lr'"):
        PtbXl().load()


def test_a_flag_of_a_ptbxl_code_that_is_none_is_refused(folder):
    make.write_ptbxl(folder / "ptb-xl")
    path = folder / "ptb-xl" / "scp_statements.csv"
    path.write_text(path.read_text().replace("inferior infarction,1.0", "inferior infarction,2.0"))
    with pytest.raises(InvalidDataError, match=r"statements.csv, line 3: diagnostic of the code IMI is 2, expected 1"):
        PtbXl().load()


@make.needs("ptb-xl")
def test_real_ptbxl(real):
    wfdb, pd = pytest.importorskip("wfdb"), pytest.importorskip("pandas")
    data = PtbXl().load()
    panel = data.panel
    assert panel.X.shape == (390, 12, 1000)
    counts = dict(zip(panel.classes, panel.y.sum(axis=0).tolist(), strict=True))
    assert counts == {"CD": 58, "HYP": 32, "MI": 53, "NORM": 243, "STTC": 74}
    table = pd.read_csv(make.DEV_DATA / "ptb-xl" / "ptbxl_database.csv", index_col="ecg_id")
    statements = pd.read_csv(make.DEV_DATA / "ptb-xl" / "scp_statements.csv", index_col=0)
    diagnostic = statements[statements.diagnostic == 1].diagnostic_class
    for case in range(0, 390, 7):
        row = table.loc[panel.meta["record"][case]]
        assert panel.text[case] == row.report.strip()
        labels = {diagnostic[code] for code in ast.literal_eval(row.scp_codes) if code in diagnostic}
        assert {panel.classes[i] for i in np.flatnonzero(panel.y[case])} == labels
        values, facts = wfdb.rdsamp(str(make.DEV_DATA / "ptb-xl" / row.filename_lr))
        assert [name.upper() for name in panel.channel_names] == facts["sig_name"]
        np.testing.assert_allclose(panel.X[case], values.T, atol=1e-6)
    assert PtbXl("ptb-xl-subclass", "subclass").load().panel.y.shape == (390, 23)


# --- CPSC 2018, CinC 2021


def test_cpsc_has_several_labels_and_lengths(folder):
    samples = make.write_ecg12(folder / "cpsc2018", "A0001", "AF,RBBB", n=600, age=74, sex="Female")
    make.write_ecg12(folder / "cpsc2018", "A0002", "426783006", n=7000, age="NaN", sex="Unknown")
    panel = Cpsc2018("cpsc2018").load().panel
    assert panel.X.shape == (2, 12, 5000)
    assert panel.lengths.tolist() == [600, 5000]
    assert [[panel.classes[i] for i in np.flatnonzero(row)] for row in panel.y] == [["AF", "RBBB"], ["Normal"]]
    assert len(panel.classes) == 9
    np.testing.assert_allclose(panel.X[0, :, :600], samples / 1000, rtol=1e-6)
    assert np.isnan(panel.X[0, :, 600:]).all()
    np.testing.assert_array_equal(panel.static, [[74, 1], [np.nan, np.nan]])
    assert Cpsc2018("cpsc2018", seconds=1).load().panel.X.shape == (2, 12, 500)
    with pytest.raises(UsageError):
        Cpsc2018("cpsc2018", seconds=-1)


def test_cinc_unites_codes_of_one_class_and_leaves_out_other_rates(folder):
    make.write_ecg12(folder / "cinc2021", "E00001", "284470004,67741000119109")
    make.write_ecg12(folder / "cinc2021", "JS00002", "63593006,59118001")
    make.write_ecg12(folder / "cinc2021", "HR00003", "67741000119109")
    make.write_ecg12(folder / "cinc2021", "I0001", "284470004", rate=257)
    panel = Cinc2021("cinc2021").load().panel
    labels = [[panel.classes[i] for i in np.flatnonzero(row)] for row in panel.y]
    assert panel.meta["record"].tolist() == ["E00001", "HR00003", "JS00002"]
    assert labels == [["PAC"], [], ["RBBB", "PAC"]]
    assert panel.meta["source"].tolist() == ["E", "HR", "JS"]
    assert len(panel.classes) == 26


def test_cinc_is_found_in_its_own_folders(folder):
    make.write_ecg12(folder / "cinc2021" / "training" / "georgia" / "g1", "E00001", "284470004")
    make.write_ecg12(folder / "cinc2021" / "training" / "cpsc_2018" / "g1", "A0001", "59118001")
    assert Cinc2021("cinc2021").load().panel.meta["record"].tolist() == ["A0001", "E00001"]
    assert Cpsc2018("cpsc2018").load().panel.meta["record"].tolist() == ["A0001"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dx": "Sneeze"}, r"A0001.hea: the diagnosis 'Sneeze' is not known"),
        ({"dx": ""}, r"A0001.hea: has no diagnosis"),
        ({"rate": 250}, r"A0001.hea: is sampled at 250 Hz, expected 500 Hz"),
        ({"names": (*LEADS[:11], "VX")}, r"A0001.hea: has lead V6 0 times"),
        ({"unit": "kg"}, r"A0001.hea, signal 0 'I': is in 'kg', which is no unit of voltage"),
        ({"age": "seven"}, r"A0001.hea, Age: 'seven' is not a number"),
        ({"sex": "robot"}, r"A0001.hea: the sex 'robot' is not known"),
    ],
)
def test_a_cpsc_record_that_cannot_be_is_refused(folder, changes, message):
    make.write_ecg12(folder / "cpsc2018", "A0001", changes.pop("dx", "AF"), **changes)
    with pytest.raises(InvalidDataError, match=message):
        Cpsc2018("cpsc2018").load()


@make.needs("ecg12")
def test_real_cpsc_and_cinc(real):
    wfdb = pytest.importorskip("wfdb")
    panel = Cpsc2018("cpsc2018").load().panel
    assert panel.X.shape == (60, 12, 5000)
    counts = dict(zip(panel.classes, panel.y.sum(axis=0).tolist(), strict=True))
    assert counts == {"Normal": 9, "AF": 9, "I-AVB": 2, "LBBB": 4, "RBBB": 11, "PAC": 3, "PVC": 8, "STD": 8, "STE": 7}
    other = Cinc2021("cinc2021").load().panel
    assert other.X.shape == (40, 12, 5000)
    counts = dict(zip(other.classes, other.y.sum(axis=0).tolist(), strict=True))
    assert (counts["STach"], counts["PAC"], counts["SB"]) == (22, 20, 6)
    for found, place in ((panel, "cpsc2018"), (other, "cinc2021")):
        for case in range(0, len(found), 9):
            values, _ = wfdb.rdsamp(str(make.DEV_DATA / "ecg12" / place / found.meta["record"][case]), sampto=5000)
            np.testing.assert_allclose(found.X[case], values.T, atol=1e-6)
