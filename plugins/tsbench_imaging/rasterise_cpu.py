"""The drawing of `rasterise`, compiled for the CPU: series by series in the cache, and only the slices near a line."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from tsbench.nn.compiled import compiled
from tsbench_imaging.pen import FOLD, STEPS

Array = npt.NDArray[np.float32]
Edges = npt.NDArray[np.int64]

# numpy's types keep numba from computing in 64 bits
_NONE, _ZERO, _HALF = np.float32(-math.inf), np.float32(0), np.float32(0.5)
_FOLD, _STEPS, _STEP = np.float32(FOLD), np.float32(STEPS), np.float32(1 / STEPS)
_EDGE = np.int64(2**32)


@compiled
def draw(line: Array, points: Array, column: Array, pen: Any, blank: float, inks: Array, out: Array) -> None:
    """Write to out what `rasterise` does, for lines and marked points (n c, n_timepoints), at column (1 or n c, ...).

    pen : a `Pen` with arrays for its reach (n,) and stamp (n, 3).
    """
    margin, slices, length = max(len(pen.reach) - 1, 0), np.float32(pen.slices), line.shape[1]
    paper = np.zeros((pen.height + 1, pen.width), np.int64)
    white = np.empty((pen.height + 2 * pen.pad, pen.width + 2 * pen.pad), np.float32)
    highest = np.full((pen.folds, 2, pen.width * pen.slices + 2 * margin), _NONE)
    place = (np.arange(pen.width * pen.slices) // pen.slices).astype(np.int32)
    for n in range(len(line)):
        y, across = line[n], column[min(n, len(column) - 1)]
        position = across * slices + np.float32(margin)
        start = 0
        while start < length and len(pen.reach) > 0:
            end = start
            while end < length and not np.isnan(y[end]):
                end += 1
            if end - start > 1:
                first, last, layers = _sweep(y[start:end], position[start:end], highest)
                _fill(highest[:layers], first, last, pen.reach, place, paper)
            start = end + 1
        _sum(paper, slices, pen.pad, white)
        _mark(points[n], across, pen.stamp, pen.pad, white)
        _colour(white, pen, np.float32(blank), n % len(inks), inks, out[n // len(inks)])


@compiled
def _sweep(y: Array, position: Array, highest: Array) -> tuple[int, int, int]:
    """Raise highest (folds, 2, n_slices) to -y and y of a line without gaps.

    Returns the slices it spans, [first, last), and on how many layers it is.
    """
    folds, _, n_slices = highest.shape
    turns, fell = 0, y[1] - y[0] > _FOLD
    for k in range(len(y) - 1):
        left, right, above, below = position[k], position[k + 1], y[k], y[k + 1]
        falls = below - above > _FOLD
        turns += falls != fell
        fell = falls
        ups, downs = highest[turns & (folds - 1), 0], highest[turns & (folds - 1), 1]
        for where, value in ((left, above), (right, below)):
            if 0 <= where < n_slices:
                slot = np.uint32(where)
                ups[slot], downs[slot] = max(ups[slot], -value), max(downs[slot], value)
        begin = min(max(math.ceil(left - _HALF), 0), n_slices)
        end = min(math.ceil(right - _HALF), n_slices)
        for s in range(begin, end):
            share = (np.float32(s) + _HALF - left) / (right - left)
            if share < 1:
                value = above + (below - above) * share
                ups[s], downs[s] = max(ups[s], -value), max(downs[s], value)
    first, last = min(max(math.floor(position[0]), 0), n_slices), min(max(math.floor(position[-1]) + 1, 0), n_slices)
    return first, last, min(turns + 1, folds)


@compiled
def _fill(highest: Array, first: int, last: int, reach: Array, place: npt.NDArray[np.int32], paper: Edges) -> None:
    """Scatter into paper the edges of the stroke in each slice, and empty highest from slice first to last.

    An edge at row + rest / STEPS is one number, _EDGE - rest: what it takes from this row, and in whole _EDGE what it
    takes from all rows below. place : pixel column of each slice.
    """
    margin, bottom, width = len(reach) - 1, np.float32(len(paper) - 1), np.int32(paper.shape[1])
    begin, end = max(first - 2 * margin, 0), min(last, len(place))
    count, here, flat = max(end - begin, 0), place[begin:end], paper.reshape(-1)
    band, at, edge = np.empty((2, count), np.float32), np.empty((2, count), np.uint32), np.empty((2, count), np.int64)
    for layer in range(len(highest)):
        for side in range(2):
            near, to = highest[layer, side, begin : end + 2 * margin], band[side]
            middle, far = near[margin:], reach[0]
            for s in range(count):
                to[s] = middle[s] + far
            for k in range(1, margin + 1):
                left, right, far = near[margin - k :], near[margin + k :], reach[k]
                for s in range(count):
                    farther = (left[s] if left[s] > right[s] else right[s]) + far
                    to[s] = farther if farther > to[s] else to[s]
            highest[layer, side, first:last] = _NONE
        tops, lows = band[0], band[1]
        for s in range(count):  # an empty slice has its top below its bottom
            tops[s] = -tops[s] if -tops[s] < lows[s] else lows[s]
        for side in range(2):
            v, places, edges = band[side], at[side], edge[side]
            for s in range(count):
                value = v[s] if v[s] > _ZERO else _ZERO
                value = value if value < bottom else bottom
                row = np.floor(value)
                places[s] = np.uint32(np.int32(row) * width + here[s])
                edges[s] = _EDGE - np.int32(np.rint((value - row) * _STEPS))
        for s in range(count):
            flat[at[0, s]] -= edge[0, s]
            flat[at[1, s]] += edge[1, s]


@compiled
def _sum(paper: Edges, slices: np.float32, pad: int, white: Array) -> None:
    """Write what the edges in paper leave of each pixel's slices to white within its border; leave paper empty."""
    total = np.full(paper.shape[1], slices, np.float32)
    for i in range(len(paper) - 1):
        row, edges = white[pad + i, pad:], paper[i]  # rows, not blocks, so that numba knows them contiguous
        for j in range(len(total)):
            value, edges[j] = edges[j], 0
            rest = np.int32(value)
            total[j] += np.float32(np.int32((value - rest) >> 32))
            left = total[j] + np.float32(rest) * _STEP
            row[j] = left if left > _ZERO else _ZERO  # layers overlap
    paper[-1] = 0


@compiled
def _mark(y: Array, column: Array, stamp: Array, pad: int, white: Array) -> None:
    """Multiply white, which has a border, by a marker on every point."""
    height, width = white.shape
    flat, half = white.reshape(-1), pad // 2
    offsets = (stamp[:, 0] * width + stamp[:, 1]).astype(np.int64)
    for k in range(len(y)) if len(stamp) > 0 else range(0):
        below, right = y[k] + _HALF + pad, column[k] + _HALF + pad
        if half <= below < height - half and half <= right < width - half:  # else outside, or missing
            centre = int(below) * width + int(right)
            for i in range(len(offsets)):
                flat[np.uint64(centre + offsets[i])] *= stamp[i, 2]


@compiled
def _colour(white: Array, pen: Any, blank: np.float32, channel: int, inks: Array, out: Array) -> None:
    """Write white, which has a border, to the channel's cell of out (planes, height, width)."""
    side, slices = out.shape[2] // pen.width, np.float32(pen.slices)
    top, start = channel // side * pen.height, channel % side * pen.width
    for i in range(pen.height):
        left = white[pen.pad + i, pen.pad : pen.pad + pen.width]
        for plane in range(len(out)):
            ink, cell = inks[channel, plane], out[plane, top + i, start:]
            for j in range(len(left)):
                cell[j] = blank + (slices - left[j]) * ink
