"""Augmentations of spectrograms as images; batched, on the device, drawn per case from the passed generator."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional

from tsbench import BaseParams, Series, Transform, param
from tsbench.errors import MethodError
from tsbench.nn import flip_steps, last_step


def brightness_contrast(
    x: Tensor, rng: torch.Generator | None = None, brightness: float = 0.4, contrast: float = 0.4, high: float = 1.0
) -> Tensor:
    """Change brightness, then contrast, of images x (n, c, F, T) with values in [0, high]; the result is clamped to it.

    Brightness multiplies by b, contrast moves each channel's values away from their mean m: (v - m) k + m. b is drawn
    from U(1 - brightness, 1 + brightness), k likewise, once per case and alike for its channels.
    """
    b, k = (_uniform(x, rng, max(0.0, 1 - amount), 1 + amount) for amount in (brightness, contrast))
    mean = x.mean(dim=(-2, -1), keepdim=True)
    return torch.addcmul(mean * (b * (1 - k)), x, b * k).clamp_(0, high)


def gaussian_blur(
    x: Tensor, rng: torch.Generator | None = None, radius: int = 1, sigma: tuple[float, float] = (0.1, 2.0)
) -> Tensor:
    """Blur images x (n, c, F, T) with a Gaussian of 2 radius + 1 points; edges are replicated.

    The standard deviation, in pixels, is drawn from U(*sigma) once per case. Along frequency, then along time.
    """
    width = _uniform(x, rng, *sigma)
    offset = torch.arange(-radius, radius + 1, device=x.device, dtype=x.dtype)
    weights = torch.softmax(-0.5 * (offset / width) ** 2, dim=-1)  # (n, 1, 1, taps)
    taps = weights.unsqueeze(-1).unbind(-2)
    padded = functional.pad(x, (radius, radius, radius, radius), mode="replicate")
    for axis in (-2, -1):
        size = padded.shape[axis] - 2 * radius
        padded = torch.stack([padded.narrow(axis, i, size) * tap for i, tap in enumerate(taps)]).sum(dim=0)
    return padded


def time_flip(
    x: Tensor, rng: torch.Generator | None = None, probability: float = 0.5, lengths: Tensor | None = None
) -> Tensor:
    """Reverse the last axis of each case of x (n, ..., T) with a probability, for all its channels alike.

    lengths : int64 (n,) steps of each case, beyond which nothing moves; None: all T.
    """
    flipped = _uniform(x, rng, 0.0, 1.0) < probability
    if lengths is None:
        return torch.where(flipped, x.flip(-1), x)
    steps = x.flatten(1, -2).transpose(1, 2)
    return torch.where(flipped, flip_steps(steps, lengths).transpose(1, 2).view_as(x), x)


class SpectrogramJitter(Transform):
    """Random brightness and contrast, per case (the part of ColorJitter that grey images have)."""

    gives: ClassVar[Literal["map"]] = "map"

    class Params(BaseParams):
        """Parameters of the transform."""

        brightness: float = param(0.4, low=0.0, high=1.0, doc="brightness factor from U(1 - b, 1 + b)")
        contrast: float = param(0.4, low=0.0, high=1.0, doc="contrast factor from U(1 - c, 1 + c)")

    def __call__(self, x: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Map x (n, c, F, T) in [0, 1] to the same shape and range; raises MethodError for anything but images."""
        _check_images("spectrogram-jitter", x)
        return brightness_contrast(x, rng, self.params.brightness, self.params.contrast)


class SpectrogramBlur(Transform):
    """Gaussian blur of random width, per case."""

    gives: ClassVar[Literal["map"]] = "map"

    class Params(BaseParams):
        """Parameters of the transform."""

        radius: int = param(1, low=0, high=64, doc="the kernel has 2 radius + 1 points a side")
        sigma_low: float = param(0.1, low=1e-3, high=100.0, doc="smallest standard deviation, pixels")
        sigma_high: float = param(2.0, low=1e-3, high=100.0, doc="largest standard deviation, pixels")

    def __call__(self, x: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Map x (n, c, F, T) to the same shape; raises MethodError for anything but images."""
        _check_images("spectrogram-blur", x)
        return gaussian_blur(x, rng, self.params.radius, (self.params.sigma_low, self.params.sigma_high))


class TimeFlip(Transform):
    """Reverse the time axis (the last) with a probability, per case (RandomHorizontalFlip).

    A padded case is reversed within its length, and the steps between its times with it.
    """

    takes: ClassVar[Literal["series"]] = "series"

    class Params(BaseParams):
        """Parameters of the transform."""

        probability: float = param(0.5, low=0.0, high=1.0, doc="probability that a case is reversed")

    def __call__(self, series: Series, rng: torch.Generator | None = None) -> Series:
        """Map x (n, ..., T) to the same shape."""
        chosen = _uniform(series.x, rng, 0.0, 1.0) < self.params.probability

        def turned(x: Tensor) -> Tensor:
            if not series.padded:
                return torch.where(chosen, x.flip(-1), x)
            return torch.where(chosen, flip_steps(x.transpose(1, 2), series.lengths).transpose(1, 2), x)

        observed, times = series.observed, series.times
        if times is not None:
            ends = times[:, :1] + last_step(times[:, :, None], series.lengths)
            times = torch.where(chosen[:, 0], ends - turned(times[:, None])[:, 0], times)
        return replace(series, x=turned(series.x), observed=None if observed is None else turned(observed), times=times)


def _check_images(name: str, x: Tensor) -> None:
    if x.ndim != 4:
        raise MethodError(f"{name} takes images (n, c, F, T), such as stft makes, got shape {tuple(x.shape)}")


def _uniform(x: Tensor, rng: torch.Generator | None, low: float, high: float) -> Tensor:
    """Draw one number per case of x, shaped to broadcast over it."""
    draw = torch.rand(len(x), generator=rng, device=x.device, dtype=x.dtype)
    return (low + (high - low) * draw).view(-1, *[1] * (x.ndim - 1))
