"""Miniature distributions of the clinical datasets, in their publishers' formats, and where the real ones may be."""

import csv
import os
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

DEV_DATA = Path(os.environ.get("TSBENCH_DEV_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")


def needs(folder):
    """Skip a test where a folder of the development data is absent."""
    return pytest.mark.skipif(not (DEV_DATA / folder).is_dir(), reason=f"needs {folder} of TSBENCH_DEV_DATA")


# --- WFDB


def write_wfdb(folder, record, samples, rate, names, form="16", comments=(), unit="mV", gain=1000, suffix="dat"):
    """Write a record of int samples (n_signals, n); form "16" or "212"; suffix "mat" puts 24 bytes before them."""
    folder.mkdir(parents=True, exist_ok=True)
    samples = np.asarray(samples, dtype=np.int16)
    flat = samples.T.ravel()
    content = flat.astype("<i2").tobytes() if form == "16" else pack_212(flat)
    offset = 24 if suffix == "mat" else 0
    (folder / f"{record}.{suffix}").write_bytes(bytes(offset) + content)
    kind = f"{form}+{offset}" if offset else form
    lines = [f"{record} {len(samples)} {rate} {samples.shape[1]}"]
    for row, name in zip(samples, names, strict=True):
        checksum = int(row.sum(dtype=np.int64)) % 65536
        lines.append(f"{record}.{suffix} {kind} {gain}(0)/{unit} 16 0 {row[0]} {checksum} 0 {name}")
    lines += [f"# {comment}" for comment in comments]
    (folder / f"{record}.hea").write_text("\n".join(lines) + "\n")


def pack_212(flat):
    values = [int(value) & 0xFFF for value in flat] + [0] * (len(flat) % 2)
    packed = bytearray()
    for low, high in zip(values[::2], values[1::2], strict=True):
        packed += bytes([low & 0xFF, (low >> 8) | ((high >> 8) << 4), high & 0xFF])
    return bytes(packed[: (3 * len(flat) + 1) // 2])


def atr(marks):
    """Return an annotation file of (sample, rhythm); far steps are written as skips."""
    content, before = bytearray(), 0
    for sample, rhythm in marks:
        step = sample - before
        if step > 1023:
            content += struct.pack("<H", 59 << 10) + struct.pack("<HH", step >> 16, step & 0xFFFF)
            step = 0
        text = f"({rhythm}".encode() + b"\0"
        content += struct.pack("<H", (28 << 10) | step) + struct.pack("<H", (63 << 10) | len(text))
        content += text + bytes(len(text) % 2)
        before = sample
    return bytes(content) + bytes(2)


def write_mitdb(folder, records=("100", "101", "103", "201", "202", "208"), rate=360, n=7300):
    for number, record in enumerate(records):
        samples = np.random.default_rng(number).integers(-900, 900, (2, n))
        write_wfdb(folder, record, samples, rate, ("MLII", "V1"), form="212", gain=200)
        (folder / f"{record}.atr").write_bytes(atr([(20, "N"), (3700, "AFIB")]))


def write_ecg12(folder, record, dx, n=600, rate=500, names=LEADS, **more):
    samples = np.arange(12 * n).reshape(12, n) % 700 - 300
    comments = (f"Age: {more.pop('age', 60)}", f"Sex: {more.pop('sex', 'Male')}", f"Dx: {dx}")
    write_wfdb(folder, record, samples, rate, names, comments=comments, suffix="mat", **more)
    return samples


# --- EDF


def edf(channels, duration=30, kind="", n_records=None):
    """Return an EDF file of channels (label, unit, int samples (n_records, per record)); kind "EDF+C" or "EDF+D"."""
    n_records = len(channels[0][2]) if n_records is None else n_records
    header = "0".ljust(8) + "X".ljust(80) + "X".ljust(80) + "01.01.8900.00.00" + str(256 * (len(channels) + 1)).ljust(8)
    header += kind.ljust(44) + str(n_records).ljust(8) + str(duration).ljust(8) + str(len(channels)).ljust(4)
    columns = [
        [label.ljust(16) for label, *_ in channels],
        ["".ljust(80)] * len(channels),
        [unit.ljust(8) for _, unit, _ in channels],
        ["-200".ljust(8)] * len(channels),
        ["200".ljust(8)] * len(channels),
        ["-2000".ljust(8)] * len(channels),
        ["2000".ljust(8)] * len(channels),
        ["".ljust(80)] * len(channels),
        [str(data.shape[1]).ljust(8) for _, _, data in channels],
        ["".ljust(32)] * len(channels),
    ]
    header += "".join("".join(column) for column in columns)
    data = np.concatenate([np.asarray(data, dtype="<i2") for _, _, data in channels], axis=1)
    return header.encode("latin-1") + data.tobytes()


def stamps(records, width=200):
    """Return a channel of annotations: of each record a list of (onset, duration, text), the first its own time."""
    rows = []
    for record in records:
        content = b"".join(
            f"+{onset}".encode()
            + (f"\x15{length}".encode() if length is not None else b"")
            + f"\x14{text}\x14\0".encode()
            for onset, length, text in record
        )
        rows.append(np.frombuffer(content.ljust(2 * width, b"\0"), dtype="<i2"))
    return ("EDF Annotations", "", np.stack(rows))


def write_night(folder, name, stages, seed=0, rate=100):
    """Write SC4xxxE0-PSG.edf and its hypnogram; stages is a list of (stage, epochs)."""
    folder.mkdir(parents=True, exist_ok=True)
    n_epochs = sum(count for _, count in stages)
    data = np.random.default_rng(seed).integers(-2000, 2000, (n_epochs, 30 * rate))
    slow = np.zeros((n_epochs, 30), dtype=int)
    (folder / f"{name}E0-PSG.edf").write_bytes(edf([("EEG Fpz-Cz", "uV", data), ("Temp rectal", "DegC", slow)]))
    scores, onset = [(0, None, "")], 0
    for stage, count in stages:
        scores.append((onset, 30 * count, f"Sleep stage {stage}"))
        onset += 30 * count
    channel = stamps([scores], width=1000)
    (folder / f"{name}EC-Hypnogram.edf").write_bytes(edf([channel], duration=0, kind="EDF+C"))
    return data


# --- tables


def p12_text(record, rows, age=60, gender=1, height=-1, icu=3, weight=80):
    fixed = [
        ("RecordID", record),
        ("Age", age),
        ("Gender", gender),
        ("Height", height),
        ("ICUType", icu),
        ("Weight", weight),
    ]
    lines = ["Time,Parameter,Value", *(f"00:00,{name},{value}" for name, value in fixed)]
    return "\n".join([*lines, *(f"{time},{name},{value}" for time, name, value in rows)]) + "\n"


def p12_rows(seed=0):
    from tsbench_clinical.p12 import SENSORS

    values = np.random.default_rng(seed).integers(1, 90, len(SENSORS)).tolist()
    half = len(SENSORS) // 2
    return [("00:07", name, value) for name, value in zip(SENSORS[:half], values[:half], strict=True)] + [
        ("12:30", name, value) for name, value in zip(SENSORS[half:], values[half:], strict=True)
    ]


def write_p12(folder, n=6, sets="ab"):
    """Write n records per set; each second one dies, stays last 2, 3, 4 ... days."""
    for number, letter in enumerate(sets):
        (folder / f"set-{letter}").mkdir(parents=True, exist_ok=True)
        lines = ["RecordID,SAPS-I,SOFA,Length_of_stay,Survival,In-hospital_death"]
        for i in range(n):
            record = 1000 * (number + 1) + i
            (folder / f"set-{letter}" / f"{record}.txt").write_text(p12_text(record, p12_rows(record)))
            lines.append(f"{record},6,1,{2 + i},-1,{i % 2}")
        (folder / f"Outcomes-{letter}.txt").write_text("\n".join(lines) + "\n")


def psv(hours=8, sepsis=False, first=1, seed=0):
    from tsbench_clinical.p19 import COLUMNS, SENSORS

    rng = np.random.default_rng(seed)
    table = pd.DataFrame({name: rng.integers(1, 90, hours).astype(float) for name in SENSORS})
    table.loc[1:, "Lactate"] = np.nan
    fixed = {"Age": 61.5, "Gender": 1, "Unit1": np.nan, "Unit2": np.nan, "HospAdmTime": -2.5}
    table = table.assign(**fixed, ICULOS=np.arange(first, first + hours), SepsisLabel=0)
    table.loc[hours - 2 :, "SepsisLabel"] = int(sepsis)
    return table[list(COLUMNS)].to_csv(sep="|", index=False, na_rep="NaN")


def write_p19(folder, n=6):
    for letter, first in (("A", 1), ("B", 100001)):
        place = folder / f"training_set{letter}"
        place.mkdir(parents=True, exist_ok=True)
        for i in range(n):
            (place / f"p{first + i:06d}.psv").write_text(psv(5 + i, sepsis=i % 2 == 1, seed=i))


STATEMENTS = """,description,diagnostic,form,rhythm,diagnostic_class,diagnostic_subclass
NORM,normal ECG,1.0,,,NORM,NORM
IMI,inferior infarction,1.0,,,MI,IMI
LVH,left hypertrophy,1.0,,,HYP,LVH
SR,sinus rhythm,,,1.0,,
"""
PTBXL_COLUMNS = ["ecg_id", "patient_id", "age", "sex", "height", "weight", "report", "scp_codes", "strat_fold"]
PTBXL_COLUMNS += ["filename_lr", "filename_hr"]


def write_ptbxl(folder, codes=("{'NORM': 100.0, 'SR': 0.0}", "{'IMI': 50.0, 'LVH': 0.0}", "{'SR': 0.0}"), n=12):
    """Write n records; record i has codes[i % len] and is in fold i % 10 + 1."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scp_statements.csv").write_text(STATEMENTS)
    rows = []
    for i in range(n):
        stem = f"{i + 1:05d}_lr"
        samples = np.arange(12 * 1000).reshape(12, 1000) % 500 + i
        write_wfdb(folder / "records100" / "00000", stem, samples, 100, [lead.upper() for lead in LEADS])
        file = f"records100/00000/{stem}"
        age = 300 if i == 0 else 50 + i
        rows.append(
            [i + 1, f"{i + 1}.0", age, i % 2, "", 70, f"sinusrhythmus, nr {i}", codes[i % len(codes)], i % 10 + 1]
        )
        rows[-1] += [file, file.replace("100", "500")]
    with (folder / "ptbxl_database.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([PTBXL_COLUMNS, *rows])


def write_har(folder):
    """Write 12 training windows of subjects 1 to 4 and 6 test windows of subjects 5 and 6."""
    from tsbench_clinical.har import CHANNELS

    written = {}
    for part, subjects in (("train", [1, 2, 3, 4] * 3), ("test", [5, 6] * 3)):
        signals = folder / part / "Inertial Signals"
        signals.mkdir(parents=True, exist_ok=True)
        labels = [i % 6 + 1 for i in range(len(subjects))]
        (folder / part / f"y_{part}.txt").write_text("\n".join(map(str, labels)) + "\n")
        (folder / part / f"subject_{part}.txt").write_text("\n".join(map(str, subjects)) + "\n")
        for channel, name in enumerate(CHANNELS):
            values = np.random.default_rng(channel).normal(size=(len(subjects), 128)).round(4)
            np.savetxt(signals / f"{name}_{part}.txt", values, fmt=" %.7e")
            written[name, part] = values
    return written


def pamap(stretches, rate=100, start=5.0):
    """Return a .dat file of (activity, samples)."""
    rows = []
    time = start
    for activity, count in stretches:
        for i in range(count):
            heart = 70 + i % 5 if i % 11 == 0 else np.nan
            rows.append([time, activity, heart, *(np.arange(51) + i % 13)])
            time += 1 / rate
    return (
        "\n".join(" ".join(f"{value:g}" if n else f"{value:.2f}" for n, value in enumerate(row)) for row in rows) + "\n"
    )


def write_icu(folder, task="sepsis", source="eicu", stays=6, hours=4):
    from tsbench_clinical.icu import VARIABLES

    place = folder / task / f"{source}_demo"
    place.mkdir(parents=True, exist_ok=True)
    stay = np.repeat(np.arange(10, 10 + stays), hours).astype(np.int32)
    time = pd.to_timedelta(np.tile(np.arange(hours), stays), unit="h")
    dyn = pd.DataFrame({"stay_id": stay, "time": time, "hr": np.arange(len(stay)) + 60.0, "crp": np.nan})
    dyn["lact"] = np.where(np.arange(len(stay)) % 3, np.nan, 1.5)
    dyn = dyn.assign(**{name: np.nan for name in VARIABLES if name not in dyn})
    who = np.arange(10, 10 + stays).astype(np.int32)
    sex = ["Male", "Female", None] * stays
    sta = pd.DataFrame({"stay_id": who, "age": 50.0, "sex": sex[:stays], "height": np.nan, "weight": 70.0})
    outc = pd.DataFrame({"stay_id": who, "label": (who % 2).astype(np.int32)})
    if task == "sepsis":
        outc = pd.DataFrame(
            {"stay_id": stay, "time": time, "label": (stay % 2 == 1) & (np.tile(np.arange(hours), stays) > 1)}
        )
    for name, table in (("dyn", dyn), ("sta", sta), ("outc", outc)):
        table.to_parquet(place / f"{name}.parquet")
    return place
