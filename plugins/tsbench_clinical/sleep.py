"""Sleep-EDF: epochs of 30 s of one EEG channel, staged by hand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tsbench.data.dataset import Card, Data, Fold
from tsbench.data.panel import Panel
from tsbench.errors import InvalidDataError, UsageError
from tsbench_clinical import folds
from tsbench_clinical.base import ClinicalDataset, archives, one_of
from tsbench_clinical.cache import Space
from tsbench_clinical.files import Files
from tsbench_formats.edf import read_edf

if TYPE_CHECKING:
    from tsbench.fetch.locations import Location

STAGES = {"W": "W", "1": "N1", "2": "N2", "3": "N3", "4": "N3", "R": "REM"}
LEFT_OUT = ("?", "M", "E")  # not scored, movement, and an epoch scored as an error
EPOCH = 30.0
RATE = 100.0
# The order of the 20 subjects in which TS-TCC takes 12 for training, 4 for validation and 4 for the test.
TSTCC_ORDER = (14, 5, 4, 17, 8, 7, 19, 12, 0, 15, 16, 9, 11, 10, 3, 1, 6, 18, 2, 13)


class SleepEdf(ClinicalDataset):
    """Sleep-EDF (SC): 30 s epochs of one channel at 100 Hz, five stages.

    subjects : 20, the first twenty as in most papers, or 78, all of the expanded database. channel : label of the EEG.
    wake_minutes : wake kept before the first and after the last epoch of sleep.
    """

    units = "uV"
    folders = (
        "sleep-edf",
        "sleepedf",
        "sleep-edfx",
        "sleep-edf-database-expanded-*",
        "physionet.org/files/sleep-edfx/*",
    )
    whole = "39 records of 20 subjects, or 153 of 78"
    n_records = 39
    fetched = ("sleep-edf-database-expanded-1.0.0.zip",)
    remedy = (
        "get it with 'tsbench data fetch sleep-edf' (8 GB), or put the SC4*-PSG.edf and SC4*-Hypnogram.edf "
        "files into a "
        "folder 'sleep-edf' of one that --data-dir or TSBENCH_DATA names"
    )

    def __init__(
        self, name: str = "sleep-edf", subjects: int = 20, channel: str = "EEG Fpz-Cz", wake_minutes: float = 30
    ) -> None:
        super().__init__(name)
        one_of("subjects", subjects, (20, 78))
        if not wake_minutes >= 0:
            raise UsageError(f"wake_minutes={wake_minutes!r} must be at least 0")
        self.subjects = subjects
        self.channel = channel
        self.wake_minutes = wake_minutes

    @property
    def about(self) -> Card:
        """The card."""
        return Card(
            name=self.name,
            own_folds=folds.SUBJECTS,
            summary="sleep stages: 5 classes, one EEG channel, epochs of 30 s at 100 Hz",
            source="https://physionet.org/content/sleep-edfx/1.0.0/",
            licence="ODC-By 1.0",
            citation="Kemp et al., Analysis of a sleep-dependent neuronal feedback loop, IEEE TBME 47(9), 2000",
            cohort=f"healthy people at home, two nights each, the first {self.subjects} subjects of the SC study",
            unit="microvolt; times: a regular grid",
            group="subject",
            facts={
                "labels": "stages of Rechtschaffen and Kales by hand; 3 and 4 are N3; '?' and movement are left out",
                "exclusions": f"wake more than {self.wake_minutes:g} min before the first or after the last "
                f"epoch of sleep",
                "splits": "archive = subjects: five folds of 6:2:2 by subject; tstcc: 12, 4 and 4 subjects, where all "
                "twenty are here",
                "leaks": "two nights of a subject: split by subject; neighbouring epochs are alike",
            },
        )

    def homes(self) -> tuple[Location, ...]:
        """Return PhysioNet's address."""
        from tsbench.fetch.locations import PlainFiles

        url = "https://physionet.org/static/published-projects/sleep-edfx/"
        return (PlainFiles(url, ((self.fetched[0], self.fetched[0], ""),), "ODC-By 1.0"),)

    def find(self, folder: Path) -> list[Path]:
        """Return the folder that holds the recordings, or the zip archive."""
        for place in (folder, folder / "sleep-cassette"):
            if any(place.glob("SC4*-PSG.edf")):
                return [place]
        return archives(folder, "sleep-edf*.zip")[:1]

    def wanted(self, name: str) -> bool:
        """Take the recordings and hypnograms of the subjects that are asked for."""
        match = re.search(r"(?:^|/)SC4(\d\d)\d\w\w-(PSG|Hypnogram)\.edf$", name)
        return match is not None and int(match[1]) < (20 if self.subjects == 20 else 83)

    def read(self, files: Files, space: Space) -> Data:
        """Read each night: its epochs and their stages."""
        scored = {Path(name).name[:7]: name for name in files.names if name.endswith("-Hypnogram.edf")}
        nights = sorted(name for name in files.names if name.endswith("-PSG.edf"))
        if not nights:
            raise InvalidDataError(f"{self.name}: holds no SC4*-PSG.edf of the first {self.subjects} subjects")
        epochs, stages, subject, record = [], [], [], []
        for name in nights:
            night = Path(name).name[:7]
            if night not in scored:
                raise InvalidDataError(f"{files.where(name)}: has no hypnogram {night}*-Hypnogram.edf; add it")
            values, labels = self._night(files, name, scored[night])
            epochs.append(values)
            stages += labels
            subject += [int(night[3:5])] * len(labels)
            record += [night] * len(labels)
        if not stages:
            raise InvalidDataError(f"{files.where(nights[0])}: no epoch is staged, here or in any other night")
        X = space.empty((len(stages), 1, int(EPOCH * RATE)))
        end = len(stages)
        while epochs:  # from the last on, so that no night is held twice
            values = epochs.pop()
            X[end - len(values) : end, 0] = values
            end -= len(values)
        who = np.array(subject)
        panel = Panel.build(
            X,
            stages,
            meta={"subject": who, "record": np.array(record)},
            channel_names=(self.channel,),
            sampling_rate=RATE,
        )
        subjects = folds.grouped(panel.y, who)
        schemes = folds.named(archive=subjects, subjects=subjects, tstcc=_tstcc(who))
        return Data(panel, schemes)

    def _night(self, files: Files, name: str, hypnogram: str) -> tuple[np.ndarray, list[str]]:
        where = files.where(name)
        values, rate = read_edf(files.read(name), where).signal(self.channel)
        if rate != RATE:
            raise InvalidDataError(f"{where}: '{self.channel}' is sampled at {rate:g} Hz, expected {RATE:g} Hz")
        size = int(EPOCH * RATE)
        n_epochs = len(values) // size
        stages = epoch_stages(
            read_edf(files.read(hypnogram), files.where(hypnogram)).annotations(), n_epochs, files.where(hypnogram)
        )
        asleep = [i for i, stage in enumerate(stages) if stage not in (None, "W")]
        if not asleep:
            return np.empty((0, size), dtype=np.float32), []
        margin = round(self.wake_minutes * 60 / EPOCH)
        first, last = asleep[0] - margin, asleep[-1] + margin
        kept = [i for i, stage in enumerate(stages) if stage is not None and first <= i <= last]
        cut = values[: n_epochs * size].reshape(n_epochs, size)[kept]
        return cut, [str(stages[i]) for i in kept]


def epoch_stages(scores: list[tuple[float, float, str]], n_epochs: int, where: str) -> list[str | None]:
    """Return the stage of each epoch of 30 s; None where it is not scored or left out.

    scores : (onset, duration, text) of a hypnogram. Raises InvalidDataError for an unknown stage, one that does not
    begin and end with an epoch, or two that overlap.
    """
    stages: list[str | None] = [None] * n_epochs
    end_before = 0.0
    for onset, duration, text in scores:
        stage = text.removeprefix("Sleep stage ").strip()
        known = stage in STAGES or stage[:1] in LEFT_OUT or text.startswith("Movement")
        if not known:
            raise InvalidDataError(f"{where}: '{text}' is no sleep stage")
        if onset % EPOCH or duration % EPOCH or duration < 0:
            raise InvalidDataError(
                f"{where}: '{text}' at {onset:g} s for {duration:g} s is not of whole epochs of 30 s"
            )
        if onset < end_before:
            raise InvalidDataError(f"{where}: '{text}' at {onset:g} s begins before the stage before it ends")
        end_before = onset + duration
        for i in range(int(onset // EPOCH), min(int(end_before // EPOCH), n_epochs)):
            stages[i] = STAGES.get(stage)
    return stages


def _tstcc(subject: np.ndarray) -> list[Fold]:
    if set(subject.tolist()) != set(TSTCC_ORDER):
        return []
    return folds.by_membership(subject, TSTCC_ORDER[:12], TSTCC_ORDER[12:16], TSTCC_ORDER[16:])
