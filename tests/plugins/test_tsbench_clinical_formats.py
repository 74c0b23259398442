"""The formats below the clinical datasets: archives, WFDB, EDF, pickled arrays, tables, windows, splits."""

import io
import pickle
import struct
import tarfile
import zipfile

import clinical_files as make
import numpy as np
import pytest

from tsbench.errors import InvalidDataError, UsageError
from tsbench_clinical import folds, windows
from tsbench_clinical.files import Files
from tsbench_clinical.leads import LEADS, read_header, read_leads
from tsbench_clinical.numbers import matrix, number, rows, whole
from tsbench_clinical.pickles import read_npy
from tsbench_formats.edf import read_edf
from tsbench_formats.wfdb import parse_annotations, parse_header, read_signals, rhythms

# --- files and archives


def archive(path, members):
    """Write a .zip, .tar.gz or .tar.xz of {name: bytes}."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
            for name, content in members.items():
                opened.writestr(name, content)
    else:
        with tarfile.open(path, f"w:{path.suffix[1:]}") as opened:
            for name, content in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                opened.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz", "a.tar.xz"])
def test_archives_are_read_without_unpacking(tmp_path, name):
    path = archive(
        tmp_path / name, {"in/x.txt": b"1", "in/y.txt": b"22", "__MACOSX/in/._x.txt": b"junk", "in/z.md": b""}
    )
    files = Files([path], lambda member: member.endswith(".txt"))
    assert files.names == ["in/x.txt", "in/y.txt"]
    assert files.read("in/y.txt") == b"22"
    assert files.find("x.txt", "me") == "in/x.txt"
    assert files.where("in/x.txt") == f"{path}: in/x.txt"


def test_an_archive_in_an_archive_is_read_once(tmp_path):
    inner = archive(tmp_path / "inner.zip", {"x.txt": b"1", "deeper.zip": b"not opened"}).read_bytes()
    files = Files([archive(tmp_path / "outer.zip", {"inner.zip": inner})])
    assert files.names == ["x.txt", "deeper.zip"]


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz"])
@pytest.mark.parametrize("member", ["../x.txt", "in/../../x.txt", "/etc/x.txt", "C:\\x.txt", "..\\x.txt"])
def test_a_member_that_leaves_its_folder_is_refused(tmp_path, name, member):
    path = archive(tmp_path / name, {"fine.txt": b"", member: b""})
    with pytest.raises(InvalidDataError, match=f"{name}: .*leaves the archive's folder"):
        Files([path])


def test_a_link_in_an_archive_is_refused(tmp_path):
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as opened:
        info = tarfile.TarInfo("x.txt")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        opened.addfile(info)
    with pytest.raises(InvalidDataError, match=r"x.txt: is a link or device"):
        Files([tmp_path / "a.tar.gz"])


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz", "a.tar.xz"])
def test_a_truncated_archive_is_refused(tmp_path, name):
    path = archive(tmp_path / name, {"x.txt": bytes(range(256)) * 40})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InvalidDataError, match=f"{name}.*(damaged archive|cannot be read)"):
        files = Files([path])
        files.read("x.txt")


def test_a_file_that_is_there_twice_or_not_at_all(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.txt").write_text("")
    files = Files([tmp_path])
    with pytest.raises(InvalidDataError, match=r"me: x.txt is there twice \(.*one/x.txt, .*two/x.txt\)"):
        files.find("x.txt", "me")
    with pytest.raises(InvalidDataError, match="me: needs the file y.txt, which is not there"):
        files.find("y.txt", "me")
    with pytest.raises(InvalidDataError, match=r"two/x.txt: is there twice, also as .*one/x.txt"):
        Files([tmp_path / "one", tmp_path / "two"])


# --- WFDB


def record(folder, **changes):
    """Write a record of two signals and return (header text, reader of signals)."""
    samples = np.array([[1, -5, 2000, -2047, 7], [0, 3, -3, 99, 1]])
    make.write_wfdb(folder, "r", samples, 250, ("a", "b"), **changes)
    header = (folder / "r.hea").read_text()
    return header, lambda text: read_signals(
        parse_header(text, "r.hea"), lambda file: (folder / file).read_bytes(), "r.hea"
    )


@pytest.mark.parametrize("form", ["16", "212"])
def test_samples_become_millivolts(tmp_path, form):
    header, read = record(tmp_path, form=form, gain=200)
    np.testing.assert_allclose(read(header), np.array([[1, -5, 2000, -2047, 7], [0, 3, -3, 99, 1]]) / 200, rtol=1e-6)


@pytest.mark.parametrize("form", ["16", "212"])
@pytest.mark.parametrize("folder", ["mitdb", "ptb-xl", "ecg12"])
def test_own_records_as_wfdb_reads_them(tmp_path, form, folder):
    wfdb = pytest.importorskip("wfdb")
    samples = np.random.default_rng(len(folder)).integers(-2047, 2047, (3, 101))
    make.write_wfdb(tmp_path, "r", samples, 250, ("a", "b", "c"), form=form, gain=137)
    header = parse_header((tmp_path / "r.hea").read_text(), "r")
    mine = read_signals(header, lambda file: (tmp_path / file).read_bytes(), "r")
    theirs, facts = wfdb.rdsamp(str(tmp_path / "r"))
    np.testing.assert_allclose(mine.T, theirs, atol=1e-6)
    assert facts["fs"] == header.rate


@pytest.mark.parametrize(
    "folder", ["mitdb", "ecg12/cpsc2018", "ecg12/cinc2021", "ecg12/cpsc2021-af", "ptb-xl/records100/00000"]
)
def test_real_records_as_wfdb_reads_them(folder):
    wfdb = pytest.importorskip("wfdb")
    place = make.DEV_DATA / folder
    if not place.is_dir():
        pytest.skip(f"needs {folder} of TSBENCH_DEV_DATA")
    for path in sorted(place.glob("*.hea"))[:6]:
        header = parse_header(path.read_text(), path.name)
        mine = read_signals(header, lambda file: (place / file).read_bytes(), path.name)
        theirs, facts = wfdb.rdsamp(str(path.with_suffix("")))
        np.testing.assert_allclose(mine.T, theirs, atol=1e-6, equal_nan=True)
        assert [signal.name for signal in header.signals] == facts["sig_name"]
        assert header.rate == facts["fs"]
        if path.with_suffix(".atr").is_file():
            marks = wfdb.rdann(str(path.with_suffix("")), "atr")
            found = parse_annotations(path.with_suffix(".atr").read_bytes(), path.name)
            assert [time for time, _, _ in found] == marks.sample.tolist()
            assert [text for _, _, text in found] == [text.rstrip("\0") for text in marks.aux_note]


@pytest.mark.parametrize("form", ["16", "212"])
def test_marked_samples_are_missing(tmp_path, form):
    invalid = -(1 << 15) if form == "16" else -(1 << 11)
    make.write_wfdb(tmp_path, "r", [[5, invalid, 7]], 250, ("a",), form=form)
    header = parse_header((tmp_path / "r.hea").read_text(), "r")
    values = read_signals(header, lambda file: (tmp_path / file).read_bytes(), "r")
    assert np.isnan(values).tolist() == [[False, True, False]]


def test_units_of_voltage_are_converted(tmp_path):
    header, read = record(tmp_path, unit="uV", gain=1)
    assert read(header)[0, 2] == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("250 5", "250 6", "holds 20 bytes of samples, the header says 24; it is truncated"),
        ("250 5", "250 3", "holds 20 bytes of samples, the header says 12; they disagree"),
        ("250 5", "250 0", "states 0 samples at 250.0 Hz, which cannot be"),
        ("250 5", "-1 5", "states 5 samples at -1.0 Hz, which cannot be"),
        ("250 5", "250 x", "is not 'record signals rate samples'"),
        ("r 2 ", "r 3 ", "states 3 signals and describes 2"),
        ("r 2 ", "r/4 2 ", "several segments"),
        ("/mV", "/mmHg", "is in 'mmHg', which is no unit of voltage"),
        (" 65492 ", " 65491 ", "its checksum is not that of the header"),
        ("r.dat 16 ", "r.dat 24 ", "in different formats"),
        ("r.dat 16 ", "r.dat 16x4 ", "cannot be read"),
        ("r.dat 16 ", "r.dat 16:3 ", "cannot be read"),
        ("1000(0)", "10k0(0)", "cannot be read"),
        ("r.dat 16 ", "r.dat 16+999 ", "in different formats"),
    ],
)
def test_a_header_that_cannot_be_is_refused(tmp_path, old, new, message):
    header, read = record(tmp_path)
    first_only = header.replace(old, new, 1)
    assert first_only != header
    with pytest.raises(InvalidDataError, match=rf"^r\.hea.*{message.replace('(', '.')}"):
        read(first_only)


def test_another_signal_format_is_refused(tmp_path):
    header, read = record(tmp_path)
    with pytest.raises(InvalidDataError, match=r"is in signal format 310; formats 16 and 212 are read"):
        read(header.replace("r.dat 16 ", "r.dat 310 "))


def test_annotations_skip_and_carry_texts():
    found = parse_annotations(make.atr([(20, "N"), (700000, "AFIB"), (700900, "N")]), "r.atr")
    assert [(time, text) for time, _, text in found] == [(20, "(N"), (700000, "(AFIB"), (700900, "(N")]
    assert rhythms(found, 800000) == [(20, 700000, "N"), (700000, 700900, "AFIB"), (700900, 800000, "N")]


def test_damaged_annotations_are_refused():
    content = make.atr([(20, "N"), (30, "AFIB")])
    with pytest.raises(InvalidDataError, match=r"r.atr: ends within an annotation"):
        parse_annotations(content[:-2], "r.atr")
    back = struct.pack("<HHHHH", 59 << 10, 0xFFFF, 0xFF00, 28 << 10, 0)
    with pytest.raises(InvalidDataError, match=r"r.atr: the times of annotations run backwards"):
        parse_annotations(content[:-2] + back, "r.atr")


# --- twelve leads


def test_leads_come_in_one_order_whatever_theirs(tmp_path):
    order = [LEADS[i] for i in (3, 0, 11, 5, 2, 7, 1, 4, 6, 10, 9, 8)]
    samples = make.write_ecg12(tmp_path, "r", "AF", names=[name.upper() for name in order])
    files = Files([tmp_path])
    values = read_leads(files, read_header(files, "r.hea", "r", 500), "r.hea")
    np.testing.assert_allclose(values, samples[[order.index(lead) for lead in LEADS]] / 1000, rtol=1e-6)


@pytest.mark.parametrize(
    ("names", "rate", "message"),
    [
        ((*LEADS[:11], "V7"), 500, "has lead V6 0 times"),
        ((*LEADS[:11], "V1"), 500, "has lead V1 2 times"),
        (LEADS, 257, "is sampled at 257 Hz, expected 500 Hz"),
    ],
)
def test_records_of_other_leads_or_rates_are_refused(tmp_path, names, rate, message):
    make.write_ecg12(tmp_path, "r", "AF", names=names, rate=rate)
    with pytest.raises(InvalidDataError, match=rf"r\.hea: {message}"):
        read_header(Files([tmp_path]), "r.hea", "r", 500)


# --- EDF


def sample_edf(**changes):
    eeg = np.arange(3 * 3000).reshape(3, 3000) % 4001 - 2000
    times = make.stamps([[(30 * i, None, "")] for i in range(3)])
    return make.edf([("EEG Fpz-Cz", "uV", eeg), ("Temp", "DegC", np.zeros((3, 30))), times], **changes), eeg


def test_a_channel_comes_in_microvolts():
    content, eeg = sample_edf(kind="EDF+C")
    values, rate = read_edf(content, "x.edf").signal("EEG Fpz-Cz")
    assert rate == 100
    np.testing.assert_allclose(values, eeg.ravel() / 10, atol=1e-4)


def test_own_and_real_recordings_as_edfio_reads_them(tmp_path):
    edfio = pytest.importorskip("edfio")
    (tmp_path / "x.edf").write_bytes(sample_edf(kind="EDF+C")[0])
    paths = [tmp_path / "x.edf", *(make.DEV_DATA / "sleep-edf").glob("*.edf")]
    for path in paths:
        mine, theirs = read_edf(path.read_bytes(), path.name), edfio.read_edf(path)
        for signal in theirs.signals:
            if signal.physical_dimension == "uV":
                values, rate = mine.signal(signal.label)
                np.testing.assert_allclose(values, signal.data, atol=1e-4)
                assert rate == signal.sampling_frequency
        expected = [(mark.onset, mark.duration or 0, mark.text) for mark in theirs.annotations]
        assert mine.annotations() == expected


def test_a_recording_with_gaps_is_refused():
    assert read_edf(sample_edf(kind="EDF+D")[0], "x.edf").duration == 30
    eeg = np.zeros((3, 3000))
    gaps = make.stamps([[(0, None, "")], [(30, None, "")], [(95, None, "")]])
    with pytest.raises(InvalidDataError, match=r"^x\.edf: has a gap before record 2 \(EDF\+D\)"):
        read_edf(make.edf([("EEG", "uV", eeg), gaps], kind="EDF+D"), "x.edf")
    with pytest.raises(InvalidDataError, match="EDF.D without times"):
        read_edf(make.edf([("EEG", "uV", eeg)], kind="EDF+D"), "x.edf")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content[:-2], "it is truncated"),
        (lambda content: content + b"\0\0", "they disagree"),
        (lambda content: content[:300], "ends within its header"),
        (lambda content: b"1" + content[1:], "is no EDF file"),
        (lambda content: content[:236] + b"-1      " + content[244:], "states -1 records"),
        (lambda content: content[:244] + b"half    " + content[252:], "'half' is not a number"),
        (lambda content: content.replace(b"2000    ", b"20\n47   ", 1), r"'20\\n47' is not a number"),
    ],
)
def test_a_damaged_recording_is_refused(change, message):
    with pytest.raises(InvalidDataError, match=rf"^x\.edf: .*{message}"):
        read_edf(change(sample_edf()[0]), "x.edf")


def test_a_channel_that_is_not_there_or_no_voltage():
    recording = read_edf(sample_edf()[0], "x.edf")
    with pytest.raises(InvalidDataError, match="has no channel 'EEG Pz-Oz'; it has EEG Fpz-Cz, Temp"):
        recording.signal("EEG Pz-Oz")
    with pytest.raises(InvalidDataError, match="'Temp' is in 'DegC', which is no unit of voltage"):
        recording.signal("Temp")


# --- pickled arrays


def npy(value):
    buffer = io.BytesIO()
    np.save(buffer, value, allow_pickle=True)
    return buffer.getvalue()


def objects(*values):
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_object_arrays_are_read_as_numpy_reads_them(protocol):
    value = objects(
        {
            "arr": np.arange(6.0).reshape(2, 3),
            "time": np.array([[1], [2]]),
            "length": 2,
            "id": "7",
            "x": np.float64(1.5),
        },
        {
            "arr": np.asfortranarray(np.arange(6, dtype=">i4").reshape(2, 3)),
            "names": np.array(["a", "bc"]),
            "s": (1, [2]),
        },
    )
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "|O", "fortran_order": False, "shape": (2,)})
    pickle.dump(value, buffer, protocol=protocol)
    found = read_npy(buffer.getvalue(), "x.npy")
    np.testing.assert_array_equal(found[0]["arr"], value[0]["arr"])
    np.testing.assert_array_equal(found[1]["arr"], value[1]["arr"])
    assert found[0]["time"].dtype == value[0]["time"].dtype
    assert found[0]["length"] == 2 and found[0]["x"] == 1.5 and found[1]["s"] == [1, [2]]
    assert found[1]["names"].tolist() == ["a", "bc"]


@make.needs("raindrop")
def test_real_splits_are_read_as_numpy_reads_them():
    for path in sorted((make.DEV_DATA / "raindrop").glob("*/*.npy")):
        expected = np.load(path, allow_pickle=True)
        found = read_npy(path.read_bytes(), path.name)
        assert found.shape == expected.shape
        for one, other in zip(found.ravel(), expected.ravel(), strict=True):
            np.testing.assert_array_equal(one, other)


class Evil:
    def __reduce__(self):
        return (print, ("run",))


def test_code_in_a_pickle_is_not_run(capsys):
    for value in (objects(Evil()), objects({"arr": Evil()})):
        with pytest.raises(InvalidDataError, match=r"^x.npy: holds builtins.print, which is not plain data"):
            read_npy(npy(value), "x.npy")
    assert capsys.readouterr().out == ""


def test_other_objects_in_a_pickle_are_refused():
    for value in (objects({1, 2}), objects(1j), objects(slice(1, 2))):
        with pytest.raises(InvalidDataError, match=r"^x\.npy: holds .*not plain data"):
            read_npy(npy(value), "x.npy")


def test_an_array_that_states_another_size_is_refused():
    content = npy(objects(np.arange(300, dtype="<i4"))).replace(b"\x4d\x2c\x01", b"\x4d\x2d\x01")
    with pytest.raises(InvalidDataError, match="size and content disagree"):
        read_npy(content, "x.npy")


# --- numbers and tables


@pytest.mark.parametrize(("text", "value"), [("1.5", 1.5), (" -2e3 ", -2000), ("", np.nan), ("NaN", np.nan)])
def test_numbers(text, value):
    np.testing.assert_equal(number(text, "f"), value)


@pytest.mark.parametrize("text", ["abc", "1_0", "inf", "-Infinity", "1e400", "1,5", "0x10"])
def test_text_in_a_number_is_refused(text):
    with pytest.raises(InvalidDataError, match=f"^f, line 3: '{text}' is not a"):
        number(text, "f, line 3")


def test_whole_numbers():
    assert whole("15709.0", "f") == 15709
    for text in ("1.5", "", "NaN", "x"):
        with pytest.raises(InvalidDataError, match="^f: "):
            whole(text, "f")


def test_columns_are_found_by_name():
    assert [row for _, row in rows("b,a\n1,2\n", ("a", "b"), "f")] == [{"b": "1", "a": "2"}]
    for text, message in (
        ("b,c\n", "'a' 0 times"),
        ("a,a\n", "'a' 2 times"),
        ("a,b\n1\n", "line 2: has 1 fields for 2"),
    ):
        with pytest.raises(InvalidDataError, match=message):
            list(rows(text, ("a",), "f"))


def test_a_matrix_of_numbers():
    np.testing.assert_array_equal(matrix(" 1 2\n 3 NaN\n\n", "f"), [[1, 2], [3, np.nan]])
    cases = (("1 2\n3\n", "line 2: has 1 numbers, expected 2"), ("1 2\n3 x\n", "line 2: 'x' is not"), ("", "is empty"))
    for text, message in (*cases, ("1 1_0\n", "line 1: '1_0' is not"), ("1 inf\n", "line 1: 'inf' is not")):
        with pytest.raises(InvalidDataError, match=f"^f.*{message}"):
            matrix(text, "f")


# --- windows and splits


def test_windows():
    assert list(windows.starts(10, 31, 8, windows.step_of(8, 0.5))) == [10, 14, 18, 22]
    assert list(windows.starts(0, 7, 8, 8)) == []
    assert list(windows.runs(np.array([1, 1, 2, 2, 2, 1]))) == [(0, 2, 1), (2, 5, 2), (5, 6, 1)]
    assert list(windows.runs(np.array([]))) == []
    for size, overlap in ((0, 0.5), (8, 1.0), (8, -0.1), (8, float("nan"))):
        with pytest.raises(UsageError):
            windows.step_of(size, overlap)


def test_majority():
    pieces = [(10, 20, "N"), (20, 60, "AFIB"), (60, 70, "N")]
    assert windows.majority(pieces, 10, 40) == "AFIB"
    assert windows.majority(pieces, 15, 25) == "N"
    assert windows.majority(pieces, 0, 14) is None
    assert windows.majority([], 0, 10) is None
    assert windows.majority([(0, 3, "N"), (3, 6, "J"), (6, 10, "N")], 0, 10) == "N"


def test_grouped_folds_keep_groups_together():
    groups = np.repeat(np.arange(7), 10)
    y = np.tile([0, 1], 35)
    found = folds.grouped(y, groups)
    assert len(found) == 5
    for fold in found:
        parts = [set(groups[part]) for part in fold]
        assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
    assert sorted(np.concatenate([fold.test for fold in found])) == list(range(70))
    assert folds.grouped(y[:40], groups[:40]) == []
    assert len(folds.grouped(np.zeros((70, 3), dtype=np.uint8), groups)) == 5


def test_folds_by_membership():
    where = np.array([1, 2, 3, 1])
    (fold,) = folds.by_membership(where, [1], [2], [3])
    assert [part.tolist() for part in fold] == [[0, 3], [1], [2]]
    assert folds.by_membership(where, [1], None, [3])[0].validation is None
    assert folds.by_membership(where, [1], [9], [3]) == []
    assert folds.by_membership(where, [9], None, [3]) == []
