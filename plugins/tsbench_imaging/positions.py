"""Where the points of a series lie in its cell, in pixels from the left and from the top."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tsbench.errors import InvalidDataError, UsageError
from tsbench.nn import within
from tsbench_imaging.missing import refuse_infinite
from tsbench_imaging.pen import Pen

FAR = 1e6  # pixels; what lies further out is drawn as if here


def with_missing(x: Tensor, lengths: Tensor | None, observed: Tensor | None) -> Tensor:
    """Return x in at least float32 with NaN where nothing is to be drawn. Raises UsageError."""
    x = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    if observed is not None:
        if observed.shape != x.shape:
            raise UsageError(f"line_plot: observed must be {tuple(x.shape)} as x, got {tuple(observed.shape)}")
        x = x.masked_fill(~observed, math.nan)
    if lengths is not None:
        if lengths.shape != x.shape[:1]:
            raise UsageError(f"line_plot: lengths must be ({len(x)},), one per case, got {tuple(lengths.shape)}")
        x = x.masked_fill(~within(lengths.to(x.device), x.shape[-1])[:, None, :], math.nan)
    return x


def extent(x: Tensor) -> Tensor:
    """Return (..., 2), smallest and largest value along the last axis, NaN passed over."""
    low, high = x.amin(dim=-1), x.amax(dim=-1)  # several times faster than aminmax
    if bool(low.isnan().any()):
        low, high = x.nan_to_num(math.inf, math.inf, -math.inf).amin(-1), x.nan_to_num(-math.inf).amax(-1)
        low, high = (v.masked_fill(low > high, math.nan) for v in (low, high))
    return torch.stack([low, high], dim=-1)


def rows_of(x: Tensor, limits: Tensor | None, pen: Pen) -> Tensor:
    """Return the vertical position in pixels from the top, float32, shape of x; NaN where missing.

    Raises UsageError where limits do not fit, InvalidDataError where x is infinite and has no limits.
    """
    edges = extent(x) if limits is None else limits.to(x)
    if edges.shape[-2:] != (x.shape[1], 2):
        raise UsageError(
            f"line_plot: limits must be (n_channels, 2) or (n_cases, n_channels, 2), got {tuple(edges.shape)}"
        )
    low, high = edges.unbind(-1)
    if bool(edges.isinf().any()):
        if limits is not None:
            raise UsageError("line_plot: limits must be finite, or NaN where a channel is to be blank")
        refuse_infinite(x)
    same = low == high
    low, high = torch.where(same, low - 0.5, low), torch.where(same, high + 0.5, high)
    # halves, so that the range of finite values is finite
    scale = (pen.height / (high / 2 - low / 2))[..., None]
    return ((high / 2)[..., None] - x / 2).mul_(scale).float().clamp_(-FAR, FAR)


def columns_of(y: Tensor, times: Tensor | None, time_limits: tuple[float, float] | None, pen: Pen) -> Tensor:
    """Return the horizontal position in pixels, float32: (n_timepoints,) of all, or shape of y where `times` differ."""
    n, c, length = y.shape
    if times is None:
        first, last = time_limits or (0.0, float(length))
        place = torch.arange(length, device=y.device, dtype=torch.float64)
        return ((place - first) * (pen.width / (last - first))).float()
    if tuple(times.shape) != (n, length):
        raise UsageError(f"line_plot: times must be {(n, length)}, got {tuple(times.shape)}")
    times = times.to(y.device, torch.float64).masked_fill(y.isnan().all(dim=1), math.nan)
    known = times.nan_to_num(-math.inf).cummax(dim=1).values  # a missing time keeps the place of the one before
    if bool((times < known).any()):
        raise InvalidDataError(
            f"line_plot: times of case {int((times < known).any(1).nonzero()[0])} of a batch descend"
        )
    edges = extent(times).nan_to_num(0.0) if time_limits is None else known.new_tensor([time_limits])
    left, span = edges[:, :1], edges[:, 1:] - edges[:, :1]
    position = (known - left) * (pen.width / torch.where(span > 0, span, torch.ones_like(span)))
    return position.clamp(-FAR, FAR).float()[:, None, :].expand(n, c, length)


def observed_first(y: Tensor, column: Tensor) -> tuple[Tensor, Tensor]:
    """Close the gaps: move the observed points of each row of y to its front, the order kept."""
    missing = y.isnan()
    order = missing.to(torch.uint8).argsort(dim=-1, stable=True)
    column = column.expand_as(y).gather(-1, order)
    missing = missing.gather(-1, order)
    return y.gather(-1, order), column.masked_fill(missing, math.inf)
