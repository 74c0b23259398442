"""Epileptic Seizure Recognition: 11,500 cuts of one second from the 500 EEG recordings of Bonn."""

from __future__ import annotations

import io
import re
import zipfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tsbench.data.dataset import Card, Data, Fold
from tsbench.data.panel import Panel
from tsbench.errors import InvalidDataError
from tsbench_clinical import folds
from tsbench_clinical.base import ClinicalDataset, archives
from tsbench_clinical.cache import Space
from tsbench_clinical.files import Files
from tsbench_clinical.numbers import matrix, number, rows, whole

RATE = 173.61
CUTS, POINTS = 23, 178
LABELS = {"S": 1, "F": 2, "N": 3, "O": 4, "Z": 5}
COLUMNS = [f"X{i}" for i in range(1, POINTS + 1)]


class EpilepticSeizure(ClinicalDataset):
    """UCI's Epileptic Seizure Recognition, from its CSV, from Bonn's five zip archives, or from packed rows of these.

    binary : seizure against everything else, as TS-TCC has it.
    """

    units = "uV"
    folders = ("epileptic-seizure", "epileptic*", "bonn", "Bonn*", "Epilepsy_UCI")
    whole = "11,500 cuts of 500 records"
    n_records = 500
    fetched = ("data.csv",)
    remedy = (
        "put UCI's data.csv (Epileptic Seizure Recognition), or Bonn's z.zip, o.zip, n.zip, f.zip and s.zip "
        "(https://www.upf.edu/web/ntsa/downloads), into a folder 'bonn' of one that --data-dir or TSBENCH_DATA names"
    )

    def __init__(self, name: str, binary: bool = False) -> None:
        super().__init__(name)
        self.binary = binary

    @property
    def about(self) -> Card:
        """The card."""
        return Card(
            name=self.name,
            own_folds=folds.RECORDS,
            summary=f"EEG: {'2 classes (seizure or not)' if self.binary else '5 classes'}, 11,500 cuts of 178 points",
            source="https://www.upf.edu/web/ntsa/downloads; cut as UCI's Epileptic Seizure Recognition",
            licence="free for research",
            citation="Andrzejak et al., Indications of nonlinear deterministic ... structures in time series of brain "
            "electrical activity, Physical Review E 64, 061907, 2001",
            cohort="five sets of 100 recordings of 23.6 s: 5 healthy people (Z, O) and 5 patients (N, F, S)",
            unit="microvolt (as digitised); times: a regular grid",
            group="record",
            positive="seizure" if self.binary else "",
            facts={
                "labels": "1 seizure (S), 2 tumour area (F), 3 healthy area of patients (N), 4 eyes closed (O), "
                "5 eyes open (Z); not the accelerometer set Epilepsy of the UEA archive",
                "prevalence in full": "each class 20 %",
                "splits": "archive = records: five folds of 6:2:2 by recording; tstcc (UCI's CSV only, whose "
                "row order it "
                "needs): 64:16:20 at random",
                "leaks": "23 cuts come from one recording, so a random split has each recording in all parts; which of "
                "the 5 people a recording is of is not published, so people are in all parts of every split; UCI's "
                "features are scaled in TS-TCC with test data, here they are raw",
            },
        )

    def find(self, folder: Path) -> list[Path]:
        """Return UCI's CSV, else Bonn's archives or folders, else the packed rows."""
        for name in ("data.csv", "Epileptic Seizure Recognition.csv"):
            if _is_uci(folder / name):
                return [folder / name]
        sets = archives(folder, *(f"{letter}.zip" for key in LABELS for letter in (key, key.lower())))
        sets += [folder / key for key in LABELS if (folder / key).is_dir() and any((folder / key).glob(f"{key}*"))]
        packed = folder / "epilepsy_11500x178.npz"
        return sets or [packed] * packed.is_file()

    def wanted(self, name: str) -> bool:
        """Take the recordings."""
        return re.search(r"(^|/)[SFNOZ]\d{3}\.txt$|\.csv$|\.npz$", name, re.IGNORECASE) is not None

    def read(self, files: Files, space: Space) -> Data:
        """Read 178 points per cut."""
        name = files.names[0] if files.names else ""
        schemes: dict[str, list[Fold]] = {}
        if name.endswith(".csv"):
            X, codes, record = _uci(files.text(name), files.where(name))
            schemes["tstcc"] = _at_random(len(X))
        elif name.endswith(".npz"):
            X, codes, record = _packed(files.read(name), files.where(name))
        else:
            X, codes, record = _recordings(files)
        labels = ["seizure" if code == 1 else "other" for code in codes] if self.binary else codes
        panel = Panel.build(X[:, None, :], labels, meta={"record": record}, channel_names=("eeg",), sampling_rate=RATE)
        records = folds.grouped(panel.y, record)
        return Data(panel, folds.named(archive=records, records=records, **schemes))


Rows = tuple[npt.NDArray[Any], list[int], npt.NDArray[Any]]


def _is_uci(path: Path) -> bool:
    """Say whether a file called data.csv is UCI's, by its header."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return b"X178" in file.read(4096)


def _uci(text: str, where: str) -> Rows:
    names = [name.strip().strip('"') or "id" for name in text.partition("\n")[0].split(",")]  # ids may have no name
    others = [name for name in names if name not in {*COLUMNS, "y"}]
    if len(others) != 1:
        raise InvalidDataError(f"{where}: has {len(others)} columns beside X1 to X178 and y, expected the ids alone")
    X, codes, record = [], [], []
    for line, row in rows("\n".join([",".join(names), text.partition("\n")[2]]), [*COLUMNS, "y"], where):
        place = f"{where}, line {line}"
        values = [number(row[name], place) for name in COLUMNS]
        if np.isnan(values).any():
            raise InvalidDataError(f"{place}: has an empty cell")
        X.append(values)
        codes.append(_code(row["y"], place))
        cut, _, recording = row[others[0]].partition(".")
        if not cut or not recording:
            raise InvalidDataError(f"{place}: '{row[others[0]]}' is not an id such as X21.V1.791")
        record.append(recording)
    if not X:
        raise InvalidDataError(f"{where}: holds no row")
    return np.array(X), codes, np.array(record)


def _recordings(files: Files) -> Rows:
    found = sorted(files.names, key=lambda name: Path(name).stem.upper())
    stems = [Path(name).stem.upper() for name in found]
    missing = [letter for letter in LABELS if not any(stem.startswith(letter) for stem in stems)]
    if missing:
        raise InvalidDataError(
            f"epileptic-seizure: the set {missing[0]} is not there; put {missing[0].lower()}.zip beside"
        )
    for (before, first), (stem, name) in pairwise(zip(stems, found, strict=True)):
        if stem == before:
            raise InvalidDataError(
                f"{files.where(name)}: recording {stem} is there twice, also as {files.where(first)}; remove one"
            )
    X, codes, record = [], [], []
    for stem, name in zip(stems, found, strict=True):
        values = matrix(files.text(name), files.where(name), columns=1)[:, 0]
        if len(values) != 4097:
            raise InvalidDataError(f"{files.where(name)}: has {len(values)} points, expected 4097")
        if np.isnan(values).any():
            raise InvalidDataError(f"{files.where(name)}: has a missing value")
        X.append(values[: CUTS * POINTS].reshape(CUTS, POINTS))
        codes += [LABELS[stem[0]]] * CUTS
        record += [stem] * CUTS
    return np.concatenate(X), codes, np.array(record)


def _packed(content: bytes, where: str) -> Rows:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            X, y, names = arrays["X"], arrays["y"], arrays["name"]
    except (KeyError, ValueError, TypeError, OSError, EOFError, zipfile.BadZipFile, NotImplementedError) as error:
        raise InvalidDataError(f"{where}: has no arrays X, y and name ({error})") from error
    if X.ndim != 2 or X.shape[1] != POINTS or y.shape != X.shape[:1] or names.shape != y.shape:
        raise InvalidDataError(f"{where}: X, y and name have shapes {X.shape}, {y.shape}, {names.shape}")
    if X.dtype.kind not in "if" or y.dtype.kind not in "iu" or names.dtype.kind != "U":
        raise InvalidDataError(f"{where}: X, y and name are of the types {X.dtype}, {y.dtype}, {names.dtype}")
    codes = [_code(str(code), where) for code in y.tolist()]
    for name, code in zip(names.tolist(), codes, strict=True):
        if LABELS.get(name[:1]) != code:
            raise InvalidDataError(f"{where}: row {name} has the label {code}, which is not that of its set")
    return X, codes, np.array([name.partition(".")[0] for name in names.tolist()])


def _code(text: str, where: str) -> int:
    code = whole(text, where)
    if code not in LABELS.values():
        raise InvalidDataError(f"{where}: the label {code} is not between 1 and 5")
    return code


def _at_random(n_cases: int) -> list[Fold]:
    """Return TS-TCC's fold: a fifth for test, then a fifth of the rest for validation, drawn with its seed."""
    from sklearn.model_selection import train_test_split

    if n_cases < 10:
        return []
    rest, test = train_test_split(np.arange(n_cases), test_size=0.2, random_state=42)
    train, validation = train_test_split(rest, test_size=0.2, random_state=42)
    return [Fold(train, validation, test)]
