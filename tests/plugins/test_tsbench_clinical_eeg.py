"""Epileptic Seizure Recognition and Sleep-EDF from miniature distributions, and Bonn's real recordings."""

import warnings
import zipfile

import clinical_files as make
import numpy as np
import pytest

from tsbench.errors import InvalidDataError, TsbenchWarning
from tsbench_clinical.bonn import COLUMNS, LABELS, EpilepticSeizure
from tsbench_clinical.sleep import SleepEdf, epoch_stages
from tsbench_formats.edf import read_edf


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("TSBENCH_DATA", str(tmp_path))
    monkeypatch.setenv("TSBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path


# --- Epileptic Seizure Recognition


def write_bonn(folder, per_set=2):
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for number, letter in enumerate(LABELS):
        with zipfile.ZipFile(folder / f"{letter.lower()}.zip", "w") as archive:
            for i in range(1, per_set + 1):
                values = np.random.default_rng([number, i]).integers(-900, 900, 4097)
                written[f"{letter}{i:03d}"] = values
                extension = "TXT" if letter == "N" else "txt"  # as in the published archives
                archive.writestr(f"{letter}/{letter}{i:03d}.{extension}", "\r\n".join(map(str, values)) + "\r\n")
                archive.writestr(f"__MACOSX/{letter}/._{letter}{i:03d}.txt", "junk")
    return written


def test_bonn_is_cut_as_uci_cut_it(folder):
    written = write_bonn(folder / "bonn")
    data = EpilepticSeizure("epileptic-seizure").load()
    panel = data.panel
    assert panel.X.shape == (10 * 23, 1, 178)
    assert panel.classes == ("1", "2", "3", "4", "5")
    for name, values in written.items():
        cases = np.flatnonzero(panel.meta["record"] == name)
        assert set(panel.y[cases]) == {LABELS[name[0]] - 1}
        np.testing.assert_array_equal(panel.X[cases, 0], values[: 23 * 178].reshape(23, 178))
    for fold in data.folds["archive"]:
        train, _, test = ({*panel.meta["record"][part].tolist()} for part in fold)
        assert not train & test
    assert set(data.folds) == {"archive", "records"}


def test_binary_has_seizure_against_the_others(folder):
    write_bonn(folder / "bonn")
    panel = EpilepticSeizure("epileptic-seizure-binary", binary=True).load().panel
    assert panel.classes == ("other", "seizure")
    assert set(panel.meta["record"][panel.y == 1].tolist()) == {"S001", "S002"}


def uci(rows, header=None, order=None):
    header = header or ['""', *(f'"{name}"' for name in COLUMNS), '"y"']
    order = order or range(len(header))
    lines = [",".join(header[i] for i in order), *(",".join(str(row[i]) for i in order) for row in rows)]
    return "\n".join(lines) + "\n"


def uci_rows(n=30):
    return [[f"X{i % 3 + 1}.V1.{i // 3}", *range(i, i + 178), i % 5 + 1] for i in range(n)]


def test_uci_csv(folder):
    (folder / "epileptic").mkdir()
    (folder / "epileptic" / "data.csv").write_text(uci(uci_rows()))
    data = EpilepticSeizure("epileptic-seizure").load()
    assert data.panel.X.shape == (30, 1, 178)
    np.testing.assert_array_equal(data.panel.X[7, 0], np.arange(7, 185))
    assert data.panel.meta["record"][:4].tolist() == ["V1.0", "V1.0", "V1.0", "V1.1"]
    assert [len(part) for part in data.folds["tstcc"][0]] == [19, 5, 6]
    from sklearn.model_selection import train_test_split

    np.testing.assert_array_equal(
        data.folds["tstcc"][0].test, train_test_split(np.arange(30), test_size=0.2, random_state=42)[1]
    )


def test_uci_columns_in_another_order(folder):
    (folder / "data.csv").write_text(uci(uci_rows()))
    expected = EpilepticSeizure("epileptic-seizure").load().fingerprint()
    (folder / "data.csv").write_text(uci(uci_rows(), order=[179, *reversed(range(179))]))
    assert EpilepticSeizure("epileptic-seizure").load().fingerprint() == expected


@pytest.mark.parametrize(
    ("row", "column", "value", "message"),
    [
        (3, 5, "x", r"data.csv, line 5: 'x' is not a number"),
        (3, 5, "", r"data.csv, line 5: has an empty cell"),
        (3, 179, 6, r"data.csv, line 5: the label 6 is not between 1 and 5"),
        (3, 0, "nine", r"data.csv, line 5: 'nine' is not an id"),
    ],
)
def test_uci_csv_that_cannot_be_is_refused(folder, row, column, value, message):
    rows = uci_rows()
    rows[row][column] = value
    (folder / "data.csv").write_text(uci(rows))
    with pytest.raises(InvalidDataError, match=message):
        EpilepticSeizure("epileptic-seizure").load()


def test_another_data_csv_is_not_taken_for_it(folder):
    (folder / "data.csv").write_text("label,t0\n1,2\n")
    assert not EpilepticSeizure("epileptic-seizure").available()


def test_bonn_that_cannot_be_is_refused(folder):
    write_bonn(folder / "bonn")
    (folder / "bonn" / "z.zip").unlink()
    with pytest.raises(InvalidDataError, match="the set Z is not there; put z.zip beside"):
        EpilepticSeizure("epileptic-seizure").load()
    with zipfile.ZipFile(folder / "bonn" / "z.zip", "w") as archive:
        archive.writestr("Z/Z001.txt", "1\n" * 4096)
    with pytest.raises(InvalidDataError, match=r"z.zip: Z/Z001.txt: has 4096 points, expected 4097"):
        EpilepticSeizure("epileptic-seizure").load()
    with zipfile.ZipFile(folder / "bonn" / "z.zip", "w") as archive:
        archive.writestr("../Z001.txt", "1\n" * 4097)
    with pytest.raises(InvalidDataError, match=r"z.zip: ../Z001.txt: leaves the archive's folder"):
        EpilepticSeizure("epileptic-seizure").load()


def test_a_bonn_recording_that_is_there_twice_is_named_with_its_files(folder):
    write_bonn(folder / "bonn")
    with zipfile.ZipFile(folder / "bonn" / "z.zip", "a") as archive:
        archive.writestr("y/z002.txt", "1\n" * 4097)
    message = r"z.zip: y/z002.txt: recording Z002 is there twice, also as .*z.zip: Z/Z002.txt; remove one"
    with pytest.raises(InvalidDataError, match=message):
        EpilepticSeizure("epileptic-seizure").load()


@make.needs("bonn")
def test_real_bonn_and_its_packed_rows(monkeypatch, tmp_path):
    monkeypatch.setenv("TSBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TSBENCH_DATA", str(make.DEV_DATA))
    data = EpilepticSeizure("epileptic-seizure").load()
    assert len(data.panel) == 11500
    assert np.bincount(data.panel.y).tolist() == [2300] * 5
    assert len(set(data.panel.meta["record"].tolist())) == 500
    with np.load(make.DEV_DATA / "bonn" / "epilepsy_11500x178.npz") as packed:
        np.testing.assert_array_equal(data.panel.X[:, 0], packed["X"])  # both in the order of names
        np.testing.assert_array_equal(data.panel.y + 1, packed["y"])
    (tmp_path / "bonn").mkdir()
    (tmp_path / "bonn" / "epilepsy_11500x178.npz").symlink_to(make.DEV_DATA / "bonn" / "epilepsy_11500x178.npz")
    monkeypatch.setenv("TSBENCH_DATA", str(tmp_path))
    assert EpilepticSeizure("epileptic-seizure").load().fingerprint() == data.fingerprint()


# --- Sleep-EDF

NIGHT = [("W", 65), ("1", 2), ("2", 3), ("3", 1), ("4", 2), ("M", 1), ("R", 2), ("W", 63), ("?", 4)]


def test_sleep_keeps_half_an_hour_of_wake_and_merges_stages(folder):
    written = make.write_night(folder / "sleep-edf", "SC4001", NIGHT)
    panel = SleepEdf().load().panel
    assert panel.X.shape == (60 + 2 + 3 + 3 + 2 + 60, 1, 3000)
    assert panel.classes == ("N1", "N2", "N3", "REM", "W")
    counts = dict(zip(panel.classes, np.bincount(panel.y).tolist(), strict=True))
    assert counts == {"N1": 2, "N2": 3, "N3": 3, "REM": 2, "W": 120}
    np.testing.assert_allclose(panel.X[0, 0], written[5] / 10, atol=1e-4)
    np.testing.assert_allclose(panel.X[60, 0], written[65] / 10, atol=1e-4)
    np.testing.assert_allclose(panel.X[68, 0], written[74] / 10, atol=1e-4)  # after the movement epoch
    assert panel.sampling_rate == 100
    assert set(panel.meta["record"].tolist()) == {"SC4001E"}
    assert set(panel.meta["subject"].tolist()) == {0}
    assert len(SleepEdf(wake_minutes=1).load().panel) == 2 + 2 + 3 + 3 + 2 + 2


def test_sleep_splits_by_subject(folder):
    for subject in range(20):
        make.write_night(folder / "sleep-edf", f"SC4{subject:02d}1", [("W", 1), ("2", 2)], seed=subject)
    make.write_night(folder / "sleep-edf", "SC4211", [("W", 1), ("2", 2)])
    data = SleepEdf().load()
    subject = data.panel.meta["subject"]
    assert set(subject.tolist()) == set(range(20))
    (tstcc,) = data.folds["tstcc"]
    assert set(subject[tstcc.train].tolist()) == {14, 5, 4, 17, 8, 7, 19, 12, 0, 15, 16, 9}
    assert set(subject[tstcc.validation].tolist()) == {11, 10, 3, 1}
    assert set(subject[tstcc.test].tolist()) == {6, 18, 2, 13}
    for fold in data.folds["archive"]:
        parts = [set(subject[part].tolist()) for part in fold]
        assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
    everyone = SleepEdf(subjects=78).load()
    assert set(everyone.panel.meta["subject"].tolist()) == {*range(20), 21}
    assert "tstcc" not in everyone.folds


def test_sleep_that_cannot_be_is_refused(folder):
    place = folder / "sleep-edf"
    make.write_night(place, "SC4001", NIGHT)
    (place / "SC4001EC-Hypnogram.edf").rename(place / "SC4011EC-Hypnogram.edf")
    with pytest.raises(InvalidDataError, match=r"SC4001E0-PSG.edf: has no hypnogram SC4001E\*-Hypnogram.edf"):
        SleepEdf().load()
    make.write_night(place, "SC4001", NIGHT)
    with pytest.raises(InvalidDataError, match=r"SC4011EC-Hypnogram.edf: has no recording SC4011E\*-PSG.edf; add it"):
        SleepEdf().load()
    (place / "SC4011EC-Hypnogram.edf").unlink()
    make.write_night(place, "SC4001", NIGHT, rate=50)
    with pytest.raises(InvalidDataError, match=r"SC4001E0-PSG.edf: 'EEG Fpz-Cz' is sampled at 50 Hz, expected 100 Hz"):
        SleepEdf().load()
    make.write_night(place, "SC4001", NIGHT)
    file = place / "SC4001E0-PSG.edf"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(InvalidDataError, match=r"SC4001E0-PSG.edf: .*it is truncated"):
        SleepEdf().load()
    with pytest.raises(InvalidDataError, match="has no channel 'EEG Pz-Oz'"):
        make.write_night(place, "SC4001", NIGHT)
        SleepEdf(channel="EEG Pz-Oz").load()


@pytest.mark.parametrize(("first", "second"), [("SC4001E0-PSG", "SC4001E1-PSG"), ("SC4001EC-Hypnogram",) * 2])
def test_two_files_of_one_kind_for_a_night_are_refused(folder, first, second):
    place = folder / "sleep-edf"
    make.write_night(place, "SC4001", NIGHT)
    (place / "old").mkdir()
    (place / "old" / f"{second}.edf").write_bytes((place / f"{first}.edf").read_bytes())
    kind = first.rpartition("-")[2]
    with pytest.raises(InvalidDataError, match=rf"{second}.edf: is a second {kind} of night SC4001E, beside .*{first}"):
        SleepEdf().load()


def test_a_hypnogram_without_a_score_is_refused(folder):
    make.write_night(folder / "sleep-edf", "SC4001", NIGHT)
    make.write_night(folder / "sleep-edf", "SC4011", [])
    make.write_night(folder / "other", "SC4011", NIGHT)
    (folder / "other" / "SC4011E0-PSG.edf").replace(folder / "sleep-edf" / "SC4011E0-PSG.edf")
    with pytest.raises(InvalidDataError, match=r"SC4011EC-Hypnogram.edf: has no annotation, .*get it again"):
        SleepEdf().load()


def test_a_night_without_sleep_is_left_out_with_a_warning(folder):
    make.write_night(folder / "sleep-edf", "SC4001", NIGHT)
    expected = SleepEdf().load().fingerprint()
    make.write_night(folder / "sleep-edf", "SC4011", [("W", 9)])
    for _ in range(2):  # read, then from the cache
        with pytest.warns(TsbenchWarning, match=r"SC4011EC-Hypnogram.edf: night SC4011E has no epoch of sleep"):
            assert SleepEdf().load().fingerprint() == expected


def test_stages_after_the_end_of_a_recording_are_told_and_unknown_ones_are_not():
    scores = [(0, 240, "Sleep stage W"), (240, 960, "Sleep stage 2"), (1200, 300, "Sleep stage ?")]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(epoch_stages(scores, 40, "h.edf")) == 40
    with pytest.warns(TsbenchWarning, match=r"^h.edf: stages 31 epochs after the end of its recording of 9 epochs"):
        assert epoch_stages(scores, 9, "h.edf") == ["W"] * 8 + ["N2"]
    with pytest.warns(TsbenchWarning, match=r"stages 35 epochs after .* of 5 epochs"):
        assert epoch_stages(scores, 5, "h.edf") == ["W"] * 5


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([], "has no annotation"),
        ([(0, 30, "Sleep stage 5")], "'Sleep stage 5' is no sleep stage"),
        ([(0, 45, "Sleep stage W")], "is not of whole epochs"),
        ([(0, 60, "Sleep stage W"), (30, 30, "Sleep stage 1")], "begins before the stage before it ends"),
        ([(-30, 30, "Sleep stage W")], "begins before"),
    ],
)
def test_a_hypnogram_that_cannot_be_is_refused(scores, message):
    with pytest.raises(InvalidDataError, match=f"^h.edf: .*{message}"):
        epoch_stages(scores, 10, "h.edf")


@make.needs("sleep-edf")
def test_a_real_hypnogram_and_the_beginning_of_its_recording(folder):
    place, target = make.DEV_DATA / "sleep-edf", folder / "sleep-edf"
    make.write_night(target, "SC4011", NIGHT)
    expected = SleepEdf().load().fingerprint()
    (target / "SC4001E0-PSG.edf").symlink_to(place / "short_psg.edf")
    (target / "SC4001EC-Hypnogram.edf").symlink_to(place / "SC4001EC-Hypnogram.edf")
    with pytest.warns(TsbenchWarning) as told:
        assert SleepEdf().load().fingerprint() == expected
    cut, asleep = (str(one.message) for one in told)
    assert "SC4001EC-Hypnogram.edf: stages 2640 epochs after the end of its recording of 10 epochs" in cut
    assert "SC4001EC-Hypnogram.edf: night SC4001E has no epoch of sleep in its recording" in asleep


@make.needs("sleep-edf")
def test_real_hypnogram():
    path = make.DEV_DATA / "sleep-edf" / "SC4001EC-Hypnogram.edf"
    stages = epoch_stages(read_edf(path.read_bytes(), path.name).annotations(), 2650, path.name)
    counts = {stage: stages.count(stage) for stage in ("W", "N1", "N2", "N3", "REM")}
    assert stages[:1021] == ["W"] * 1021 and stages[1021] == "N1"
    assert sum(counts.values()) == 2650
    assert counts == {"W": 1997, "N1": 58, "N2": 250, "N3": 220, "REM": 125}
