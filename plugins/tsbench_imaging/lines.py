"""Line plots of series as images, rasterised in torch for whole batches; they look as matplotlib draws them.

A stroke of width 2h around the graph of a function meets every vertical line in one interval: from the maximum over u
of y(u) + sqrt(h^2 - (x - u)^2) down to the minimum of y(u) - sqrt(...). So each pixel column is cut into a few slices,
each slice has a top and a bottom, and the share of a pixel inside is its coverage. Differences of the coverage along
the rows are scattered into the image, whose running sum fills it: the work grows with pixels plus points.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tsbench import BaseParams, Transform, param
from tsbench.errors import InvalidDataError, UsageError

Marker = Literal["*", "o", "none"]
Layout = Literal["grid", "channels"]
Times = Tensor | None

POINT = 100 / 72  # pixels in a typographic point at 100 dots per inch
PALETTE = (  # CSS colours; the first five are those of AimTS, the order of the others is ours
    *((0, 128, 0), (0, 0, 0), (0, 0, 255), (165, 42, 42), (127, 255, 0), (255, 0, 0), (255, 165, 0), (128, 0, 128)),
    *((0, 128, 128), (255, 0, 255), (128, 128, 0), (70, 130, 180), (255, 99, 71), (75, 0, 130), (218, 165, 32)),
    *((0, 0, 128), (250, 128, 114), (0, 206, 209), (128, 0, 0), (46, 139, 87), (199, 21, 133), (128, 128, 128)),
)
_STEPS = 256  # vertical positions per pixel, as in Agg; sums of whole steps are exact in float32, in any order
_FOLD = 1.0  # pixels; a segment that falls by more is a steep descent
_FAR = 1e6  # pixels; what lies further out is drawn as if here
_CHUNK = {"cpu": 2**20, "cuda": 2**26}  # pixels and points at a time; on a CPU so that they stay in its cache


@torch.no_grad()
def line_plot(
    x: Tensor,
    image_size: int | tuple[int, int] = 64,
    *,
    limits: Tensor | None = None,
    times: Times = None,
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
    UsageError : a parameter or the shape of an argument is wrong. InvalidDataError : times descend.
    """
    if time_limits is not None and not time_limits[0] < time_limits[1]:
        raise UsageError(f"line_plot: time_limits must ascend, got {time_limits}")
    if x.ndim != 3 or not x.is_floating_point() or 0 in x.shape[1:]:
        raise UsageError(f"line_plot: x must be floating, (n_cases, n_channels, n_timepoints), got {tuple(x.shape)}")
    pen = _pen(image_size, x.shape[2], linewidth, marker, markersize)
    shape = plot_shape(tuple(x.shape), image_size, layout)
    if out is None:
        out = x.new_empty(shape)
    elif tuple(out.shape) != shape:
        raise UsageError(f"line_plot: out has shape {tuple(out.shape)}, the plots have {shape}")
    if layout == "grid" and x.shape[1] < (shape[-1] // pen.width) ** 2:
        out.fill_(1.0)
    points = max(x.shape[2], 1) * (2 if times is None and not connect else 8)
    cell = pen.height * pen.width + points + 4 * pen.width * pen.slices * pen.folds
    chunk = max(1, _CHUNK.get(x.device.type, 2**24) // (x.shape[1] * cell))
    n_rows = min(chunk, len(x)) * x.shape[1]
    scratch = x.new_empty(pen.paper_rows * n_rows * (pen.width + 2 * pen.pad), dtype=torch.float32)
    for start in range(0, len(x), chunk):
        part = slice(start, start + chunk)

        def take(tensor: Tensor | None, part: slice = part) -> Tensor | None:
            return None if tensor is None else tensor[part]

        values = _with_missing(x[part], take(lengths), take(observed))
        own_limits = take(limits) if limits is not None and limits.ndim == 3 else limits
        y = _rows(values, own_limits, pen)
        column = _columns(y, take(times), time_limits, pen)
        if connect:
            y, column = _observed_first(y, column)
        ink = _draw(y.flatten(0, 1).T, column if column.ndim == 1 else column.flatten(0, 1).T, pen, scratch)
        _colour(torch.unflatten(ink, 1, y.shape[:2]), pen, colors, layout, out[part])
    return out


def plot_shape(shape: tuple[int, ...], image_size: int | tuple[int, int], layout: Layout) -> tuple[int, ...]:
    """Return the shape of the plots of series of this shape."""
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
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
    return _extent(x.transpose(0, 1).flatten(1))


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

    limits: Tensor | None = None

    def __call__(self, x: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Map x (n, c, n_timepoints), NaN where missing, to images in [0, 1]; see `line_plot`."""
        return line_plot(x, **dict(self.params), limits=self.limits)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return (n, 3, g size, g size) with g = ceil(sqrt(c)), or (n, c, size, size)."""
        return plot_shape(shape, self.params.image_size, self.params.layout)


class _Pen(NamedTuple):
    """What is the same for all plots of a call; lengths in pixels.

    folds : layers for overlapping strokes, see `_layers`; by trial, more do not bring the plots nearer to Agg's.
    slices : slices per pixel column. reach : sqrt(h^2 - d^2) for slices at distance 0, 1, ... of the line's half width.
    stamp : (row, column, share of the paper that stays white) of each pixel of a marker. pad : pixels around the image.
    """

    height: int
    width: int
    folds: int
    linewidth: float
    slices: int
    reach: tuple[float, ...]
    stamp: tuple[tuple[int, int, float], ...]
    pad: int

    @property
    def paper_rows(self) -> int:
        """Rows with the border; at least two below, for the differences."""
        return self.pad + self.height + max(self.pad, 2)


def _pen(
    image_size: int | tuple[int, int], n_timepoints: int, linewidth: float, marker: str, markersize: float
) -> _Pen:
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    folds = 1 if n_timepoints <= width else 4 if n_timepoints <= 5 * width else 2
    if min(height, width) < 1 or linewidth < 0 or markersize < 0:
        raise UsageError(
            f"line_plot: image_size must be at least 1, linewidth and markersize at least 0; "
            f"got {image_size}, {linewidth}, {markersize}"
        )
    half = linewidth * POINT / 2
    # A steep line is as wide as the slices it reaches: take the number of slices for which that is nearest the truth.
    at_least = {1: 3, 2: 9, 4: 6}[folds]
    slices = min(range(at_least, at_least + 4), key=lambda s: abs(math.floor(half * s) / s - half))
    reach = tuple(math.sqrt(half**2 - (k / slices) ** 2) for k in range(math.floor(half * slices) + 1))
    stamp = _stamp(marker, markersize * POINT)
    pad = max((2 * max(abs(row), abs(column)) + 1 for row, column, _ in stamp), default=0)
    return _Pen(height, width, folds, linewidth * POINT, slices, reach if linewidth else (), stamp, pad)


@lru_cache(maxsize=64)
def _stamp(marker: str, size: float) -> tuple[tuple[int, int, float], ...]:
    """Rasterise a marker with its edge, centred on a pixel: matplotlib, too, rounds markers to whole pixels."""
    if marker == "none" or size == 0:
        return ()
    if marker not in ("*", "o"):
        raise UsageError(f"line_plot: marker '{marker}' is not one of '*', 'o', 'none'")
    edge, fine = POINT, 32
    radius = math.ceil((size + edge) / 2)
    axis = (np.arange((2 * radius + 1) * fine) + 0.5) / fine - radius - 0.5
    u, v = np.meshgrid(axis, -axis)
    angles = np.linspace(0, 2 * np.pi, 11 if marker == "*" else 49)
    radii = np.where((np.arange(11) % 2 == 0), 1.0, 0.381966) if marker == "*" else np.ones(49)  # a regular pentagram
    corners = size / 2 * radii[:, None] * np.stack([-np.sin(angles), np.cos(angles)], axis=1)
    inside, stroke = np.zeros_like(u, bool), np.zeros_like(u, bool)
    for (ax, ay), (bx, by) in pairwise(corners.tolist()):
        length = math.hypot(bx - ax, by - ay)
        along = ((u - ax) * (bx - ax) + (v - ay) * (by - ay)) / length
        across = ((u - ax) * (by - ay) - (v - ay) * (bx - ax)) / length
        stroke |= (np.abs(across) <= edge / 2) & (along >= 0) & (along <= length)
        inside ^= ((ay > v) != (by > v)) & (u < (bx - ax) * (v - ay) / (by - ay if by != ay else 1) + ax)
    white = (1 - _pixel_means(inside, fine)) * (1 - _pixel_means(stroke, fine))  # drawn one over the other
    cells = [(r - radius, c - radius, float(white[r, c])) for r, c in np.ndindex(white.shape)]
    return tuple(cell for cell in cells if cell[2] < 1)


def _pixel_means(mask: npt.NDArray[np.bool_], fine: int) -> npt.NDArray[np.float64]:
    side = mask.shape[0] // fine
    means: npt.NDArray[np.float64] = mask.reshape(side, fine, side, fine).mean(axis=(1, 3))
    return means


def _with_missing(x: Tensor, lengths: Tensor | None, observed: Tensor | None) -> Tensor:
    """Return x in at least float32 with NaN where nothing is to be drawn."""
    x = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    if observed is not None:
        x = x.masked_fill(~observed, math.nan)
    if lengths is not None:
        beyond = torch.arange(x.shape[-1], device=x.device) >= lengths.to(x.device)[:, None]
        x = x.masked_fill(beyond[:, None, :], math.nan)
    return x


def _extent(x: Tensor) -> Tensor:
    """Return (..., 2), smallest and largest value along the last axis, NaN passed over."""
    low, high = x.aminmax(dim=-1)
    if bool(low.isnan().any()):
        low, high = x.nan_to_num(math.inf, math.inf, -math.inf).amin(-1), x.nan_to_num(-math.inf).amax(-1)
        low, high = (v.masked_fill(low > high, math.nan) for v in (low, high))
    return torch.stack([low, high], dim=-1)


def _rows(x: Tensor, limits: Tensor | None, pen: _Pen) -> Tensor:
    """Return the vertical position in pixels from the top, float32, shape of x; NaN where missing."""
    extent = _extent(x) if limits is None else limits.to(x)
    if extent.shape[-2:] != (x.shape[1], 2):
        raise UsageError(f"line_plot: limits must be (n_channels, 2) or (n_cases, n_channels, 2), got {limits}")
    low, high = extent.unbind(-1)
    same = low == high
    low, high = torch.where(same, low - 0.5, low), torch.where(same, high + 0.5, high)
    # halves, so that the range of finite values is finite
    scale = (pen.height / (high / 2 - low / 2))[..., None]
    return ((high / 2)[..., None] - x / 2).mul_(scale).float().clamp_(-_FAR, _FAR)


def _columns(y: Tensor, times: Times, time_limits: tuple[float, float] | None, pen: _Pen) -> Tensor:
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
    edges = _extent(times).nan_to_num(0.0) if time_limits is None else known.new_tensor([time_limits])
    left, span = edges[:, :1], edges[:, 1:] - edges[:, :1]
    position = (known - left) * (pen.width / torch.where(span > 0, span, torch.ones_like(span)))
    return position.clamp(-_FAR, _FAR).float()[:, None, :].expand(n, c, length)


def _observed_first(y: Tensor, column: Tensor) -> tuple[Tensor, Tensor]:
    """Close the gaps: move the observed points of each row of y to its front, the order kept."""
    missing = y.isnan()
    order = missing.to(torch.uint8).argsort(dim=-1, stable=True)
    column = column.expand_as(y).gather(-1, order)
    missing = missing.gather(-1, order)
    return y.gather(-1, order), column.masked_fill(missing, math.inf)


def _draw(y: Tensor, column: Tensor, pen: _Pen, scratch: Tensor) -> Tensor:
    """Draw polylines with vertices y (n_timepoints, n_rows) at column (n_timepoints,) or shape of y.

    Returns the ink on each pixel, 0 to the number of slices: (height, n_rows, width).
    """
    height, width, pad = pen.height, pen.width, pen.pad
    paper = scratch[: pen.paper_rows * y.shape[1] * (width + 2 * pad)].zero_()
    paper = paper.view(-1, y.shape[1], width + 2 * pad)
    paper[0] = pen.slices
    n_layers = 0
    if pen.reach and len(y) > 1:
        line = _on_grid(y, pen)
        n_layers, layer = _layers(line, column, pen)
        _fill(paper, _band(line, n_layers, layer, column, pen), pen)
    if paper.device.type == "cpu":  # whole rows at a time: torch.cumsum takes columns one by one
        rows = paper.unbind(0)
        for above, row in pairwise(rows):
            row.add_(above)
    else:
        torch.cumsum(paper, 0, out=paper)
    if n_layers > 1:  # layers overlap
        paper.clamp_(min=0)
    _mark(paper, y, column, pen)
    ink = paper.neg_().add_(pen.slices)
    return ink[pad : pad + height, :, pad : pad + width]


def _on_grid(y: Tensor, pen: _Pen) -> Tensor:
    """Move lines that are level throughout onto the pixel grid, as matplotlib does (not their markers)."""
    low, high = _extent(y.t()).unbind(-1)
    level = low == high
    if not bool(level.any()):
        return y
    offset = 0.5 if round(pen.linewidth) % 2 else 0.0
    return torch.where(level, (y + 0.5).floor() + offset, y)


def _layers(y: Tensor, column: Tensor, pen: _Pen) -> tuple[int, Tensor | None]:
    """Sort the segments of polylines into layers that are drawn apart and added: (n_layers, layer of each segment).

    The layer is int64 (n_timepoints - 1, n_rows), -1 where an end is missing; None where there is but one. Two reasons:
    no slice may meet two runs of observed points of one layer, or the gap between them would be filled. And where
    strokes overlap, Agg adds their shares of a pixel up to 1: in dense series, rises and falls alternate.
    """
    missing = y.isnan()
    n_layers, layer = 1, None
    if bool(missing.any()):
        begins = ~missing & torch.cat([torch.ones_like(missing[:1]), missing[:-1]])
        run = begins.cumsum(0)
        # at most this many runs of two points, with a gap between them, lie within a line's width and a slice
        n_layers = max(1, min(int(run.max()), 2 + _points_within(column, pen.linewidth + 2 / pen.slices) // 3))
        layer = (run[:-1] % n_layers).masked_fill(missing[:-1] | missing[1:], -1)
    if pen.folds > 1:
        down = (y[1:] - y[:-1]) > _FOLD
        fold = torch.cat([torch.zeros_like(down[:1]), down[1:] != down[:-1]]).cumsum(0) % pen.folds
        layer = fold if layer is None else torch.where(layer < 0, layer, layer + n_layers * fold)
        n_layers *= pen.folds
    return n_layers, layer


def _points_within(column: Tensor, distance: float) -> int:
    """Return the largest number of points of a row within a distance in pixels of each other, along the columns."""
    rows = column.reshape(len(column), -1).T.contiguous()
    ends = torch.searchsorted(rows, rows + distance, right=True)
    return int((ends - torch.arange(rows.shape[1], device=rows.device)).masked_fill(~rows.isfinite(), 0).max())


def _band(y: Tensor, n_layers: int, layer: Tensor | None, column: Tensor, pen: _Pen) -> Tensor:
    """Return how far each layer's stroke reaches up (-y) and down (y) in each slice: (slices, 2, n_layers, n_rows).

    -inf where a slice is empty.
    """
    margin, n_slices = len(pen.reach) - 1, pen.width * pen.slices
    highest = _highest(y, n_layers, layer, column * pen.slices + margin, n_slices + 2 * margin)
    band = highest[margin : margin + n_slices] + pen.reach[0]
    farther = torch.empty_like(band)
    for k in range(1, margin + 1):
        left, right = highest[margin - k :][:n_slices], highest[margin + k :][:n_slices]
        torch.maximum(band, torch.maximum(left, right, out=farther).add_(pen.reach[k]), out=band)
    return band


def _highest(y: Tensor, n_layers: int, layer: Tensor | None, position: Tensor, n_slices: int) -> Tensor:
    """Return the highest -y and y of each layer's segments in each slice, at its middle and at vertices within.

    position : of the vertices in slices, ascending, (n_timepoints,) or (n_timepoints, n_rows).
    """
    length, n_rows = y.shape
    middle = torch.arange(n_slices, device=y.device, dtype=position.dtype) + 0.5
    if position.ndim == 2:
        middle = middle.expand(n_rows, n_slices).contiguous()
    after = torch.searchsorted(position.t().contiguous(), middle, right=True).clamp_(1, length - 1).t()
    left, right = _at(position, after - 1), _at(position, after)
    share = (middle.t() - left) / (right - left)
    share = share.masked_fill((share < 0) | (share > 1), math.nan).view(n_slices, -1)
    middles = torch.lerp(_at(y, after - 1), _at(y, after), share)[:, None, None]
    vertices = y[:, None, None]
    if layer is not None:
        drawn = layer[:, None] == torch.arange(n_layers, device=y.device)[:, None]
        middles = middles.masked_fill(~_at(drawn, after - 1)[:, None], math.nan)
        ends = torch.cat([drawn, drawn[-1:]]) | torch.cat([drawn[:1], drawn])
        vertices = vertices.masked_fill(~ends[:, None], math.nan)
    sign = y.new_tensor([-1.0, 1.0])[:, None, None]
    highest = y.new_empty(n_slices + 1, 2, n_layers, n_rows)  # the last is for what lies outside
    torch.nan_to_num(sign * middles, nan=-math.inf, out=highest[:-1])
    slot = position.clamp(-1, n_slices).floor().long()
    slot = slot.masked_fill(slot < 0, n_slices).view(length, 1, 1, -1)
    vertices = (sign * vertices).nan_to_num_(-math.inf)
    return highest.scatter_reduce_(0, slot.expand_as(vertices), vertices, "amax")[:-1]


def _at(values: Tensor, index: Tensor) -> Tensor:
    """Return values (n, ..., n_rows) along the first axis, at an index (m,) of all or (m, n_rows) of each row."""
    if index.ndim == 1:
        return values.index_select(0, index)
    if values.ndim == 3:
        index = index[:, None].expand(-1, values.shape[1], -1)
    return values.gather(0, index)


def _fill(paper: Tensor, band: Tensor, pen: _Pen) -> None:
    """Scatter into paper the vertical differences of what the slices leave white.

    band : (slices, 2, n_layers, n_rows), how far each slice reaches up and down. The share of row i above a position v
    is clamp(v - i, 0, 1); its differences along i are two numbers, at floor(v) and below.
    """
    torch.minimum(band[:, 0].neg_(), band[:, 1], out=band[:, 0])  # an empty slice has its top below its bottom
    band.clamp_(0, pen.height).mul_(_STEPS).round_().mul_(1 / _STEPS)
    row = band.floor()
    rest = band.sub_(row)
    stride, n_rows = paper.stride(0), paper.shape[1]
    slot = torch.arange(len(band), device=band.device) // pen.slices + pen.pad * (stride + 1)
    place = slot[:, None, None, None] + torch.arange(n_rows, device=band.device) * paper.stride(1)
    index = row.long().mul_(stride).add_(place).view(-1)
    rest[:, 0].neg_()  # a top takes away what a bottom adds
    here = rest.new_tensor([-1.0, 1.0])[:, None, None] - rest
    flat = paper.view(-1)
    flat.scatter_add_(0, index, here.view(-1))
    flat.scatter_add_(0, index.add_(stride), rest.view(-1))


def _mark(paper: Tensor, y: Tensor, column: Tensor, pen: _Pen) -> None:
    """Stamp a marker on every point, one over the other."""
    if not pen.stamp:
        return
    pad, stride, n_rows = pen.pad, paper.stride(0), paper.shape[1]
    nearest = (-(pad // 2) - 1, pad // 2)  # from where on a marker lies wholly outside: kept in the border
    row = (y + 0.5).nan_to_num(-_FAR).floor().clamp(nearest[0], pen.height + nearest[1]).to(torch.int32)
    across = (column.view(len(y), -1) + 0.5).floor().clamp(nearest[0], pen.width + nearest[1]).to(torch.int32)
    start = torch.arange(n_rows, device=y.device, dtype=torch.int32) * paper.stride(1) + pad * (stride + 1)
    centre = (row.mul_(stride).add_(across).add_(start)).reshape(-1).long()
    flat = paper.view(-1)
    for down, right, white in pen.stamp:
        factor = flat.new_tensor(white).expand(len(centre))
        flat.scatter_reduce_(0, centre + (down * stride + right), factor, "prod")


def _colour(
    ink: Tensor, pen: _Pen, colors: Sequence[Sequence[float]] | Tensor | None, layout: Layout, out: Tensor
) -> None:
    """Write ink (height, n, c, width) into out, as it is or in colours on white."""
    unit = (1 - 2**-24) / pen.slices  # a hair less, so that rounding leaves no value below 0
    ink = ink.permute(1, 2, 0, 3)
    if layout == "channels":
        torch.mul(ink, unit, out=out)
        return
    palette = torch.tensor(PALETTE) / 255 if colors is None else torch.as_tensor(colors, dtype=torch.float32).cpu()
    if palette.ndim != 2 or palette.shape[1] != 3 or len(palette) == 0:
        raise UsageError(f"line_plot: colors must be RGB triples, got shape {tuple(palette.shape)}")
    side = out.shape[-1] // pen.width
    white = ink.new_ones(())
    for channel in range(ink.shape[1]):
        top, left = channel // side * pen.height, channel % side * pen.width
        cell = out[:, :, top : top + pen.height, left : left + pen.width]
        for part, value in enumerate(palette[channel % len(palette)].tolist()):
            torch.add(white, ink[:, channel], alpha=(value - 1) * unit, out=cell[:, part])
