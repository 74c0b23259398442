"""Imputation: observed values are hidden, and what is filled in for them is compared with them."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tsbench.tasks.base import Array, Measured, Metric


class Imputation(Measured):
    """Errors of hidden values, all of which count alike; no label is read.

    masked_mae and masked_rmse are in prepared units, those of the values after the protocol's normalisation: standard
    deviations of each channel over the training part, where it z-scores. masked_nrmse is masked_rmse divided by the
    deviation (ddof 0) of the hidden values about the mean of their channel: 1 is what these means, known beforehand,
    would give. It is NaN where no channel's hidden values vary.
    """

    name = "imputation"
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("masked_mae", "low", "prepared"),
        Metric("masked_rmse", "low", "prepared"),
        Metric("masked_nrmse", "low", ""),
    )
    primary = "masked_mae"

    def words(self, y: Array, classes: tuple[str, ...]) -> Array:
        """Return the numbers."""
        return y

    def score(self, truth: Array, filled: Array, channels: Array) -> dict[str, float]:
        """Return the metrics of values filled in (m,) for the true ones (m,) of channels (m,), in float64."""
        y, error = truth.astype(np.float64), filled.astype(np.float64) - truth
        group = np.unique(channels, return_inverse=True)[1].ravel()
        spread = y - (np.bincount(group, weights=y) / np.bincount(group))[group]
        squared, total = float((error**2).mean()), float((spread**2).mean())
        return {
            "masked_mae": float(np.abs(error).mean()),
            "masked_rmse": float(np.sqrt(squared)),
            "masked_nrmse": float(np.sqrt(squared / total)) if total else float("nan"),
        }
