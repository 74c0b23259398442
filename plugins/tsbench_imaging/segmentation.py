"""Size of an image and the segments of a series behind its rows and columns (piecewise aggregate approximation)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tsbench.errors import UsageError

Bounds = tuple[Tensor, Tensor]


def fraction_or_count(value: int | float, n: int, name: str, limit: str) -> int:
    """Return a parameter that is a number of points or, as a float in (0, 1], a fraction of n (rounded up).

    Raises UsageError naming the parameter, its value and what it may be; `limit` names n in the message.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise UsageError(f"{name} = {value!r}: expected an integer or a float, got {type(value).__name__}")
    if isinstance(value, int):
        if not 1 <= value <= n:
            hint = "; resize the image afterwards (size=...)" if name == "image_size" and value > n else ""
            raise UsageError(f"{name} = {value}: an integer must be from 1 to {n}, {limit}{hint}")
        return value
    if not 0 < value <= 1:
        raise UsageError(f"{name} = {value}: a float is a fraction of {limit} and must be in (0, 1]")
    return math.ceil(value * n)


def segments(n: int, n_segments: int, overlapping: bool = False, device: torch.device | str = "cpu") -> Bounds:
    """Return (start, end), int64 (n_segments,): segment j of n points is [start_j, end_j).

    Not overlapping: bounds at the whole part of equidistant points, so that lengths differ by at most one.
    Overlapping: all segments have the length n / n_segments rounded up, and start earlier where they must.
    """
    window, remainder = divmod(n, n_segments)
    if not overlapping or remainder == 0:
        bounds = _whole_parts(n, n_segments + 1)
        start, end = bounds[:-1], bounds[1:]
    else:
        window += 1
        start = torch.arange(n_segments) * window - _whole_parts(n_segments * window - n, n_segments)
        end = start + window
    return start.to(device), end.to(device)


def _whole_parts(stop: int, count: int) -> Tensor:
    """Return the whole parts of `count` equidistant points from 0 to stop; rounded as in numpy.linspace."""
    points = torch.arange(count, dtype=torch.float64) * (stop / (count - 1))
    points[-1] = stop
    return points.long()


def segment_means(x: Tensor, bounds: Bounds, dim: int = -1) -> Tensor:
    """Return the means of x over segments of its axis dim (n -> n_segments); sums are taken from left to right."""
    start, end = bounds
    n = x.shape[dim]
    if len(start) == n:
        return x
    lengths = end - start
    shortest, longest = (int(length) for length in lengths.aminmax())
    lengths = lengths.view(-1, *[1] * (x.ndim - 1 - dim % x.ndim))
    total = x.index_select(dim, start)
    for step in range(1, longest):
        values = x.index_select(dim, (start + step).clamp_(max=n - 1))
        total += values if step < shortest else values.masked_fill_(step >= lengths, 0)
    return total.div_(lengths)
