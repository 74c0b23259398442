"""Maps of leads as the pixels of one picture, compiled for the CPU: each value is read once and written once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tsbench.nn.compiled import compiled

Bytes = npt.NDArray[np.uint8]
BESIDE = 4  # bytes of a pixel: red, green, blue and one of nothing, which is the fastest to resize


@compiled
def to_bytes(values: npt.NDArray[Any], out: Bytes) -> None:
    """Write values (n,) in [0, 1] to out (n,) as bytes, cut off as the published code does."""
    low, high = values.dtype.type(0), values.dtype.type(255)
    for i in range(len(values)):
        out[i] = np.uint8(np.int32(min(max(values[i] * high, low), high)))


def pixels_of(maps: Bytes, rows: int) -> Bytes:
    """Return maps (n, 3, n_leads, h, w) in a grid of so many rows, column by column: (n, rows h, columns w, BESIDE)."""
    n, _, n_leads, height, width = maps.shape
    pixels = np.zeros((n, rows * height, -(-n_leads // rows) * width), dtype=np.uint32)
    _place(maps, rows, pixels)
    return pixels.view(np.uint8).reshape(*pixels.shape, BESIDE)


@compiled
def _place(maps: Bytes, rows: int, out: npt.NDArray[np.uint32]) -> None:
    """Write the three bytes of each pixel of maps as one number, red the lowest (a little-endian machine's first)."""
    n, _, n_leads, height, width = maps.shape
    for case in range(n):
        for lead in range(n_leads):
            left = lead // rows * width
            for i in range(height):
                red, green, blue = maps[case, 0, lead, i], maps[case, 1, lead, i], maps[case, 2, lead, i]
                to = out[case, lead % rows * height + i, left : left + width]
                for j in range(width):
                    above = np.uint32(green[j]) << np.uint32(8) | np.uint32(blue[j]) << np.uint32(16)
                    to[j] = np.uint32(red[j]) | above
