"""Corruptions of a Panel for robustness protocols: dropped time points, noise at a signal-to-noise ratio."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tsbench.data.panel import Panel
from tsbench.data.scratch import in_blocks
from tsbench.identity import stage_seed


def corrupt(panel: Panel, kind: str, level: float, key: str) -> Panel:
    """Return the panel corrupted; the draws depend on `key` alone, so that every method meets the same corruption."""
    rng = np.random.default_rng(stage_seed(key, "corruption"))
    step = drop_time_points if kind == "dropout" else add_noise
    return in_blocks(panel, lambda part: step(part, level, rng))


def drop_time_points(panel: Panel, probability: float, rng: np.random.Generator) -> Panel:
    """Make each time point missing (NaN in all channels) with the given probability.

    TRLS (arXiv 2401.05431), Table 3; that a point is dropped in all channels is not specified in the paper.
    """
    dropped = rng.random((len(panel), 1, panel.n_timepoints)) < probability
    return replace(panel, X=np.where(dropped, np.float32(np.nan), panel.X))


def add_noise(panel: Panel, decibels: float, rng: np.random.Generator) -> Panel:
    """Add Gaussian noise so that each channel of each case has this signal-to-noise ratio in dB.

    The signal's power is its variance over the observed values (TRLS, arXiv 2401.05431, Table 3; per case and channel
    is not specified in the paper). A constant channel stays as it is.
    """
    values = panel.X.astype(np.float64)
    observed = ~np.isnan(values)
    count = np.maximum(observed.sum(axis=2, keepdims=True), 1)
    mean = np.where(observed, values, 0).sum(axis=2, keepdims=True) / count
    power = np.square(np.where(observed, values - mean, 0)).sum(axis=2, keepdims=True) / count
    noise = rng.standard_normal(values.shape) * np.sqrt(power / 10 ** (decibels / 10))
    return replace(panel, X=(values + noise).astype(np.float32))
