"""What a method's net sees where it looks at pictures of a case."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

PICTURES = "pictures"
"""The `Batch.extra` under which a method is given pictures to see in place of those it would draw."""


@dataclass(frozen=True)
class Pictured:
    """The pictures of n cases, k each.

    pixels : (n, k, colours, height, width), in [0, 1] where they are to be drawn. names : of the k pictures, each
    another. channels : int64 (k or 1, height, width), which
    channel of the series each pixel is of, -1 for none.
    """

    pixels: Tensor
    names: tuple[str, ...]
    channels: Tensor
