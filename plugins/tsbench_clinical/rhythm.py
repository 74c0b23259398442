"""Rhythm windows of long ECG recordings: the MIT-BIH atrial fibrillation and arrhythmia databases."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from tsbench.data.dataset import Card, Data, Fold
from tsbench.data.panel import Panel
from tsbench.errors import InvalidDataError, UsageError
from tsbench_clinical import folds
from tsbench_clinical.base import ClinicalDataset, archives
from tsbench_clinical.cache import Space
from tsbench_clinical.files import Files
from tsbench_clinical.windows import majority, starts, step_of
from tsbench_formats.wfdb import Header, check_rate, parse_annotations, parse_header, read_signals, rhythms

if TYPE_CHECKING:
    from tsbench.fetch.locations import Location


class RhythmWindows(ClinicalDataset):
    """Windows of two-lead ECG with the rhythm that covers most of each.

    first_lead : by its name, the one that is lead_1 where a record has it, wherever its header lists it.
    seconds, overlap : length of a window, and the share that neighbours have in common.
    """

    rate: ClassVar[float]
    rhythms: ClassVar[Mapping[str, str]]
    without_signals: ClassVar[tuple[str, ...]] = ()
    subject_of: ClassVar[Mapping[str, str]] = {}
    first_lead: ClassVar[str]
    version = 2
    project: ClassVar[str]
    zip_name: ClassVar[str]
    units = "mV"
    channel_names: ClassVar[tuple[str, ...]] = ("lead_1", "lead_2")

    def __init__(self, name: str, seconds: float = 10.0, overlap: float = 0.0) -> None:
        super().__init__(name)
        self.seconds = seconds
        self.overlap = overlap
        if not seconds > 0 or not float(seconds * self.rate).is_integer():
            raise UsageError(f"seconds={seconds!r} is no whole number of samples at {self.rate:g} Hz")
        step_of(self.size, overlap)

    @property
    def size(self) -> int:
        """Points of a window."""
        return round(self.seconds * self.rate)

    @property
    def remedy(self) -> str:  # type: ignore[override]
        """What to get and where to put it."""
        return (
            f"get it with 'tsbench data fetch {self.name}', or put {self.zip_name} or its .hea, .dat and .atr "
            f"files into a "
            f"folder '{self.folders[0]}' of one that --data-dir or TSBENCH_DATA names"
        )

    @property
    def fetched(self) -> tuple[str, ...]:  # type: ignore[override]
        """The archive of the whole database."""
        return (self.zip_name,)

    def homes(self) -> tuple[Location, ...]:
        """Return PhysioNet's address."""
        from tsbench.fetch.locations import PlainFiles

        url = f"https://physionet.org/static/published-projects/{self.project}/"
        return (PlainFiles(url, ((self.zip_name, self.zip_name, ""),), "ODC-By 1.0"),)

    def find(self, folder: Path) -> list[Path]:
        """Return the folder that holds the records, or the zip archive."""
        if any(re.fullmatch(r"\d{3,5}\.hea", path.name) for path in folder.glob("*.hea")) and any(folder.glob("*.atr")):
            return [folder] if self._is_ours(folder) else []
        return archives(folder, self.zip_name)[:1]

    def _is_ours(self, folder: Path) -> bool:
        digits = 3 if self.project == "mitdb" else 5
        return any(re.fullmatch(rf"\d{{{digits}}}\.hea", path.name) for path in folder.glob("*.hea"))

    def wanted(self, name: str) -> bool:
        """Take headers, signals and reference annotations."""
        return re.fullmatch(r"\d+\.(hea|dat|atr)", Path(name).name) is not None and "old" not in Path(name).parts

    def read(self, files: Files, space: Space) -> Data:
        """Cut every record into windows: first the labels of all, then the signals."""
        files.check_headers((".dat", ".atr"))
        records = [self._record(files, name) for name in sorted(files.names) if name.endswith(".hea")]
        records = [record for record in records if record is not None]
        cuts = [(record, start, label) for record in records if record for start, label in record.windows]
        if not cuts:
            raise InvalidDataError(f"{self.name}: no window has one of the rhythms {', '.join(self.rhythms)}")
        X = space.empty((len(cuts), 2, self.size))
        case = 0
        for record in records:
            if record and record.windows:
                signals = read_signals(
                    record.header,
                    lambda file, where=record.where: files.read(files.find(file, where)),  # type: ignore[misc]
                    record.where,
                )
                for start, _ in record.windows:
                    X[case] = signals[record.order, start : start + self.size]
                    case += 1
        names = np.array([record.name for record, _, _ in cuts])
        subject = np.array([self.subject_of.get(name, name) for name in names.tolist()])
        panel = Panel.build(
            X,
            [label for _, _, label in cuts],
            meta={"subject": subject, "record": names, "start": np.array([start / self.rate for _, start, _ in cuts])},
            channel_names=self.channel_names,
            sampling_rate=self.rate,
        )
        subjects = folds.grouped(panel.y, subject)
        return Data(panel, folds.named(archive=subjects, subjects=subjects, tnc=_tnc(subject)))

    def _record(self, files: Files, name: str) -> _Record | None:
        where = files.where(name)
        record = Path(name).stem
        if record in self.without_signals and not files.has(f"{record}.dat"):
            return None
        header = parse_header(files.text(name), where)
        check_rate(header, self.rate, where)
        if header.record != record:
            raise InvalidDataError(f"{where}: is the header of record '{header.record}'; the file was renamed")
        if len(header.signals) != 2:
            raise InvalidDataError(f"{where}: has {len(header.signals)} signals, expected 2")
        order = self._order(header, where)
        marks = files.find(f"{record}.atr", where)
        stretches = rhythms(parse_annotations(files.read(marks), files.where(marks)), header.n_samples)
        if not stretches:
            raise InvalidDataError(f"{files.where(marks)}: has no rhythm, so that no window has a label; get it again")
        if stretches[-1][0] > header.n_samples:
            raise InvalidDataError(f"{files.where(marks)}: has a rhythm after the record's {header.n_samples} samples")
        windows = []
        for start in starts(stretches[0][0], header.n_samples, self.size, step_of(self.size, self.overlap)):
            label = majority(stretches, start, start + self.size)
            if label is not None and label in self.rhythms:
                windows.append((start, self.rhythms[label]))
        return _Record(record, where, header, order, windows)

    def _order(self, header: Header, where: str) -> list[int]:
        """Return the places of lead_1 and lead_2 among the signals; raises InvalidDataError for one lead twice."""
        names = [signal.name.casefold() for signal in header.signals]
        if names[0] and names[0] == names[1]:
            raise InvalidDataError(f"{where}: has lead {header.signals[0].name} 2 times, expected two leads")
        return sorted(range(2), key=lambda place: names[place] != self.first_lead.casefold())


class _Record(NamedTuple):
    """A record, the order of its leads, and its windows: (first sample, label)."""

    name: str
    where: str
    header: Header
    order: list[int]
    windows: list[tuple[int, str]]


class Afdb(RhythmWindows):
    """MIT-BIH Atrial Fibrillation Database: 250 Hz, 23 records of ten hours with signals."""

    rate = 250.0
    rhythms: ClassVar = {"AFIB": "AFIB", "AFL": "AFL", "J": "J", "N": "N"}
    without_signals = ("00735", "03665")
    first_lead = "ECG1"
    whole = "23 records with signals"
    n_records = 23
    project = "afdb"
    zip_name = "mit-bih-atrial-fibrillation-database-1.0.0.zip"
    folders = ("afdb", "mit-bih-atrial-fibrillation-database-*", "physionet.org/files/afdb/*")

    @property
    def about(self) -> Card:
        """The card."""
        return Card(
            name=self.name,
            own_folds=folds.SUBJECTS,
            summary=f"ECG rhythm: 4 classes, 23 records, 2 leads, windows of {self.seconds:g} s at 250 Hz",
            source="https://physionet.org/content/afdb/1.0.0/",
            licence="ODC-By 1.0",
            citation="Moody and Mark, A new method for detecting atrial fibrillation using R-R intervals, CinC 1983",
            cohort="25 ambulatory recordings of ten hours, mostly paroxysmal atrial fibrillation; 00735 and "
            "03665 have no "
            "signals and are left out",
            unit="millivolt; times: a regular grid; start: seconds in the record",
            group="subject",
            facts=_facts("AFIB, AFL, J (junctional) and N", "the windows of TNC's ECG Waveform task", self.overlap),
        )


class Mitdb(RhythmWindows):
    """MIT-BIH Arrhythmia Database: 360 Hz, 48 records of half an hour."""

    rate = 360.0
    rhythms: ClassVar = {"AFIB": "AFIB", "AFL": "AFL", "NOD": "J", "N": "N"}
    subject_of: ClassVar = {"202": "201"}  # two recordings of one man
    first_lead = "MLII"
    whole = "48 records"
    n_records = 48
    project = "mitdb"
    zip_name = "mit-bih-arrhythmia-database-1.0.0.zip"
    folders = ("mitdb", "mit-bih-arrhythmia-database-*", "physionet.org/files/mitdb/*")

    @property
    def about(self) -> Card:
        """The card."""
        return Card(
            name=self.name,
            own_folds=folds.SUBJECTS,
            summary=f"ECG rhythm: 4 classes, up to 48 records, 2 leads, windows of {self.seconds:g} s at 360 Hz",
            source="https://physionet.org/content/mitdb/1.0.0/",
            licence="ODC-By 1.0",
            citation="Moody and Mark, The impact of the MIT-BIH Arrhythmia Database, IEEE EMB Magazine 20(3), 2001",
            cohort="48 recordings of half an hour of 47 people; 201 and 202 are of one man",
            unit="millivolt; times: a regular grid; start: seconds in the record",
            group="subject",
            facts=_facts("AFIB, AFL, J (NOD) and N", "TNC's task on shorter recordings", self.overlap)
            | {"channels": "the leads differ between records (mostly MLII and V1); lead_1 is MLII where it is there"},
        )


def _facts(classes: str, task: str, overlap: float) -> dict[str, str]:
    return {
        "labels": f"{classes}: the rhythm that covers most of a window, each from its mark to the next; windows "
        f"mostly of "
        f"another rhythm, or before the first mark, are left out ({task})",
        "splits": "archive = subjects: five folds of 6:2:2 by subject; tnc: the first 80 % of records, in the order of "
        "their names, against the others (TNC's own order is that of its disk)",
        "leaks": f"neighbouring windows of a record are alike and overlap by {100 * overlap:g} %: split by "
        f"subject; AFL and "
        "J are of few subjects, so that test parts may lack them",
    }


def _tnc(subject: np.ndarray) -> list[Fold]:
    ordered = sorted(set(subject.tolist()))
    n_train = int(0.8 * len(ordered))
    return folds.by_membership(subject, ordered[:n_train], None, ordered[n_train:])
