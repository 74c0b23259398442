"""Paper ECGs: a scanned or photographed page in the layout 3 x 4 becomes leads again.

Steps: grid and curves are told apart by their colour (a grid is red, curves are black), the page is turned so that the
grid is upright, the distance of its lines gives millimetres, and of each cell the darkest ink per column is the curve.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tsbench.errors import InvalidDataError, UsageError

Array = npt.NDArray[Any]
ROWS, COLUMNS = 3, 4
ONE = f"{ROWS} x {COLUMNS} leads"
SECONDS, MM_PER_SECOND, MM_PER_MV = 2.5, 25.0, 10.0
SMALLEST = 300  # pixels of the shorter side
STEEPEST = 8.0  # degrees that a page may be turned
INK = 0.6  # of the paper's brightness, below which a pixel is ink
APART = 5.0  # mm between two curves of one cell, which are those of two rows


def read_page(path: Path) -> Array:
    """Return the pixels of a page, float64 (height, width, 3) in [0, 1].

    Raises InvalidDataError, naming the file, for what is no picture, damaged or too small, and UsageError where pillow
    is not installed.
    """
    try:
        from PIL import Image, ImageOps, UnidentifiedImageError
    except ImportError:
        raise UsageError("pages are read by pillow: pip install pillow") from None
    try:
        with Image.open(path) as image:
            n_pages = getattr(image, "n_frames", 1)
            upright = ImageOps.exif_transpose(image)  # cameras write beside a picture how they were held
            pixels = np.asarray(upright.convert("RGB"), dtype=np.float64) / 255
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, SyntaxError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InvalidDataError(f"{path}: cannot be read as a picture ({reason})") from None
    if n_pages > 1:
        raise InvalidDataError(f"{path}: holds {n_pages} pages: give one")
    if min(pixels.shape[:2]) < SMALLEST:
        height, width = pixels.shape[:2]
        raise InvalidDataError(f"{path}: is {width} x {height} pixels, too small: a page has {SMALLEST} each way")
    return pixels


def leads_of(pixels: Array, rate: float, where: str) -> Array:
    """Return float32 (12, SECONDS * rate) in millivolts, in the order of the page: column by column.

    pixels : of a page whose cells fill it: ROWS rows of COLUMNS leads, 25 mm/s and 10 mm/mV, curves black on a red
    grid. Raises InvalidDataError, naming `where`, for a page that has no grid, or has more than these cells, and for a
    cell without a curve.
    """
    level = _evened(pixels)
    grid, ink = _layers(level)
    angle = _angle(grid, where)
    grid, ink = _turned(grid, angle), _turned(ink, angle)
    pixels_per_mm = _spacing(grid, where)
    left, right, top, bottom = _frame(grid, pixels_per_mm)
    if bottom - top > right - left:
        raise InvalidDataError(f"{where}: is higher than wide: turn it by 90 degrees, or give one page of {ONE}")
    found, n = [], round(SECONDS * rate)
    for column in range(COLUMNS):
        for row in range(ROWS):
            x = np.linspace(left, right, COLUMNS + 1)[column : column + 2]
            y = np.linspace(top, bottom, ROWS + 1)[row : row + 2]
            cell = ink[round(y[0]) : round(y[1]), round(x[0]) : round(x[1])]
            found.append(_curve(cell, n, pixels_per_mm, f"{where}: row {row + 1}, column {column + 1}"))
    return np.stack(found).astype(np.float32)


def _evened(pixels: Array) -> Array:
    """Return the page as bright as paper everywhere: divided by what is bright around each pixel (shade goes)."""
    from scipy.ndimage import percentile_filter, zoom

    bright = pixels.max(axis=2)
    step = max(1, min(bright.shape) // 60)
    small = percentile_filter(bright[::step, ::step], 80, size=9)
    shape = np.array(bright.shape) / np.array(small.shape)
    background = zoom(small, shape, order=1)[: bright.shape[0], : bright.shape[1]]
    evened: Array = np.clip(pixels / np.maximum(background, 0.05)[:, :, None], 0, 1)
    return evened


def _layers(pixels: Array) -> tuple[Array, Array]:
    """Return how red each pixel is, and how black: both (height, width), 0 on paper."""
    red, others = pixels[:, :, 0], pixels[:, :, 1:].mean(axis=2)
    return np.clip(red - others, 0, 1), np.clip((INK - red) / INK, 0, 1)


def _angle(grid: Array, where: str) -> float:
    """Return by how many degrees a page is to be turned for its grid to be upright."""
    if grid.mean() < 0.002:
        raise InvalidDataError(f"{where}: has no red grid that tells millimetres: scan the page in colour")
    step = max(1, min(grid.shape) // 500)
    small = grid[::step, ::step]
    best, spread, angles = 0.0, -1.0, np.arange(-STEEPEST, STEEPEST + 0.01, 1.0)
    for width in (1.0, 0.25, 0.05):
        for angle in angles:
            turned = _turned(small, float(angle))
            edge = int(0.15 * min(turned.shape))
            middle = turned[edge:-edge, edge:-edge]
            sharp = float(np.var(middle.mean(axis=0)) + np.var(middle.mean(axis=1)))
            if sharp > spread:
                best, spread = float(angle), sharp
        angles = best + np.arange(-width, width + width / 8, width / 4)
    return best


def _turned(page: Array, angle: float) -> Array:
    from scipy.ndimage import rotate

    turned: Array = rotate(page, angle, reshape=False, order=1, mode="constant") if angle else page
    return turned


def _spacing(grid: Array, where: str) -> float:
    """Return the pixels of a millimetre, by the distance of the thick lines, which are 5 mm apart.

    It is looked for where cells of 2.5 s fill more than half of the width, so that no multiple of it is taken for it.
    """
    most = 1.03 * (np.ptp(_with_grid(grid, 0)) + 1) / (COLUMNS * SECONDS * MM_PER_SECOND)
    first, last = max(2, int(5 * 0.55 * most)), int(5 * most) + 2
    found = []
    for axis in (0, 1):
        line = grid.mean(axis=axis)
        line = line - line.mean()
        alike = np.fft.irfft(np.abs(np.fft.rfft(line, 2 * len(line))) ** 2)[: len(line) // 2]
        longer = last + int(np.argmax(alike[last : 2 * last]))
        if alike[longer] > 1.2 * alike[first:last].max():
            seconds = most * SECONDS * COLUMNS / 1.03 / (longer / 5)
            raise InvalidDataError(
                f"{where}: its grid is {seconds:.1f} s wide, and {COLUMNS} leads of {SECONDS} s are not"
            )
        lag = _peak(alike, first, last, where)
        for parts in (2, 3):
            half = round(lag / parts)
            if alike[half - 1 : half + 2].max() > 0.9 * alike[round(lag)]:
                seconds = parts * most * SECONDS * COLUMNS / 1.03 / (lag / 5)
                raise InvalidDataError(
                    f"{where}: its grid is {seconds:.1f} s wide, more than one ECG of {ONE}: give a page of each"
                )
        for times in (2, 4, 8):  # several distances together tell one more exactly
            if times * lag + 4 < len(alike):
                lag = _peak(alike, round(times * lag) - 2, round(times * lag) + 3, where) / times
        found.append(lag / 5)
    if max(found) > 1.05 * min(found):
        raise InvalidDataError(f"{where}: its grid is not square: {found[0]:.2f} and {found[1]:.2f} pixels to a mm")
    return float(np.mean(found))


def _peak(alike: Array, first: int, last: int, where: str) -> float:
    """Return where a curve is highest from first to before last, to a fraction of a pixel."""
    at = first + int(np.argmax(alike[first:last])) if last < len(alike) else 0
    if not at or not alike[at - 1] < alike[at] >= alike[at + 1]:
        raise InvalidDataError(f"{where}: the lines of its grid have no regular distance")
    before, peak, after = alike[at - 1 : at + 2]
    return float(at + 0.5 * (before - after) / (before - 2 * peak + after))


def _with_grid(grid: Array, axis: int) -> npt.NDArray[np.int64]:
    """Return the columns (axis 0) or rows of a page that have a grid."""
    line = grid.mean(axis=axis)
    return np.flatnonzero(line > 0.3 * np.median(line[line > 0.2 * line.max()]))


def _frame(grid: Array, pixels_per_mm: float) -> tuple[float, float, float, float]:
    """Return left, right, top and bottom of the cells: the width that they must have, where most of it has a grid."""
    across, down = _with_grid(grid, 0), _with_grid(grid, 1)
    width = round(COLUMNS * SECONDS * MM_PER_SECOND * pixels_per_mm)
    covered = np.searchsorted(across, across + width) - np.arange(len(across))
    best = across[covered == covered.max()]
    left = float(best[len(best) // 2])
    return left, left + width, float(down[0]), float(down[-1] + 1)


def _curve(cell: Array, n: int, pixels_per_mm: float, where: str) -> Array:
    """Return n values in millivolts of the ink of a cell, whose median is 0; a column without ink is interpolated."""
    height, width = cell.shape
    label = cell.copy()
    label[: int(0.3 * height), : int(0.14 * width)] = 0  # where the name of the lead is written
    weight = label**2
    total = weight.sum(axis=0)
    there = total > 0.05
    if there.mean() < 0.5:
        raise InvalidDataError(f"{where} has no curve in {1 - there.mean():.0%} of its width")
    rows = np.arange(height)[:, None]
    middle = np.where(there, (weight * rows).sum(axis=0) / np.maximum(total, 1e-9), np.nan)
    dark = label > 0.5 * label.max(axis=0)
    if np.mean(_widest_gap(dark & (label > 0.2)) > APART * pixels_per_mm) > 0.4:
        raise InvalidDataError(f"{where} has more than one curve: give a page of one ECG of {ONE}, and no other strip")
    top = np.where(there, dark.argmax(axis=0), np.nan)
    bottom = np.where(there, height - 1 - dark[::-1].argmax(axis=0), np.nan)
    base = np.nanmedian(middle)
    far = np.where(np.abs(top - base) > np.abs(bottom - base), top, bottom)  # where a steep wave fills its column
    steep = (bottom - top) > 0.12 * height
    middle = np.where(steep, far, middle)
    x = np.flatnonzero(~np.isnan(middle))
    even = np.interp(np.linspace(0, width - 1, n), x, middle[x])
    values: Array = (np.median(even) - even) / (pixels_per_mm * MM_PER_MV)
    return values


def _widest_gap(dark: Array) -> Array:
    """Return by how many pixels the ink (height, width) of each column is interrupted at most."""
    rows, never = np.arange(len(dark))[:, None], -1
    seen = np.maximum.accumulate(np.where(dark, rows, never), axis=0)
    before = np.vstack([np.full((1, dark.shape[1]), never), seen[:-1]])
    widest: Array = np.where(dark & (before != never), rows - before - 1, 0).max(axis=0)
    return widest
