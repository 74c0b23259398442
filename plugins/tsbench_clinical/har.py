"""UCI HAR (windows of a waist phone) and HAPT (the raw recordings behind it, with postural transitions)."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from tsbench.data.dataset import Card, Data, Fold
from tsbench.data.panel import Panel
from tsbench.errors import InvalidDataError
from tsbench_clinical import folds
from tsbench_clinical.base import ClinicalDataset, archives
from tsbench_clinical.cache import Space
from tsbench_clinical.files import Files
from tsbench_clinical.numbers import matrix, whole
from tsbench_clinical.windows import runs, starts, step_of

if TYPE_CHECKING:
    from tsbench.fetch.locations import Location

UCI = "https://archive.ics.uci.edu/static/public/"
ACTIVITIES = ("walking", "upstairs", "downstairs", "sitting", "standing", "laying")
TRANSITIONS = ("stand-to-sit", "sit-to-stand", "sit-to-lie", "lie-to-sit", "stand-to-lie", "lie-to-stand")
TEST_SUBJECTS = (2, 4, 9, 10, 12, 13, 18, 20, 24)
RATE = 50.0
KINDS = ("body_acc", "body_gyro", "total_acc")
CHANNELS = tuple(f"{kind}_{axis}" for kind in KINDS for axis in "xyz")
RAW = ("acc_x", "acc_y", "acc_z", "gyro_x", "gyro_y", "gyro_z")
PARTS = ("train", "test")


class UciHar(ClinicalDataset):
    """UCI HAR: 10,299 windows of 128 points of 9 filtered signals, six activities, 30 subjects."""

    units: ClassVar = {name: "rad/s" if "gyro" in name else "g" for name in CHANNELS}
    folders = ("UCI HAR Dataset", "uci_har", "UCI_HAR*", "har")
    whole = "10,299 windows of 30 subjects"
    fetched = ("UCI HAR Dataset.zip",)
    remedy = (
        "get it with 'tsbench data fetch uci-har', or put 'UCI HAR Dataset.zip' or the folder of that name into a "
        "folder that --data-dir or TSBENCH_DATA names"
    )

    @property
    def about(self) -> Card:
        """The card."""
        return Card(
            name=self.name,
            own_folds={"subjects": folds.N_FOLDS},
            summary="human activity: 6 classes, 30 subjects, 9 channels, windows of 2.56 s at 50 Hz",
            source="https://archive.ics.uci.edu/dataset/240",
            licence="CC BY 4.0",
            citation="Anguita et al., A Public Domain Dataset for Human Activity Recognition using Smartphones, "
            "ESANN 2013",
            cohort="30 volunteers aged 19 to 48, a phone at the waist, a scripted protocol in a laboratory",
            unit="acceleration in g, angular velocity in rad/s; times: a regular grid",
            group="subject",
            facts={
                "labels": "the activity, marked by hand from video; no windows of transitions",
                "splits": "archive = official: 21 subjects train, 9 test; tstcc: official with 20 % of the training "
                "windows, drawn at random, for validation; subjects: five folds of 6:2:2 by subject",
                "leaks": "windows overlap by half: a random split puts halves of one second into train and test, and "
                "so does the validation part of tstcc",
            },
        )

    def homes(self) -> tuple[Location, ...]:
        """Return UCI's address."""
        from tsbench.fetch.locations import PlainFiles

        there = "240/human+activity+recognition+using+smartphones.zip"
        return (PlainFiles(UCI, ((self.fetched[0], there, ""),), "CC BY 4.0"),)

    def find(self, folder: Path) -> list[Path]:
        """Return the unpacked folder, or the zip archive."""
        for place in (folder, folder / "UCI HAR Dataset"):
            if (place / "train" / "y_train.txt").is_file():
                return [place]
        return archives(folder, "UCI HAR Dataset.zip", "uci-har*.zip", "human*activity*smartphones.zip")[:1]

    def wanted(self, name: str) -> bool:
        """Take the inertial signals, the labels and the subjects."""
        return re.search(r"(body_acc|body_gyro|total_acc)_[xyz]_|(^|/)(y|subject)_(train|test)\.txt$", name) is not None

    def read(self, files: Files, space: Space) -> Data:
        """Read both parts, train first."""
        labels, subjects = {}, {}
        for part in PARTS:
            labels[part] = _integers(files, f"y_{part}.txt", 1, len(ACTIVITIES))
            subjects[part] = _integers(files, f"subject_{part}.txt", 1, 30)
            if len(labels[part]) != len(subjects[part]):
                where = files.where(files.find(f"y_{part}.txt", self.name))
                raise InvalidDataError(
                    f"{where}: has {len(labels[part])} lines, subject_{part}.txt {len(subjects[part])}"
                )
        n_train = len(labels["train"])
        n_cases = n_train + len(labels["test"])
        X = space.empty((n_cases, len(CHANNELS), 128))
        for part, place in zip(PARTS, (slice(0, n_train), slice(n_train, n_cases)), strict=True):
            for channel, name in enumerate(CHANNELS):
                file = files.find(f"{name}_{part}.txt", self.name)
                values = matrix(files.text(file), files.where(file), columns=128)
                if len(values) != place.stop - place.start:
                    raise InvalidDataError(
                        f"{files.where(file)}: has {len(values)} windows, y_{part}.txt "
                        f"{place.stop - place.start} labels"
                    )
                X[place, channel] = values
        y = np.concatenate([labels[part] for part in PARTS])
        subject = np.concatenate([subjects[part] for part in PARTS])
        shared = set(subjects["train"]) & set(subjects["test"])
        if shared:
            where = files.where(files.find("subject_test.txt", self.name))
            raise InvalidDataError(f"{where}: subject {min(shared)} is in subject_train.txt as well")
        panel = Panel.build(
            X,
            [ACTIVITIES[code - 1] for code in y],
            meta={"subject": subject},
            channel_names=CHANNELS,
            sampling_rate=RATE,
        )
        official = [Fold(np.arange(n_train), None, np.arange(n_train, n_cases))]
        schemes = folds.named(
            archive=official,
            official=official,
            tstcc=_with_validation(n_train, official[0].test),
            subjects=folds.grouped(panel.y, subject),
        )
        return Data(panel, schemes)


class Hapt(ClinicalDataset):
    """HAPT: windows cut within the labelled stretches of the raw recordings of 30 subjects.

    window, overlap : points of a window, and the share that neighbours have in common. transitions : also take the six
    postural transitions as classes.
    """

    units: ClassVar = {name: "rad/s" if "gyro" in name else "g" for name in RAW}
    folders = ("hapt", "HAPT*", "HAPT Data Set")
    whole = "61 records of 30 subjects"
    n_records = 61
    fetched = ("HAPT Data Set.zip",)
    remedy = (
        "get it with 'tsbench data fetch hapt', or put 'HAPT Data Set.zip', the folder RawData of it, or "
        "hapt_int16.npz "
        "into a folder that --data-dir or TSBENCH_DATA names"
    )

    def __init__(self, name: str = "hapt", window: int = 128, overlap: float = 0.5, transitions: bool = True) -> None:
        super().__init__(name)
        self.window = window
        self.overlap = overlap
        self.transitions = transitions
        step_of(window, overlap)

    @property
    def about(self) -> Card:
        """The card."""
        return Card(
            name=self.name,
            own_folds={"subjects": folds.N_FOLDS},
            summary=f"human activity and transitions: 30 subjects, 6 channels, windows of {self.window} at 50 Hz",
            source="https://archive.ics.uci.edu/dataset/341",
            licence="CC BY 4.0",
            citation="Reyes-Ortiz et al., Transition-Aware Human Activity Recognition Using Smartphones, "
            "Neurocomputing 2016",
            cohort="the 30 volunteers and the recordings of UCI HAR, unfiltered; 61 recordings",
            unit="acceleration in g, angular velocity in rad/s; times: a regular grid",
            group="subject",
            facts={
                "labels": "a window lies wholly in a stretch of one label; unlabelled stretches are left out",
                "classes": "6 activities and 6 postural transitions" if self.transitions else "6 activities",
                "splits": "archive = official: UCI HAR's 21 subjects train, 9 test; subjects: five folds of "
                "6:2:2 by subject",
                "leaks": f"windows overlap by {100 * self.overlap:g} %: split by subject, not at random",
            },
        )

    def homes(self) -> tuple[Location, ...]:
        """Return UCI's address."""
        from tsbench.fetch.locations import PlainFiles

        there = "341/smartphone+based+recognition+of+human+activities+and+postural+transitions.zip"
        return (PlainFiles(UCI, ((self.fetched[0], there, ""),), "CC BY 4.0"),)

    def find(self, folder: Path) -> list[Path]:
        """Return the folder of raw files, the zip archive, or the packed signals."""
        for place in (folder, folder / "RawData", folder / "HAPT Data Set" / "RawData"):
            if (place / "labels.txt").is_file() and any(place.glob("acc_exp*.txt")):
                return [place]
        packed = folder / "hapt_int16.npz"
        return archives(folder, "HAPT*.zip", "smartphone*postural*.zip")[:1] or [packed] * packed.is_file()

    def wanted(self, name: str) -> bool:
        """Take the raw signals and labels."""
        return re.search(r"((acc|gyro)_exp\d+_user\d+|(^|RawData/)labels)\.txt$|\.npz$", name) is not None

    def read(self, files: Files, space: Space) -> Data:
        """Cut all recordings into windows."""
        packed = [name for name in files.names if name.endswith(".npz")]
        recordings = list(_packed(files, packed[0]) if packed else _raw(files))
        step = step_of(self.window, self.overlap)
        allowed = len(ACTIVITIES) + len(TRANSITIONS) * self.transitions
        cuts = [
            (number, start, int(label))
            for number, recording in enumerate(recordings)
            for begin, end, label in runs(recording.y)
            if 1 <= label <= allowed
            for start in starts(begin, end, self.window, step)
        ]
        if not cuts:
            raise InvalidDataError(f"{self.name}: no labelled stretch is as long as a window of {self.window} points")
        X = space.empty((len(cuts), 6, self.window))
        for case, (number, start, _) in enumerate(cuts):
            X[case] = recordings[number].x[start : start + self.window].T
        subject = np.array([recordings[number].subject for number, _, _ in cuts])
        panel = Panel.build(
            X,
            [(ACTIVITIES + TRANSITIONS)[label - 1] for _, _, label in cuts],
            meta={
                "subject": subject,
                "record": np.array([recordings[number].name for number, _, _ in cuts]),
                "start": np.array([start / RATE for _, start, _ in cuts]),
            },
            channel_names=RAW,
            sampling_rate=RATE,
        )
        official = folds.by_membership(np.isin(subject, TEST_SUBJECTS), [False], None, [True])
        subjects = folds.grouped(panel.y, subject)
        return Data(panel, folds.named(archive=official, official=official, subjects=subjects))


class _Recording(NamedTuple):
    """x float (n, 6), y int (n,) with -1 for no label."""

    name: str
    subject: int
    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.int64]


def _raw(files: Files) -> Iterator[_Recording]:
    """Yield the recordings of RawData, in the order of subject and experiment."""
    label_file = files.find("labels.txt", "hapt")
    labels = matrix(files.text(label_file), files.where(label_file), columns=5)
    found = {match: name for name in files.names if (match := re.search(r"acc_exp(\d+)_user(\d+)\.txt$", name))}
    if not found:
        raise InvalidDataError(f"{files.where(label_file)}: has no acc_expNN_userNN.txt beside it")
    ordered = sorted(found.items(), key=lambda item: (int(item[0][2]), int(item[0][1])))
    numbers: dict[int, int] = {}
    for match, name in ordered:
        experiment, subject = int(match[1]), int(match[2])
        where = files.where(name)
        acc = matrix(files.text(name), where, columns=3)
        other = files.find(f"gyro_exp{match[1]}_user{match[2]}.txt", where)
        gyro = matrix(files.text(other), files.where(other), columns=3)
        if len(acc) != len(gyro):
            raise InvalidDataError(f"{where}: has {len(acc)} samples, {files.where(other)} {len(gyro)}")
        y = np.full(len(acc), -1, dtype=np.int64)
        for line in np.flatnonzero((labels[:, 0] == experiment) & (labels[:, 1] == subject)):
            _, _, activity, begin, end = labels[line]
            fine = 1 <= begin <= end <= len(acc) and 1 <= activity <= 12 and float(activity).is_integer()
            if not fine:
                raise InvalidDataError(
                    f"{files.where(label_file)}, line {line + 1}: activity {activity:g} from sample {begin:g} "
                    f"to {end:g} "
                    f"cannot be in {where} of {len(acc)} samples"
                )
            y[int(begin) - 1 : int(end)] = int(activity)
        number = numbers[subject] = numbers.get(subject, -1) + 1
        yield _Recording(f"u{subject:02d}_r{number}", subject, np.hstack([acc, gyro]), y)


def _packed(files: Files, name: str) -> Iterator[_Recording]:
    """Yield the recordings of hapt_int16.npz."""
    where = files.where(name)
    try:
        with np.load(io.BytesIO(files.read(name)), allow_pickle=False) as arrays:
            scale = np.repeat([float(arrays["acc_scale"]), float(arrays["gyro_scale"])], 3)
            for key in sorted(key for key in arrays.files if key.endswith("_x")):
                match = re.fullmatch(r"u(\d+)_r\d+_x", key)
                x, y = arrays[key], arrays[f"{key[:-2]}_y"]
                if match is None or x.ndim != 2 or x.shape[1] != 6 or y.shape != x.shape[:1] or x.dtype != np.int16:
                    raise InvalidDataError(f"{where}: the arrays of {key[:-2]} have the wrong shape or type")
                yield _Recording(key[:-2], int(match[1]), x * scale, y.astype(np.int64))
    except (KeyError, ValueError, TypeError, OSError, EOFError, zipfile.BadZipFile, NotImplementedError) as error:
        raise InvalidDataError(f"{where}: is no file of packed recordings ({error})") from error


def _integers(files: Files, base: str, low: int, high: int) -> npt.NDArray[np.int64]:
    file = files.find(base, "uci-har")
    where = files.where(file)
    numbers = [whole(line, f"{where}, line {i}") for i, line in enumerate(files.text(file).split(), 1)]
    for line, value in enumerate(numbers, 1):
        if not low <= value <= high:
            raise InvalidDataError(f"{where}, line {line}: {value} is not between {low} and {high}")
    return np.array(numbers, dtype=np.int64)


def _with_validation(n_train: int, test: npt.NDArray[np.int64]) -> list[Fold]:
    """Return TS-TCC's fold: a fifth of the training windows, drawn with its seed, for validation."""
    from sklearn.model_selection import train_test_split

    if n_train < 5:
        return []
    train, validation = train_test_split(np.arange(n_train), test_size=0.2, random_state=42)
    return [Fold(train, validation, test)]
