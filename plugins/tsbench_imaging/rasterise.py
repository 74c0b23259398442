"""Polylines and markers as ink on pixels, for whole batches; they look as matplotlib draws them.

A stroke of width 2h around the graph of a function meets every vertical line in one interval: from the maximum over u
of y(u) + sqrt(h^2 - (x - u)^2) down to the minimum of y(u) - sqrt(...). So each pixel column is cut into a few slices,
each slice has a top and a bottom, and the share of a pixel inside is its coverage. Differences of the coverage along
the rows are scattered into the image, whose running sum fills it: the work grows with pixels plus points.

Accelerators do this for a batch at once, in torch (here); a CPU series by series (`rasterise_cpu`), in the same float32
operations, so that both draw the same.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tsbench_imaging.pen import FOLD, STEPS, Pen
from tsbench_imaging.positions import FAR, extent


def rasterise(
    y: Tensor, column: Tensor, pen: Pen, blank: float, inks: Tensor, out: Tensor, scratch: Tensor | None
) -> None:
    """Draw polylines with vertices y (n, c, n_timepoints), float32, at column (n_timepoints,) or shape of y.

    Each is drawn in a cell of its own of out (n, planes, g height, g width): blank + inks (c, planes) * the ink on a
    pixel, which is 0 to the number of slices. out is float32 and contiguous. scratch, at least `pen.paper` float32 for
    each series, is where they are drawn all at once; None, on a CPU only: one after the other.
    """
    points = y.flatten(0, 1)
    column = column[None] if column.ndim == 1 else column.flatten(0, 1)
    line = _on_grid(points, pen)
    if scratch is not None:
        ink = draw_batch(line, points, column, pen, scratch)
        _colour(torch.unflatten(ink, 0, y.shape[:2]), blank, inks, out)
        return
    from tsbench_imaging.rasterise_cpu import draw  # numba is imported, and compiles, where it is needed

    reach, stamp = np.array(pen.reach, np.float32), np.array(pen.stamp, np.float32).reshape(-1, 3)
    arrays: Any = {"reach": reach, "stamp": stamp}
    series = [tensor.contiguous().numpy() for tensor in (line, points, column)]
    draw(series[0], series[1], series[2], pen._replace(**arrays), blank, inks.numpy(), out.numpy())


def draw_batch(line: Tensor, points: Tensor, column: Tensor, pen: Pen, scratch: Tensor) -> Tensor:
    """Return the ink, 0 to the number of slices, of lines and marked points (n_rows, n_timepoints), on any device.

    column : (n_rows or 1, n_timepoints). The result (n_rows, height, width) is a view of scratch.
    """
    y, n_rows = line.T, len(line)
    column = column[0] if len(column) == 1 else column.T
    height, width, pad = pen.height, pen.width, pen.pad
    paper = scratch[: n_rows * pen.paper].zero_().view(-1, n_rows, width + 2 * pad)
    paper[0] = pen.slices
    if pen.reach and len(y) > 1:
        n_layers, layer = _layers(y, column, pen)
        _fill(paper, _band(y, n_layers, layer, column, pen), pen)
    torch.cumsum(paper, 0, out=paper)
    paper.clamp_(min=0)  # layers overlap
    _mark(paper, points.T, column, pen)
    ink = paper.neg_().add_(pen.slices)
    return ink[pad : pad + height, :, pad : pad + width].transpose(0, 1)


def _colour(ink: Tensor, blank: float, inks: Tensor, out: Tensor) -> None:
    """Write ink (n, c, height, width) to the cells of out."""
    height, width = ink.shape[2:]
    side = out.shape[3] // width
    for channel, plane in np.ndindex(inks.shape):
        top, left = channel // side * height, channel % side * width
        cell = out[:, plane, top : top + height, left : left + width]
        torch.add(ink.new_tensor(blank), ink[:, channel], alpha=float(inks[channel, plane]), out=cell)


def _on_grid(y: Tensor, pen: Pen) -> Tensor:
    """Move lines that are level throughout onto the pixel grid, as matplotlib does (not their markers)."""
    low, high = extent(y).unbind(-1)
    level = low == high
    if not bool(level.any()):
        return y
    offset = 0.5 if round(pen.linewidth) % 2 else 0.0
    return torch.where(level[:, None], (y + 0.5).floor() + offset, y)


def _layers(y: Tensor, column: Tensor, pen: Pen) -> tuple[int, Tensor | None]:
    """Sort the segments of polylines into layers that are drawn apart and added: (n_layers, layer of each segment).

    The layer is int64 (n_timepoints - 1, n_rows), -1 where an end is missing; None where there is but one. Two reasons:
    no slice may meet two runs of observed points of one layer, or the gap between them would be filled. And where
    strokes overlap, Agg adds their shares of a pixel up to 1: in dense series, rises and falls alternate.
    """
    missing = y.isnan()
    n_layers, layer = 1, None
    if bool(missing.any()):
        drawn = ~(missing[:-1] | missing[1:])
        run = torch.cat([drawn[:1], drawn[1:] & ~drawn[:-1]]).cumsum(0)
        # at most this many runs of two points, with a gap between them, lie within a line's width and a slice
        n_layers = max(1, min(int(run.max()), 2 + _points_within(column, pen.linewidth + 2 / pen.slices) // 3))
        layer = (run % n_layers).masked_fill(~drawn, -1)
    if pen.folds > 1:
        down = (y[1:] - y[:-1]) > FOLD
        fold = torch.cat([torch.zeros_like(down[:1]), down[1:] != down[:-1]]).cumsum(0) % pen.folds
        layer = fold if layer is None else torch.where(layer < 0, layer, layer + n_layers * fold)
        n_layers *= pen.folds
    return n_layers, layer


def _points_within(column: Tensor, distance: float) -> int:
    """Return the largest number of points of a row within a distance in pixels of each other, along the columns."""
    rows = column.reshape(len(column), -1).T.contiguous()
    ends = torch.searchsorted(rows, rows + distance, right=True)
    return int((ends - torch.arange(rows.shape[1], device=rows.device)).masked_fill(~rows.isfinite(), 0).max())


def _band(y: Tensor, n_layers: int, layer: Tensor | None, column: Tensor, pen: Pen) -> Tensor:
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
    share = share.masked_fill((share < 0) | (share >= 1), math.nan).view(n_slices, -1)
    begin = _at(y, after - 1)
    middles = (begin + (_at(y, after) - begin) * share)[:, None, None]  # lerp is rounded otherwise on some devices
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


def _fill(paper: Tensor, band: Tensor, pen: Pen) -> None:
    """Scatter into paper the vertical differences of what the slices leave white.

    band : (slices, 2, n_layers, n_rows), how far each slice reaches up and down. The share of row i above a position v
    is clamp(v - i, 0, 1); its differences along i are two numbers, at floor(v) and below.
    """
    torch.minimum(band[:, 0].neg_(), band[:, 1], out=band[:, 0])  # an empty slice has its top below its bottom
    band.clamp_(0, pen.height).mul_(STEPS).round_().mul_(1 / STEPS)
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


def _mark(paper: Tensor, y: Tensor, column: Tensor, pen: Pen) -> None:
    """Stamp a marker on every point, one over the other."""
    if not pen.stamp:
        return
    pad, stride, n_rows = pen.pad, paper.stride(0), paper.shape[1]
    nearest = (-(pad // 2) - 1, pad // 2)  # from where on a marker lies wholly outside: kept in the border
    row = (y + 0.5).nan_to_num(-FAR).floor().clamp(nearest[0], pen.height + nearest[1]).to(torch.int32)
    across = (column.view(len(y), -1) + 0.5).floor().clamp(nearest[0], pen.width + nearest[1]).to(torch.int32)
    start = torch.arange(n_rows, device=y.device, dtype=torch.int32) * paper.stride(1) + pad * (stride + 1)
    centre = (row.mul_(stride).add_(across).add_(start)).reshape(-1).long()
    flat = paper.view(-1)
    for down, right, white in pen.stamp:
        factor = flat.new_tensor(white).expand(len(centre))
        flat.scatter_reduce_(0, centre + (down * stride + right), factor, "prod")
