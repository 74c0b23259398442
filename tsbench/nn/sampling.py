"""Random draws that methods share; on the device, from the passed generator."""

from __future__ import annotations

import torch
from torch import Tensor


def uniform(low: Tensor, high: Tensor, rng: torch.Generator, draws: int | None = None) -> Tensor:
    """Draw integers from low to high, both inclusive and of one shape; draws = 1 lets all share one random number."""
    shape = low.shape if draws is None else (draws,)
    share = torch.rand(shape, generator=rng, device=low.device, dtype=torch.float64)
    return low + (share * (high - low + 1)).long()


def balanced(y: Tensor, n_classes: int, size: int, rng: torch.Generator) -> Tensor:
    """Draw a batch (size,) of cases: as many of each class that has any, as far as they divide it, in any order.

    A case may be drawn again, as the rare ones must be.
    """
    counts = torch.bincount(y, minlength=n_classes)
    order, first = y.argsort(stable=True), counts.cumsum(0) - counts
    present = counts.nonzero()[:, 0]
    turn = torch.randperm(len(present), generator=rng, device=y.device)  # which classes get what is left over
    drawn = present[turn][torch.arange(size, device=y.device) % len(present)]
    place = torch.rand(size, generator=rng, device=y.device, dtype=torch.float64)
    return order[first[drawn] + (place * counts[drawn]).long()]
