"""Dropout that draws faster on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Dropout(nn.Dropout):
    """torch.nn.Dropout from uniform draws, about twice as fast on a CPU as torch's Bernoulli ones."""

    def forward(self, x: Tensor) -> Tensor:
        """Set each value to 0 with probability p and divide the others by 1 - p, in training mode."""
        if not self.training or self.p == 0 or x.device.type != "cpu" or x.dtype.itemsize < 4:
            return functional.dropout(x, self.p, self.training)
        return x * torch.rand(x.shape, dtype=x.dtype).ge_(self.p).div_(1.0 - self.p)
