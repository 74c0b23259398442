"""Encoder: series to vectors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from torch import Tensor, nn

from tsbench.data.panel import PanelShape
from tsbench.errors import MethodError
from tsbench.methods.params import BaseParams


class Encoder(nn.Module, ABC):
    """Maps series to vectors. Write `__init__(shape, params)` setting `self.out_dim`, and `forward`.

    `forward_sequence(x) -> (n, n_steps, size)` is optional, for methods that need one vector per time step; size need
    not be out_dim.
    """

    class Params(BaseParams):
        """No parameters by default."""

    version: ClassVar[int] = 1
    out_dim: int

    def __init__(self, shape: PanelShape, params: Any) -> None:
        super().__init__()
        self.shape = shape
        self.params = params

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Map x (n, n_channels, n_timepoints) to (n, out_dim)."""

    def forward_sequence(self, x: Tensor) -> Tensor:
        """Map x (n, n_channels, n_timepoints) to (n, n_steps, size)."""
        raise MethodError(f"encoder {type(self).__name__} gives no sequence of vectors; choose another encoder")
