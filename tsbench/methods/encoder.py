"""Encoder: series to vectors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from torch import Tensor, nn

from tsbench.data.panel import PanelShape
from tsbench.data.series import Series, values, within
from tsbench.errors import MethodError
from tsbench.methods.params import BaseParams
from tsbench.methods.takes import Takes, declare
from tsbench.methods.weights import Corpus


class Encoder(nn.Module, ABC):
    """Maps series to vectors. Write `__init__(shape, params)` setting `self.out_dim`, and `forward`.

    takes : what the functions from series to vectors that a class writes are given: "tensor", x (n, n_channels,
        n_timepoints), or "series", a `Series`, which says where each case ends. Whoever calls them may pass either,
        and bare values to `forward` and `forward_sequence` with lengths (n,) beside them.
    reads : what it reads of a Series beside that: "times", "static".
    pretrained_on : what it has learnt from before any training here, as of an `SSLMethod`.

    The other functions from series to vectors are optional, for methods that do more with an encoder that `can`. One
    whose steps are not time points writes `step_lengths` beside `forward_sequence`. One with several scales may write
    `scales(x) -> (n, n_scales, scale_dim)` and set both numbers, and `n_distinct_scales` where the last ones are the
    same for the shape that it was made for.
    """

    class Params(BaseParams):
        """No parameters by default."""

    version: ClassVar[int] = 1
    takes: ClassVar[Takes] = "tensor"
    reads: ClassVar[frozenset[str]] = frozenset()
    pretrained_on: ClassVar[tuple[str | Corpus, ...] | None] = ()
    out_dim: int
    scales: Any  # these three only where it writes them
    n_scales: int
    scale_dim: int

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Have what the class writes given what it takes."""
        super().__init_subclass__(**kwargs)
        declare(cls, ("forward", "forward_sequence", "masked_sequence", "masked_maximum", "scales"))

    def __init__(self, shape: PanelShape, params: Any) -> None:
        super().__init__()
        self.shape = shape
        self.params = params

    @classmethod
    def can(cls, function: str) -> bool:
        """Say whether it writes an optional function itself."""
        found = getattr(cls, function, None)
        return callable(found) and found is not getattr(Encoder, function, None)

    @classmethod
    def ignores_padding(cls, params: Any) -> bool:
        """Say whether it gives the same of a series however far it is padded: what takes a Series, unless it says no.

        Where series differ in length that is part of a run's identity.
        """
        return cls.takes == "series"

    @abstractmethod
    def forward(self, x: Any) -> Tensor:
        """Map series to (n, out_dim)."""

    def forward_sequence(self, x: Any) -> Tensor:
        """Map series to one vector per step, (n, n_steps, size); 0 beyond the own steps of a case, if they are told."""
        raise MethodError(f"encoder {type(self).__name__} gives no sequence of vectors; choose another encoder")

    def step_lengths(self, lengths: Tensor) -> Tensor:
        """Return how many steps series of these lengths (n,) have: one per time point."""
        return lengths

    def own_steps(self, x: Tensor | Series, n_steps: int) -> Tensor | None:
        """Return which steps of `forward_sequence` are a case's own, bool (n, n_steps); None where all are to count."""
        if not isinstance(x, Series) or not x.padded or not self.ignores_padding(self.params):
            return None
        return within(self.step_lengths(x.lengths), n_steps)

    def masked_sequence(self, x: Any, keep: Tensor | None, window: slice = slice(None)) -> Tensor:
        """Return `forward_sequence` in a window of time, with what is where keep (n, n_timepoints) is False hidden.

        By default the values there are set to 0; a network may hide them later. Raises MethodError where a step is not
        a time point.
        """
        given = values(x)
        if keep is not None:
            hidden = given * keep[:, None, :]
            x = x.with_values(hidden) if isinstance(x, Series) else hidden
        sequence = self.forward_sequence(x)
        if sequence.shape[1] != given.shape[2]:
            raise MethodError(
                f"a window of time needs an encoder with one vector per time point; {type(self).__name__} gives "
                f"{sequence.shape[1]} for {given.shape[2]}"
            )
        return sequence[:, window]

    def masked_maximum(self, x: Any, keep: Tensor | None) -> Tensor:
        """Return the largest value over time of `masked_sequence`, (n, size), in less memory than that takes."""
        raise MethodError(f"encoder {type(self).__name__} writes no masked_maximum; take that of masked_sequence")
