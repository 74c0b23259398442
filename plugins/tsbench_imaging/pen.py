"""The pen of a line plot: line width, slices of a pixel column, and the stamp of a marker."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from tsbench.errors import UsageError

Marker = Literal["*", "o", "none"]

POINT = 100 / 72  # pixels in a typographic point at 100 dots per inch
STEPS = 256  # vertical positions per pixel, as in Agg; sums of whole steps are exact in float32, in any order
FOLD = 1.0  # pixels; a segment that falls by more is a steep descent


class Pen(NamedTuple):
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
    def paper(self) -> int:
        """Pixels with the border; at least two rows below the image, for the differences."""
        return (self.pad + self.height + max(self.pad, 2)) * (self.width + 2 * self.pad)


def cell_size(image_size: int | tuple[int, int]) -> tuple[int, int]:
    """Return height and width of a cell in pixels. Raises UsageError where they are not integers from 1 on."""
    sides = (image_size, image_size) if isinstance(image_size, int) else image_size
    if not isinstance(sides, (tuple, list)) or len(sides) != 2 or not all(isinstance(s, int) and s > 0 for s in sides):
        raise UsageError(f"image_size = {image_size!r}: expected pixels, an integer from 1 on, or (height, width)")
    return sides[0], sides[1]


def make_pen(
    image_size: int | tuple[int, int], n_timepoints: int, linewidth: float, marker: str, markersize: float
) -> Pen:
    """Return the pen for series of n_timepoints; sizes in points. Raises UsageError."""
    height, width = cell_size(image_size)
    folds = 1 if n_timepoints <= width else 4 if n_timepoints <= 5 * width else 2
    for name, value in (("linewidth", linewidth), ("markersize", markersize)):
        if not 0 <= value < math.inf:
            raise UsageError(f"{name} = {value!r}: expected a number of points, at least 0")
    half = linewidth * POINT / 2
    # A steep line is as wide as the slices it reaches: take the number of slices for which that is nearest the truth.
    at_least = {1: 3, 2: 9, 4: 6}[folds]
    slices = min(range(at_least, at_least + 4), key=lambda s: abs(math.floor(half * s) / s - half))
    reach = tuple(math.sqrt(half**2 - (k / slices) ** 2) for k in range(math.floor(half * slices) + 1))
    stamp = _stamp(marker, markersize * POINT)
    pad = max((2 * max(abs(row), abs(column)) + 1 for row, column, _ in stamp), default=0)
    return Pen(height, width, folds, linewidth * POINT, slices, reach if linewidth else (), stamp, pad)


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
