"""Augmentations of series in the time domain; batched, on the device, drawn per case from the passed generator."""

from __future__ import annotations

import torch
from torch import Tensor


def jitter(x: Tensor, rng: torch.Generator | None = None, sigma: float = 0.3) -> Tensor:
    """Add Gaussian noise of standard deviation sigma to x (n, n_channels, n_timepoints)."""
    return x + sigma * torch.randn(x.shape, generator=rng, device=x.device, dtype=x.dtype)


def scale(x: Tensor, rng: torch.Generator | None = None, sigma: float = 0.5) -> Tensor:
    """Multiply each channel of each case by a factor drawn from N(1, sigma^2)."""
    factor = torch.randn(x.shape[:2], generator=rng, device=x.device, dtype=x.dtype)
    return x * (1.0 + sigma * factor)[:, :, None]


def permute_segments(
    x: Tensor, rng: torch.Generator | None = None, max_segments: int = 8, lengths: Tensor | None = None
) -> Tensor:
    """Cut each case into 1 to max_segments pieces at random places and shuffle the pieces (TS-TCC, section 3.1).

    All channels of a case are cut alike. Every value is kept: the result is a permutation of the time axis, which
    leaves the points from `lengths` (n,) on in their place.
    """
    index = segment_order(x, rng, max_segments, lengths)
    return x.gather(2, index[:, None, :].expand_as(x))


def segment_order(
    x: Tensor, rng: torch.Generator | None = None, max_segments: int = 8, lengths: Tensor | None = None
) -> Tensor:
    """Return the permutation that `permute_segments` would apply to x: int64 (n, n_timepoints)."""
    n, _, length = x.shape
    pieces = min(max_segments, length)
    count = torch.randint(1, pieces + 1, (n, 1), generator=rng, device=x.device)
    cuts = torch.rand((n, length), generator=rng, device=x.device)
    cuts[:, 0] = 2.0  # a piece cannot start at 0 a second time
    padding = None if lengths is None else torch.arange(length, device=x.device) >= lengths[:, None]
    if padding is not None:
        cuts.masked_fill_(padding, 3.0)
    rank = cuts.argsort(dim=1).argsort(dim=1)
    segment = (rank < count - 1).long().cumsum(dim=1)
    order = torch.rand((n, pieces), generator=rng, device=x.device).gather(1, segment)
    if padding is not None:
        order.masked_fill_(padding, 2.0)
    index: Tensor = order.sort(dim=1, stable=True).indices
    return index


def mask_stretch(x: Tensor, rng: torch.Generator | None = None, share: float = 0.1) -> Tensor:
    """Set one stretch of each case, of random place and of 0 to share of the time points, to 0 in all channels."""
    n, _, length = x.shape
    width, place = torch.rand((2, n, 1), generator=rng, device=x.device)
    width = (width * share * length).round()
    start = (place * (length - width + 1)).floor()
    time = torch.arange(length, device=x.device)
    masked: Tensor = x * ((time < start) | (time >= start + width))[:, None, :]
    return masked
