"""Random draws that methods share; on the device, from the passed generator."""

from __future__ import annotations

import torch
from torch import Tensor


def uniform(low: Tensor, high: Tensor, rng: torch.Generator, draws: int | None = None) -> Tensor:
    """Draw integers from low to high, both inclusive and of one shape; draws = 1 lets all share one random number."""
    shape = low.shape if draws is None else (draws,)
    share = torch.rand(shape, generator=rng, device=low.device, dtype=torch.float64)
    return low + (share * (high - low + 1)).long()
