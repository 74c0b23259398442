"""The encodings as transforms: one image per channel, resized, arranged and coloured as the parameters say."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import BeforeValidator
from torch import Tensor

from tsbench import BaseParams, Transform, param
from tsbench_imaging.gaf import gramian_angular_field
from tsbench_imaging.layout import Layout, arrange, arranged_shape, colour
from tsbench_imaging.missing import Missing
from tsbench_imaging.mtf import Strategy, markov_transition_field
from tsbench_imaging.recurrence import Threshold, recurrence_plot, trajectories
from tsbench_imaging.segmentation import fraction_or_count


def _number(value: Any) -> Any:
    """Read text as an integer or, where it has a point, as a float: 1 is one pixel and 1.0 all of them."""
    if not isinstance(value, str):
        return value
    return int(value) if value.strip().lstrip("+-").isdigit() else float(value)


def _pair(value: Any) -> Any:
    return tuple(value.split(",")) if isinstance(value, str) else value


CountOrFraction = Annotated[int | float, BeforeValidator(_number)]


class ImageParams(BaseParams):
    """What the encodings share: missing values, and what becomes of the images of the channels."""

    missing: Missing = param("fill", doc="missing values: fill forward, mask (fill, then zero the pixels) or refuse")
    size: int | None = param(None, low=1, high=8192, doc="resize to this many pixels, see layout; none: do not")
    layout: Layout = param("concat", doc="arrangement of the channels' images; size is of the tiles' whole")
    colormap: str | None = param(None, doc="matplotlib colour map; none: one value per pixel")


class ImageTransform(Transform):
    """Maps (n, c, n_timepoints) to pictures (n, image channels, height, width). Write `encode` and `side`."""

    gives: ClassVar[Literal["map"]] = "map"

    class Params(ImageParams):
        """The shared parameters."""

    @abstractmethod
    def encode(self, x: Tensor) -> Tensor:
        """Return one square image per channel (n, c, side, side)."""

    @abstractmethod
    def side(self, n_timepoints: int) -> int:
        """Return the side of the images of series of this length."""

    def value_range(self) -> tuple[float, float | None]:
        """Return the values at the two ends of a colour map; None is the maximum of each image."""
        return 0.0, 1.0

    def __call__(self, x: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Map x (n, c, n_timepoints) to pictures: encoded, resized, arranged and coloured, in this order."""
        p = self.params
        pictures = arrange(self.encode(x), p.layout, p.size)
        return pictures if p.colormap is None else colour(pictures, p.colormap, *self.value_range())

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return (n, image channels, height, width)."""
        side = self.side(shape[-1])
        channels, height, width = arranged_shape(shape[1], side, side, self.params.layout, self.params.size)
        return shape[0], channels * (1 if self.params.colormap is None else 3), height, width


class GASF(ImageTransform):
    """Gramian angular summation field, in [-1, 1]; see `gramian_angular_field`."""

    class Params(ImageParams):
        """Parameters of the transform, named as in pyts."""

        image_size: CountOrFraction = param(224, doc="side: points, or a fraction (0.5, 1.0) of the series")
        sample_range: Annotated[tuple[float, float] | None, BeforeValidator(_pair)] = param(
            (-1.0, 1.0), doc="range the series is scaled to; none: it is in [-1, 1] already"
        )
        overlapping: bool = param(False, doc="average over segments of equal length, which may overlap")

    method: ClassVar[Any] = "summation"

    def encode(self, x: Tensor) -> Tensor:
        """Return the fields (n, c, side, side)."""
        p = self.params
        return gramian_angular_field(x, p.image_size, p.sample_range, self.method, p.overlapping, missing=p.missing)

    def side(self, n_timepoints: int) -> int:
        """Return image_size in points."""
        return fraction_or_count(self.params.image_size, n_timepoints, "image_size", "the number of time points")

    def value_range(self) -> tuple[float, float | None]:
        """Return -1 and 1."""
        return -1.0, 1.0


class GADF(GASF):
    """Gramian angular difference field, in [-1, 1]; see `gramian_angular_field`."""

    method = "difference"


class MTF(ImageTransform):
    """Markov transition field, in [0, 1]; see `markov_transition_field`."""

    class Params(ImageParams):
        """Parameters of the transform, named as in pyts."""

        image_size: CountOrFraction = param(224, doc="side: points, or a fraction (0.5, 1.0) of the series")
        n_bins: int = param(8, low=2, doc="bins of values, at most n_timepoints")
        strategy: Strategy = param("quantile", doc="where the edges of the bins are")
        overlapping: bool = param(False, doc="average over segments of equal length, which may overlap")

    def encode(self, x: Tensor) -> Tensor:
        """Return the fields (n, c, side, side)."""
        p = self.params
        return markov_transition_field(x, p.image_size, p.n_bins, p.strategy, p.overlapping, missing=p.missing)

    def side(self, n_timepoints: int) -> int:
        """Return image_size in points."""
        return fraction_or_count(self.params.image_size, n_timepoints, "image_size", "the number of time points")


class RecurrencePlot(ImageTransform):
    """Recurrence plot; see `recurrence_plot`. Colours run from 0 to 1 with a threshold, else to each maximum."""

    class Params(ImageParams):
        """Parameters of the transform, named as in pyts (which has no image_size here)."""

        image_size: Annotated[int | float | None, BeforeValidator(_number)] = param(
            None, doc="average to this side: points, or a fraction of the trajectories; none: do not"
        )
        dimension: CountOrFraction = param(1, doc="values per trajectory, or a fraction of the series")
        time_delay: CountOrFraction = param(1, doc="points between them, or a fraction of the series")
        threshold: Threshold = param(None, doc="none: distances; a number, 'point' or 'distance': 1 where below")
        percentage: float = param(10.0, low=0, high=100, doc="of points, or of the largest distance, for a threshold")

    def encode(self, x: Tensor) -> Tensor:
        """Return the plots (n, c, side, side)."""
        p = self.params
        return recurrence_plot(x, p.image_size, p.dimension, p.time_delay, p.threshold, p.percentage, missing=p.missing)

    def side(self, n_timepoints: int) -> int:
        """Return image_size in points, or the number of trajectories."""
        p = self.params
        n = trajectories(n_timepoints, p.dimension, p.time_delay)[2]
        return n if p.image_size is None else fraction_or_count(p.image_size, n, "image_size", "the trajectories")

    def value_range(self) -> tuple[float, float | None]:
        """Return 0 and 1 with a threshold, else 0 and None."""
        return 0.0, None if self.params.threshold is None else 1.0
