"""Spectrogram of a series by the short-time Fourier transform, and min-max scaling."""

from __future__ import annotations

from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor

from tsbench import BaseParams, Transform, param
from tsbench.errors import InvalidDataError, MethodError, UsageError

Scaling = Literal["log1p", "magnitude", "power", "log"]
_LOG_FLOOR = 1e-6
_SAFE_EXPONENT = 60  # the transform of values below 2^60 cannot overflow float32, even squared in |S|


def automatic_n_fft(n_timepoints: int) -> int:
    """Return the window size for a series: 32 below 1000 time points, else 128 (TRLS, section 3.1).

    Short series, which the paper has none of: the largest power of two up to half the length, at least 2.
    """
    wanted = 32 if n_timepoints < 1000 else 128
    return min(wanted, max(2, 1 << ((n_timepoints // 2).bit_length() - 1))) if n_timepoints > 1 else 2


def spectrogram(x: Tensor, n_fft: int, hop: int, scaling: Scaling = "log1p") -> Tensor:
    """Return the one-sided spectrogram (n, c, n_fft // 2 + 1, n_timepoints // hop + 1) of x (n, c, n_timepoints).

    Hann window of n_fft points, frames centred on every hop-th time point, reflect padding (zeros where the series
    is too short to be reflected); an odd n_fft counts one time point less. Scaling of the magnitude m: m, m^2
    ("power"), log(1 + m) or log(max(m, 1e-6)). dtype (float32 or float64) and device are kept.

    Finite input gives finite output: a case whose largest value exceeds 2^60 is transformed divided by a power of
    two, and what then exceeds the largest finite number is set to it. Raises InvalidDataError, UsageError.
    """
    _check(x, n_fft, hop, scaling)
    n, c, length = x.shape
    exponent = (torch.frexp(x.abs().amax(dim=(1, 2))).exponent - _SAFE_EXPONENT).clamp(min=0).to(x.dtype)
    scale = torch.exp2(exponent)[:, None, None]
    frames = torch.stft(
        (x / scale).reshape(n * c, length),
        n_fft,
        hop,
        window=torch.hann_window(n_fft, dtype=x.dtype, device=x.device),
        center=True,
        pad_mode="reflect" if n_fft // 2 < length else "constant",
        return_complex=True,
    )
    magnitude = frames.abs().view(n, c, n_fft // 2 + 1, -1) * scale[..., None]
    largest = torch.finfo(x.dtype).max
    magnitude = magnitude.clamp(max=largest)
    if scaling == "log1p":
        return magnitude.log1p()
    if scaling == "log":
        return magnitude.clamp(min=_LOG_FLOOR).log()
    return magnitude.square().clamp(max=largest) if scaling == "power" else magnitude


def _check(x: Tensor, n_fft: int, hop: int, scaling: str) -> None:
    if not isinstance(x, Tensor) or x.dtype not in (torch.float32, torch.float64) or x.ndim != 3 or 0 in x.shape:
        got = f"{x.dtype} {tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
        raise InvalidDataError(
            f"spectrogram: x must be float32 or float64, (n_cases, n_channels, n_timepoints), not empty, got {got}"
        )
    for name, value in (("n_fft", n_fft), ("hop", hop)):
        if value < 1:
            raise UsageError(f"spectrogram: {name} = {value}: expected an integer from 1 on")
    if scaling not in get_args(Scaling):
        raise UsageError(f"spectrogram: scaling = {scaling!r}: expected one of {', '.join(get_args(Scaling))}")


class Spectrogram(Transform):
    """Short-time Fourier magnitude of every channel: (n, c, n_timepoints) -> (n, c, F, T)."""

    gives: ClassVar[Literal["map"]] = "map"

    class Params(BaseParams):
        """Parameters of the transform."""

        n_fft: int | None = param(
            None, low=2, high=65_536, doc="window size; none: 32, or 128 from 1000 time points on"
        )
        hop: int | None = param(None, low=1, high=65_536, doc="time points between frames; none: n_fft / 4")
        scaling: Scaling = param("log1p", doc="scale of the magnitude")

    version: ClassVar[int] = 2

    def sizes(self, n_timepoints: int) -> tuple[int, int]:
        """Return (n_fft, hop) for series of this length."""
        n_fft = self.params.n_fft or automatic_n_fft(n_timepoints)
        return n_fft, self.params.hop or max(1, n_fft // 4)

    def __call__(self, x: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Map x (n, c, n_timepoints) to (n, c, F, T), a missing value (NaN) counted as 0; see `spectrogram`.

        Raises MethodError for anything but series.
        """
        if x.ndim != 3:
            raise MethodError(f"stft takes series (n, c, n_timepoints), got shape {tuple(x.shape)}")
        return spectrogram(x.masked_fill(x.isnan(), 0.0), *self.sizes(x.shape[-1]), self.params.scaling)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return (n, c, n_fft // 2 + 1, n_timepoints // hop + 1); an odd n_fft counts one time point less."""
        n_fft, hop = self.sizes(shape[-1])
        return (*shape[:-1], n_fft // 2 + 1, (shape[-1] - n_fft % 2) // hop + 1)


def minmax(x: Tensor) -> Tensor:
    """Scale each case of x (n, ...) to [0, 1] over all its other axes; a constant case becomes 0."""
    flat = x.flatten(1) / 2  # halved, so that the range of finite values is finite
    low, high = flat.aminmax(dim=1, keepdim=True)
    span = high - low
    return ((flat - low) / span.masked_fill(span == 0, 1)).view_as(x)


class MinMax(Transform):
    """Scale each case to [0, 1] over channels, frequencies and frames; a constant case becomes 0."""

    version: ClassVar[int] = 2

    def __call__(self, x: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Map x (n, ...) to the same shape in [0, 1]; a missing value (NaN) has no part in it and stays missing."""
        missing = x.isnan()
        if not bool(missing.any()):
            return minmax(x)
        flat, observed = x.flatten(1), ~missing.flatten(1)
        one_of_its_values = flat.gather(1, observed.int().argmax(dim=1, keepdim=True))
        filled = torch.where(observed, flat, one_of_its_values).view_as(x)
        return minmax(filled).masked_fill(missing, float("nan"))
