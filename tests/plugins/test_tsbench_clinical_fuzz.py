"""Damaged files of the clinical datasets: they are read or refused, in one line, by name."""

import csv
import io
import os
import tarfile
import zipfile

import clinical_files as make
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tsbench.errors import InvalidDataError
from tsbench_clinical import p12, p19, pamap, pickles, sleep
from tsbench_clinical.bonn import EpilepticSeizure
from tsbench_clinical.ecg12 import Cpsc2018
from tsbench_clinical.har import Hapt, UciHar
from tsbench_clinical.icu import IcuDemo
from tsbench_clinical.p12 import P12
from tsbench_clinical.ptbxl import PtbXl
from tsbench_clinical.rhythm import Mitdb
from tsbench_formats import wfdb
from tsbench_formats.edf import read_edf

DEEP = int(os.environ.get("TSBENCH_FUZZ", "0"))  # so many new examples, else a few that are always the same
# What damage of real files looks like: separators, line ends and numbers where they do not belong.
PIECES = [
    b",",
    b"|",
    b" ",
    b"\n",
    b"\r",
    b'"',
    b"0",
    b"-1",
    b"nan",
    b"inf",
    b"1e999",
    b"_",
    b"x",
    b"\0",
    b"\xff",
    b"{",
    b":",
]


@st.composite
def damaged(draw, content):
    """A file of which a part was cut off, lost, flipped or overwritten."""
    content = bytearray(content)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, max(0, len(content) - 1)))
        kind = draw(st.sampled_from(["cut", "flip", "lose", "put", "over"]))
        if kind == "cut":
            del content[place:]
        elif kind == "flip" and content:
            content[place] ^= 1 << draw(st.integers(0, 7))
        elif kind == "lose":
            del content[place : place + draw(st.integers(1, 12))]
        else:
            piece = draw(st.sampled_from(PIECES))
            content[place : place + (len(piece) if kind == "over" else 0)] = piece
    return bytes(content)


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def edf_values(content, where):
    recording = read_edf(content, where)
    values, rate = recording.signal("EEG")
    assert np.isfinite(values).all() and rate > 0
    sleep.epoch_stages(recording.annotations(), 5, where)


def record_values(content, where):
    header = wfdb.parse_header(content.decode("latin-1"), where)
    values = wfdb.read_signals(header, lambda file: bytes(40), where)
    assert values.shape == (len(header.signals), header.n_samples)


def decoded(parse):
    def read(content, where):
        try:
            text = content.decode()
        except UnicodeDecodeError:
            return
        parse(text, where)

    return read


EEG = np.arange(3 * 40).reshape(3, 40)
MARKS = make.stamps([[(30 * i, None, ""), (30 * i, 30, "Sleep stage 2")] for i in range(3)], width=40)
HEADER = b"r 2 250 10\nr.dat 16 200(0)/mV 16 0 0 0 0 I\nr.dat 16 200(0)/mV 16 0 0 0 0 II\n# Age: 7\n"


def pickled():
    value = np.empty(2, dtype=object)
    value[:] = [{"arr": np.arange(6.0).reshape(2, 3), "length": 2, "id": "a"}, np.arange(4, dtype="<i4")]
    buffer = io.BytesIO()
    np.save(buffer, value, allow_pickle=True)
    return buffer.getvalue()


CONTENT = {
    "edf": (make.edf([("EEG", "uV", EEG), MARKS], kind="EDF+D"), edf_values),
    "hea": (HEADER, record_values),
    "atr": (make.atr([(20, "N"), (70000, "AFIB"), (70900, "N")]), wfdb.parse_annotations),
    "npy": (pickled(), pickles.read_npy),
    "psv": (make.psv(4).encode(), decoded(p19.parse_record)),
    "p12": (
        make.p12_text(7, make.p12_rows()).encode(),
        decoded(lambda text, where: p12.parse_record(text, where, "7")),
    ),
    "dat": (make.pamap([(1, 5), (4, 4)]).encode(), pamap._recording),
}


@pytest.mark.parametrize("kind", CONTENT)
@settings(max_examples=DEEP or 100, deadline=None, derandomize=not DEEP, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damaged_content_is_refused_by_the_name_of_its_file(kind, data):
    content, read = CONTENT[kind]
    try:
        read(data.draw(damaged(content)), "the.file")
    except InvalidDataError as error:
        assert "the.file" in str(error)


def write_ptbxl(folder):
    make.write_ptbxl(folder, n=3)


def write_icu(folder):
    make.write_icu(folder, "mortality24", stays=3, hours=2)


def write_bonn(folder):
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "data.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", *(f"X{i}" for i in range(1, 179)), "y"])
        writer.writerows([f"X{i}.V1.{i}", *range(178), i + 1] for i in range(3))


def write_zip(folder):
    make.write_p12(folder / "made", n=1, sets="a")
    with zipfile.ZipFile(folder / "set-a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(folder / "made" / "set-a" / "1000.txt", "set-a/1000.txt")
    (folder / "Outcomes-a.txt").write_bytes((folder / "made" / "Outcomes-a.txt").read_bytes())


def write_tar(folder):
    make.write_p12(folder / "made", n=1, sets="a")
    with tarfile.open(folder / "set-a.tar.gz", "w:gz") as archive:
        archive.add(folder / "made" / "set-a", "set-a")
    (folder / "Outcomes-a.txt").write_bytes((folder / "made" / "Outcomes-a.txt").read_bytes())


def write_hapt(folder):
    folder.mkdir(parents=True, exist_ok=True)
    signals = np.zeros((150, 6), dtype=np.int16)
    np.savez(folder / "hapt_int16.npz", acc_scale=0.1, gyro_scale=0.1, u01_r0_x=signals, u01_r0_y=np.ones(150, np.int8))


DATASETS = {
    "uci-har": (lambda: UciHar("x"), make.write_har),
    "hapt": (lambda: Hapt(), write_hapt),
    "bonn": (lambda: EpilepticSeizure("x"), write_bonn),
    "mitdb": (lambda: Mitdb("x"), lambda folder: make.write_mitdb(folder, records=("100", "101"), n=3700)),
    "ptb-xl": (lambda: PtbXl("x"), write_ptbxl),
    "cpsc2018": (lambda: Cpsc2018("x"), lambda folder: make.write_ecg12(folder, "A0001", "AF", n=9)),
    "icu": (lambda: IcuDemo("x", "mortality24", "eicu"), write_icu),
    "p12": (lambda: P12("x"), lambda folder: make.write_p12(folder, n=1)),
    "p12 in a zip": (lambda: P12("x"), write_zip),
    "p12 in a tar": (lambda: P12("x"), write_tar),
    "sleep-edf": (lambda: sleep.SleepEdf("x"), lambda folder: make.write_night(folder, "SC4001", [("W", 2), ("2", 2)])),
}


@pytest.mark.parametrize("name", DATASETS)
def test_a_damaged_file_of_a_dataset_is_refused_in_one_line(name, tmp_path):
    make_dataset, write = DATASETS[name]
    dataset = make_dataset()
    write(tmp_path)
    whole = {file: content for file, content in files(tmp_path).items() if not file.startswith("made/")}

    @settings(max_examples=DEEP or 30, deadline=None, derandomize=not DEEP, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def check(data):
        file = data.draw(st.sampled_from(sorted(whole)))
        (tmp_path / file).write_bytes(data.draw(damaged(whole[file])))
        try:
            dataset.download().read(tmp_path)
        except InvalidDataError as error:
            assert "\n" not in str(error)
            assert ":" in str(error)
        finally:
            (tmp_path / file).write_bytes(whole[file])

    check()
