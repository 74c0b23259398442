"""A folder of recordings: what is read of it, and what is said of one that cannot be used."""

import numpy as np
import pandas as pd
import pytest

from tests.plugins import clinical_files as make
from tsbench import Bench
from tsbench.errors import InvalidDataError, TsbenchWarning, UsageError
from tsbench_archives.local import open_local

N = 40


def write_csv(folder, name, seed=0, n=N, rate=None, header="ecg,resp"):
    values = np.random.default_rng(seed).normal(size=(n, 2)).round(4)
    rows = [f"{a},{b}" for a, b in values.tolist()]
    if rate is not None:
        header, rows = f"time,{header}", [f"{i / rate},{row}" for i, row in enumerate(rows)]
    (folder / f"{name}.csv").write_text("\n".join([header, *rows]) + "\n")
    return values.T


@pytest.fixture
def ward(tmp_path):
    """Twelve recordings of six subjects, of growing length; r10 and r11 without a label."""
    folder = tmp_path / "ward"
    folder.mkdir()
    rows = ["recording,label,subject,unit"]
    for i in range(12):
        write_csv(folder, f"r{i}", i, N + i, rate=10)
        rows.append(f"r{i},{'' if i > 9 else 'ab'[i % 2]},p{i // 2},icu")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    (folder / "static.csv").write_text(
        "subject,age,sex\n" + "\n".join(f"p{i},{60 + i},{'fm'[i % 2]}" for i in range(5)) + "\n"
    )
    return folder


def edit(path, old, new, count=1):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, count))


def test_recordings_with_all_that_is_known_of_them(ward):
    dataset = open_local(ward)
    data, card = dataset.load(), dataset.card
    panel = data.panel
    assert (card.name, card.group, card.task, card.default_protocol) == (
        "ward",
        "subject",
        "classification",
        "svm-rbf-cv5",
    )
    assert panel.meta["record"].tolist() == panel.case_names() == [f"r{i}" for i in range(10)]
    assert panel.meta["subject"].tolist() == [f"p{i // 2}" for i in range(10)]
    assert panel.meta["unit"].tolist() == ["icu"] * 10
    assert panel.lengths.tolist() == list(range(N, N + 10)) and panel.channel_names == ("ecg", "resp")
    assert [panel.classes[i] for i in panel.y] == ["a", "b"] * 5
    np.testing.assert_allclose(panel.X[3, :, : N + 3], write_csv(ward, "r3", 3, N + 3, rate=10), rtol=1e-6)
    np.testing.assert_allclose(panel.times[3, : N + 3], np.arange(N + 3) / 10)
    assert panel.static_names == ("age", "sex") and panel.static[:, 0].tolist() == [60 + i // 2 for i in range(10)]
    assert panel.categories == {"sex": ("f", "m")}
    extra = data.unlabelled
    assert extra.meta["record"].tolist() == ["r10", "r11"] and extra.y is None
    assert np.isnan(extra.static).all()  # p5 is not in static.csv


def test_channels_are_matched_by_name(ward):
    values = write_csv(ward, "r3", 3, N + 3)
    rows = [f"{b},{i / 10},{a}" for i, (a, b) in enumerate(values.T.tolist())]
    before = open_local(ward).load() if write_csv(ward, "r3", 3, N + 3, rate=10) is not None else None
    (ward / "r3.csv").write_text("\n".join(["resp,time,ecg", *rows]) + "\n")
    assert open_local(ward).load().fingerprint() == before.fingerprint()


def test_formats_give_the_same(tmp_path):
    samples = np.random.default_rng(0).integers(-900, 900, (2, 50)) * 2
    millivolts = samples / 1000
    folders = {}
    for kind in ("csv", "parquet", "edf", "wfdb"):
        folder = folders[kind] = tmp_path / kind
        folder.mkdir()
        for i in range(2):
            x = samples + 2 * i
            table = pd.DataFrame({"I": x[0] / 1000, "II": x[1] / 1000})
            if kind == "csv":
                table.to_csv(folder / f"r{i}.csv", index=False)
            elif kind == "parquet":
                table.to_parquet(folder / f"r{i}.parquet", index=False)
            elif kind == "edf":  # 200 units to 2000 steps
                content = make.edf(
                    [(name, "mV", row.reshape(5, 10)) for name, row in zip(("I", "II"), x, strict=True)], 1
                )
                (folder / f"r{i}.edf").write_bytes(content)
            else:
                make.write_wfdb(folder, f"r{i}", x, 10, ("I", "II"))
        rate = ",sampling_rate" if kind in ("csv", "parquet") else ""
        lines = [f"r{i},{'ab'[i]}{',10' if rate else ''}" for i in range(2)]
        (folder / "labels.csv").write_text("\n".join([f"recording,label{rate}", *lines]) + "\n")
    found = {kind: open_local(folder).load().panel for kind, folder in folders.items()}
    for kind, panel in found.items():
        scale = 100 if kind == "edf" else 1  # its steps are of 0.1 mV, those of the others of 1 uV
        np.testing.assert_allclose(panel.X[0], millivolts * scale, rtol=1e-5, err_msg=kind)
        assert panel.sampling_rate == 10 and panel.channel_names == ("I", "II"), kind


def test_a_unit_that_is_no_voltage_is_kept(tmp_path):
    make.write_wfdb(tmp_path, "r", np.arange(20).reshape(1, 20), 5, ("ABP",), unit="mmHg", gain=10)
    (tmp_path / "labels.csv").write_text("recording,label\nr,a\n")
    np.testing.assert_allclose(open_local(tmp_path).load().panel.X[0, 0], np.arange(20) / 10, rtol=1e-6)


def test_labels_of_every_task(ward):
    for name in ("r10", "r11"):
        edit(ward / "labels.csv", f"{name},,", f"{name},a,")
    text = (ward / "labels.csv").read_text()
    for i in range(12):
        text = text.replace(f"r{i},{'ab'[i % 2]},", f"r{i},{i + 0.5},").replace(f"r{i},a,", f"r{i},{i + 0.5},")
    (ward / "labels.csv").write_text(text)
    data = open_local(ward, "regression").load()
    assert data.panel.task == "regression" and data.panel.y.tolist() == [i + 0.5 for i in range(12)]
    assert (
        open_local(ward).card.task == "regression" and open_local(ward, "classification").card.task == "classification"
    )
    edit(ward / "labels.csv", "r0,0.5,", "r0,x;y,")
    edit(ward / "labels.csv", "r1,1.5,", "r1,,")
    edit(ward / "labels.csv", "r2,2.5,", "r2,?,")
    data = open_local(ward).load()
    assert data.panel.task == "multilabel" and data.panel.y[1].sum() == 0 and len(data.unlabelled) == 1


def test_columns_of_labels(tmp_path):
    for i in range(3):
        write_csv(tmp_path, f"r{i}", i)
    (tmp_path / "labels.csv").write_text("recording,label_x,label_y\nr0,1,0\nr1.csv,1,1\nr2,,\n")
    data = open_local(tmp_path).load()
    assert data.panel.y.tolist() == [[1, 0], [1, 1]] and data.panel.classes == ("x", "y") and len(data.unlabelled) == 1
    edit(tmp_path / "labels.csv", "r2,,", "r2,1,")
    with pytest.raises(InvalidDataError, match=r"labels.csv:4: column 'label_y' is ''; a label is 0 or 1"):
        open_local(tmp_path).load()


def spoil(what):
    """Return a function that spoils a ward; r4 is the recording that is bad where one is."""

    def csv(old, new):
        return lambda ward: edit(ward / "r4.csv", old, new)

    def labels(old, new):
        return lambda ward: edit(ward / "labels.csv", old, new)

    return {
        "fields": csv("\n0.3,", "\n0.3,1,"),
        "text": csv("\n0.3,", "\n0.3,high"),
        "letter": lambda ward: edit(ward / "r4.csv", "\n0.3,", "\n0.3x,"),
        "infinite": lambda ward: (ward / "r4.csv").write_text("time,ecg,resp\n0,1,1\n1,1,1\n2,1,1\n3,1,1e39\n"),
        "back": csv("\n0.3,", "\n0.1,"),
        "repeated": csv("\n0.3,", "\n0.2,"),
        "channel": csv("time,ecg,resp", "time,ecg,breath"),
        "no time": lambda ward: write_csv(ward, "r4"),
        "empty": lambda ward: (ward / "r4.csv").write_text(""),
        "header": lambda ward: (ward / "r4.csv").write_text("time,ecg,resp\n"),
        "no row": labels("r4,a,p2,icu\n", ""),
        "no file": lambda ward: (ward / "r4.csv").unlink(),
        "rate": lambda ward: (labels("subject,unit", "subject,sampling_rate")(ward), labels("p2,icu", "p2,250")(ward)),
        "edf": lambda ward: (ward / "r4.csv").unlink() or (ward / "r4.edf").write_bytes(b"0       no"),
        "no header": lambda ward: (ward / "r40.dat").write_bytes(bytes(8)),
        "twice": lambda ward: write_csv(ward, "r4", rate=10) is not None and (ward / "r4.hea").write_text("r4 1 10 4"),
        "row twice": labels("r5,b", "r4,b"),
        "no subject": labels("r4,a,p2", "r4,a,"),
        "no column": labels("recording,label", "recording,outcome"),
        "both": labels("label,subject", "label,label_x"),
        "static": lambda ward: edit(ward / "static.csv", "p4,", "p9,"),
        "static twice": lambda ward: edit(ward / "static.csv", "p4,", "p3,"),
        "static key": lambda ward: edit(ward / "static.csv", "subject", "patient"),
        "none": lambda ward: [(ward / f"r{i}.csv").unlink() for i in range(12)],
        "no label": lambda ward: (ward / "labels.csv").write_text(
            "recording,label,subject\n" + "".join(f"r{i},,p\n" for i in range(12))
        ),
    }[what]


SKIPPABLE = {
    "fields": r"r4.csv:5: 4 fields where the header has 3",
    "text": r"r4.csv:5: column 'ecg': 'high.*' is not a number",
    "letter": r"r4.csv:5: column 'time': '0.3x' is not a number",
    "infinite": r"r4.csv: channel 'resp' is infinite or too large for float32 at time point 3",
    "back": r"r4.csv:5: time 0.1 is not after 0.2 of the row before",
    "repeated": r"r4.csv:5: time 0.2 is not after 0.2",
    "channel": r"r4.csv: lacks channel resp and has channel breath",
    "no time": r"r4.csv: has no times, unlike most recordings",
    "empty": r"r4.csv: the file is empty",
    "header": r"r4.csv: holds no row",
    "no row": r"r4.csv: recording 'r4' has no row in labels.csv",
    "no file": r"labels.csv:6: there is no file of recording 'r4'",
    "edf": r"r4.edf: is no EDF file",
    "no header": r"r40.dat: no header .\.hea. names these signals",
}
FATAL = {
    "twice": r"r4.hea: is recording 'r4', and so is r4.csv",
    "row twice": r"labels.csv:7: recording 'r4' is there before, in .*labels.csv:6",
    "no subject": r"labels.csv:6: column 'subject' is empty",
    "no column": r"labels.csv: no recording has a label; give some of them one, in a column 'label'",
    "both": r"labels.csv: has both a column 'label' and columns",
    "static": r"static.csv:6: subject 'p9' is not in labels.csv",
    "static twice": r"static.csv:6: subject 'p3' is there before, in .*static.csv:5",
    "static key": r"static.csv: needs a column 'recording' or 'subject'",
    "none": r"ward: holds no recording \(",
    "no label": r"labels.csv: no recording has a label",
    "rate": r"labels.csv:2: sampling_rate 'icu' of recording 'r0' is no number of Hz",
}


@pytest.mark.parametrize("what", [*SKIPPABLE, *FATAL])
def test_what_is_wrong_is_said_with_file_and_line(ward, what):
    spoil(what)(ward)
    with pytest.raises(InvalidDataError, match={**SKIPPABLE, **FATAL}[what]) as caught:
        open_local(ward).load()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("what", SKIPPABLE)
def test_a_bad_recording_is_left_out_where_that_is_asked_for(ward, what):
    spoil(what)(ward)
    with pytest.warns(TsbenchWarning, match=rf"1 recordings are left out \(r4\S*: .*{SKIPPABLE[what]}"):
        data = open_local(ward, skip_bad=True).load()
    left = [f"r{i}" for i in range(10) if i != 4 or what == "no header"]  # which is of a recording of its own
    assert data.panel.meta["record"].tolist() == left


def test_damage_of_binary_formats(tmp_path):
    samples = np.arange(100).reshape(2, 50)
    for i in range(3):
        make.write_wfdb(tmp_path, f"r{i}", samples, 10, ("I", "II"))
    (tmp_path / "labels.csv").write_text("recording,label\nr0,a\nr1,b\nr2,b\n")
    dat = tmp_path / "r1.dat"
    whole = dat.read_bytes()
    for content, message in (
        (whole[:-20], "r1.hea, r1.dat.*truncated"),
        (whole + bytes(9), "r1.hea, r1.dat.*disagree"),
    ):
        dat.write_bytes(content)
        with pytest.raises(InvalidDataError, match=message):
            open_local(tmp_path).load()
    dat.unlink()
    with pytest.raises(InvalidDataError, match=r"r1.hea: its signals are in r1.dat, which is not beside it"):
        open_local(tmp_path).load()
    make.write_wfdb(tmp_path, "r1", samples, 20, ("I", "II"))
    with pytest.raises(InvalidDataError, match=r"r1.hea: is sampled at 20 Hz, most recordings at 10 Hz"):
        open_local(tmp_path).load()
    make.write_wfdb(tmp_path, "r1", samples, 10, ("I", "II"))
    edit(tmp_path / "r1.hea", "r1.dat", "../r1.dat")
    with pytest.raises(InvalidDataError, match=r"r1.hea: its signals are in ../r1.dat"):
        open_local(tmp_path).load()
    make.write_wfdb(tmp_path, "r1", samples, 10, ("I", "I"))
    with pytest.raises(InvalidDataError, match=r"r1.hea: each channel needs a name of its own"):
        open_local(tmp_path).load()


def test_edf_with_gaps_or_two_rates(tmp_path):
    one = np.arange(20).reshape(2, 10)
    (tmp_path / "labels.csv").write_text("recording,label\nr,a\n")
    stamps = make.stamps([[(0, None, "")], [(7, None, "")]])
    (tmp_path / "r.edf").write_bytes(make.edf([("I", "mV", one), stamps], duration=1, kind="EDF+D"))
    with pytest.raises(InvalidDataError, match=r"r.edf: has a gap before record 1 \(EDF\+D\)"):
        open_local(tmp_path).load()
    (tmp_path / "r.edf").write_bytes(make.edf([("I", "mV", one), ("T", "DegC", one[:, :2])], duration=1))
    with pytest.raises(InvalidDataError, match=r"r.edf: 'I' is sampled at 10 Hz, 'T' at 2 Hz"):
        open_local(tmp_path).load()


@pytest.mark.parametrize("kind", ["edf", "wfdb"])
def test_a_recording_in_another_unit_is_named(tmp_path, kind):
    def write(name, units):
        if kind == "edf":
            signals = zip("IP", units, np.arange(20).reshape(2, 1, 10), strict=True)
            (tmp_path / f"{name}.edf").write_bytes(make.edf(list(signals), duration=1))
        else:
            make.write_wfdb(tmp_path, name, np.arange(20).reshape(2, 10), 10, ("I", "P"))
            lines = (tmp_path / f"{name}.hea").read_text().splitlines()
            lines[1:3] = [line.replace("/mV", f"/{unit}") for line, unit in zip(lines[1:3], units, strict=True)]
            (tmp_path / f"{name}.hea").write_text("\n".join(lines) + "\n")

    (tmp_path / "labels.csv").write_text("recording,label\nr0,a\nr1,b\nr2,b\n")
    for name in ("r0", "r1", "r2"):
        write(name, ("uV" if name == "r1" else "mV", "mmHg"))
    assert len(open_local(tmp_path).load().panel) == 3  # voltages are brought to one
    write("r1", ("mV", "kPa"))
    with pytest.raises(InvalidDataError, match=r"r1\..*: channel 'P' is in 'kPa', in most recordings in 'mmHg'"):
        open_local(tmp_path).load()
    with pytest.warns(TsbenchWarning, match="1 recordings are left out"):
        assert len(open_local(tmp_path, skip_bad=True).load().panel) == 2


def test_tables_beside_files_that_state_units_are_warned_of(tmp_path):
    (tmp_path / "labels.csv").write_text("recording,label,sampling_rate\nr0,a,10\nr1,b,10\nr2,b,10\n")
    one = np.arange(20).reshape(2, 1, 10)
    for name in ("r0", "r1"):
        (tmp_path / f"{name}.edf").write_bytes(make.edf(list(zip("CP", ("uV", ""), one, strict=True)), duration=1))
    (tmp_path / "r2.csv").write_text("C,P\n" + "\n".join(f"{i},{i % 3}" for i in range(10)) + "\n")
    with pytest.warns(TsbenchWarning, match=r"'C' in 'mV', other files state no unit .*\(1 of 3 recordings: r2\)"):
        open_local(tmp_path).load()


@pytest.mark.parametrize(
    ("micro", "encoding"),
    [("\N{MICRO SIGN}", "utf-8"), ("\N{MICRO SIGN}", "latin-1"), ("\N{GREEK SMALL LETTER MU}", "utf-8")],
)
def test_microvolts_are_microvolts_however_they_are_written(tmp_path, micro, encoding):
    (tmp_path / "labels.csv").write_text("recording,label\nr0,a\nr1,b\n")
    unit = f"{micro}V".encode(encoding)
    edf = make.edf([("I", "uV" + " " * (len(unit) - 2), np.arange(10)[None])], duration=1)
    (tmp_path / "r0.edf").write_bytes(edf.replace(b"uV".ljust(len(unit)), unit, 1))
    make.write_wfdb(tmp_path, "r1", np.arange(10)[None], 10, ("I",))
    header = (tmp_path / "r1.hea").read_bytes()
    assert b"/mV" in header
    (tmp_path / "r1.hea").write_bytes(header.replace(b"/mV", b"/" + unit))
    panel = open_local(tmp_path).load().panel
    assert panel.units == {"I": "mV"}
    np.testing.assert_allclose(panel.X[:, 0], np.arange(10) * np.array([[1e-4], [1e-6]]), atol=1e-9)


@pytest.mark.parametrize("empty", ["", "  ", '""', "NA"])
def test_an_empty_line_of_a_single_column_is_a_missing_value(tmp_path, empty):
    lines = ["1", empty, "2", empty, empty, "3"]
    (tmp_path / "labels.csv").write_text("recording\nr0\n\n")
    (tmp_path / "r0.csv").write_text("\n".join(["ecg", *lines, "", " ", ""]) + "\n")
    panel = open_local(tmp_path).cases()
    np.testing.assert_array_equal(panel.X[0, 0], [1, np.nan, 2, np.nan, np.nan, 3])
    (tmp_path / "r0.csv").write_text("\n".join(["ecg", *lines, '""', "", ""]) + "\n")  # as pandas writes one at the end
    np.testing.assert_array_equal(open_local(tmp_path).cases().X[0, 0], [1, np.nan, 2, np.nan, np.nan, 3, np.nan])
    (tmp_path / "r0.csv").write_text("\n".join(["ecg", *lines, "high", "4"]) + "\n")
    with pytest.raises(InvalidDataError, match=r"r0.csv:8: column 'ecg': 'high' is not a number"):
        open_local(tmp_path).cases()


def test_a_recording_is_named_by_its_file_alone(ward):
    before = open_local(ward).load().fingerprint()
    edit(ward / "labels.csv", "r3,", "r3.csv,")
    assert open_local(ward).load().fingerprint() == before
    for other in ("sub/r3.csv", "../r3.csv", "./r3"):
        edit(ward / "labels.csv", "r3.csv,", f"{other},")
        with pytest.raises(InvalidDataError, match=r"r3.csv: recording 'r3' has no row in labels.csv"):
            open_local(ward).load()
        edit(ward / "labels.csv", f"{other},", "r3.csv,")
    (ward / "r3.csv").rename(ward / "r3.csv.csv")  # a name of its own that looks like a file's
    assert open_local(ward).load().panel.meta["record"][3] == "r3.csv"


def test_a_static_value_that_no_float_holds_is_named_by_line(ward):
    for wrong in ("inf", "1e40"):
        edit(ward / "static.csv", "p1,61", f"p1,{wrong}")
        with pytest.raises(InvalidDataError, match=rf"static.csv:3: static 'age' is {wrong}, infinite or too large"):
            open_local(ward).load()
        edit(ward / "static.csv", f"p1,{wrong}", "p1,61")


def test_recordings_that_have_no_label_need_no_column_of_labels(ward):
    names = "".join(f"r{i}\n" for i in range(12))
    (ward / "labels.csv").write_text("recording\n" + names)
    (ward / "static.csv").unlink()
    panel = open_local(ward).cases()
    assert panel.y is None and panel.case_names() == names.split()


def test_a_folder_without_labels_is_told(tmp_path):
    (tmp_path / "r.edf").write_bytes(b"")
    with pytest.raises(UsageError, match=r"holds recordings, but no labels.csv"):
        open_local(tmp_path)
    (tmp_path / "r.edf").unlink()
    with pytest.raises(UsageError, match="holds no file of a known format"):
        open_local(tmp_path)
    with pytest.raises(UsageError, match="no folder of recordings"):
        open_local(tmp_path, skip_bad=True)


@pytest.mark.filterwarnings("always::tsbench.errors.TsbenchWarning")
def test_a_run_says_what_it_left_out_and_names_what_it_predicts(tsbench, ward):
    spoil("back")(ward)
    code, _, err = tsbench("run", "--method", "majority", "--dataset", ward, "--fold", 0)
    assert code in (1, 2) and "r4.csv:5: time 0.1 is not after 0.2" in err
    code, _, err = tsbench("run", "--method", "majority", "--dataset", ward, "--fold", 0, "--skip-bad")
    assert code == 0, err
    bench = Bench("tsbench.db")
    (key,) = bench.results()["key"]
    assert bench.show(key)["dataset"] == "ward+skip-bad"
    assert "1 recordings are left out (r4: " in tsbench("show", "run", key)[1].replace("\n", " ")
    words = ("run", "--method", "majority,1nn-ed", "--dataset", ward, "--fold", 1, "--skip-bad")
    assert tsbench(*words, "--workers", 1)[0] == 0
    for each in bench.results()["key"]:  # also of runs that find the data read
        assert "1 recordings are left out (r4: " in tsbench("show", "run", each)[1].replace("\n", " ")
    assert set(bench.predictions(key)["name"]) <= {f"r{i}" for i in range(10)}
    assert tsbench("leaderboard", ward, "--skip-bad")[0] == 0
    assert tsbench("run", "--method", "majority", "--dataset", "GunPoint", "--skip-bad")[0] == 2
    assert tsbench("data", "info", f"{ward}+window=2s", "--skip-bad")[0] == 0


@pytest.mark.filterwarnings("ignore:no subject of the 2 unlabelled", "ignore:majority keeps no checkpoint")
def test_a_gap_among_even_times_is_said_in_the_row(tsbench, ward):
    for i in range(12):
        write_csv(ward, f"r{i}", i, N + i, rate=10)
    lines = (ward / "r4.csv").read_text().splitlines()
    (ward / "r4.csv").write_text("\n".join(lines[:4] + lines[6:]) + "\n")
    said = "ward: times are not even: case 'r4' has a step of 0.3 s to time point 3, at 0.5, where 0.1 is usual"
    with pytest.warns(TsbenchWarning, match=said):
        assert tsbench("data", "info", ward)[0] == 0
    with pytest.warns(TsbenchWarning, match=said):
        assert tsbench("run", "--method", "majority", "--dataset", ward, "--fold", 0)[0] == 0
    (key,) = Bench("tsbench.db").results()["key"]
    assert said in " ".join(tsbench("show", "run", key)[1].split())
    known = "ward: 6 of 12 cases are cases that the run was trained on"
    with pytest.warns(TsbenchWarning, match=known), pytest.warns(TsbenchWarning, match=said):
        assert tsbench("predict", "--run", key, "--dataset", ward)[0] == 0


def test_swapped_limb_leads_of_a_recording_are_refused(tmp_path):
    rng, leads = np.random.default_rng(0), ("I", "II", "III")
    for i in range(4):
        one, three = rng.integers(-300, 300, (2, 50))
        order = leads if i != 2 else ("II", "I", "III")
        make.write_wfdb(tmp_path, f"r{i}", np.stack([one, one + three, three]), 10, order)
    (tmp_path / "labels.csv").write_text("recording,label\nr0,a\nr1,b\nr2,b\nr3,a\n")
    with pytest.raises(InvalidDataError, match=r"r2.hea: II is not \+1 I \+1 III, as it is in every ECG"):
        open_local(tmp_path).load()
    with pytest.warns(TsbenchWarning, match="1 recordings are left out"):
        assert open_local(tmp_path, skip_bad=True).load().panel.case_names() == ["r0", "r1", "r3"]
