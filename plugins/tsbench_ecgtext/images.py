"""From ECG leads to one picture: the layouts of Table 1 (arXiv 2304.06286), red, green and blue being encodings."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

import tsbench_imaging as imaging
from tsbench.errors import MethodError, UsageError
from tsbench_ecgtext import beats
from tsbench_imaging.segmentation import segment_means, segments

Layout = Literal[
    "all-grid", "all-concat", "simple-plot", "gaf", "rp", "mtf", "mtf+gaf", "gaf+rp", "rp+mtf", "gadf", "spectrum"
]
Variant = Literal["paper_text", "authors_code"]
CHANNELS = ("gaf", "rp", "mtf")  # of the picture: red, green, blue
ROWS = 3  # of the grid; lead j is in row j % 3, column j // 3
SIDE = 112  # of a lead's map where the whole lead is encoded
AT_A_TIME = 8  # cases on a CPU: their maps stay in its cache
WINDOW = 5  # samples of the moving mean before; the paper leaves its length open


def render(x: Tensor, layout: Layout, variant: Variant, size: int, rate: float | None) -> Tensor:
    """Return uint8 pictures (n, 3, size, size) of leads x (n, n_leads, n_timepoints), which have no missing value.

    paper_text: whole leads after a moving mean; GAF scaled to their range, recurrence plots with the nearest 10 % of
    points, MTF of 8 bins. authors_code: one beat at 100 Hz over its largest value; GAF as it is, distances as they are,
    MTF of 4 bins. Raises UsageError for a rate that the variant is not for.
    """
    if variant == "authors_code":
        if rate != beats.RATE:
            known = "an unknown rate" if rate is None else f"{rate:g} Hz"
            raise UsageError(
                f"variant=authors_code is for {beats.RATE:g} Hz and the series have {known}; take the dataset at "
                f"{beats.RATE:g} Hz, +resample={beats.RATE:g}hz after its name, or variant=paper_text"
            )
        x = _beats(x)
    else:
        x = _smoothed(x)
    if layout == "simple-plot":
        return _resized(_as_bytes(_plots(x, size)), size)
    at_a_time = AT_A_TIME if x.device.type == "cpu" else len(x)
    if layout == "all-concat":
        joined = torch.split(x.flatten(1)[:, None], at_a_time)
        return torch.cat([_gridded(_maps(part, CHANNELS, variant, size), 1, size) for part in joined])
    wanted = CHANNELS if layout == "all-grid" else tuple(layout.split("+"))
    parts = torch.split(x, at_a_time)
    return torch.cat([_gridded(_maps(part, wanted, variant, SIDE), ROWS, size) for part in parts])


def grid(maps: Tensor, rows: int = ROWS) -> Tensor:
    """Return maps (n, channels, n_leads, h, w) in a grid, column by column: (n, channels, rows h, columns w)."""
    n, channels, n_leads, height, width = maps.shape
    columns = -(-n_leads // rows)
    cells = functional.pad(maps, (0, 0, 0, 0, 0, rows * columns - n_leads))
    cells = cells.view(n, channels, columns, rows, height, width)
    return cells.permute(0, 1, 3, 4, 2, 5).reshape(n, channels, rows * height, columns * width)


def encoded(x: Tensor, kind: str, variant: Variant, side: int) -> Tensor:
    """Return one encoding of each lead in [0, 1], (n, n_leads, side', side'), side' at most `side` or the length."""
    side = min(side, x.shape[-1])
    ours = variant == "paper_text"
    if kind in ("gaf", "gadf"):
        how: Any = "summation" if kind == "gaf" else "difference"
        scaled = (-1.0, 1.0) if ours else None
        return imaging.gramian_angular_field(x, side, scaled, how).add_(1).div_(2)
    if kind == "mtf":
        bins = min(8 if ours else 4, x.shape[-1])
        if bins < 2:
            return x.new_ones(*x.shape, x.shape[-1])
        return imaging.markov_transition_field(x, side, bins)
    if kind == "spectrum":
        power = torch.fft.rfft(x - x.mean(-1, keepdim=True)).abs().log1p()
        curve = functional.adaptive_avg_pool1d(power, min(side, power.shape[-1]))
        height = curve / curve.amax((1, 2), keepdim=True).clamp(min=1e-8)
        steps = torch.linspace(1, 0, curve.shape[-1], device=x.device)
        return (height[:, :, None] > steps[:, None]).to(x.dtype)
    if not ours:
        plot = imaging.recurrence_plot(x, threshold=None).clamp(max=1.0)
        return plot if plot.shape[-1] == side else functional.adaptive_avg_pool2d(plot, side)
    return imaging.recurrence_plot(segment_means(x, segments(x.shape[-1], side, device=x.device)), threshold="point")


def _maps(x: Tensor, wanted: tuple[str, ...], variant: Variant, side: int) -> Tensor:
    """Return uint8 (n, 3, n_leads, h, w): each wanted encoding in its channel, the other channels 0."""
    places = {**{kind: place for place, kind in enumerate(CHANNELS)}, "gadf": 0, "spectrum": 0}
    found = {places[kind]: _as_bytes(encoded(x, kind, variant, side)) for kind in wanted}
    blank = torch.zeros_like(next(iter(found.values())))
    return torch.stack([found.get(place, blank) for place in range(len(CHANNELS))], dim=1)


def _plots(x: Tensor, size: int) -> Tensor:
    """Return line plots in the grid, black on white, each lead over its largest value to half a cell's height."""
    columns = -(-x.shape[1] // ROWS)
    cell = max(4, size // ROWS), max(4, size // columns)
    limits = torch.tensor([[-1.0, 1.0]], device=x.device).expand(x.shape[1], 2)
    scaled = x / x.abs().amax(-1, keepdim=True).clamp(min=1e-8)
    ink = imaging.line_plot(scaled, cell, limits=limits, layout="channels", linewidth=1.44, marker="none")
    return (1 - grid(ink[:, None])).repeat(1, 3, 1, 1)


def _as_bytes(values: Tensor) -> Tensor:
    """Return values in [0, 1], which may be overwritten, as uint8; as the published code cuts off what is between."""
    if values.device.type != "cpu":
        return values.mul_(255).clamp_(0, 255).to(torch.int16).to(torch.uint8)  # at once it takes five times as long
    from tsbench_ecgtext.images_cpu import to_bytes  # numba is imported where it is needed

    out = np.empty(values.shape, dtype=np.uint8)
    to_bytes(values.flatten().numpy(), out.reshape(-1))
    return torch.from_numpy(out)


def _resized(pictures: Tensor, size: int) -> Tensor:
    """Return uint8 pictures (n, 3, h, w) as (n, 3, size, size)."""
    return _gridded(pictures[:, :, None], 1, size)


def _gridded(maps: Tensor, rows: int, size: int) -> Tensor:
    """Return uint8 maps (n, 3, n_leads, h, w) in a grid of so many rows, as pictures (n, 3, size, size)."""
    if maps.device.type != "cpu":
        pictures = grid(maps, rows)
        same = pictures.shape[-2:] == (size, size)
        return pictures if same else functional.interpolate(pictures, (size, size), mode="bilinear", antialias=True)
    from tsbench_ecgtext.images_cpu import pixels_of

    pixels = torch.from_numpy(pixels_of(maps.contiguous().numpy(), rows)).permute(0, 3, 1, 2)
    pixels = functional.interpolate(pixels, (size, size), mode="bilinear", antialias=True)
    return torch.from_numpy(np.ascontiguousarray(pixels[:, :3].numpy()))


def _smoothed(x: Tensor) -> Tensor:
    """Return the moving mean over WINDOW samples, of what is there at the ends."""
    if x.shape[-1] < WINDOW:
        return x
    return functional.avg_pool1d(x, WINDOW, 1, WINDOW // 2, count_include_pad=False)


def _beats(x: Tensor) -> Tensor:
    found = []
    for case, record in enumerate(x.cpu().numpy()):
        try:
            found.append(beats.one_beat(record))
        except MethodError as error:
            raise MethodError(f"case {case}: {error}") from None
    beat = torch.from_numpy(np.stack(found)).to(x)
    return beat / (beat.abs().amax(-1, keepdim=True) + 1e-8)
