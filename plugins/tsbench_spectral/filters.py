"""Filters and resampling along time, of each case by itself up to its length (scipy.signal, in float64).

A missing value is bridged by a straight line between its neighbours (held at the ends) while a filter passes, and is
missing again afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch
from pydantic import BeforeValidator

from tsbench import BaseParams, Series, Transform, param
from tsbench.data.rate import sampling_rate
from tsbench.data.units import band, hertz
from tsbench.errors import InvalidDataError

Array = npt.NDArray[Any]
Hertz = Annotated[float, BeforeValidator(hertz)]
Band = Annotated[tuple[float, float], BeforeValidator(band)]
MOST_TAPS = 10_000  # of the ratio of two sampling rates, as a fraction
STATED = "of the series, such as 250hz, where the dataset does not state it"


class Notch(Transform):
    """Remove one frequency (the mains hum): a second-order notch, run forwards and backwards, so that no phase moves.

    `scipy.signal.iirnotch` with `filtfilt`. A case of fewer than ten points is extended by less at its ends.
    """

    takes: ClassVar[Literal["series"]] = "series"

    class Params(BaseParams):
        """Parameters of the transform."""

        frequency: Hertz = param("50hz", doc="frequency that is removed, below half the sampling rate")
        quality: float = param(30.0, low=0.1, high=1e4, doc="frequency over the width that is removed")
        sampling_rate: Hertz | None = param(None, doc=STATED)

    def __call__(self, x: Series, rng: torch.Generator | None = None) -> Series:
        """Return the cases without the frequency; raises InvalidDataError at or above half the sampling rate."""
        from scipy.signal import filtfilt, iirnotch

        p = self.params
        name = f"notch:{p.frequency:g}hz"
        rate = sampling_rate(x, p.sampling_rate, name)
        _below_nyquist(p.frequency, rate, name)
        b, a = iirnotch(p.frequency, p.quality, fs=rate)
        return _filtered(x, lambda part: filtfilt(b, a, part, padlen=min(9, part.shape[-1] - 1)))


class Bandpass(Transform):
    """Keep a band of frequencies: a Butterworth filter, run forwards and backwards, so that no phase moves.

    `scipy.signal.butter` as second-order sections with `sosfiltfilt`. A case shorter than the filter's extension is
    extended by less at its ends.
    """

    takes: ClassVar[Literal["series"]] = "series"

    class Params(BaseParams):
        """Parameters of the transform."""

        band: Band = param("0.5-40hz", doc="edges of the band, the upper below half the sampling rate")
        order: int = param(4, low=1, high=12, doc="order of the filter, which passes twice")
        sampling_rate: Hertz | None = param(None, doc=STATED)

    def __call__(self, x: Series, rng: torch.Generator | None = None) -> Series:
        """Return the cases with the band alone; raises InvalidDataError where it reaches half the sampling rate."""
        from scipy.signal import butter, sosfiltfilt

        p = self.params
        name = f"bandpass:{p.band[0]:g}-{p.band[1]:g}hz"
        rate = sampling_rate(x, p.sampling_rate, name)
        _below_nyquist(p.band[1], rate, name)
        sos = butter(p.order, p.band, "bandpass", output="sos", fs=rate)
        taps = 2 * len(sos) + 1 - min((sos[:, 2] == 0).sum(), (sos[:, 5] == 0).sum())
        return _filtered(x, lambda part: sosfiltfilt(sos, part, padlen=min(3 * taps, part.shape[-1] - 1)))


class MovingAverage(Transform):
    """Replace each value by the mean of the observed ones among the `points` around it, fewer at the ends of a case.

    An even number has one point more before the value than after it. What was missing stays so.
    """

    takes: ClassVar[Literal["series"]] = "series"

    class Params(BaseParams):
        """Parameters of the transform."""

        points: int = param(5, low=1, doc="number of time points that are averaged")

    def __call__(self, x: Series, rng: torch.Generator | None = None) -> Series:
        """Return the smoothed cases."""
        _check_series(x, "moving-average")
        n = self.params.points

        def smoothed(part: Array, known: Array) -> tuple[Array, Array]:
            first = np.arange(part.shape[-1]) - n // 2
            first, end = np.maximum(first, 0), np.minimum(first + n, part.shape[-1])
            level = part.mean(axis=-1, keepdims=True)  # beside which a running sum would lose what varies
            total, count = (
                np.concatenate([np.zeros((*part.shape[:-1], 1)), np.cumsum(values, axis=-1)], axis=-1)
                for values in (np.where(known, part - level, 0.0), known.astype(np.float64))
            )
            means = (total[..., end] - total[..., first]) / np.maximum(count[..., end] - count[..., first], 1)
            return means + level, known

        return _by_length(x, smoothed, x.x.shape[-1])


class Resample(Transform):
    """Bring series to another sampling rate, with a filter against aliasing (`scipy.signal.resample_poly`).

    A case of n points gets ceil(n rate' / rate). The line through its ends is left out of the filter, so that a level
    stays one. A new point is missing where one of the old points beside it is.
    """

    takes: ClassVar[Literal["series"]] = "series"
    version: ClassVar[int] = 2  # 1 took the rate of times of 1e9 from steps that float64 rounds

    class Params(BaseParams):
        """Parameters of the transform."""

        rate: Hertz = param("100hz", doc="sampling rate afterwards")
        sampling_rate: Hertz | None = param(None, doc=STATED)

    def __call__(self, x: Series, rng: torch.Generator | None = None) -> Series:
        """Return the cases at the new rate, with lengths, times and sampling rate."""
        from scipy.signal import resample_poly

        name = f"resample:{self.params.rate:g}hz"
        _check_series(x, name)
        rate = sampling_rate(x, self.params.sampling_rate, name)
        ratio = Fraction(self.params.rate / rate).limit_denominator(MOST_TAPS)
        up, down = ratio.numerator, ratio.denominator
        if not 0 < up <= MOST_TAPS or abs(up / down * rate / self.params.rate - 1) > 1e-6:
            raise InvalidDataError(f"{name}: {rate:g} Hz to {self.params.rate:g} Hz is no ratio of moderate numbers")
        if up == down:
            return replace(x, sampling_rate=self.params.rate)
        lengths = -(-x.lengths * up // down)
        width = -(-x.x.shape[-1] * up // down)
        at = np.arange(width) * down / up
        old = (np.floor(at).astype(np.int64), np.ceil(at).astype(np.int64))

        def resampled(part: Array, known: Array) -> tuple[Array, Array]:
            values = resample_poly(part, up, down, axis=-1, padtype="line") if part.shape[-1] > 1 else part[..., [0]]
            left, right = (np.minimum(side[: values.shape[-1]], part.shape[-1] - 1) for side in old)
            return values, known[..., left] & known[..., right]

        cases = _by_length(x, resampled, width)
        times = None
        if x.times is not None:
            inside = torch.arange(width) < lengths[:, None].cpu()
            begin = x.times[:, :1].double().cpu()
            steps = torch.from_numpy(at)[None] / (rate * x.time_unit)
            times = (begin + steps).masked_fill(~inside, float("nan")).to(x.times)
        return replace(cases, lengths=lengths, times=times, sampling_rate=self.params.rate, padded=None)


def _below_nyquist(frequency: float, rate: float, name: str) -> None:
    if frequency >= rate / 2:
        raise InvalidDataError(
            f"{name}: {frequency:g} Hz is not below half the sampling rate of {rate:g} Hz; series sampled so hold no "
            f"frequency from {rate / 2:g} Hz on"
        )


def _check_series(series: Series, name: str) -> None:
    if series.x.ndim != 3:
        raise InvalidDataError(f"{name} takes series (n, channels, time), got shape {tuple(series.x.shape)}")


def _filtered(series: Series, pass_over: Callable[[Array], Array]) -> Series:
    """Return the cases with what a filter makes of float64 (n, n_channels, length) of the cases of one length."""
    _check_series(series, "a filter")
    return _by_length(series, lambda part, known: (pass_over(part), known), series.x.shape[-1])


def _by_length(series: Series, change: Callable[[Array, Array], tuple[Array, Array]], width: int) -> Series:
    """Return the cases of one length after the other as `change` gives them; width : of the time axis afterwards.

    change : from values without gaps and bool (n, n_channels, length), True where one was observed, to both as they
    are afterwards.
    """
    x, mask, lengths = series.x.double().cpu().numpy(), seen(series), series.lengths.cpu().numpy()
    complete = series.observed is None
    gap = np.nan if complete else 0.0  # bare values have NaN where one is missing
    out = np.zeros((*x.shape[:2], width))
    observed = np.zeros(out.shape, dtype=bool)
    for length in np.unique(lengths):
        cases = np.flatnonzero(lengths == length)
        part, known = x[cases, :, :length], mask[cases, :, :length]
        values, there = change(_bridged(part, known), known)
        out[cases, :, : values.shape[-1]] = np.where(there, values, gap)
        observed[cases, :, : values.shape[-1]] = there
    return replace(
        series,
        x=torch.from_numpy(out).to(series.x),
        observed=None if complete else torch.from_numpy(observed).to(series.x.device),
    )


def seen(series: Series) -> Array:
    """Return bool of the shape of x, True where a value was observed."""
    observed: Array = (series.mask & ~series.x.isnan()).cpu().numpy()
    return observed


def _bridged(x: Array, known: Array) -> Array:
    """Return x (n, n_channels, length) with a line over each gap; a channel without any value is 0."""
    if known.all():
        return x
    flat, known = x.reshape(-1, x.shape[-1]).copy(), known.reshape(-1, x.shape[-1])
    points = np.arange(x.shape[-1])
    for row in np.flatnonzero(~known.all(axis=1) & known.any(axis=1)):
        there = known[row]
        flat[row, ~there] = np.interp(points[~there], points[there], flat[row, there])
    flat[~known.any(axis=1)] = 0.0
    filled: Array = flat.reshape(x.shape)
    return filled
