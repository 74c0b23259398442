"""From one image per channel to one picture per case: resizing, arranging channels, colour maps."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

from tsbench.errors import UsageError

Layout = Literal["concat", "triple", "grid", "tiles"]


def resize(images: Tensor, height: int, width: int) -> Tensor:
    """Return images (n, c, height, width) by bilinear interpolation with antialiasing; dtype is kept."""
    if images.shape[2:] == (height, width):
        return images
    working = images if images.dtype in (torch.float32, torch.float64) else images.float()
    resized = torch.nn.functional.interpolate(working, (height, width), mode="bilinear", antialias=True)
    return resized.to(images.dtype)


def arrange(images: Tensor, layout: Layout, size: int | None = None) -> Tensor:
    """Return the images (n, c, h, w) of c channels arranged as `layout` says, cells being resized by `resize`.

    - "concat": channels stay channels of the picture, (n, c, size, size).
    - "triple": three channels are red, green and blue, and one is all three, (n, 3, size, size).
    - "grid": cells of size x size, row by row in ceil(sqrt(c)) columns, in one grey picture (n, 1, rows * size,
      columns * size); cells left over are 0.
    - "tiles": the same within a picture of size x size; cells are as large as fit, and what is left over at the right
      and the bottom is 0.

    size None leaves the cells as they are, and "tiles" is then "grid". Raises UsageError where the number of channels
    or the size does not allow the layout.
    """
    n, channels, height, width = images.shape
    shape = arranged_shape(channels, height, width, layout, size)
    if layout in ("concat", "triple"):
        return resize(images, *shape[1:]).expand(-1, shape[0], -1, -1)
    rows, columns = _rows_and_columns(channels)
    height, width = (
        (shape[1] // rows, shape[2] // columns) if layout == "grid" or size is None else _tile(size, columns)
    )
    cells = resize(images, height, width)
    canvas = images.new_zeros(n, rows * columns, height, width)
    canvas[:, :channels] = cells
    canvas = canvas.view(n, rows, columns, height, width).permute(0, 1, 3, 2, 4).reshape(n, 1, rows * height, -1)
    right, bottom = shape[2] - canvas.shape[3], shape[1] - canvas.shape[2]
    return torch.nn.functional.pad(canvas, (0, right, 0, bottom))


def channels_of_cells(order: Tensor, cell: int) -> Tensor:
    """Return which channel each pixel is of, int64 (side, side), -1 for none: cells in a square grid, row by row.

    order : (c,), the channels in the order of their cells.
    """
    columns = math.ceil(math.sqrt(len(order)))
    cells = order.new_full((columns * columns,), -1)
    cells[: len(order)] = order
    return cells.view(columns, columns).repeat_interleave(cell, 0).repeat_interleave(cell, 1)


def arranged_shape(channels: int, height: int, width: int, layout: Layout, size: int | None) -> tuple[int, int, int]:
    """Return (image channels, height, width) of what `arrange` makes of images of this shape."""
    if size is not None and size < 1:
        raise UsageError(f"size = {size}: expected at least 1 pixel")
    cell = (height, width) if size is None else (size, size)
    if layout == "concat":
        return channels, *cell
    if layout == "triple":
        if channels not in (1, 3):
            raise UsageError(
                f"layout = 'triple' takes 1 or 3 channels, got {channels}; use 'grid', 'tiles' or 'concat'"
            )
        return 3, *cell
    rows, columns = _rows_and_columns(channels)
    if layout == "grid" or (layout == "tiles" and size is None):
        return 1, rows * cell[0], columns * cell[1]
    if layout == "tiles" and size is not None:
        if size < columns:
            raise UsageError(f"size = {size}: {channels} tiles side by side need at least {columns} pixels")
        return 1, size, size
    raise UsageError(f"layout = {layout!r}: expected 'concat', 'triple', 'grid' or 'tiles'")


def _rows_and_columns(channels: int) -> tuple[int, int]:
    columns = math.ceil(math.sqrt(channels))
    return -(-channels // columns), columns


def _tile(size: int, columns: int) -> tuple[int, int]:
    return size // columns, size // columns


def colour(images: Tensor, colormap: str, low: float = 0.0, high: float | None = 1.0) -> Tensor:
    """Return images (n, c, h, w) as RGB in [0, 1], (n, 3 * c, h, w), by a matplotlib colour map of 256 colours.

    Values from low to high run through the map as in matplotlib, what is outside has the colour of the nearer end;
    high None is the maximum of each image. Red, green and blue of the first channel come first. dtype is kept.
    Raises UsageError where matplotlib has no such map, or is not installed.
    """
    table = torch.tensor(_table(colormap), dtype=images.dtype, device=images.device)
    values = images if images.dtype == torch.float64 else images.float()
    top = values.amax(dim=(2, 3), keepdim=True) if high is None else torch.full_like(values[:, :, :1, :1], high)
    span = top - low
    scaled = (values - low) / span.masked_fill(span == 0, 1)
    index = (scaled * len(table)).clamp_(0, len(table) - 1).long()
    n, c, height, width = images.shape
    return table[index].permute(0, 1, 4, 2, 3).reshape(n, 3 * c, height, width)


@lru_cache
def _table(colormap: str) -> list[list[float]]:
    """Return the 256 colours of a map as rows (red, green, blue)."""
    try:
        import matplotlib
    except ImportError:
        raise UsageError(f"colormap = {colormap!r} needs matplotlib; install it, or leave the colour map out") from None
    if colormap not in matplotlib.colormaps:
        raise UsageError(f"colormap = {colormap!r}: matplotlib has no such map; try 'viridis' or 'gray'")
    chosen = matplotlib.colormaps[colormap].resampled(256)
    return [list(chosen(i)[:3]) for i in range(256)]
