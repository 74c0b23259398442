"""Arithmetic over the steps that count: those of a case itself, or those that were observed.

x is (n, n_steps, size) and keep bool (n, n_steps), or None where all steps count, which is computed as without a mask.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from tsbench.data.series import within
from tsbench.errors import MethodError

__all__ = ["flip_steps", "last_step", "masked_max", "masked_mean", "masked_norm", "only", "to_width", "within"]


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


def to_width(x: Tensor, lengths: Tensor, n_steps: int, value: float = 0.0) -> Tensor:
    """Return x (n, ..., t) with n_steps steps: padding cut off, or `value` behind.

    lengths : (n,), of the cases. Raises MethodError where one is longer; `SSLMethod.most_steps` tells it before.
    """
    if x.shape[-1] > n_steps and bool((lengths > n_steps).any()):
        raise MethodError(
            f"a case has {int(lengths.max())} steps, and the method was built for {n_steps}, "
            "the longest of its data; cut the case"
        )
    return pad(x, (0, n_steps - x.shape[-1]), value=value)
