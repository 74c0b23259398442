"""Frequency spectra of series, as values and as images.

An image that shows "the FFT" of a series is named by the papers without further details; the window, the scale and the
drawing are choices made here.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from tsbench import BaseParams, Transform, param
from tsbench.errors import UsageError
from tsbench_imaging.lines import Layout, line_plot, plot_shape
from tsbench_imaging.missing import check_series, refuse_infinite

Spectrum = Literal["fft", "lomb"]
Missing = Literal["zero", "interpolate"]

_CHUNK = 2**24  # products of cases, points and frequencies at a time


@torch.no_grad()
def spectrum_values(
    x: Tensor,
    spectrum: Spectrum = "fft",
    *,
    times: Tensor | None = None,
    frequencies: Tensor | None = None,
    missing: Missing = "zero",
) -> Tensor:
    """Return the spectrum of x (n_cases, n_channels, n_timepoints), NaN where missing: (n_cases, n_channels, F).

    The mean of the observed points is subtracted first; the result is log(1 + magnitude), dtype and device of x.

    fft : Hann window (periodic) over all time points, |rfft|; F = n_timepoints // 2 + 1. Missing values and what lies
        beyond a case's end are 0, the mean, or, with missing="interpolate", on the line between the observed
        neighbours (the first and the last observed value are kept to the ends).
    lomb : Lomb-Scargle periodogram P of the N observed points alone, without a window; sqrt(N P), which for an evenly
        sampled series is |rfft| below half the sampling rate. `times` (n_cases, n_timepoints), None: 0, 1, ...;
        `frequencies` (F,) in cycles per unit of time, None: n_timepoints // 2 multiples of 1 / (N s), s the mean
        distance of a case's points.

    A channel with fewer than two observed points gives NaN. Raises UsageError on a wrong argument, InvalidDataError
    where x is no such tensor, empty or infinite.
    """
    check_series(x)
    refuse_infinite(x)
    if spectrum not in ("fft", "lomb"):
        raise UsageError(f"spectrum = {spectrum!r}: expected 'fft' or 'lomb'")
    if missing not in ("zero", "interpolate"):
        raise UsageError(f"missing = {missing!r}: expected 'zero' or 'interpolate'")
    if spectrum == "fft" and (times is not None or frequencies is not None):
        raise UsageError("frequency_spectrum: times and frequencies are for spectrum='lomb' only")
    observed = ~x.isnan()
    count = observed.sum(dim=-1, keepdim=True)
    if missing == "interpolate" and spectrum == "fft":
        x = _interpolated(x)
    y = (x - x.nanmean(dim=-1, keepdim=True)).nan_to_num(0.0)
    if len(x) == 0:  # which some FFTs refuse
        magnitude = x.new_empty(0, x.shape[1], x.shape[2] // 2 + 1)
    elif spectrum == "fft":
        window = torch.hann_window(x.shape[-1], dtype=x.dtype, device=x.device)
        magnitude = torch.fft.rfft(y * window).abs()
    else:
        magnitude = (lomb_scargle(y, observed, *_grid(observed, times, frequencies)) * count).sqrt().to(x.dtype)
    values: Tensor = magnitude.log1p().masked_fill(count < 2, math.nan)
    return values


@torch.no_grad()
def lomb_scargle(y: Tensor, observed: Tensor, times: Tensor, frequencies: Tensor) -> Tensor:
    """Return the Lomb-Scargle periodogram, float64 (n_cases, n_channels, F), of unevenly sampled series.

    y, observed (n_cases, n_channels, n_timepoints), y centred; times (n_cases, n_timepoints); frequencies (n_cases, F)
    in cycles per unit of time. As scipy.signal.lombscargle of each channel's observed points (Scargle 1982, eq. 10).
    """
    step = max(1, _CHUNK // max(1, times.shape[1] * frequencies.shape[1]))
    parts = []
    for start in range(0, len(y), step):
        part = slice(start, start + step)
        weight = observed[part].double()
        value = y[part].double() * weight
        angle = 2 * math.pi * times[part, :, None].double() * frequencies[part, None, :].double()
        cos, sin = angle.cos(), angle.sin()
        yc, ys = value @ cos, value @ sin
        cc, ss, cs = weight @ cos.square(), weight @ sin.square(), weight @ (cos * sin)
        tau = torch.atan2(2 * cs, cc - ss) / 2  # the phase at which sine and cosine are orthogonal on the points
        c, s = tau.cos(), tau.sin()
        along, across = c * yc + s * ys, c * ys - s * yc
        cc, ss = c * c * cc + 2 * c * s * cs + s * s * ss, c * c * ss - 2 * c * s * cs + s * s * cc
        parts.append((_ratio(along, cc) + _ratio(across, ss)) / 2)
    return torch.cat(parts)


def frequency_spectrum(
    x: Tensor,
    image_size: int | tuple[int, int] = 64,
    *,
    spectrum: Spectrum = "fft",
    times: Tensor | None = None,
    frequencies: Tensor | None = None,
    missing: Missing = "zero",
    limits: Tensor | None = None,
    **drawing: Any,
) -> Tensor:
    """Draw the spectrum of each channel of x (n_cases, n_channels, n_timepoints) as a line in a cell of its own.

    See `spectrum_values` for the spectrum and `line_plot` for the image and for `drawing` (linewidth, colors, layout,
    out); no markers unless asked for. The lowest frequency is at the left edge, the highest at the right.

    limits : smallest and largest spectrum value, (n_channels, 2) or (n_cases, n_channels, 2), as
        `channel_limits(spectrum_values(train))` gives; None: each case's own.
    """
    values = spectrum_values(x, spectrum, times=times, frequencies=frequencies, missing=missing)
    span = (0.0, float(max(1, values.shape[-1] - 1)))
    return line_plot(values, image_size, limits=limits, time_limits=span, **{"marker": "none", **drawing})


class FrequencySpectrum(Transform):
    """Spectrum of every channel, drawn as a line in a cell of a square grid: (n, c, n_timepoints) -> (n, 3, g s, g s).

    Each spectrum fills its cell's height unless `limits` (n_channels, 2) is set. See
    `tsbench_imaging.spectrum.frequency_spectrum`, also for irregular times.
    """

    class Params(BaseParams):
        """Parameters of the transform."""

        image_size: int = param(64, low=1, high=4096, doc="side of a channel's cell, pixels")
        spectrum: Spectrum = param("fft", doc="FFT of the windowed series, or Lomb-Scargle of the observed points")
        missing: Missing = param("zero", doc="missing values in the FFT: the mean, or linear interpolation")
        linewidth: float = param(1.0, low=0.0, high=100.0, doc="width of the line in points, 100/72 pixels each")
        layout: Layout = param("grid", doc="RGB image of all channels, or a grey image per channel (1 is ink)")

    version = 2
    gives: ClassVar[Literal["map"]] = "map"
    limits: Tensor | None = None

    def __call__(self, x: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Map x (n, c, n_timepoints), NaN where missing, to images in [0, 1]."""
        return frequency_spectrum(x, **dict(self.params), limits=self.limits)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return (n, 3, g size, g size) with g = ceil(sqrt(c)), or (n, c, size, size)."""
        return plot_shape(shape, self.params.image_size, self.params.layout)


def _ratio(amplitude: Tensor, norm: Tensor) -> Tensor:
    """Return amplitude^2 / norm; 0 where the norm vanishes, as it does for the sine at the Nyquist frequency."""
    empty = norm < 1e-9
    return (amplitude.square() / norm.masked_fill(empty, 1.0)).masked_fill(empty, 0.0)


def _grid(observed: Tensor, times: Tensor | None, frequencies: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return times from 0 on (n_cases, n_timepoints) and frequencies (n_cases, F), both float64."""
    n, _, length = observed.shape
    seen = observed.any(dim=1)
    if times is None:
        times = torch.arange(length, device=observed.device).expand(n, length)
    elif tuple(times.shape) != (n, length):
        raise UsageError(f"frequency_spectrum: times must be {(n, length)}, got {tuple(times.shape)}")
    times = times.to(observed.device, torch.float64)
    first = times.masked_fill(~seen, math.inf).amin(1, keepdim=True).nan_to_num(0.0, 0.0, 0.0)
    times = (times - first).masked_fill(~seen, 0.0)
    if frequencies is not None:
        return times, frequencies.to(times).expand(n, -1)
    count = seen.sum(dim=1, keepdim=True).clamp(min=2)
    span = times.amax(1, keepdim=True) * count / (count - 1)
    multiples = torch.arange(1, max(2, length // 2 + 1), device=times.device, dtype=torch.float64)
    return times, multiples / torch.where(span > 0, span, 1.0)


def _interpolated(x: Tensor) -> Tensor:
    """Fill NaN on the line between the observed neighbours; before the first and after the last, with its value."""
    length = x.shape[-1]
    place = torch.arange(length, device=x.device).expand(x.shape)
    missing = x.isnan()
    before = place.masked_fill(missing, -1).cummax(-1).values
    after = place.masked_fill(missing, length).flip(-1).cummin(-1).values.flip(-1)
    left = torch.where(before < 0, after, before).clamp(max=length - 1)
    right = torch.where(after == length, left, after)
    share = (place - left).to(x.dtype) / (right - left).clamp(min=1)
    return torch.lerp(x.gather(-1, left), x.gather(-1, right), share)
