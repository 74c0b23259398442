"""Added noise."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tsbench.corruptions.base import Corruption, Draws, Levels
from tsbench.data.panel import Array, Panel


class Noise(Corruption):
    """Add Gaussian noise so that each channel of each case has the given signal-to-noise ratio.

    The signal's power is its variance over the observed values (TRLS, arXiv 2401.05431, Table 3; per case and channel
    is not specified in the paper). A constant channel stays as it is.
    """

    makes = "values"
    acts_on = "prepared"
    levels: ClassVar[Levels] = Levels(-300, 300, "signal-to-noise ratio in dB")

    def __call__(self, panel: Panel, draws: Draws) -> Array:
        """Return X with noise on what is observed, in float64."""
        values = panel.X.astype(np.float64)
        observed = ~np.isnan(values)
        count = np.maximum(observed.sum(axis=2, keepdims=True), 1)
        mean = np.where(observed, values, 0).sum(axis=2, keepdims=True) / count
        power = np.square(np.where(observed, values - mean, 0)).sum(axis=2, keepdims=True) / count
        noise = draws.at_once().standard_normal(values.shape) * np.sqrt(power / 10 ** (self.level / 10))
        noisy: Array = values + noise
        return noisy
