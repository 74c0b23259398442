"""How many directions features use: their effective rank, before and after a training."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

RANK_CASES = 512
"""The effective rank is that of the features of the first so many training cases of the first source."""

LEAST_KEPT = 0.5


def effective_rank(features: npt.NDArray[np.floating]) -> float:
    """Return exp of the entropy of the singular values of centred features (n, d), which are made to sum to 1.

    Roy and Vetterli, "The effective rank" (EUSIPCO 2007): 1 for features on a line, at most min(n - 1, d), which is
    where all directions are used alike; 0 where all cases have the same features.
    """
    moved = features.astype(np.float64) - features[0].astype(np.float64)  # exactly 0 where they are the same
    largest = np.abs(moved).max(initial=0.0)
    if largest == 0:
        return 0.0
    moved /= largest
    values = np.linalg.svd(moved - moved.mean(axis=0), compute_uv=False)
    shares = values[values > 0] / values.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def rank_warnings(ranks: dict[str, float], n_cases: int) -> list[str]:
    """Return a warning where training has left less than half the effective rank of the untrained features."""
    before, after = ranks.get("rank_untrained"), ranks.get("rank")
    if before is None or after is None or after >= LEAST_KEPT * before:
        return []
    return [
        f"training took the features' effective rank from {before:.3g} to {after:.3g} ({n_cases} training cases): "
        "compare with the untrained twin, and train for fewer steps or at a lower lr"
    ]
