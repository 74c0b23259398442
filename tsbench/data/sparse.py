"""Series of which only the time points are left at which something is observed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tsbench.data.join import narrowed
from tsbench.data.panel import Array, Panel
from tsbench.data.scratch import in_blocks


def observed_times(panel: Panel) -> Panel:
    """Return the cases without the time points at which nothing is observed, and with the times of the others.

    Times are the panel's own where it has some, else seconds by its sampling rate, else numbers of time points; the
    sampling rate is then unknown. A case that has no value keeps its first time point.
    """
    return narrowed(in_blocks(panel, _packed))


def _packed(panel: Panel) -> Panel:
    """Return the time points to be kept at the beginning of each case, on a time axis as wide as before."""
    seen = np.asarray((~np.isnan(panel.X[:])).any(axis=1))
    seen[:, 0] |= ~seen.any(axis=1)
    order, lengths = np.argsort(~seen, axis=1, kind="stable"), seen.sum(axis=1).astype(np.int32)
    beyond = np.arange(panel.n_timepoints) >= lengths[:, None]
    X: Array = np.take_along_axis(panel.X[:], order[:, None], axis=2)
    times = np.take_along_axis(_times(panel), order, axis=1)
    return replace(
        panel,
        X=np.where(beyond[:, None], np.float32(np.nan), X),
        lengths=lengths,
        times=np.where(beyond, np.nan, times),
        sampling_rate=None,
    )


def _times(panel: Panel) -> Array:
    if panel.times is not None:
        return panel.times
    steps = np.arange(panel.n_timepoints, dtype=np.float64) / (panel.sampling_rate or 1.0)
    return np.broadcast_to(steps, (len(panel), panel.n_timepoints))
