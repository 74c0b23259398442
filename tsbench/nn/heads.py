"""Projection heads and exponential moving averages of modules."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from tsbench.nn.dropout import Dropout


def projection_head(in_dim: int, hidden: int = 256, out_dim: int = 128, dropout: float | None = None) -> nn.Sequential:
    """Return Linear - BatchNorm - ReLU - Linear, the head of SimCLR and BYOL (Grill et al. 2020, appendix).

    dropout : probability of a dropout of the output; None for no such layer.
    """
    end = [] if dropout is None else [Dropout(dropout)]
    return nn.Sequential(
        nn.Linear(in_dim, hidden), nn.BatchNorm1d(hidden), nn.ReLU(inplace=True), nn.Linear(hidden, out_dim), *end
    )


def project_each(head: nn.Module, x: Tensor) -> Tensor:
    """Map x (n, ..., d) to (n, ..., d') as a call of a `projection_head` per entry of the middle axes would.

    BatchNorm takes its statistics over n alone, those of the batch in eval mode too, and keeps no running ones. One
    call does it all: the columns of the batch norm are the middle axes and the hidden units.
    """
    first, norm, *others = head.children()
    assert isinstance(norm, nn.BatchNorm1d)
    hidden = first(x)
    groups = hidden[0, ..., 0].numel()
    weight, bias = norm.weight.repeat(groups), norm.bias.repeat(groups)
    normal = functional.batch_norm(hidden.flatten(1), None, None, weight, bias, training=True, eps=norm.eps)
    projected: Tensor = nn.Sequential(*others)(normal.view_as(hidden))
    return projected


@torch.no_grad()
def recompute_statistics(head: nn.Module, x: Tensor) -> None:
    """Give the BatchNorm of a `projection_head` mean and variance over all of x (n, d), in place of running ones."""
    first, norm, *_ = head.children()
    variance, mean = torch.var_mean(first(x), dim=0)
    norm.load_state_dict({"running_mean": mean, "running_var": variance}, strict=False)


@torch.no_grad()
def update_average(target: nn.Module, online: nn.Module, tau: float) -> None:
    """Move target in place to tau * target + (1 - tau) * online; buffers (BatchNorm statistics) are copied.

    BYOL (Grill et al. 2020), section 3.1. The modules must have the same parameters in the same order.
    """
    torch._foreach_lerp_(list(target.parameters()), list(online.parameters()), 1.0 - tau)
    for kept, new in zip(target.buffers(), online.buffers(), strict=True):
        kept.copy_(new)
