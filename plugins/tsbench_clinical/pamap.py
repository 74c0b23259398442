"""PAM: windows of PAMAP2, from its raw files or as Raindrop processed them."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tsbench.data.dataset import Card, Data, Fold
from tsbench.data.panel import Panel
from tsbench.errors import InvalidDataError
from tsbench_clinical import folds, raindrop
from tsbench_clinical.base import ClinicalDataset, archives
from tsbench_clinical.cache import Space
from tsbench_clinical.files import Files
from tsbench_clinical.windows import runs, starts, step_of

if TYPE_CHECKING:
    from tsbench.fetch.locations import Location

RATE = 100.0
ACTIVITIES = {
    1: "lying",
    2: "sitting",
    3: "standing",
    4: "walking",
    6: "cycling",
    7: "nordic walking",
    16: "vacuum cleaning",
    17: "ironing",
}
SUBJECTS = range(101, 109)  # 109 has too little and is left out
UNITS = ("temperature", *(f"{kind}_{axis}" for kind in ("acc16", "acc6", "gyro", "mag") for axis in "xyz"))
# 54 columns: time, activity, heart rate, then for each place 13 values and 4 of an orientation that is not valid.
CHANNELS = {"heart_rate": 2} | {
    f"{place}_{unit}": 3 + 17 * i + j
    for i, place in enumerate(("hand", "chest", "ankle"))
    for j, unit in enumerate(UNITS)
}


class Pam(ClinicalDataset):
    """PAMAP2: windows of 6 s of daily activities.

    window, overlap : points of a window at 100 Hz, and the share that neighbours have in common (raw files only).
    """

    folders = ("pam", "pamap2", "PAMAP2_Dataset", "PAMAP2*", "PAMdata", "raindrop/PAM")
    whole = "8 subjects; Raindrop's form has 5,333 windows"
    fetched = ("pamap2_physical_activity_monitoring.zip",)
    remedy = (
        "get it with 'tsbench data fetch pam', or put PAMAP2_Dataset, its zip archive, or Raindrop's "
        "PTdict_list.npy and "
        "arr_outcomes.npy into a folder 'pam' of one that --data-dir or TSBENCH_DATA names"
    )

    def __init__(self, name: str = "pam", window: int = 600, overlap: float = 0.5) -> None:
        super().__init__(name)
        self.window = window
        self.overlap = overlap
        step_of(window, overlap)

    @property
    def about(self) -> Card:
        """The card."""
        return Card(
            name=self.name,
            own_folds={"archive": 8, "subjects": 8, "raindrop": raindrop.N_SPLITS},
            summary=f"daily activities: 8 classes, 8 subjects, windows of {self.window} at 100 Hz",
            source="https://archive.ics.uci.edu/dataset/231; processed: https://doi.org/10.6084/m9.figshare.19514347",
            licence="CC BY 4.0",
            citation="Reiss and Stricker, Introducing a New Benchmarked Dataset for Activity Monitoring, ISWC 2012",
            cohort="subjects 101 to 108 in the scripted protocol; 109 is left out",
            unit="acceleration in m/s2, angular velocity in rad/s, magnetic field in microtesla, temperature in degree "
            "Celsius, heart rate per minute; times: a regular grid",
            group="subject",
            facts={
                "labels": f"a window lies wholly in a stretch of one activity: {', '.join(ACTIVITIES.values())}",
                "exclusions": "the activities with fewer than 500 windows; the columns of orientation",
                "missing": "what the sensors did not send is missing; heart rate comes at 9 Hz. Raindrop's form has 17 "
                "unnamed channels and 60 % of its values set to 0, which are missing here",
                "splits": "raw: archive = subjects, leaving one of them out each time; Raindrop's form: archive "
                "= raindrop, "
                "its five random splits",
                "leaks": "windows overlap by half; Raindrop's splits are random and have halves of a window, and every "
                "subject, in train and test; subjects of its windows are not known",
            },
        )

    def homes(self) -> tuple[Location, ...]:
        """Return UCI's address."""
        from tsbench.fetch.locations import PlainFiles

        there = "231/pamap2+physical+activity+monitoring.zip"
        url = "https://archive.ics.uci.edu/static/public/"
        return (PlainFiles(url, ((self.fetched[0], there, ""),), "CC BY 4.0"),)

    def find(self, folder: Path) -> list[Path]:
        """Return the raw files, their archive, or Raindrop's form with its splits."""
        for place in (folder / "PAMAP2_Dataset" / "Protocol", folder / "Protocol", folder):
            if any(place.glob("subject10?.dat")):
                return [place]
        packed = archives(folder, "PAMAP2*.zip", "pamap2*.zip")[:1]
        return packed or raindrop.find(folder, "PTdict_list.npy", "arr_outcomes.npy", "PAM", "PAM_split_*.npy")

    def wanted(self, name: str) -> bool:
        """Take the protocol's recordings of all subjects but 109."""
        return name.endswith(".npy") or (
            re.search(r"(^|/)subject10[1-8]\.dat$", name) is not None and "Optional/" not in name
        )

    def read(self, files: Files, space: Space) -> Data:
        """Read either form."""
        if any(name.endswith(".npy") for name in files.names):
            return self._processed(files)
        step = step_of(self.window, self.overlap)
        cuts: list[tuple[npt.NDArray[np.float32], int, str]] = []
        subject = []
        for name in sorted(files.names):
            times, labels, values = _recording(files.read(name), files.where(name))
            # a window crosses neither a change of activity nor a gap in time
            stretch = np.cumsum(np.concatenate([[False], np.diff(times) > 1.5 / RATE])) * 100 + labels
            found = [
                (values, start, ACTIVITIES[int(labels[begin])])
                for begin, end, _ in runs(stretch)
                if labels[begin] in ACTIVITIES
                for start in starts(begin, end, self.window, step)
            ]
            cuts += found
            subject += [int(Path(name).stem[-3:])] * len(found)
        if not cuts:
            raise InvalidDataError(
                f"{self.name}: no stretch of an activity is as long as a window of {self.window} points"
            )
        X = space.empty((len(cuts), len(CHANNELS), self.window))
        for case, (values, start, _) in enumerate(cuts):
            X[case] = values[start : start + self.window].T
        who = np.array(subject)
        panel = Panel.build(
            X,
            [label for _, _, label in cuts],
            meta={"subject": who, "record": np.array([f"subject{n}" for n in subject])},
            channel_names=tuple(CHANNELS),
            sampling_rate=RATE,
        )
        subjects = _one_left_out(who)
        return Data(panel, folds.named(archive=subjects, subjects=subjects))

    def _processed(self, files: Files) -> Data:
        X = raindrop.array(files, "PTdict_list.npy", ndim=3)
        y = raindrop.array(files, "arr_outcomes.npy").ravel()
        if len(X) != len(y) or not np.isin(y, range(8)).all():
            raise InvalidDataError(f"PTdict_list.npy has {len(X)} windows, arr_outcomes.npy {len(y)} labels of 0 to 7")
        X = X.transpose(0, 2, 1).astype(np.float32)
        X[X == 0] = np.nan  # removed and never observed alike
        record = np.arange(len(X))
        panel = Panel.build(X, y, meta={"record": record, "subject": np.full(len(X), -1)}, sampling_rate=RATE)
        splits = raindrop.splits(files, "PAM_split_{}.npy", record, len(X))
        return Data(panel, folds.named(archive=splits, raindrop=splits))


def _recording(content: bytes, where: str) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return times in seconds, activity codes and float32 (n, 40) values of a .dat file."""
    import pandas as pd

    try:
        table = pd.read_csv(io.BytesIO(content), sep=" ", header=None, dtype=np.float64, na_values=["NaN"])
    except (ValueError, OverflowError) as error:  # pandas' parser errors are ValueErrors
        raise InvalidDataError(f"{where}: is no table of numbers ({error})") from error
    values = table.to_numpy()
    if values.shape[1] != 54:
        raise InvalidDataError(f"{where}: has {values.shape[1]} columns, expected 54")
    if content.count(b" ") != 53 * len(values):  # pandas fills up a line that ends early
        raise InvalidDataError(f"{where}: has a line without 54 fields; it is truncated")
    times, codes = values[:, 0], values[:, 1]
    wrong = np.flatnonzero(np.isnan(times) | (codes != np.floor(codes)) | (codes < 0) | (codes > 24))
    if len(wrong):
        raise InvalidDataError(f"{where}, line {wrong[0] + 1}: has no time or no activity between 0 and 24")
    back = np.flatnonzero(np.diff(times) <= 0)
    if len(back):
        raise InvalidDataError(
            f"{where}, line {back[0] + 2}: its time {times[back[0] + 1]:g} is not after the one before"
        )
    steps = np.diff(times)
    if len(steps) and not 0.5 / RATE < np.median(steps) < 1.5 / RATE:
        raise InvalidDataError(f"{where}: is sampled at {1 / np.median(steps):.4g} Hz, expected {RATE:g} Hz")
    kept = values[:, list(CHANNELS.values())]
    if np.isinf(kept).any() or (np.abs(kept) > 1e30).any():
        raise InvalidDataError(f"{where}: holds a value that is infinite or cannot be")
    return times, codes.astype(np.int64), kept.astype(np.float32)


def _one_left_out(subject: npt.NDArray[Any]) -> list[Fold]:
    """Return a fold per subject: it is the test, the next one validates, the others train."""
    known = sorted(set(subject.tolist()))
    if len(known) < 3:
        return []
    rotated = zip(known, known[1:] + known[:1], strict=True)
    return [
        fold
        for test, validation in rotated
        for fold in folds.by_membership(subject, set(known) - {test, validation}, [validation], [test])
    ]
