"""Contrastive and regression losses within a batch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def nt_xent(a: Tensor, b: Tensor, temperature: float = 0.2) -> Tensor:
    """Return the normalised temperature-scaled cross entropy of SimCLR (Chen et al. 2020, eq. 1).

    a, b : (n, d), row i of both are two views of case i. Cosine similarity; each of the 2n rows is contrasted with
    the other 2n - 1; mean over the rows. Needs n >= 2 for a negative to exist; n = 1 gives 0.
    """
    z = functional.normalize(torch.cat([a, b]), dim=1)
    logits = z @ z.T / temperature
    logits.fill_diagonal_(float("-inf"))
    n = len(a)
    positives = torch.arange(2 * n, device=a.device).roll(n)
    return functional.cross_entropy(logits, positives)


def info_nce(anchors: Tensor, candidates: Tensor) -> Tensor:
    """Return the cross entropy of finding candidate i for anchor i among all n, by dot products (CPC, eq. 4).

    anchors, candidates : (..., n, d), van den Oord et al. (arXiv 1807.03748). Mean over the n anchors and all leading
    dimensions; log n for uninformative vectors, 0 for n = 1.
    """
    scores = anchors @ candidates.transpose(-1, -2)
    return -scores.log_softmax(dim=-1).diagonal(dim1=-2, dim2=-1).mean()


def regression_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """Return || p/|p| - z/|z| ||^2 = 2 - 2 cos(p, z) per row, in [0, 4]; shapes (..., d) -> (...).

    BYOL (Grill et al. 2020), eq. 2; TRLS (arXiv 2401.05431), eq. 1. The target is not detached here.
    """
    return 2.0 - 2.0 * functional.cosine_similarity(prediction, target, dim=-1, eps=1e-8)


def class_weights(y: Tensor, n_classes: int) -> Tensor:
    """Return what a case of each class weighs so that all classes count alike, (n_classes,); 0 for one without a case.

    y : int64 (n,). It is n over the number of classes that have cases and over the cases of the class.
    """
    counts = torch.bincount(y, minlength=n_classes)
    weight = len(y) / (counts.count_nonzero() * counts.clamp(min=1))
    return torch.where(counts > 0, weight, torch.zeros_like(weight))


def focal_loss(scores: Tensor, y: Tensor, gamma: float = 2.0, weight: Tensor | None = None) -> Tensor:
    """Return the mean of -w (1 - p)^gamma log p of the true class (Lin et al. 2017, arXiv 1708.02002).

    scores : (n, n_classes). y : int64 (n,). weight : (n_classes,), 1 for each where it is None.
    """
    log_p = scores.log_softmax(dim=1).gather(1, y[:, None])[:, 0]
    losses = -((1 - log_p.exp()) ** gamma * log_p)
    return (losses if weight is None else weight[y] * losses).mean()
