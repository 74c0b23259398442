"""What changes the time axis by its clock: observations into bins, recordings into windows."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from pydantic import BeforeValidator

from tsbench import BaseParams, Series, Transform, param
from tsbench.data.memory import check_room
from tsbench.data.rate import sampling_rate
from tsbench.data.units import extent, seconds, share
from tsbench.errors import InvalidDataError
from tsbench_spectral.filters import STATED, Hertz, seen

Seconds = Annotated[float, BeforeValidator(seconds)]
Extent = Annotated[float | int, BeforeValidator(extent)]
Share = Annotated[float, BeforeValidator(share)]
CLOSE = 1e-9  # of a bin, by which a time that stands on its edge may miss it
STEPS = 4  # of float64, by which it may too: large times, as seconds since 1970, have steps larger than that


class Bin(Transform):
    """Bring observations at any times to an even grid: the mean of those in each bin, missing where there are none.

    Bins begin at whole multiples of their width, and a case has those from its first time point to its last. The new
    times are where bins begin. What is sampled evenly needs no times.
    """

    takes: ClassVar[Literal["series"]] = "series"
    version: ClassVar[int] = 2  # 1 put times of 1e9 that stand on an edge into the bin before

    class Params(BaseParams):
        """Parameters of the transform."""

        width: Seconds = param("1h", doc="width of a bin, such as 1h, 5min, 10s or 250ms")
        sampling_rate: Hertz | None = param(None, doc=STATED + " and has no times")

    def __call__(self, x: Series, rng: torch.Generator | None = None) -> Series:
        """Return the cases on the grid, with lengths, times and sampling rate."""
        width, name = self.params.width, f"bin:{self.params.width:g}s"
        if x.x.ndim != 3:
            raise InvalidDataError(f"{name} takes series (n, channels, time), got shape {tuple(x.x.shape)}")
        values, known = x.x.double().cpu().numpy(), seen(x)
        inside = np.arange(values.shape[-1]) < x.lengths.cpu().numpy()[:, None]
        if x.times is None:
            rate = sampling_rate(x, self.params.sampling_rate, name)
            clock = np.broadcast_to(np.arange(values.shape[-1]) / rate, inside.shape)
        else:
            clock = x.times.double().cpu().numpy() * x.time_unit
        bins = np.where(inside, clock, clock[:, :1]) / width
        place = np.floor(bins + CLOSE + STEPS * np.spacing(np.abs(bins))).astype(np.int64)
        first = place[:, 0].copy()
        place -= first[:, None]
        lengths = place.max(axis=1) + 1
        n_bins = int(lengths.max())
        check_room(3 * 8 * len(values) * values.shape[1] * n_bins)
        total, count = (np.zeros((*values.shape[:2], n_bins)) for _ in range(2))
        case = np.arange(len(values))[:, None, None]
        channel = np.arange(values.shape[1])[None, :, None]
        at = case, channel, np.broadcast_to(place[:, None], values.shape)
        known &= inside[:, None]
        np.add.at(total, at, np.where(known, values, 0.0))
        np.add.at(count, at, known)
        times = None
        if x.times is not None:
            begin = (first[:, None] + np.arange(n_bins)) * (width / x.time_unit)
            times = torch.from_numpy(np.where(np.arange(n_bins) < lengths[:, None], begin, np.nan)).to(x.times)
        return replace(
            x,
            x=torch.from_numpy(total / np.maximum(count, 1)).to(x.x),
            observed=torch.from_numpy(count > 0).to(x.x.device),
            lengths=torch.from_numpy(lengths).to(x.lengths),
            times=times,
            sampling_rate=1.0 / width,
            padded=None,
        )


class Window(Transform):
    """Cut recordings into windows that are cases of their own; written after a dataset: DATASET+window=10s:50%.

    Windows follow each other from a recording's first time point on; what is left at its end is dropped, and a
    recording shorter than a window stays whole. Of a recording with uneven times, a window holds the points of its
    stretch of time; one without any is left out.
    """

    takes: ClassVar[Literal["series"]] = "series"
    gives: ClassVar[Literal["cases"]] = "cases"
    version: ClassVar[int] = 2  # 1 put times of 1e9 that stand on an edge into the window before

    class Params(BaseParams):
        """Parameters of the transform."""

        size: Extent = param("10s", doc="length of a window: 10s, 250ms ..., or a number of time points")
        overlap: Share = param("0%", doc="share of a window that the next one has too, such as 50%")
        sampling_rate: Hertz | None = param(None, doc=STATED)

    def __call__(self, x: Series, rng: torch.Generator | None = None) -> Series:
        """Refuse: what is beside the series has to be cut with them, which is done where data is loaded."""
        raise InvalidDataError("window makes cases of recordings: write it after the dataset, DATASET+window=10s:50%")

    def cuts(self, series: Series) -> list[list[tuple[int, int]]]:
        """Return (begin, end) of the windows of each case."""
        size, lengths = self.params.size, series.lengths.tolist()
        if isinstance(size, float) and series.times is not None and not _even(series):
            times = series.times.double().cpu().numpy() * series.time_unit
            return [self._by_time(row[:length], size) for row, length in zip(times, lengths, strict=True)]
        if isinstance(size, float):
            name = f"window:{size:g}s"
            points = round(size * sampling_rate(series, self.params.sampling_rate, name))
            if not points:
                raise InvalidDataError(f"{name} is shorter than the step between two time points")
        else:
            points = size
        step = max(1, round(points * (1 - self.params.overlap)))
        return [[(i, min(i + points, n)) for i in range(0, max(n - points, 0) + 1, step)] for n in lengths]

    def _by_time(self, times: np.ndarray, size: float) -> list[tuple[int, int]]:
        step, last = size * (1 - self.params.overlap), float(times[-1] - times[0])
        close = CLOSE * size + STEPS * float(np.spacing(np.abs(times).max()))
        if last < size - close:
            return [(0, len(times))]
        count = math.floor((last - size + close) / step) + 1
        begins = times[0] + step * np.arange(count)
        edges = np.searchsorted(times, np.stack([begins, begins + size]) - close)
        return [(int(i), int(j)) for i, j in edges.T if j > i]


def _even(series: Series) -> bool:
    try:
        sampling_rate(series, None, "window")
    except InvalidDataError:
        return False
    return True
