"""The losses of SeqImage (arXiv 2502.06134): adversarial, of a sequence with its pictures, and of clusters."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, logsigmoid, normalize


def discriminator_loss(logits: Tensor, observed: Tensor, inside: Tensor) -> Tensor:
    """Return L_dis, the binary cross entropy of telling observed values from imputed ones; log 2 by guessing.

    logits, observed, inside : (n, n_channels, n_timepoints), the latter bool; mean over what is inside the cases.
    """
    right = torch.where(observed, logsigmoid(logits), logsigmoid(-logits))
    return -(right * inside).sum() / inside.sum()


def adversarial_loss(logits: Tensor, missing: Tensor, saturating: bool = False) -> Tensor:
    """Return L_adv, the mean over missing values of -log p(observed); 0 where no value is missing.

    missing : bool, shape of logits. saturating : the mean of log(1 - p) in its place, as GAIN and USGAN have it.
    """
    value = logsigmoid(-logits) if saturating else -logsigmoid(logits)
    return over(missing, value)


def over(keep: Tensor, values: Tensor) -> Tensor:
    """Return the mean over what is kept; 0 where nothing is."""
    return (values * keep).sum() / keep.sum().clamp(min=1)


def balanced_accuracy(logits: Tensor, observed: Tensor, inside: Tensor) -> float:
    """Return the mean of the shares of observed and of missing values that are told right; NaN without either."""
    right = (logits > 0) == observed
    shares = [right[inside & kind].float().mean() for kind in (observed, ~observed)]
    return float(torch.stack(shares).mean())


def margin_contrast(
    sequence: Tensor, image: Tensor, y: Tensor, margin: float = 0.2, temperature: float = 0.1, drop_same: bool = False
) -> Tensor:
    """Return L_cont: each sequence finds its own pictures among those of the batch, and the other way round.

    sequence, image : (n, d), by cosine. y : (n,), classes. margin : added to the similarity of pairs of two classes, so
    that they must be further apart; 0 is InfoNCE. drop_same : other cases of the same class are no negatives.
    """
    scores = normalize(sequence, dim=1) @ normalize(image, dim=1).T
    other = y[:, None] != y[None, :]
    scores = (scores + margin * other) / temperature
    if drop_same:
        own = torch.eye(len(y), dtype=torch.bool, device=y.device)
        scores = scores.masked_fill(~other & ~own, float("-inf"))
    target = torch.arange(len(y), device=y.device)
    return (cross_entropy(scores, target) + cross_entropy(scores.T, target)) / 2


def cluster_loss(features: Tensor, centroids: Tensor, assigned: Tensor, temperature: float = 0.1) -> Tensor:
    """Return L_cluster, the cross entropy of finding each case's centroid by cosine; 0 where there is one alone.

    features : (n, d). centroids : (k, d), of length 1, which get no gradient. assigned : int64 (n,).
    """
    return cross_entropy(normalize(features, dim=1) @ centroids.detach().T / temperature, assigned)


@torch.no_grad()
def spherical_k_means(features: Tensor, k: int, iterations: int = 20) -> tuple[Tensor, Tensor]:
    """Return centroids of length 1 (k, d) and the cluster of each case (n,), k-means over features of length 1.

    The first centroids are far from each other: the case nearest the mean, then the case furthest from all before. An
    empty cluster takes the case that lies worst in its own. k is at most the number of cases; nothing is drawn.
    """
    points = normalize(features, dim=1)
    k = min(k, len(points))
    chosen = [int((points @ points.mean(dim=0)).argmax())]
    nearest = points @ points[chosen[0]]
    for _ in range(k - 1):
        chosen.append(int(nearest.argmin()))
        nearest = torch.maximum(nearest, points @ points[chosen[-1]])
    centroids = points[chosen]
    for _ in range(iterations):
        likeness, assigned = (points @ centroids.T).max(dim=1)
        sums = torch.zeros_like(centroids).index_add_(0, assigned, points)
        empty = torch.bincount(assigned, minlength=k) == 0
        sums[empty] = points[likeness.argsort()[: int(empty.sum())]]
        centroids = normalize(sums, dim=1)
    return centroids, (points @ centroids.T).argmax(dim=1)


def occupancy_entropy(assigned: Tensor, k: int) -> float:
    """Return the entropy of the clusters' sizes, as a share of that of k equal ones; 1 for a single cluster."""
    share = torch.bincount(assigned, minlength=k) / len(assigned)
    return 1.0 if k == 1 else float(torch.special.entr(share).sum() / torch.tensor(float(k)).log())
