"""Augmentations of AimTS that change the pace of time; batched, on the device, drawn per case from the generator.

All channels of a case are changed alike. `lengths` (n,) are the cases' own lengths: what lies beyond stays as it is.
NaN marks a missing value, and so does a value read from beside one.
"""

from __future__ import annotations

import torch
from torch import Tensor


def slice_window(
    x: Tensor, rng: torch.Generator | None = None, share: float = 0.5, lengths: Tensor | None = None
) -> Tensor:
    """Cut a window of ceil(share * length) points out of each case of x (n, c, n_timepoints) and stretch it to length.

    The place is uniform. Window slicing of Le Guennec et al. (AALTD 2016), which AimTS takes up.
    """
    time, length = _time_and_length(x, lengths)
    width = (share * length).ceil().clamp(min=1)
    start = _draw_start(length - width, rng)
    inside = torch.minimum(((time + 0.5) * width / length - 0.5).clamp(min=0), width - 1)
    return _read(x, start + inside, time, length)


def warp_time(
    x: Tensor,
    rng: torch.Generator | None = None,
    n_changes: int = 100,
    max_ratio: float = 10.0,
    lengths: Tensor | None = None,
) -> Tensor:
    """Read each case of x (n, c, n_timepoints) at a speed that changes n_changes times, from its first to last point.

    The speeds of the n_changes + 1 equal stretches are uniform, then mapped so that the fastest is max_ratio times the
    slowest (Um et al., ICMI 2017).
    """
    time, length = _time_and_length(x, lengths)
    draw = torch.rand((len(x), n_changes + 1), generator=rng, device=x.device, dtype=x.dtype)
    low, high = draw.amin(1, keepdim=True), draw.amax(1, keepdim=True)
    speed = 1 + (max_ratio - 1) * (draw - low) / (high - low).clamp(min=torch.finfo(x.dtype).tiny)
    travelled = torch.nn.functional.pad(speed.cumsum(1), (1, 0))
    elapsed = (time / (length - 1).clamp(min=1)).clamp(max=1) * (n_changes + 1)
    position = _interpolate((travelled / travelled[:, -1:])[:, None], elapsed)[:, 0]
    return _read(x, position * (length - 1), time, length)


def warp_window(
    x: Tensor,
    rng: torch.Generator | None = None,
    share: float = 0.3,
    scales: tuple[float, ...] = (0.5, 2.0),
    lengths: Tensor | None = None,
) -> Tensor:
    """Stretch a window of ceil(share * length) points of each case of x (n, c, n_timepoints) by one of the scales.

    The whole is then brought back to its length. Place and scale are uniform (Le Guennec et al., AALTD 2016).
    """
    time, length = _time_and_length(x, lengths)
    width = (share * length).ceil().clamp(min=1)
    start = _draw_start(length - width, rng)
    choice = torch.randint(0, len(scales), (len(x), 1), generator=rng, device=x.device)
    stretched = (width * torch.tensor(scales, dtype=x.dtype, device=x.device)[choice]).floor().clamp(min=1)
    total = length - width + stretched
    warped = torch.minimum(((time + 0.5) * total / length - 0.5).clamp(min=0), total - 1)
    inside = start + torch.minimum(((warped - start + 0.5) * width / stretched - 0.5).clamp(min=0), width - 1)
    position = torch.where(warped < start + stretched, inside, warped - stretched + width)
    return _read(x, torch.where(warped < start, warped, position), time, length)


def _time_and_length(x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return the time axis (n_timepoints,) and the cases' lengths (n, 1) in the dtype of x."""
    time = torch.arange(x.shape[2], device=x.device, dtype=x.dtype)
    length = torch.full((len(x),), x.shape[2], device=x.device) if lengths is None else lengths
    return time, length[:, None].to(x.dtype)


def _draw_start(room: Tensor, rng: torch.Generator | None) -> Tensor:
    """Draw a whole number from 0 to `room` (n, 1), both included."""
    draw = torch.rand(room.shape, generator=rng, device=room.device, dtype=room.dtype)
    return torch.minimum((draw * (room + 1)).floor(), room)


def _read(x: Tensor, position: Tensor, time: Tensor, length: Tensor) -> Tensor:
    """Return x (n, c, t) read at `position` (n, t) within each case's length, unchanged beyond it."""
    read = _interpolate(x, torch.minimum(position, length - 1))
    return torch.where((time < length)[:, None], read, x)


def _interpolate(x: Tensor, position: Tensor) -> Tensor:
    """Return (n, c, t): x (n, c, length) at the real-valued places `position` (n, t) in [0, length - 1], linearly."""
    left = position.floor()
    index = torch.stack([left, position.ceil()]).long()[:, :, None].expand(-1, -1, x.shape[1], -1)
    return torch.lerp(x.gather(2, index[0]), x.gather(2, index[1]), (position - left)[:, None])
