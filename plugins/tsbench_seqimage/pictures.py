"""The six pictures of a series that SeqImage sees: drawn on the device, a batch at a time, a cell for each sensor."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from tsbench import PanelShape, Series
from tsbench.errors import TsbenchWarning, UsageError
from tsbench.nn import to_width, within
from tsbench_imaging import frequency_spectrum, gramian_angular_field, line_plot, markov_transition_field
from tsbench_imaging import recurrence_plot as recurrence_map
from tsbench_imaging.layout import arrange, channels_of_cells, colour
from tsbench_imaging.lines import channel_limits, warn_undrawn
from tsbench_imaging.missing import complete
from tsbench_imaging.segmentation import segment_means, segments
from tsbench_imaging.spectrum import Spectrum, spectrum_values

PictureMap = Literal["line", "spectrum", "gasf", "gadf", "mtf", "recurrence"]
MAPS = get_args(PictureMap)
DRAWN = ("line", "spectrum")  # on white; the others are matrices, black where there is nothing
Filling = Literal["fill", "mask", "imputed"]


def read_maps(text: str) -> tuple[str, ...]:
    """Return the maps of "line+gasf"; one may come again. Raises ValueError."""
    maps = tuple(text.split("+"))
    wrong = [name for name in maps if name not in MAPS]
    if wrong:
        raise ValueError(f"'{wrong[0]}' is no map; there are {', '.join(MAPS)}, joined by +")
    return maps


class Pictures(nn.Module):
    """Draws the maps of each case as square images in [0, 1], a cell of a square grid for each sensor.

    maps : names of MAPS. size : pixels of a side. colormaps : of matplotlib for the matrices, taken in turn; () for
    grey. missing : what matrices are made of where nothing was observed: the last value before ("fill"), that and
    black ("mask"), or what the generator imputed. A sensor of which a case has fewer than two values has a blank cell,
    and so has what lies beyond a case's end. threshold : of recurrence plots; None draws distances, as a share of the
    sensor's range. ordered : the sensors that miss least come first. marker, marker_size, linewidth : of line graphs,
    the sizes in points.

    The limits of the sensors and their order are those of the training cases (`fit`). Times run from 0 to 1, where the
    longest training case ends, and what comes later is not drawn; a case without times is drawn step by step. A case of
    more steps than the shape has is refused (MethodError).
    """

    limits: Tensor
    spectrum_limits: Tensor
    order: Tensor

    def __init__(
        self,
        shape: PanelShape,
        maps: tuple[str, ...],
        size: int,
        colormaps: tuple[str, ...] = (),
        missing: Filling = "fill",
        threshold: Literal["point", "distance"] | None = None,
        n_bins: int = 8,
        spectrum: Spectrum = "fft",
        marker: Literal["*", "o", "none"] = "*",
        ordered: bool = True,
        marker_size: float = 1.0,
        linewidth: float = 1.0,
    ) -> None:
        super().__init__()
        self.maps, self.size, self.colormaps, self.missing = maps, size, colormaps, missing
        self.threshold, self.n_bins, self.spectrum, self.marker = threshold, n_bins, spectrum, marker
        self.ordered, self.width = ordered, max(2, shape.n_timepoints)
        self.marker_size, self.linewidth = marker_size, linewidth
        self.side = math.isqrt(shape.n_channels - 1) + 1
        self.cell = size // self.side
        if self.cell < 4:
            raise UsageError(
                f"image_size={size} leaves {self.cell} pixels each way for each of {shape.n_channels} sensors; "
                f"at least {4 * self.side} are needed"
            )
        for name in colormaps:
            colour(torch.zeros(1, 1, 1, 1), name)  # refuses what is none
        self.register_buffer("limits", torch.full((shape.n_channels, 2), math.nan))
        self.register_buffer("spectrum_limits", torch.full((shape.n_channels, 2), math.nan))
        self.register_buffer("order", torch.arange(shape.n_channels))

    def fit(self, parts: Iterable[Series]) -> None:
        """Take the limits of sensors and spectra and the sensors' order from the training cases, given in parts."""
        limits, spectra, seen = [], [], torch.zeros_like(self.order)
        for part in parts:
            values = self._with_gaps(part)
            limits.append(channel_limits(values))
            spectra.append(channel_limits(spectrum_values(values, self.spectrum, times=self._lomb_times(part))))
            seen = seen + part.mask.sum(dim=(0, 2))
        self.limits.copy_(channel_limits(torch.stack(limits)))
        self.spectrum_limits.copy_(channel_limits(torch.stack(spectra)))
        if self.ordered:
            self.order.copy_(seen.argsort(descending=True, stable=True))

    @torch.no_grad()
    def black(self, series: Series) -> dict[str, Tensor]:
        """Return {map: bool (n, n_channels)} of the matrices, True where a sensor's cell is black."""
        filled, weights, side = self._filled(self._with_gaps(series)[:, self.order], series, None)
        found = {}
        for name in dict.fromkeys(name for name in self.maps if name not in DRAWN):
            black = (self._matrix(name, filled, side) * weights).amax(dim=(2, 3)) == 0
            found[name] = black[:, self.order.argsort()]
        return found

    @torch.no_grad()
    def forward(self, series: Series, imputed: Tensor | None = None) -> Tensor:
        """Return the images (n, maps, 3, size, size). imputed : complete values, for missing="imputed"."""
        if not self.training and series.times is not None:  # in training no time is later than the latest
            warn_undrawn("SeqImage", series.times, series.mask, 1.0)
        values = self._with_gaps(series)[:, self.order]
        matrices = [name for name in self.maps if name not in DRAWN]
        made: dict[str, Tensor] = {}
        for name in dict.fromkeys(self.maps):
            if name in DRAWN:
                made[name] = self._drawn(name, values, series)
        if matrices:
            filled, weights, side = self._filled(values, series, imputed)
            made |= {name: self._matrix(name, filled, side) * weights for name in dict.fromkeys(matrices)}
        images = [made[name] if name in DRAWN else self._coloured(made[name], i) for i, name in enumerate(self.maps)]
        return torch.stack(images, dim=1)

    def channels(self) -> Tensor:
        """Return the sensor of each pixel, (1, size, size), -1 where no cell is."""
        rest = self.size - self.side * self.cell
        return pad(channels_of_cells(self.order, self.cell), (0, rest, 0, rest), value=-1)[None]

    def _drawn(self, name: str, values: Tensor, series: Series) -> Tensor:
        if name == "line":
            image = line_plot(
                values,
                self.cell,
                limits=self._fitted(self.limits),
                times=None if series.times is None else self._padded(_own_times(series), series, math.nan),
                time_limits=(0.0, float(self.width) if series.times is None else 1.0),
                connect=True,
                linewidth=self.linewidth,
                marker=self.marker,
                markersize=self.marker_size,
            )
        else:
            limits, times = self._fitted(self.spectrum_limits), self._lomb_times(series)
            image = frequency_spectrum(values, self.cell, spectrum=self.spectrum, times=times, limits=limits)
        rest = self.size - image.shape[-1]
        return pad(image, (0, rest, 0, rest), value=1.0)

    def _filled(self, values: Tensor, series: Series, imputed: Tensor | None) -> tuple[Tensor, Tensor, int]:
        """Return series without gaps, what the pixels of their matrices are multiplied with, and the matrices' side."""
        n, n_channels, width = values.shape
        side = min(self.cell, width)
        filled, _ = complete(values, "mask")
        observed = ~values.isnan()
        inside = within(series.lengths, width)[:, None]
        keep = observed if self.missing == "mask" else inside.expand_as(observed)
        keep = keep & (observed.sum(dim=2, keepdim=True) >= 2)
        if self.missing == "imputed" and imputed is not None:
            whole = self._padded(imputed.nan_to_num(0.0, 0.0, 0.0), series, 0.0)[:, self.order]
            filled = torch.where(inside, whole, 0.0).flatten(0, 1)
        share = segment_means(keep.to(values.dtype), segments(width, side, device=values.device))
        return filled.view(n, n_channels, width), share[..., :, None] * share[..., None, :], side

    def _matrix(self, name: str, x: Tensor, side: int) -> Tensor:
        """Return a matrix of each sensor in [0, 1], (n, n_channels, side, side)."""
        if name in ("gasf", "gadf"):
            method: Literal["summation", "difference"] = "summation" if name == "gasf" else "difference"
            return gramian_angular_field(x, side, method=method, missing="refuse").add_(1).div_(2)
        if name == "mtf":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", TsbenchWarning)  # fewer bins for series of few values, at every step
                return markov_transition_field(x, side, min(self.n_bins, x.shape[2]), missing="refuse")
        plots = recurrence_map(x, side, threshold=self.threshold, missing="refuse")
        if self.threshold is not None:
            return plots
        low, high = self.limits[self.order].unbind(1)
        span = (high - low).nan_to_num(0.0)
        return (plots / torch.where(span > 0, span, 1.0)[:, None, None]).clamp_(max=1)

    def _coloured(self, matrices: Tensor, place: int) -> Tensor:
        grey = arrange(matrices, "tiles", self.size).clamp_(0, 1)
        if not self.colormaps:
            return grey.expand(-1, 3, -1, -1)
        return colour(grey, self.colormaps[place % len(self.colormaps)])

    def _fitted(self, limits: Tensor) -> Tensor | None:
        """Return limits in the order of the cells; None before any training, where each case has its own."""
        return None if bool(limits.isnan().all()) else limits[self.order]

    def _with_gaps(self, series: Series) -> Tensor:
        """Return the values (n, n_channels, width), NaN where nothing was observed, however far cases are padded."""
        return self._padded(series.x.masked_fill(~series.mask, math.nan), series, math.nan)

    def _padded(self, x: Tensor, series: Series, value: float) -> Tensor:
        return to_width(x, series.lengths, self.width, value)

    def _lomb_times(self, series: Series) -> Tensor | None:
        return None if self.spectrum == "fft" or series.times is None else self._padded(_own_times(series), series, 0.0)


def _own_times(series: Series) -> Tensor:
    """Return the times, NaN beyond each case's end."""
    assert series.times is not None
    return series.times if series.inside is None else series.times.masked_fill(~series.inside, math.nan)


def inside_of(series: Series) -> Tensor:
    """Return bool, shape of x, False beyond each case's end."""
    inside = torch.ones_like(series.x[:, 0], dtype=torch.bool) if series.inside is None else series.inside
    return inside[:, None].expand_as(series.x)
