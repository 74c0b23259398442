"""Markov transition fields (Wang & Oates, arXiv:1506.00327, section 2.2), equal to those of pyts."""

from __future__ import annotations

import warnings
from typing import Literal

import torch
from torch import Tensor

from tsbench.errors import TsbenchWarning, UsageError
from tsbench_imaging.images import computing_dtype, exact_bmm, hand_over, new_images
from tsbench_imaging.missing import Missing, complete
from tsbench_imaging.percentiles import row_percentiles
from tsbench_imaging.segmentation import Bounds, fraction_or_count, segment_means, segments

Strategy = Literal["quantile", "uniform", "normal"]
_EQUAL = 1e-8  # quantiles closer than this are one, whatever the scale of the data
_WORKING_ELEMENTS = 2**24


@torch.no_grad()
def markov_transition_field(
    x: Tensor,
    image_size: int | float = 224,
    n_bins: int = 8,
    strategy: Strategy = "quantile",
    overlapping: bool = False,
    *,
    missing: Missing = "fill",
    out: Tensor | None = None,
) -> Tensor:
    """Return the Markov transition fields (n_cases, n_channels, side, side) of x (n_cases, n_channels, n_timepoints).

    Each series is cut into bins by value; W_ab is the relative frequency of b as the successor of a. The field
    W[bin_i, bin_j] (eq. 12) is averaged over segments where side < n_timepoints; it is never held in full then.
    dtype and device are kept; not differentiable.

    Parameters
    ----------
    x : floating point; bins and transitions are computed in float64, images in float64 or else in float32.
    image_size : side, from 1 to n_timepoints; a float in (0, 1] is a fraction of n_timepoints, rounded up.
    n_bins : from 2 to n_timepoints.
    strategy : edges of the bins are "quantile"s of the series, "uniform" between its minimum and maximum, or
        quantiles of the standard "normal" distribution. A value equal to an edge is in the lower bin.
    overlapping : average over segments of equal length, which may overlap.
    missing : what to do with NaN, see `tsbench_imaging.missing.complete`; transitions are those of the filled series,
        and "mask" multiplies a pixel by the observed fractions of its two segments.
    out : contiguous tensor of the shape and dtype returned, to be overwritten.

    Raises
    ------
    UsageError : a parameter is out of its range, or `out` does not fit.
    InvalidDataError : x cannot be used, see `complete`.
    Warns TsbenchWarning where quantiles coincide (differ by 1e-8 or less): those series have fewer bins.
    """
    series, observed = complete(x, missing)
    n = x.shape[-1]
    side = fraction_or_count(image_size, n, "image_size", "the number of time points")
    if isinstance(n_bins, bool) or not isinstance(n_bins, int) or not 2 <= n_bins <= n:
        limit = f"an integer from 2 to {n}, the number of time points" if n > 1 else "series of at least 2 time points"
        raise UsageError(f"n_bins = {n_bins!r}: expected {limit}")
    if strategy not in ("quantile", "uniform", "normal"):
        raise UsageError(f"strategy = {strategy!r}: expected 'quantile', 'uniform' or 'normal'")
    images = new_images(x, side, out)
    bounds = segments(n, side, overlapping, x.device)
    chunk = max(1, _WORKING_ELEMENTS // (n_bins * (n_bins + n)))
    reduced = torch.zeros(len(series), dtype=torch.bool, device=x.device)
    for i in range(0, len(series), chunk):
        part = slice(i, i + chunk)
        edges, reduced[part] = _edges(series[part], n_bins, strategy)
        bins = _bins(series[part], edges)
        _fields(bins, _transitions(bins, n_bins).to(images.dtype), bounds, images[part])
    if observed is not None:
        reduced &= observed.any(dim=1)  # the image of the others is blank
    _warn(reduced, x.shape[1], n_bins)
    return hand_over(images, x, None if observed is None else segment_means(observed.double(), bounds), out)


def _edges(x: Tensor, n_bins: int, strategy: Strategy) -> tuple[Tensor, Tensor]:
    """Return the inner edges (n, n_bins - 1) of x (n, n_timepoints), and bool (n,): some were equal.

    Equal quantiles count once; the edges lost are infinite, so that the upper bins stay empty.
    """
    device = x.device
    steps = torch.arange(1, n_bins, dtype=torch.float64, device=device)
    none = torch.zeros(len(x), dtype=torch.bool, device=device)
    if strategy == "normal":
        return torch.special.ndtri(steps * (1 / n_bins)).expand(len(x), -1).contiguous(), none
    if strategy == "uniform":
        smallest, largest = x.double().aminmax(dim=1, keepdim=True)
        return smallest + steps * ((largest - smallest) / n_bins), none
    edges = row_percentiles(x, steps * (100 / n_bins))
    equal = torch.nn.functional.pad(edges.diff(dim=1) <= _EQUAL, (0, 1))
    return edges.masked_fill_(equal, torch.inf).sort(dim=1).values, equal.any(dim=1)


def _bins(x: Tensor, edges: Tensor) -> Tensor:
    """Return the bins (n, n_timepoints), int64, of x by the inner edges (n, n_bins - 1) of each row."""
    if x.device.type != "cpu":
        return torch.searchsorted(edges, x.double())
    from tsbench_imaging.bins_cpu import bins_of  # numba is imported where it is needed

    return torch.from_numpy(bins_of(x.to(computing_dtype(x.dtype)).numpy(), edges.numpy()))


def _transitions(bins: Tensor, n_bins: int) -> Tensor:
    """Return the transition matrices W (n, n_bins, n_bins), float64: rows sum to 1, or to 0 without a successor."""
    if bins.device.type == "cpu":
        from tsbench_imaging.bins_cpu import successors

        matrix = torch.from_numpy(successors(bins.numpy(), n_bins))
    else:
        counts = torch.zeros(len(bins), n_bins * n_bins, dtype=torch.float64, device=bins.device)
        pairs = bins[:, :-1] * n_bins + bins[:, 1:]
        counts.scatter_add_(1, pairs, torch.ones((), dtype=torch.float64, device=bins.device).expand_as(pairs))
        matrix = counts.view(-1, n_bins, n_bins)
    return matrix / matrix.sum(dim=2, keepdim=True).clamp(min=1)


def _fields(bins: Tensor, matrix: Tensor, bounds: Bounds, out: Tensor) -> None:
    """Write the averaged fields (n, side, side) of bins (n, n_timepoints) under matrix (n, n_bins, n_bins) to out."""
    n, length = bins.shape
    n_bins = matrix.shape[1]
    if out.shape[1] == length:  # row i is one of n_bins rows
        rows = matrix.gather(2, bins[:, None].expand(n, n_bins, length)).view(-1, length)
        index = bins + torch.arange(n, device=bins.device)[:, None] * n_bins
        torch.index_select(rows, 0, index.view(-1), out=out.view(-1, length))
        return
    share = _bin_shares(bins, n_bins, bounds).to(out.dtype)
    from_bins = torch.empty(n, out.shape[1], n_bins, dtype=out.dtype, device=out.device)
    exact_bmm(share, matrix, from_bins)
    exact_bmm(from_bins, share.transpose(1, 2), out)


def _bin_shares(bins: Tensor, n_bins: int, bounds: Bounds) -> Tensor:
    """Return the share of each bin in each segment, float64 (n, n_segments, n_bins)."""
    start, end = bounds
    lengths = end - start
    if bins.device.type == "cpu":
        from tsbench_imaging.bins_cpu import within

        return torch.from_numpy(within(bins.numpy(), n_bins, start.numpy(), end.numpy())) / lengths[:, None]
    counts = torch.zeros(len(bins), len(start), n_bins, dtype=torch.float64, device=bins.device)
    for step in range(int(lengths.max())):
        index = bins.index_select(1, (start + step).clamp_(max=bins.shape[1] - 1))[:, :, None]
        counts.scatter_add_(2, index, (step < lengths).double()[None, :, None].expand_as(index))
    return counts / lengths[:, None]


def _warn(reduced: Tensor, n_channels: int, n_bins: int) -> None:
    if bool(reduced.any()):
        case, channel = divmod(int(reduced.nonzero()[0]), n_channels)
        warnings.warn(
            f"n_bins = {n_bins}: quantiles coincide in {int(reduced.sum())} of {len(reduced)} series (the first: "
            f"case {case}, channel {channel}), which have fewer bins; lower n_bins, or use strategy = 'uniform'",
            TsbenchWarning,
            stacklevel=4,
        )
