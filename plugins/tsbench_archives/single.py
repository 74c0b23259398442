"""One recording by itself: to be predicted or asked with, not to be learnt from."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tsbench.data.dataset import Card, Data, Dataset
from tsbench.data.panel import CASE, RECORD, Panel
from tsbench.errors import InvalidDataError
from tsbench_archives.recordings import read_recording

SINGLE = (".hea", ".edf")  # whose files are recordings whatever is beside them


class OneRecording(Dataset):
    """A WFDB header with its signals beside it, or an EDF file: one case without a label."""

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
        """Read the recording; raises InvalidDataError naming the file."""
        one = read_recording(self.path)
        times = None if one.times is None else one.times[None]
        name = np.array([self.path.stem])
        try:
            panel = Panel.build(
                one.values[None],
                times=times,
                channel_names=one.channels,
                sampling_rate=one.rate,
                meta={RECORD: name, CASE: name},
            )
        except InvalidDataError as error:
            raise InvalidDataError(f"{self.path}: {error}") from None
        return Data(panel)
