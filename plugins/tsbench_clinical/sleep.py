"""Sleep-EDF: epochs of 30 s of one EEG channel, staged by hand."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tsbench.data.dataset import Card, Data, Fold
from tsbench.data.panel import Panel
from tsbench.errors import InvalidDataError, TsbenchWarning, UsageError
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
    version = 2
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
        nights, scored = (_by_night(files, kind) for kind in ("PSG", "Hypnogram"))
        if not nights:
            raise InvalidDataError(f"{self.name}: holds no SC4*-PSG.edf of the first {self.subjects} subjects")
        _check_pairs(files, nights, scored)
        epochs, stages, subject, record = [], [], [], []
        for night, name in nights.items():
            values, labels = self._night(files, night, name, scored[night])
            epochs.append(values)
            stages += labels
            subject += [int(night[3:5])] * len(labels)
            record += [night] * len(labels)
        if not stages:
            first = files.where(next(iter(nights.values())))
            raise InvalidDataError(f"{first}: no epoch is staged, here or in any other night")
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

    def _night(self, files: Files, night: str, name: str, hypnogram: str) -> tuple[np.ndarray, list[str]]:
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
            text = f"{files.where(hypnogram)}: night {night} has no epoch of sleep in its recording; it is left out"
            warnings.warn(text, TsbenchWarning, stacklevel=2)
            return np.empty((0, size), dtype=np.float32), []
        margin = round(self.wake_minutes * 60 / EPOCH)
        first, last = asleep[0] - margin, asleep[-1] + margin
        kept = [i for i, stage in enumerate(stages) if stage is not None and first <= i <= last]
        cut = values[: n_epochs * size].reshape(n_epochs, size)[kept]
        return cut, [str(stages[i]) for i in kept]


def epoch_stages(scores: list[tuple[float, float, str]], n_epochs: int, where: str) -> list[str | None]:
    """Return the stage of each epoch of 30 s; None where it is not scored or left out.

    scores : (onset, duration, text) of a hypnogram. n_epochs : of the recording; warns of stages after its end, which
    are cut, but for '?', with which hypnograms go on to the end of the day. Raises InvalidDataError where there is no
    score, for an unknown stage, one that does not begin and end with an epoch, or two that overlap.
    """
    if not scores:
        raise InvalidDataError(f"{where}: has no annotation, so that no epoch of its night is staged; get it again")
    stages: list[str | None] = [None] * n_epochs
    end_before, n_cut = 0.0, 0
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
        first, end = int(onset // EPOCH), int(end_before // EPOCH)
        for i in range(first, min(end, n_epochs)):
            stages[i] = STAGES.get(stage)
        n_cut += max(0, end - max(first, n_epochs)) * (stage in STAGES)
    if n_cut:
        text = f"{where}: stages {n_cut} epochs after the end of its recording of {n_epochs} epochs; they are left out"
        warnings.warn(text, TsbenchWarning, stacklevel=2)
    return stages


def _by_night(files: Files, kind: str) -> dict[str, str]:
    """Return {night: name of its file}, ordered by name; kind : "PSG" or "Hypnogram"."""
    found: dict[str, str] = {}
    for name in sorted(name for name in files.names if name.endswith(f"-{kind}.edf")):
        night = Path(name).name[:7]
        if night in found:
            where, other = files.where(name), files.where(found[night])
            raise InvalidDataError(f"{where}: is a second {kind} of night {night}, beside {other}; remove one")
        found[night] = name
    return found


def _check_pairs(files: Files, nights: Mapping[str, str], scored: Mapping[str, str]) -> None:
    """Raise InvalidDataError for a recording without a hypnogram, and a hypnogram without a recording."""
    for night, name in nights.items():
        if night not in scored:
            raise InvalidDataError(f"{files.where(name)}: has no hypnogram {night}*-Hypnogram.edf; add it")
    for night, name in scored.items():
        if night not in nights:
            raise InvalidDataError(
                f"{files.where(name)}: has no recording {night}*-PSG.edf; add it, or remove the hypnogram"
            )


def _tstcc(subject: np.ndarray) -> list[Fold]:
    if set(subject.tolist()) != set(TSTCC_ORDER):
        return []
    return folds.by_membership(subject, TSTCC_ORDER[:12], TSTCC_ORDER[12:16], TSTCC_ORDER[16:])
