"""Augmentations of series in the time domain; batched, on the device, drawn per case from the passed generator.

Each gives what it is given: bare values (n, n_channels, n_timepoints), or a Series, whose missing values and padding
stay 0 and whose cases are permuted and masked within their lengths.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from tsbench.data.series import Series, Values, values, within


def jitter(x: Values, rng: torch.Generator | None = None, sigma: float = 0.3) -> Values:
    """Add Gaussian noise of standard deviation sigma."""
    given = values(x)
    return _like(x, given + sigma * torch.randn(given.shape, generator=rng, device=given.device, dtype=given.dtype))


def scale(x: Values, rng: torch.Generator | None = None, sigma: float = 0.5) -> Values:
    """Multiply each channel of each case by a factor drawn from N(1, sigma^2)."""
    given = values(x)
    factor = torch.randn(given.shape[:2], generator=rng, device=given.device, dtype=given.dtype)
    return _like(x, given * (1.0 + sigma * factor)[:, :, None])


def permute_segments(
    x: Values, rng: torch.Generator | None = None, max_segments: int = 8, lengths: Tensor | None = None
) -> Values:
    """Cut each case into 1 to max_segments pieces at random places and shuffle the pieces (TS-TCC, section 3.1).

    All channels of a case are cut alike. Every value is kept: the result is a permutation of the time axis, which
    leaves the points from `lengths` (n,) on in their place. The times of a Series stay where they are.
    """
    index = segment_order(x, rng, max_segments, lengths)[:, None, :]
    moved = values(x).gather(2, index.expand_as(values(x)))
    if not isinstance(x, Series):
        return moved
    observed = x.observed
    return replace(x, x=moved, observed=None if observed is None else observed.gather(2, index.expand_as(observed)))


def segment_order(
    x: Tensor | Series, rng: torch.Generator | None = None, max_segments: int = 8, lengths: Tensor | None = None
) -> Tensor:
    """Return the permutation that `permute_segments` would apply to x: int64 (n, n_timepoints)."""
    x, lengths = values(x), _lengths(x, lengths)
    n, _, length = x.shape
    pieces = min(max_segments, length)
    count = torch.randint(1, pieces + 1, (n, 1), generator=rng, device=x.device)
    cuts = torch.rand((n, length), generator=rng, device=x.device)
    cuts[:, 0] = 2.0  # a piece cannot start at 0 a second time
    padding = None if lengths is None else ~within(lengths, length)
    if padding is not None:
        cuts.masked_fill_(padding, 3.0)
    rank = cuts.argsort(dim=1).argsort(dim=1)
    segment = (rank < count - 1).long().cumsum(dim=1)
    order = torch.rand((n, pieces), generator=rng, device=x.device).gather(1, segment)
    if padding is not None:
        order.masked_fill_(padding, 2.0)
    index: Tensor = order.sort(dim=1, stable=True).indices
    return index


def mask_stretch(
    x: Values, rng: torch.Generator | None = None, share: float = 0.1, lengths: Tensor | None = None
) -> Values:
    """Set one stretch of each case, of random place and of 0 to share of its time points, to 0 in all channels.

    A case has `lengths` (n,) time points, or all.
    """
    given, lengths = values(x), _lengths(x, lengths)
    n, _, width = given.shape
    length = width if lengths is None else lengths[:, None]
    size, place = torch.rand((2, n, 1), generator=rng, device=given.device)
    size = (size * share * length).round()
    start = (place * (length - size + 1)).floor()
    time = torch.arange(width, device=given.device)
    return _like(x, given * ((time < start) | (time >= start + size))[:, None, :])


def _lengths(x: Tensor | Series, lengths: Tensor | None) -> Tensor | None:
    return x.lengths if lengths is None and isinstance(x, Series) and x.padded else lengths


def _like(x: Values, changed: Tensor) -> Values:
    """Return changed values as what x is, a Series with 0 where nothing was observed."""
    if not isinstance(x, Series):
        return changed
    return x.with_values(changed if x.observed is None else changed * x.observed)
