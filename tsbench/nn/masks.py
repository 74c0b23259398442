"""Arithmetic over the steps that count: those of a case itself, or those that were observed.

x is (n, n_steps, size) and keep bool (n, n_steps), or None where all steps count, which is computed as without a mask.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tsbench.data.series import within

__all__ = ["flip_steps", "last_step", "masked_max", "masked_mean", "masked_norm", "only", "within"]


def only(x: Tensor, keep: Tensor | None, other: float = 0.0) -> Tensor:
    """Return x with another number at the steps that do not count."""
    return x if keep is None else x.masked_fill(~keep[:, :, None], other)


def masked_mean(x: Tensor, keep: Tensor | None) -> Tensor:
    """Return the mean over the steps that count, (n, size); 0 where none does."""
    if keep is None:
        return x.mean(dim=1)
    return only(x, keep).sum(dim=1) / keep.sum(dim=1, keepdim=True).clamp(min=1)


def masked_max(x: Tensor, keep: Tensor | None) -> Tensor:
    """Return the largest value over the steps that count, (n, size); -inf where none does."""
    return only(x, keep, float("-inf")).amax(dim=1)


def masked_norm(norm: nn.BatchNorm1d, x: Tensor, keep: Tensor) -> Tensor:
    """Apply a BatchNorm to the steps that count, whose statistics alone it takes; 0 at the others."""
    rows = norm(x[keep])
    normal: Tensor = rows.new_zeros(x.shape)
    normal[keep] = rows
    return normal


def last_step(x: Tensor, lengths: Tensor) -> Tensor:
    """Return the last step of each case, (n, ...), of cases x (n, n_steps, ...) that have `lengths` (n,) steps."""
    return x[torch.arange(len(x), device=x.device), lengths - 1]


def flip_steps(x: Tensor, lengths: Tensor) -> Tensor:
    """Reverse the first `lengths` (n,) steps of each case; those beyond stay."""
    step = torch.arange(x.shape[1], device=x.device)
    index = torch.where(step < lengths[:, None], lengths[:, None] - 1 - step, step)
    return x.gather(1, index[:, :, None].expand_as(x))
