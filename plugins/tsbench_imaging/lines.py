"""Line plots of series as images, for whole batches; they look as matplotlib draws them (see docs/line_plots.md)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor

from tsbench import BaseParams, Transform, param
from tsbench.errors import TsbenchWarning, UsageError
from tsbench_imaging.missing import check_series
from tsbench_imaging.pen import Marker, Pen, cell_size, make_pen
from tsbench_imaging.positions import columns_of, extent, observed_first, rows_of, with_missing
from tsbench_imaging.rasterise import rasterise

Layout = Literal["grid", "channels"]

PALETTE = (  # CSS colours; the first five are those of AimTS, the order of the others is ours
    *((0, 128, 0), (0, 0, 0), (0, 0, 255), (165, 42, 42), (127, 255, 0), (255, 0, 0), (255, 165, 0), (128, 0, 128)),
    *((0, 128, 128), (255, 0, 255), (128, 128, 0), (70, 130, 180), (255, 99, 71), (75, 0, 130), (218, 165, 32)),
    *((0, 0, 128), (250, 128, 114), (0, 206, 209), (128, 0, 0), (46, 139, 87), (199, 21, 133), (128, 128, 128)),
)
_CHUNK = {"cpu": 2**18, "cuda": 2**26}  # numbers held at a time; on a CPU so that they stay in its cache


@torch.no_grad()
def line_plot(
    x: Tensor,
    image_size: int | tuple[int, int] = 64,
    *,
    limits: Tensor | None = None,
    times: Tensor | None = None,
    time_limits: tuple[float, float] | None = None,
    lengths: Tensor | None = None,
    observed: Tensor | None = None,
    connect: bool = False,
    linewidth: float = 1.0,
    marker: Marker = "*",
    markersize: float = 1.0,
    colors: Sequence[Sequence[float]] | Tensor | None = None,
    layout: Layout = "grid",
    out: Tensor | None = None,
) -> Tensor:
    """Draw each channel of x (n_cases, n_channels, n_timepoints) as a line plot in a cell of its own, without axes.

    Parameters
    ----------
    image_size : side of a cell in pixels, or (height, width).
    limits : bottom and top of the cells, (n_channels, 2) or (n_cases, n_channels, 2), in the unit of x; where both are
        equal, 0.5 is taken off and added. None: smallest and largest value of each case and channel. `channel_limits`
        gives those of a training set (AimTS, ViTST). What lies outside is cut off; clamp x to have it at the edge.
    times : (n_cases, n_timepoints), ascending over the observed points. None: 0, 1, ..., n_timepoints - 1.
    time_limits : left and right of the cells. None: 0 and n_timepoints (AimTS); the first and last of a case's `times`.
    lengths : (n_cases,), points of each case; what lies beyond is not drawn.
    observed : bool, shape of x; False is not drawn, no more than NaN.
    connect : draw the line through observed points only (ViTST), instead of breaking it where a value is missing.
    linewidth, markersize : in points of 1/72 inch at 100 pixels per inch. Markers have an edge of one point.
    colors : one RGB triple in [0, 1] per channel, taken in turn. None: `PALETTE`.
    layout : "grid" for images (n_cases, 3, g height, g width) on white, g = ceil(sqrt(n_channels)), channels by row;
        "channels" for the share of each pixel that is ink, (n_cases, n_channels, height, width).
    out : tensor to draw into, of the shape and device of the result.

    Returns
    -------
    Values in [0, 1], dtype and device of x, row 0 at the top. A channel without values is blank. No gradient.

    Raises
    ------
    UsageError : a parameter or the shape of an argument is wrong.
    InvalidDataError : x is no such tensor or empty, or infinite where limits is None; times descend.
    """
    if time_limits is not None and not time_limits[0] < time_limits[1]:
        raise UsageError(f"line_plot: time_limits must ascend, got {time_limits}")
    check_series(x)
    limits = None if limits is None else torch.as_tensor(limits)
    pen = make_pen(image_size, x.shape[2], linewidth, marker, markersize)
    shape = plot_shape(tuple(x.shape), image_size, layout)
    if out is None:
        out = x.new_empty(shape)
    elif tuple(out.shape) != shape:
        raise UsageError(f"line_plot: out has shape {tuple(out.shape)}, the plots have {shape}")
    blank, inks = (1.0, _inks(colors, x.shape[1])) if layout == "grid" else (0.0, torch.ones(1, 1))
    inks = inks * ((1 - 2**-24) / pen.slices)  # a hair less, so that rounding leaves no value below 0
    direct = out.dtype == torch.float32 and out.is_contiguous()
    chunk, scratch = _memory(x, pen, times is not None or connect, direct)
    for start in range(0, len(x), chunk):
        part = slice(start, start + chunk)

        def take(tensor: Tensor | None, part: slice = part) -> Tensor | None:
            return None if tensor is None else tensor[part]

        values = with_missing(x[part], take(lengths), take(observed))
        own_limits = take(limits) if limits is not None and limits.ndim == 3 else limits
        y = rows_of(values, own_limits, pen)
        column = columns_of(y, take(times), time_limits, pen)
        if connect:
            y, column = observed_first(y, column)
        plots = out[part] if direct else torch.empty_like(out[part], dtype=torch.float32)
        if layout == "channels":  # each is a case of its own
            plots, y = plots.flatten(0, 1)[:, None], y.flatten(0, 1)[:, None]
            column = column if column.ndim == 1 else column.flatten(0, 1)[:, None]
        elif x.shape[1] < (shape[-1] // pen.width) ** 2:  # the grid has more cells than that
            plots.fill_(blank)
        rasterise(y, column, pen, blank, inks, plots, scratch)
        if not direct:
            out[part] = plots.view_as(out[part])
    return out


def _inks(colors: Sequence[Sequence[float]] | Tensor | None, n_channels: int) -> Tensor:
    """Return what a full stroke of each channel's colour adds to white, float32 (n_channels, 3)."""
    palette = torch.tensor(PALETTE) / 255 if colors is None else torch.as_tensor(colors, dtype=torch.float32).cpu()
    if palette.ndim != 2 or palette.shape[1] != 3 or len(palette) == 0:
        raise UsageError(f"line_plot: colors must be RGB triples, got shape {tuple(palette.shape)}")
    return palette[torch.arange(n_channels) % len(palette)] - 1


def _memory(x: Tensor, pen: Pen, own_columns: bool, direct: bool) -> tuple[int, Tensor | None]:
    """Return how many cases to draw at a time, and the memory that takes where they are drawn all at once."""
    pixels = pen.height * pen.width
    cell = x.shape[2] * (8 if own_columns else 2) + (0 if direct else 3 * pixels)
    if x.device.type == "cpu":
        return max(1, _CHUNK["cpu"] // (x.shape[1] * cell)), None
    cell += pixels + 4 * pen.width * pen.slices * pen.folds
    chunk = max(1, _CHUNK.get(x.device.type, 2**24) // (x.shape[1] * cell))
    return chunk, x.new_empty(min(chunk, len(x)) * x.shape[1] * pen.paper, dtype=torch.float32)


def plot_shape(shape: tuple[int, ...], image_size: int | tuple[int, int], layout: Layout) -> tuple[int, ...]:
    """Return the shape of the plots of series of this shape."""
    height, width = cell_size(image_size)
    if layout == "channels":
        return (*shape[:2], height, width)
    if layout != "grid":
        raise UsageError(f"line_plot: layout '{layout}' is not one of 'grid', 'channels'")
    side = math.isqrt(shape[1] - 1) + 1
    return (shape[0], 3, side * height, side * width)


def channel_limits(x: Tensor) -> Tensor:
    """Return the smallest and largest value of each channel of x (n_cases, n_channels, n_timepoints): (n_channels, 2).

    NaN is passed over; a channel without any value has NaN. Over the training cases: the limits of AimTS and ViTST.
    """
    return extent(x.transpose(0, 1).flatten(1))


def warn_undrawn(who: str, times: Tensor, mask: Tensor, end: float) -> None:
    """Warn where something was observed after `end`, where the pictures that a method sees end.

    times : (n, n_timepoints). mask : bool (n, n_channels, n_timepoints), True where observed.
    """
    if bool((mask.any(dim=1) & (times > end * (1 + 1e-6))).any()):
        warnings.warn(
            f"{who}: some cases go on after the longest time of the training cases, where its pictures end: what was "
            "observed later is not seen",
            TsbenchWarning,
            stacklevel=3,
        )


class LinePlot(Transform):
    """Line plot of every channel, each in a cell of a square grid: (n, c, n_timepoints) -> (n, 3, g size, g size).

    Limits are each case's own unless `limits` (n_channels, 2) is set, as `channel_limits` of the training cases gives.
    See `tsbench_imaging.lines.line_plot`, also for irregular times.
    """

    class Params(BaseParams):
        """Parameters of the transform."""

        image_size: int = param(64, low=1, high=4096, doc="side of a channel's cell, pixels")
        linewidth: float = param(1.0, low=0.0, high=100.0, doc="width of the line in points, 100/72 pixels each")
        marker: Marker = param("*", doc="mark on each point: star, disk or none")
        markersize: float = param(1.0, low=0.0, high=100.0, doc="size of the mark in points")
        connect: bool = param(False, doc="draw the line across missing values (ViTST) instead of breaking it")
        layout: Layout = param("grid", doc="RGB image of all channels, or a grey image per channel (1 is ink)")

    version = 2
    gives: ClassVar[Literal["map"]] = "map"
    limits: Tensor | None = None

    def __call__(self, x: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Map x (n, c, n_timepoints), NaN where missing, to images in [0, 1]; see `line_plot`."""
        return line_plot(x, **dict(self.params), limits=self.limits)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return (n, 3, g size, g size) with g = ceil(sqrt(c)), or (n, c, size, size)."""
        return plot_shape(shape, self.params.image_size, self.params.layout)
