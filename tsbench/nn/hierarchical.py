"""The hierarchical contrastive loss of TS2Vec (arXiv 2106.10466, section 3.2 to 3.4)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# Similarities computed at a time: on a CPU they should stay in its cache, elsewhere a launch should be worth it.
_ELEMENTS = {"cpu": 2**18}
_ELEMENTS_ELSEWHERE = 2**26


def hierarchical_loss(a: Tensor, b: Tensor, alpha: float = 0.5, temporal_unit: int = 0) -> Tensor:
    """Return the loss of two views of the same cases at the same time points, (n, n_timepoints, d) each.

    alpha times the instance loss plus 1 - alpha times the temporal loss, averaged over the scales from the time points
    themselves to one point for all (Algorithm 1); a scale is the largest value of pairs of the scale before. The
    temporal loss counts from scale `temporal_unit` on, and is 0 for a single time point.
    """
    losses: list[Tensor] = []
    while True:
        instance = pair_loss(a.transpose(0, 1), b.transpose(0, 1))
        temporal = pair_loss(a, b) if len(losses) >= temporal_unit else a.new_zeros(())
        losses.append(alpha * instance + (1 - alpha) * temporal)
        if a.shape[1] == 1:
            return torch.stack(losses).mean()
        a, b = _halve(a), _halve(b)


def pair_loss(a: Tensor, b: Tensor) -> Tensor:
    """Return the contrastive loss of the pairs (a[g, i], b[g, i]) within each group g; a, b (groups, m, d).

    Each of the 2m vectors of a group is contrasted with the other 2m - 1 by dot product, without temperature; mean
    over all vectors. With groups = cases and m = time points it is the temporal loss (eq. 1), the other way round the
    instance loss (eq. 2). 0 for m = 1, where there is no negative.
    """
    if a.shape[1] == 1:
        return a.new_zeros(())
    loss: Tensor = _PairLoss.apply(a, b)
    return loss


def _halve(z: Tensor) -> Tensor:
    even = z.shape[1] // 2 * 2
    return torch.maximum(z[:, 0:even:2], z[:, 1:even:2])


class _PairLoss(torch.autograd.Function):
    """The gradient is taken with the loss, so that the similarities (groups, 2m, 2m) need not be kept."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        groups, m, _ = a.shape
        z = torch.cat([a, b], dim=1)
        grad = torch.empty_like(z) if any(ctx.needs_input_grad) else None
        chunk = max(1, _ELEMENTS.get(z.device.type, _ELEMENTS_ELSEWHERE) // (2 * m) ** 2)
        total = z.new_zeros(())
        for start in range(0, groups, chunk):
            part = z[start : start + chunk]
            similarity = part @ part.transpose(1, 2)
            positive = similarity.diagonal(m, 1, 2).sum()
            similarity.diagonal(dim1=1, dim2=2).fill_(float("-inf"))
            log_sum = similarity.logsumexp(dim=2, keepdim=True)
            total += log_sum.sum() - 2 * positive
            if grad is None:
                continue
            # d loss / d z[i] = sum over j of (p[i, j] + p[j, i]) z[j], less twice the partner of i
            p = similarity.sub_(log_sum).exp_()
            p = p + p.transpose(1, 2)
            p.diagonal(m, 1, 2).sub_(2)
            p.diagonal(-m, 1, 2).sub_(2)
            torch.bmm(p, part, out=grad[start : start + chunk])
        n_vectors = 2 * m * groups
        if grad is not None:
            ctx.save_for_backward(grad.div_(n_vectors))
        ctx.m = m
        return total / n_vectors

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor]:
        (grad,) = ctx.saved_tensors
        grad = grad * upstream
        return grad[:, : ctx.m], grad[:, ctx.m :]
