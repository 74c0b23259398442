"""UCI HAR, HAPT and PAM from miniature distributions, and HAPT's real recordings."""

import io
import zipfile

import clinical_files as make
import numpy as np
import pytest

from tsbench.errors import InvalidDataError, UsageError
from tsbench_clinical.har import ACTIVITIES, CHANNELS, Hapt, UciHar
from tsbench_clinical.pamap import CHANNELS as PAM_CHANNELS
from tsbench_clinical.pamap import Pam


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("TSBENCH_DATA", str(tmp_path))
    monkeypatch.setenv("TSBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path


# --- UCI HAR


def test_har_reads_both_parts_in_the_order_of_channels(folder):
    written = make.write_har(folder / "UCI HAR Dataset")
    data = UciHar("uci-har").load()
    panel = data.panel
    assert panel.X.shape == (18, 9, 128)
    assert panel.channel_names == CHANNELS
    assert CHANNELS[0] == "body_acc_x" and CHANNELS[8] == "total_acc_z"
    for channel, name in enumerate(CHANNELS):
        np.testing.assert_allclose(panel.X[:12, channel], written[name, "train"], rtol=1e-5)
        np.testing.assert_allclose(panel.X[12:, channel], written[name, "test"], rtol=1e-5)
    assert [panel.classes[label] for label in panel.y[:6]] == list(ACTIVITIES)
    assert panel.meta["subject"].tolist() == [1, 2, 3, 4] * 3 + [5, 6] * 3
    assert panel.sampling_rate == 50
    official = data.folds["official"][0]
    assert official.train.tolist() == list(range(12)) and official.test.tolist() == list(range(12, 18))
    np.testing.assert_array_equal(data.folds["archive"][0].train, official.train)
    tstcc = data.folds["tstcc"][0]
    assert (len(tstcc.train), len(tstcc.validation)) == (9, 3)
    assert set(tstcc.train) | set(tstcc.validation) == set(range(12))
    assert len(data.folds["subjects"]) == 5


def test_har_is_read_from_the_zip_in_a_zip_as_uci_has_it(folder):
    make.write_har(folder / "made" / "UCI HAR Dataset")
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        for file in sorted((folder / "made").rglob("*.txt")):
            archive.write(file, file.relative_to(folder / "made"))
    (folder / "uci-har").mkdir()
    with zipfile.ZipFile(folder / "uci-har" / "UCI HAR Dataset.zip", "w") as archive:
        archive.writestr("UCI HAR Dataset.zip", inner.getvalue())
    from_zip = UciHar("uci-har").load().fingerprint()
    (folder / "uci-har" / "UCI HAR Dataset.zip").unlink()
    (folder / "made").rename(folder / "har")
    assert UciHar("uci-har").load().fingerprint() == from_zip


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("train/y_train.txt", lambda text: text.replace("6", "7"), r"y_train.txt, line 6: 7 is not between 1 and 6"),
        ("train/y_train.txt", lambda text: text[2:], "y_train.txt: has 11 lines, subject_train.txt 12"),
        (
            "train/subject_train.txt",
            lambda text: text.replace("4", "5"),
            "subject_test.txt: subject 5 is in subject_train.txt as well",
        ),
        (
            "test/Inertial Signals/total_acc_z_test.txt",
            lambda text: text[: len(text) // 2],
            "total_acc_z_test.txt, line 3: ",
        ),
        (
            "test/Inertial Signals/body_gyro_y_test.txt",
            lambda text: text.replace("e", "x", 1),
            "body_gyro_y_test.txt, line 1",
        ),
        (
            "test/Inertial Signals/body_acc_x_test.txt",
            lambda text: text.partition("\n")[2],
            "has 5 windows, y_test.txt 6",
        ),
    ],
)
def test_har_that_cannot_be_is_refused(folder, file, change, message):
    make.write_har(folder / "UCI HAR Dataset")
    path = folder / "UCI HAR Dataset" / file
    path.write_text(change(path.read_text()))
    with pytest.raises(InvalidDataError, match=message):
        UciHar("uci-har").load()


def test_har_without_a_file_names_it(folder):
    make.write_har(folder / "UCI HAR Dataset")
    (folder / "UCI HAR Dataset" / "test" / "subject_test.txt").unlink()
    with pytest.raises(InvalidDataError, match="needs the file subject_test.txt"):
        UciHar("uci-har").load()


# --- HAPT


def write_hapt(folder, labels=((1, 1, 5, 1, 300), (1, 1, 7, 301, 500), (2, 2, 4, 101, 400))):
    folder.mkdir(parents=True, exist_ok=True)
    signals = {}
    for experiment, subject in ((1, 1), (2, 2)):
        values = np.random.default_rng(experiment).integers(-700, 700, (500, 6)) / 1000
        np.savetxt(folder / f"acc_exp{experiment:02d}_user{subject:02d}.txt", values[:, :3], fmt="%.6f")
        np.savetxt(folder / f"gyro_exp{experiment:02d}_user{subject:02d}.txt", values[:, 3:], fmt="%.6f")
        signals[subject] = values
    (folder / "labels.txt").write_text("\n".join(" ".join(map(str, row)) for row in labels) + "\n")
    return signals


def test_hapt_cuts_windows_within_labelled_stretches(folder):
    signals = write_hapt(folder / "hapt" / "RawData")
    data = Hapt().load()
    panel = data.panel
    assert panel.X.shape == (3 + 2 + 3, 6, 128)
    assert [panel.classes[label] for label in panel.y] == ["standing"] * 3 + ["stand-to-sit"] * 2 + ["sitting"] * 3
    assert panel.meta["record"].tolist() == ["u01_r0"] * 5 + ["u02_r0"] * 3
    assert panel.meta["start"].tolist() == [0, 1.28, 2.56, 6, 7.28, 2, 3.28, 4.56]
    np.testing.assert_allclose(panel.X[4], signals[1][364:492].T, rtol=1e-6)
    np.testing.assert_allclose(panel.X[5], signals[2][100:228].T, rtol=1e-6)
    assert data.folds["official"][0].test.tolist() == [5, 6, 7]


def test_hapt_options(folder):
    write_hapt(folder / "hapt" / "RawData")
    assert len(Hapt(transitions=False).load().panel) == 6
    assert Hapt(window=200, overlap=0.0).load().panel.X.shape == (1 + 1 + 1, 6, 200)
    assert Hapt().load().panel.X.shape == (8, 6, 128)
    with pytest.raises(InvalidDataError, match="no labelled stretch is as long as a window of 400"):
        Hapt(window=400).load()
    with pytest.raises(UsageError):
        Hapt(overlap=1.0)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ((1, 1, 13, 1, 300), "activity 13"),
        ((1, 1, 5, 1, 501), "to 501 cannot be"),
        ((1, 1, 5, 0, 300), "from sample 0"),
    ],
)
def test_hapt_labels_that_cannot_be_are_refused(folder, label, message):
    write_hapt(folder / "hapt" / "RawData", labels=(label,))
    with pytest.raises(InvalidDataError, match=rf"labels.txt, line 1: .*{message}.*acc_exp01_user01.txt"):
        Hapt().load()


def test_hapt_signals_that_disagree_are_refused(folder):
    write_hapt(folder / "hapt" / "RawData")
    file = folder / "hapt" / "RawData" / "gyro_exp02_user02.txt"
    file.write_text(file.read_text().rpartition("\n0.")[0] + "\n")
    with pytest.raises(InvalidDataError, match=r"acc_exp02_user02.txt: has 500 samples, .*gyro_exp02_user02.txt \d+"):
        Hapt().load()


@make.needs("hapt")
def test_real_hapt(monkeypatch, tmp_path):
    monkeypatch.setenv("TSBENCH_DATA", str(make.DEV_DATA))
    monkeypatch.setenv("TSBENCH_CACHE", str(tmp_path))
    data = Hapt().load()
    panel = data.panel
    assert panel.X.shape == (10929, 6, 128)
    assert len(set(panel.meta["subject"].tolist())) == 30
    assert len(set(panel.meta["record"].tolist())) == 61
    counts = dict(zip(panel.classes, np.bincount(panel.y).tolist(), strict=True))
    assert counts["walking"] == 1722 and counts["sit-to-stand"] == 33
    assert set(panel.meta["subject"][data.folds["archive"][0].test].tolist()) == {2, 4, 9, 10, 12, 13, 18, 20, 24}
    with np.load(make.DEV_DATA / "hapt" / "hapt_int16.npz") as packed:
        x, y = packed["u07_r1_x"], packed["u07_r1_y"]
        case = np.flatnonzero(panel.meta["record"] == "u07_r1")[3]
        start = round(panel.meta["start"][case] * 50)
        np.testing.assert_allclose(panel.X[case, :3], x[start : start + 128, :3].T / 720, rtol=1e-6)
        assert set(y[start : start + 128]) == {1 + list(ACTIVITIES).index(panel.classes[panel.y[case]])}


# --- PAM


@pytest.fixture
def pam(folder):
    place = folder / "PAMAP2_Dataset" / "Protocol"
    place.mkdir(parents=True)
    for subject in (101, 102, 103, 109):
        (place / f"subject{subject}.dat").write_text(make.pamap([(0, 50), (1, 700), (4, 1200), (12, 800), (17, 650)]))
    return place


def test_pam_cuts_windows_of_the_eight_activities(pam):
    data = Pam().load()
    panel = data.panel
    assert panel.X.shape == (3 * (1 + 3 + 1), 40, 600)
    assert panel.classes == ("ironing", "lying", "walking")
    assert panel.channel_names == tuple(PAM_CHANNELS)
    assert panel.channel_names[:3] == ("heart_rate", "hand_temperature", "hand_acc16_x")
    assert panel.meta["subject"].tolist() == [101] * 5 + [102] * 5 + [103] * 5
    first = panel.X[0]
    assert np.isnan(first[0]).mean() == pytest.approx(10 / 11, abs=0.01)  # heart rate is missing, not zero
    # the first window starts at row 50, each column j of 51 holds j + (row within the stretch) % 13
    np.testing.assert_array_equal(first[1], np.arange(600) % 13)
    np.testing.assert_array_equal(first[PAM_CHANNELS_INDEX("chest_temperature")], 17 + np.arange(600) % 13)
    assert len(data.folds["subjects"]) == 3
    for fold in data.folds["archive"]:
        subjects = [set(panel.meta["subject"][part].tolist()) for part in fold]
        assert [len(part) for part in subjects] == [1, 1, 1]


def PAM_CHANNELS_INDEX(name):  # noqa: N802
    return list(PAM_CHANNELS).index(name)


def test_pam_windows_do_not_cross_gaps(folder):
    place = folder / "pam"
    place.mkdir()
    before, after = make.pamap([(1, 500)]), make.pamap([(1, 500)], start=100.0)
    (place / "subject101.dat").write_text(before + after)
    with pytest.raises(InvalidDataError, match="no stretch of an activity is as long as a window of 600"):
        Pam().load()
    assert len(Pam(window=400, overlap=0.0).load().panel) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda text: text[: len(text) // 2].rpartition(" ")[0] + "\n",
            r"subject102\.dat: has a line without "
            "54 fields; it is truncated",
        ),
        (lambda text: text.replace(" 4 ", " four ", 1), r"subject102\.dat: is no table of numbers"),
        (lambda text: text.replace("5.20 ", "5.18 ", 1), r"subject102\.dat, line 21: its time 5.18 is not after"),
        (lambda text: text.replace("5.20 ", "5.19 ", 1), r"subject102\.dat, line 21: its time 5.19 is not after"),
        (lambda text: text.replace("5.20 0 ", "5.20 99 ", 1), r"subject102\.dat, line 21: has no time or no activity"),
        (lambda text: "", r"subject102\.dat: is no table of numbers"),
    ],
)
def test_pam_that_cannot_be_is_refused(pam, change, message):
    file = pam / "subject102.dat"
    content = file.read_text()
    assert change(content) != content
    file.write_text(change(content))
    with pytest.raises(InvalidDataError, match=message):
        Pam().load()


def test_pam_of_another_rate_is_refused(pam):
    (pam / "subject102.dat").write_text(make.pamap([(1, 700)], rate=50))
    with pytest.raises(InvalidDataError, match=r"subject102\.dat: is sampled at 50 Hz, expected 100 Hz"):
        Pam().load()


def test_pam_as_raindrop_has_it(folder):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 600, 17)) * (rng.random((20, 600, 17)) > 0.6)
    place = folder / "raindrop" / "PAM"
    (place / "splits").mkdir(parents=True)
    np.save(place / "PTdict_list.npy", X)
    np.save(place / "arr_outcomes.npy", (np.arange(20) % 8).astype(float)[:, None])
    order = [rng.permutation(20) for _ in range(5)]
    for number, rows in enumerate(order, 1):
        parts = np.empty(3, dtype=object)
        parts[:] = [rows[:14], rows[14:17], rows[17:]]
        np.save(place / "splits" / f"PAM_split_{number}.npy", parts)
    data = Pam().load()
    assert data.panel.X.shape == (20, 17, 600)
    np.testing.assert_array_equal(np.isnan(data.panel.X), (X == 0).transpose(0, 2, 1))
    np.testing.assert_allclose(np.nan_to_num(data.panel.X), X.transpose(0, 2, 1), rtol=1e-6)
    assert len(data.folds["raindrop"]) == 5
    assert data.folds["archive"][1].train.tolist() == order[1][:14].tolist()
