"""Pages of paper ECG drawn from leads, with what happens to paper: to try what reads them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt

from tsbench_formats.paper import COLUMNS, MM_PER_MV, MM_PER_SECOND, ROWS, SECONDS

Array = npt.NDArray[Any]
ROW_MM = 30.0
THIN, THICK = (1.0, 0.85, 0.83), (0.95, 0.62, 0.6)  # of the grid's lines, 1 mm and 5 mm apart


def draw_page(leads: Array, rate: float, pixels_per_mm: float = 6.0) -> Array:
    """Return a page, float64 (height, width, 3) in [0, 1], of the leads (12, n) in millivolts, column by column."""
    from PIL import Image, ImageDraw

    width = round(COLUMNS * SECONDS * MM_PER_SECOND * pixels_per_mm)
    height = round(ROWS * ROW_MM * pixels_per_mm)
    page = Image.new("RGB", (width, height), (255, 255, 255))
    pen = ImageDraw.Draw(page)
    for step, colour, thick in ((1, THIN, 1), (5, THICK, 2)):
        ink = tuple(round(255 * one) for one in colour)
        for at in np.arange(0, width, step * pixels_per_mm).tolist():
            pen.line([(at, 0), (at, height)], fill=ink, width=thick)
        for at in np.arange(0, height, step * pixels_per_mm).tolist():
            pen.line([(0, at), (width, at)], fill=ink, width=thick)
    n = round(SECONDS * rate)
    for lead, values in enumerate(leads):
        left = lead // ROWS * width / COLUMNS
        middle = (lead % ROWS + 0.5) * height / ROWS
        x = left + np.arange(n) / rate * MM_PER_SECOND * pixels_per_mm
        y = middle - values[:n] * MM_PER_MV * pixels_per_mm
        pen.line(list(zip(x.tolist(), y.tolist(), strict=True)), fill=(20, 20, 20), width=2, joint="curve")
    return np.asarray(page, dtype=np.float64) / 255


def worn(page: Array, draw: np.random.Generator, degrees: float = 2.0, shade: float = 0.35, quality: int = 60) -> Array:
    """Return a page as a photograph has it: turned on a white table, shaded, noisy, and through JPEG.

    degrees, shade : how far each goes at most. quality : of JPEG, from 1 to 95.
    """
    from PIL import Image
    from scipy.ndimage import rotate

    margin = round(0.06 * page.shape[1])
    page = np.pad(page, ((margin, margin), (margin, margin), (0, 0)), constant_values=1.0)
    page = rotate(page, float(draw.uniform(-degrees, degrees)), reshape=False, order=1, mode="nearest")
    y, x = np.mgrid[: page.shape[0], : page.shape[1]]
    slope = draw.uniform(-1, 1, 2)
    light = slope[0] * (x / x.max() - 0.5) + slope[1] * (y / y.max() - 0.5)
    page = page * (1 - shade * (light - light.min()) / max(float(np.ptp(light)), 1e-9))[:, :, None]
    page = np.clip(page + 0.02 * draw.normal(size=page.shape), 0, 1)
    buffer = io.BytesIO()
    Image.fromarray((255 * page).astype(np.uint8)).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer).convert("RGB"), dtype=np.float64) / 255
