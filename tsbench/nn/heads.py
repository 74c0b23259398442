"""Projection heads and exponential moving averages of modules."""

from __future__ import annotations

import torch
from torch import nn


def projection_head(in_dim: int, hidden: int = 256, out_dim: int = 128) -> nn.Sequential:
    """Return Linear - BatchNorm - ReLU - Linear, the head of SimCLR and BYOL (Grill et al. 2020, appendix)."""
    return nn.Sequential(
        nn.Linear(in_dim, hidden), nn.BatchNorm1d(hidden), nn.ReLU(inplace=True), nn.Linear(hidden, out_dim)
    )


@torch.no_grad()
def update_average(target: nn.Module, online: nn.Module, tau: float) -> None:
    """Move target in place to tau * target + (1 - tau) * online; buffers (BatchNorm statistics) are copied.

    BYOL (Grill et al. 2020), section 3.1. The modules must have the same parameters in the same order.
    """
    torch._foreach_lerp_(list(target.parameters()), list(online.parameters()), 1.0 - tau)
    for kept, new in zip(target.buffers(), online.buffers(), strict=True):
        kept.copy_(new)
