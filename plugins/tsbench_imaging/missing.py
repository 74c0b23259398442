"""Missing values of series before they become images."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from tsbench.errors import InvalidDataError, UsageError

Missing = Literal["fill", "mask", "refuse"]


def complete(x: Tensor, missing: Missing) -> tuple[Tensor, Tensor | None]:
    """Return the series of x (n_cases, n_channels, n_timepoints) without NaN, and where they were observed.

    The series are (n_cases * n_channels, n_timepoints), dtype kept. `observed` is bool of the same shape, and None
    unless missing is "mask" and a value is missing. A missing value becomes the last one observed before it, and the
    mean of the series where there is none before.

    missing = "fill": just that; a series needs one observed value. "mask": a series with fewer than two counts as not
    observed at all. "refuse": no value may be missing.

    Raises
    ------
    InvalidDataError : x is not such a tensor, has no time points, an infinite value, or not enough observed values.
    UsageError : `missing` is none of the policies.
    """
    if missing not in ("fill", "mask", "refuse"):
        raise UsageError(f"missing = {missing!r}: expected 'fill', 'mask' or 'refuse'")
    check_series(x)
    series = x.reshape(-1, x.shape[-1])
    if bool(torch.isfinite(series).all()):
        return series, None
    refuse_infinite(x)
    observed = ~series.isnan()
    if missing == "refuse":
        raise InvalidDataError(f"x: {_place(x.isnan())} is NaN, and missing = 'refuse' allows no missing value")
    counts = observed.sum(dim=1)
    if missing == "fill" and bool((counts == 0).any()):
        case, channel = divmod(int((counts == 0).nonzero()[0]), x.shape[1])
        raise InvalidDataError(
            f"x: case {case}, channel {channel} has 0 of {x.shape[-1]} values observed, and missing = 'fill' needs at "
            "least 1; leave the channel out, or use missing = 'mask', which leaves its image blank"
        )
    filled = _forward_fill(series, observed, counts)
    return filled, observed & (counts >= 2)[:, None] if missing == "mask" else None


def check_series(x: Tensor) -> None:
    """Raise InvalidDataError unless x is floating point, (n_cases, n_channels, n_timepoints), with time points."""
    if not isinstance(x, Tensor) or x.ndim != 3 or not x.is_floating_point():
        got = f"{x.dtype} {tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
        raise InvalidDataError(f"x: expected a floating-point tensor (n_cases, n_channels, n_timepoints), got {got}")
    if 0 in x.shape[1:]:
        raise InvalidDataError(f"x of shape {tuple(x.shape)}: at least 1 channel and 1 time point are needed")


def refuse_infinite(x: Tensor) -> None:
    """Raise InvalidDataError naming the first infinite value of x (n_cases, n_channels, n_timepoints)."""
    infinite = torch.isinf(x)
    if bool(infinite.any()):
        raise InvalidDataError(f"x: {_place(infinite)} is infinite; replace it by NaN or rescale the data")


def _forward_fill(series: Tensor, observed: Tensor, counts: Tensor) -> Tensor:
    """Repeat the last observed value; before the first one the mean of the series, 0 where nothing is observed."""
    time = torch.arange(series.shape[1], device=series.device)
    last = torch.where(observed, time, -1).cummax(dim=1).values
    mean = series.double().nansum(dim=1) / counts.clamp(min=1)
    return torch.where(last < 0, mean.to(series.dtype)[:, None], series.gather(1, last.clamp(min=0)))


def _place(wrong: Tensor) -> str:
    case, channel, time = (int(i) for i in wrong.nonzero()[0])
    return f"case {case}, channel {channel}, time point {time}"
