"""One recording, or one page of paper ECG, by itself: to be predicted or asked with, not to be learnt from."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tsbench.data.channel_units import factor
from tsbench.data.dataset import Card, Data, Dataset
from tsbench.data.limb_leads import BY_COLUMN, MEASURED, READ, TOGETHER, check_limb_leads
from tsbench.data.panel import CASE, RECORD, Panel
from tsbench.errors import InvalidDataError
from tsbench_archives.cells import shown
from tsbench_archives.recordings import Recording, read_recording
from tsbench_formats.paper import leads_of, read_page

PAGES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
SINGLE = (".hea", ".edf", *PAGES)  # whose files are recordings whatever is beside them
PAGE_RATE = 100.0  # Hz, that curves on paper are read at
LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")  # of a page, column by column


class OneRecording(Dataset):
    """A WFDB header with its signals beside it, an EDF file, or a picture of an ECG on paper: a case without a label.

    A page has 2.5 s of twelve leads in three rows and four columns, 25 mm/s and 10 mm/mV (`tsbench_formats.paper`).
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def card(self) -> Card:
        """The dataset's card."""
        return Card(self.path.stem, summary="one recording", source=str(self.path.resolve().parent), task="none")

    def files(self) -> list[Path]:
        """Return the file."""
        return [self.path]

    def load(self) -> Data:
        """Read the recording; raises InvalidDataError naming the file, also for swapped leads and no signal."""
        paper = self.path.suffix.lower() in PAGES
        one = _read_page(self.path) if paper else read_recording(self.path)
        if not np.isfinite(one.values).any() or not (np.nanmax(one.values, 1) > np.nanmin(one.values, 1)).any():
            raise InvalidDataError(f"{self.path}: has no signal: every channel is constant")
        check_ecg(one, str(self.path), paper)
        times = None if one.times is None else one.times[None]
        name = np.array([self.path.stem])
        try:
            panel = Panel.build(
                one.values[None],
                times=times,
                channel_names=one.channels,
                sampling_rate=one.rate,
                units=one.stated_units,
                meta={RECORD: name, CASE: name},
            )
        except InvalidDataError as error:
            raise InvalidDataError(f"{self.path}: {error}") from None
        return Data(panel)


def check_ecg(one: Recording, where: str, paper: bool = False) -> None:
    """Raise InvalidDataError, naming `where`, for an ECG with swapped limb leads, or a lead that is no voltage.

    A recording with the leads I and II is an ECG. paper : the leads were read from a page.
    """
    leads = {lead.casefold() for lead in LEADS} if {"I", "II"} <= set(one.channels) else set()
    for name, unit in zip(one.channels, one.units, strict=False):  # files of some kinds state no units
        if name.casefold() in leads and factor(unit, "mV") is None:
            stated = f"in '{shown(unit)}'" if unit else "without a unit"
            raise InvalidDataError(f"{where}: lead {name} is {stated}, and is to be in a unit of voltage (mV, uV, V)")
    relations, most = (BY_COLUMN, READ) if paper else (TOGETHER, MEASURED)
    check_limb_leads(one.channels, one.values, where, relations, most)


def _read_page(path: Path) -> Recording:
    return Recording(LEADS, leads_of(read_page(path), PAGE_RATE, str(path)), PAGE_RATE, units=("mV",) * len(LEADS))
