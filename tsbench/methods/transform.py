"""Transform: tensor to tensor, or series to series, before the method sees the series or within it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch

from tsbench.data.series import Series
from tsbench.methods.params import BaseParams
from tsbench.methods.takes import Takes, declare


class Transform(ABC):
    """A representation map, a preprocessing step or an augmentation.

    Write `__call__` (batched, on whatever device x is; random draws only from rng) and, where the shape changes,
    `output_shape`; where time points move, `positions`. `self.params` holds the parameters, `version` is raised when
    numbers change.

    takes : "tensor", or "series": `__call__` is given a `Series` and returns one, with its lengths, times and sampling
        rate as they now are. Whoever calls it may pass either, and is given back what was passed.
    gives : "series", or "map" for an image or a spectrogram of each case, which no protocol can give to a method, or
        "cases": `cuts` says which parts of the series become cases of their own, which is done before any split.
    """

    class Params(BaseParams):
        """No parameters by default."""

    version: ClassVar[int] = 1
    takes: ClassVar[Takes] = "tensor"
    gives: ClassVar[Literal["series", "map", "cases"]] = "series"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Have what the class writes given what it takes."""
        super().__init_subclass__(**kwargs)
        declare(cls, ("__call__",))

    def __init__(self, params: BaseParams | None = None, **overrides: Any) -> None:
        self.params: Any = params if params is not None else self.Params(**overrides)

    @abstractmethod
    def __call__(self, x: Any, rng: torch.Generator | None = None) -> Any:
        """Map x (n, n_channels, ...) to its transform; dtype and device are kept."""

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the output for an input of this shape (the first entry is the number of cases)."""
        return shape

    def cuts(self, series: Series) -> list[list[tuple[int, int]]]:
        """Return (begin, end) of each part of each case that becomes a case, where the transform `gives` "cases"."""
        raise NotImplementedError

    def positions(self, n_timepoints: int) -> npt.NDArray[np.float64] | None:
        """Return where on the time axis of the input, 0 to n_timepoints - 1, each output point lies, increasing.

        None, the default, has it found out: a course that rises by 1 a point is transformed, and shows where its points
        are afterwards if it still rises (points left out, averaged, interpolated); else they are spread evenly.
        """
        return None
