"""Pictures of series and the network that sees them, for AimTS (arXiv 2504.09993)."""

from __future__ import annotations

import math
import warnings
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from tsbench import Batch
from tsbench.errors import TsbenchWarning
from tsbench_imaging.networks import image_network

ImageMap = Literal["line-plot", "frequency-spectrum", "gasf", "gadf", "mtf", "recurrence-plot", "spectrogram"]
_DRAWN = ("line-plot", "frequency-spectrum")


def render(batch: Batch, kind: ImageMap, cell_size: int, limits: Tensor | None) -> Tensor:
    """Return an image of each case in [0, 1], (n, 3, cell_size * g, cell_size * g) for g = ceil(sqrt(n_channels)).

    Each channel has a cell of a square grid, row by row. limits : (n_channels, 2), of `plot_limits`. Maps that are not
    drawn as lines are grey and scaled to [0, 1] per channel. What is missing is left blank; in a spectrogram and in a
    frequency spectrum it is 0.
    """
    if kind in _DRAWN:
        import tsbench_imaging

        if kind == "line-plot":
            image: Tensor = tsbench_imaging.line_plot(batch.x, cell_size, limits=limits, observed=batch.observed)
        else:
            image = tsbench_imaging.frequency_spectrum(_with_gaps(batch), cell_size, limits=limits)
        return image
    maps = _map(batch, kind, cell_size)
    n, n_channels = maps.shape[:2]
    maps = functional.interpolate(maps, (cell_size, cell_size), mode="bilinear", antialias=True)
    low, high = maps.amin((2, 3), keepdim=True), maps.amax((2, 3), keepdim=True)
    maps = (maps - low) / (high - low).clamp(min=torch.finfo(maps.dtype).tiny)
    side = math.isqrt(n_channels - 1) + 1
    cells = functional.pad(maps, (0, 0, 0, 0, 0, side**2 - n_channels)).view(n, side, side, cell_size, cell_size)
    whole = cells.transpose(2, 3).reshape(n, 1, side * cell_size, side * cell_size)
    return whole.expand(-1, 3, -1, -1)


def plot_limits(source: Batch, kind: ImageMap) -> Tensor | None:
    """Return bottom and top of each channel's drawn lines, (n_channels, 2), the extreme values of a whole source."""
    if kind not in _DRAWN:
        return None
    from tsbench_imaging.lines import channel_limits
    from tsbench_imaging.spectrum import spectrum_values

    values = _with_gaps(source)
    limits: Tensor = channel_limits(values if kind == "line-plot" else spectrum_values(values))
    return limits


def image_encoder(name: str, weights: str | None) -> tuple[nn.Module, int]:
    """Return a frozen network from images (n, 3, H, W) to features (n, d), and d.

    name, weights : as `tsbench_imaging.networks.image_network` takes them. The network stays in training mode: its
    BatchNorm takes statistics over the batch, as in the published code.

    Raises UsageError when timm, the model or the weights cannot be had, or a pinned file has changed.
    """
    network = image_network(name, weights, freeze=True).train()
    n_features: int = network.num_features  # type: ignore[assignment]
    return network, n_features


def _map(batch: Batch, kind: ImageMap, size: int) -> Tensor:
    """Return a map of each channel, (n, n_channels, H, W), no larger than the series."""
    n_timepoints = batch.x.shape[2]
    if kind == "spectrogram":
        from tsbench_spectral.maps import automatic_n_fft, spectrogram

        n_fft = automatic_n_fft(n_timepoints)
        return spectrogram(batch.x, n_fft, max(1, n_fft // 4))
    import tsbench_imaging

    x, side = _with_gaps(batch), min(size, n_timepoints)
    if kind in ("gasf", "gadf"):
        maps: Tensor = tsbench_imaging.gramian_angular_field(
            x, side, method="summation" if kind == "gasf" else "difference", missing="mask"
        )
    elif kind == "mtf":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TsbenchWarning)  # fewer bins for series of few values, at every step
            maps = tsbench_imaging.markov_transition_field(x, side, max(2, min(8, n_timepoints)), missing="mask")
    else:
        maps = tsbench_imaging.recurrence_plot(x, side, missing="mask")
    return maps


def _with_gaps(batch: Batch) -> Tensor:
    """Return the values (n, n_channels, n_timepoints), NaN where they are missing."""
    return batch.x.masked_fill(~batch.mask, math.nan)
