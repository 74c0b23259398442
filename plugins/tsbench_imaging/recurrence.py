"""Recurrence plots (Eckmann, Kamphorst & Ruelle 1987), equal to those of pyts."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from tsbench.errors import UsageError
from tsbench_imaging.images import block_elements, hand_over, new_images
from tsbench_imaging.missing import Missing, complete
from tsbench_imaging.percentiles import Blocks, distance_percentile, matrix_percentile, streamed_percentile
from tsbench_imaging.segmentation import Bounds, fraction_or_count, segment_means, segments

Threshold = Literal["point", "distance"] | float | None
_HELD_IN_FULL = 2**24  # distances of one series that may be held to find a percentile
_STREAMED = 2**22  # else that many at a time


@torch.no_grad()
def recurrence_plot(
    x: Tensor,
    image_size: int | float | None = None,
    dimension: int | float = 1,
    time_delay: int | float = 1,
    threshold: Threshold = None,
    percentage: float = 10.0,
    *,
    missing: Missing = "fill",
    out: Tensor | None = None,
) -> Tensor:
    """Return the recurrence plots (n_cases, n_channels, side, side) of x (n_cases, n_channels, n_timepoints).

    Trajectory i is (x_i, x_{i + time_delay}, ...), `dimension` values; there are n_timepoints - (dimension - 1) *
    time_delay of them. Pixel (i, j) is the Euclidean distance of two trajectories, or with a threshold 1 where it is
    below and else 0. dtype and device are kept; not differentiable.

    Parameters
    ----------
    x : floating point. Distances of single float32 values are rounded once; else they are computed in float64.
    image_size : side; the plot is averaged over segments of nearly equal length in both directions (as Markov
        transition fields are), and never held in full. From 1 to the number of trajectories; a float in (0, 1] is a
        fraction of that, rounded up. None: the number of trajectories, nothing is averaged.
    dimension, time_delay : from 1 to n_timepoints; a float in (0, 1] is a fraction of n_timepoints, rounded up.
    threshold : None, a positive number, "point" (the `percentage` percentile of all distances of the plot, its
        diagonal included) or "distance" (`percentage` percent of the largest).
    percentage : from 0 to 100.
    missing : what to do with NaN, see `tsbench_imaging.missing.complete`; "mask" sets the distances of trajectories
        with a missing value to 0, after the threshold, and multiplies averaged pixels by the fractions observed.
    out : contiguous tensor of the shape and dtype returned, to be overwritten.

    Raises
    ------
    UsageError : a parameter is out of its range, or `out` does not fit.
    InvalidDataError : x cannot be used, see `complete`.
    """
    series, observed = complete(x, missing)
    dimension, time_delay, n = trajectories(x.shape[-1], dimension, time_delay)
    _check_threshold(threshold, percentage)
    side = n if image_size is None else fraction_or_count(image_size, n, "image_size", "the number of trajectories")
    images = new_images(x, side, out)
    bounds = segments(n, side, device=x.device)
    simple = dimension == 1 and threshold is None and side == n
    points = series.to(images.dtype if simple else torch.float64).unfold(1, n, time_delay)
    block = block_elements(x.device)
    longest = -(-n // side)
    compared = threshold is not None and dimension == 1 and side == n and x.device.type == "cpu"  # no distance is held
    chunk = len(points) if compared else max(1, block // (n * n if side == n else n * longest))
    for i in range(0, len(points), chunk):
        part = slice(i, i + chunk)
        limits = _limits(points[part], threshold, percentage)
        if side == n:
            _plot(points[part], limits, images[part], max(1, block // (n * chunk)))
        else:
            _averaged_plot(points[part], limits, bounds, images[part], max(1, block // (n * longest * chunk)))
    if observed is not None:
        observed = segment_means(observed.unfold(1, n, time_delay).all(dim=1).double(), bounds)
    return hand_over(images, x, observed, out)


def _plot(points: Tensor, limits: Tensor | None, image: Tensor, n_rows: int) -> None:
    """Write the distances of points (n, dimension, m), or whether they are below limits (n,), to image (n, m, m)."""
    if limits is not None and points.shape[1] == 1 and points.device.type == "cpu":
        from tsbench_imaging.pairs_cpu import below  # numba is imported where it is needed

        below(points[:, 0].contiguous().numpy(), limits.numpy(), image.numpy())
        return
    direct = limits is None and points.dtype == image.dtype
    for rows, target in zip(torch.split(points, n_rows, dim=2), torch.split(image, n_rows, dim=1), strict=True):
        distances = _distances(rows, points, target if direct else None)
        if limits is not None:
            torch.lt(distances, limits[:, None, None], out=target)
        elif not direct:
            target.copy_(distances)


def _averaged_plot(points: Tensor, limits: Tensor | None, bounds: Bounds, image: Tensor, n_segments: int) -> None:
    """Write the same, averaged over segments, to image (n, side, side); n_segments rows of it at a time."""
    start, end = bounds
    for segment in torch.split(torch.arange(len(start)), n_segments):
        first, last = int(start[segment[0]]), int(end[segment[-1]])
        values = _distances(points[:, :, first:last], points)
        if limits is not None:
            values = (values < limits[:, None, None]).double()
        rows = segment_means(values, (start[segment] - first, end[segment] - first), dim=1)
        image[:, segment[0] : segment[-1] + 1] = segment_means(rows, bounds)


def _distances(a: Tensor, b: Tensor, out: Tensor | None = None) -> Tensor:
    """Return the distances (n, i, j) of points a (n, dimension, i) and b (n, dimension, j), in out where given."""
    if out is None:
        out = torch.empty(len(a), a.shape[2], b.shape[2], dtype=a.dtype, device=a.device)
    if a.shape[1] == 1:
        # |a - b| in one pass over memory: a smooth L1 loss that is smooth only below the smallest normal number
        tiny = torch.finfo(a.dtype).tiny
        torch.ops.aten.smooth_l1_loss.out(a[:, 0, :, None], b[:, 0, None, :], 0, tiny, out=out)
        return out
    out.zero_()
    difference = torch.empty_like(out)
    for k in range(a.shape[1]):
        torch.sub(a[:, k, :, None], b[:, k, None, :], out=difference)
        out.add_(difference.mul_(difference))
    if out.device.type != "cpu":
        return out.sqrt_()
    np.sqrt(out.numpy(), out=out.numpy())  # rounded correctly, as torch's is not here: ties must stay ties
    return out


def _limits(points: Tensor, threshold: Threshold, percentage: float) -> Tensor | None:
    """Return what a distance must be below to count as recurrent, float64 (n,)."""
    if threshold is None:
        return None
    n, dimension, m = points.shape
    if threshold == "point":
        if dimension == 1 and points.device.type == "cpu":
            return distance_percentile(points[:, 0], percentage)
        if m * m <= _HELD_IN_FULL:
            return matrix_percentile(_distances(points, points), percentage)
        return torch.stack([streamed_percentile(_blocks(one), m * m, percentage) for one in torch.split(points, 1)])
    if threshold == "distance":
        if dimension == 1:
            smallest, largest = points[:, 0].aminmax(dim=1)
            return percentage / 100 * (largest - smallest)
        largest = torch.stack(
            [torch.stack([part.amax() for part in _blocks(one)()]).amax() for one in torch.split(points, 1)]
        )
        return percentage / 100 * largest
    return torch.full((n,), threshold, dtype=torch.float64, device=points.device)


def _blocks(points: Tensor) -> Blocks:
    """Return a function that goes over the distances of one series' points (1, dimension, m), some rows at a time."""
    n_rows = max(1, _STREAMED // points.shape[2])
    return lambda: (_distances(rows, points).flatten() for rows in torch.split(points, n_rows, dim=2))


def trajectories(n: int, dimension: int | float, time_delay: int | float) -> tuple[int, int, int]:
    """Return dimension and time delay in points, and the number of trajectories of n time points."""
    limit = "the number of time points"
    dimension = fraction_or_count(dimension, n, "dimension", limit)
    time_delay = fraction_or_count(time_delay, n, "time_delay", limit)
    count = n - (dimension - 1) * time_delay
    if count < 1:
        raise UsageError(
            f"dimension = {dimension}, time_delay = {time_delay}: a trajectory spans {n - count + 1} time points, "
            f"more than the {n} of the series"
        )
    return dimension, time_delay, count


def _check_threshold(threshold: Threshold, percentage: float) -> None:
    number = isinstance(threshold, (int, float)) and not isinstance(threshold, bool) and threshold > 0
    if threshold not in (None, "point", "distance") and not number:
        raise UsageError(f"threshold = {threshold!r}: expected None, 'point', 'distance' or a number above 0")
    if not 0 <= percentage <= 100:
        raise UsageError(f"percentage = {percentage!r}: expected a number from 0 to 100")
