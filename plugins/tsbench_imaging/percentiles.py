"""Percentiles by linear interpolation, rounded as numpy.percentile rounds them (float64 throughout)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import reduce

import numpy as np
import torch
from torch import Tensor

from tsbench_imaging.images import computing_dtype

Blocks = Callable[[], Iterator[Tensor]]
_DIGIT = 21  # bits fixed per pass over the data; three passes make the 63 bits of a float64 without its sign


def interpolate(low: Tensor, high: Tensor, weight: Tensor | float) -> Tensor:
    """Return low + (high - low) * weight, computed from the nearer end."""
    span = high - low
    return torch.where(torch.as_tensor(weight >= 0.5), high - span * (1 - weight), low + span * weight)


def row_percentiles(x: Tensor, percentages: Tensor) -> Tensor:
    """Return the percentiles (n, k), float64, of each row of x (n, m), at percentages (k,) from 0 to 100."""
    x = ascending(x.to(computing_dtype(x.dtype))).double()
    positions = (x.shape[1] - 1) * (percentages / 100)
    below = positions.floor()
    low, high = x[:, below.long()], x[:, (below.long() + 1).clamp(max=x.shape[1] - 1)]
    return interpolate(low, high, positions - below)


def ascending(x: Tensor) -> Tensor:
    """Return the values of each row of x (n, m) in their order."""
    if x.device.type == "cpu":
        return torch.from_numpy(np.sort(x.numpy(), axis=1))  # three times as fast as torch's
    return x.sort(dim=1).values


def matrix_percentile(x: Tensor, percentage: float) -> Tensor:
    """Return the percentile (n,) over all entries of each symmetric x (n, m, m) >= 0 whose diagonal is 0."""
    m = x.shape[1]
    rank, weight = _position(m * m, percentage)
    # in order, the m entries of the diagonal come first, then every pair twice
    first, second = (rank - m) // 2, (rank + 1 - m) // 2
    zero = x.new_zeros(len(x))
    if second < 0 or m == 1:
        return zero
    upper = torch.ones(m, m, dtype=torch.bool, device=x.device).triu_(1).flatten().nonzero().squeeze(1)
    pairs = x.flatten(1).index_select(1, upper)
    low = zero if first < 0 else pairs.kthvalue(first + 1, dim=1).values
    if weight == 0 or first == second or first + 1 == pairs.shape[1]:
        return low
    if first < 0:
        return interpolate(low, pairs.amin(dim=1), weight)
    reached = pairs <= low[:, None]
    above = pairs.masked_fill_(reached, torch.inf).amin(dim=1)
    return interpolate(low, torch.where(reached.sum(dim=1) > first + 1, low, above), weight)


def distance_percentile(x: Tensor, percentage: float) -> Tensor:
    """Return the percentile (n,) over all |x_i - x_j| of each series of x (n, m) on a CPU; none of them is held."""
    from tsbench_imaging.pairs_cpu import distances_of_rank  # numba is imported where it is needed

    rank, weight = _position(x.shape[1] ** 2, percentage)
    low, high = distances_of_rank(ascending(x).numpy(), rank)
    return interpolate(torch.from_numpy(low), torch.from_numpy(high), weight)


def streamed_percentile(blocks: Blocks, count: int, percentage: float) -> Tensor:
    """Return the percentile, a scalar, of `count` values >= 0 that blocks() yields in flat pieces, each time anew.

    The value of a rank is found digit by digit, counting in each pass the values that share the digits so far.
    """
    rank, weight = _position(count, percentage)
    prefix, remaining, reached = 0, rank, 0
    for shift in (2 * _DIGIT, _DIGIT, 0):
        counts = reduce(Tensor.add_, (_digit_counts(block, prefix, shift) for block in blocks()))
        cumulative = counts.cumsum(0)
        digit = int(torch.searchsorted(cumulative, remaining, right=True))
        reached = rank - remaining + int(cumulative[digit])
        remaining -= int(cumulative[digit] - counts[digit])
        prefix = prefix << _DIGIT | digit
    low = torch.tensor(prefix, device=counts.device).view(torch.float64)
    if weight == 0 or rank + 1 < reached:
        return low
    above = torch.stack([block.masked_fill(block <= low, torch.inf).amin() for block in blocks()])
    return interpolate(low, above.amin(), weight)


def _position(count: int, percentage: float) -> tuple[int, float]:
    """Return the rank (from 0) below the percentile of `count` values, and the weight of the next one."""
    position = (count - 1) * (percentage / 100)
    return int(position), position - int(position)


def _digit_counts(values: Tensor, prefix: int, shift: int) -> Tensor:
    bits = values.view(torch.int64)  # of values >= 0, in the same order
    chosen = bits[bits >> (shift + _DIGIT) == prefix]
    return torch.bincount((chosen >> shift) & ((1 << _DIGIT) - 1), minlength=1 << _DIGIT)
