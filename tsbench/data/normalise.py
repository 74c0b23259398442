"""Per-channel normalisation with the statistics of the training cases."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tsbench.data.dataset import Index
from tsbench.data.panel import Panel
from tsbench.errors import InvalidDataError


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation of each channel: float64 (n_channels,), std > 0."""

    mean: npt.NDArray[np.float64]
    std: npt.NDArray[np.float64]

    def apply(self, panel: Panel) -> Panel:
        """Return the panel with (X - mean) / std, computed in float64 and stored as float32; NaN stays NaN.

        Raises InvalidDataError when the channels differ in number or a result is too large for float32.
        """
        if panel.n_channels != len(self.mean):
            raise InvalidDataError(f"statistics of {len(self.mean)} channels applied to {panel.n_channels} channels")
        X = np.empty_like(panel.X)
        with np.errstate(over="ignore"):  # Panel refuses the infinite values that result
            for channel, (mean, std) in enumerate(zip(self.mean, self.std, strict=True)):
                X[:, channel] = (panel.X[:, channel].astype(np.float64) - mean) / std
        return replace(panel, X=X)


def channel_statistics(panel: Panel, index: Index) -> Statistics:
    """Return the statistics of each channel over the given cases, in their own unit.

    Only observed values within a case's length count. Two passes in float64; the standard deviation has ddof 0 and is 1
    for a constant channel, as in scikit-learn's StandardScaler.

    Raises InvalidDataError naming a channel that has no observed value in these cases.
    """
    inside = np.arange(panel.n_timepoints) < panel.lengths[index, None]
    mean, std = np.empty(panel.n_channels), np.empty(panel.n_channels)
    for channel in range(panel.n_channels):
        values = panel.X[index, channel]
        values = values[inside & ~np.isnan(values)].astype(np.float64)
        if len(values) == 0:
            name = f" ('{panel.channel_names[channel]}')" if panel.channel_names else ""
            raise InvalidDataError(
                f"channel {channel}{name} has no observed value in the {len(index)} training cases; drop the channel"
            )
        if values.min() == values.max():  # rounding of the mean would make a tiny deviation of it
            mean[channel], std[channel] = values[0], 1.0
        else:
            mean[channel], std[channel] = values.mean(), values.std()
    return Statistics(mean, std)
