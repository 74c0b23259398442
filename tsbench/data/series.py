"""Series: cases with what tells their values from padding; what encoders, transforms and augmentations take."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self, TypeVar

import torch
from torch import Tensor

Values = TypeVar("Values", Tensor, "Series")


@dataclass(frozen=True)
class Series:
    """Cases on one device.

    Attributes
    ----------
    x : (n, n_channels, n_timepoints); 0 where a value is missing and beyond a case's length.
    lengths : int64 (n,).
    observed : bool, shape of x, False where missing or padded; None when every value is there.
    times : (n, n_timepoints) since each case's start, or None. static : (n, n_static) or None.
    padded : some case ends before the time axis does; found out where it is not given.
    sampling_rate : Hz, None where unknown. time_unit : seconds that a unit of times takes.
    channel_names : one per channel, may be empty.
    """

    x: Tensor
    lengths: Tensor
    observed: Tensor | None = None
    times: Tensor | None = None
    static: Tensor | None = None
    padded: bool | None = None
    sampling_rate: float | None = field(default=None, kw_only=True)
    time_unit: float = field(default=1.0, kw_only=True)
    channel_names: tuple[str, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        if self.padded is None:
            object.__setattr__(self, "padded", bool((self.lengths < self.x.shape[-1]).any()))

    @classmethod
    def of(cls, x: Tensor | Series, lengths: Tensor | None = None) -> Series:
        """Return a Series as it is, or one of bare values (n, n_channels, n_timepoints), whole without lengths."""
        if isinstance(x, Series):
            return x
        if lengths is None:
            return Series(x, torch.full((len(x),), x.shape[-1], device=x.device), padded=False)
        return Series(x, lengths)

    def __len__(self) -> int:
        return len(self.x)

    @property
    def mask(self) -> Tensor:
        """Bool (n, n_channels, n_timepoints): True where a value was observed."""
        return torch.ones_like(self.x, dtype=torch.bool) if self.observed is None else self.observed

    @cached_property
    def inside(self) -> Tensor | None:
        """Bool (n, n_timepoints), False beyond a case's length; None where no case is padded."""
        return within(self.lengths, self.x.shape[-1]) if self.padded else None

    def with_values(self, x: Tensor) -> Self:
        """Return the cases with other values at the same time points."""
        return replace(self, x=x)

    def filled(self, values: Tensor) -> Tensor:
        """Return x with these values where it has none, 0 beyond each case's end; of a shape that broadcasts to x."""
        whole = torch.where(self.mask, self.x, values)
        return whole if self.inside is None else whole.masked_fill(~self.inside[:, None], 0.0)


def within(lengths: Tensor, width: int) -> Tensor:
    """Return bool (n, width), True for the first `lengths` (n,) entries of each row."""
    return torch.arange(width, device=lengths.device) < lengths[:, None]


def values(x: Tensor | Series) -> Tensor:
    """Return the values of a Series, or bare ones as they are."""
    return x.x if isinstance(x, Series) else x
