"""Dropped time points."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tsbench.corruptions.base import Corruption, Draws, Levels
from tsbench.data.panel import Array, Panel


class Dropout(Corruption):
    """Make each time point missing in all channels with the given probability; a short case may lose all.

    TRLS (arXiv 2401.05431), Table 3; that a point is dropped in all channels is not specified in the paper.
    """

    acts_on = "prepared"
    levels: ClassVar[Levels] = Levels(0, 1, "probability that a time point is missing", open=True)

    def __call__(self, panel: Panel, draws: Draws) -> Array:
        """Return X with the dropped points NaN."""
        dropped = draws.at_once().random((len(panel), 1, panel.n_timepoints)) < self.level
        return np.where(dropped, np.float32(np.nan), panel.X)
