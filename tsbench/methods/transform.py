"""Transform: tensor to tensor, before the method sees the series or within it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor

from tsbench.methods.params import BaseParams


class Transform(ABC):
    """Tensor to tensor: a representation map, a preprocessing step or an augmentation.

    Write `__call__` (batched, on whatever device x is; random draws only from rng) and, where the shape changes,
    `output_shape`. `self.params` holds the parameters, `version` is raised when numbers change.
    """

    class Params(BaseParams):
        """No parameters by default."""

    version: ClassVar[int] = 1

    def __init__(self, params: BaseParams | None = None, **overrides: Any) -> None:
        self.params: Any = params if params is not None else self.Params(**overrides)

    @abstractmethod
    def __call__(self, x: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Map x (n, n_channels, ...) to its transform; dtype and device are kept."""

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the output for an input of this shape (the first entry is the number of cases)."""
        return shape
