"""The losses of AimTS (arXiv 2504.09993): prototypes, augmentations, and series with images."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from tsbench.nn import hierarchical_loss

_COSINE_MARGIN = 1e-7  # keeps the angle between two vectors away from 0 and pi, where its sine is 0


def prototype_loss(first: Tensor, second: Tensor) -> Tensor:
    """Return L_inter of projected views (n_augmentations, n, n_timepoints, d) of two draws of the augmentations.

    A prototype is the mean over the augmentations of one draw. The two prototypes of a case are contrasted with those
    of the other cases at each time point by dot product, and again at every scale of pairwise maxima, as in the
    instance loss of TS2Vec. 0 for one case.
    """
    return hierarchical_loss(first.mean(0), second.mean(0), alpha=1.0, temporal_unit=first.shape[2])


def augmentation_loss(first: Tensor, second: Tensor, temperatures: Tensor) -> Tensor:
    """Return L_intra of pooled views (n_augmentations, n, d) of two draws; temperatures (2 n_augmentations,) * 2.

    Within a case, each view finds the other draw of its augmentation among all other views by dot product over
    temperature. Half of the mean over views and cases, as in the published code; 0 for one augmentation.
    """
    n_augmentations, n, _ = first.shape
    if n_augmentations == 1:
        return first.new_zeros(())
    z = torch.cat([first, second]).transpose(0, 1)
    logits = z @ z.transpose(1, 2) / temperatures
    logits.diagonal(dim1=1, dim2=2).fill_(float("-inf"))
    partner = torch.arange(2 * n_augmentations, device=z.device).roll(n_augmentations)
    return functional.cross_entropy(logits.flatten(0, 1), partner.repeat(n)) / 2


@torch.no_grad()
def adaptive_temperatures(first: Tensor, second: Tensor, low: float = 1.0, high: float = 1.01) -> Tensor:
    """Return the temperature of each pair of views, (2 n_augmentations, 2 n_augmentations), from `low` to `high`.

    first, second : augmented series (n_augmentations, n, n_channels, n_timepoints). The Euclidean distance over time,
    averaged over channels and cases and divided by n (as the published code does), goes through a softmax over each
    row, then to [low, high] over all pairs. Views of the same augmentation, the positives, have the lowest.
    """
    n_augmentations, n = first.shape[:2]
    series = torch.cat([first, second]).flatten(1, 2).transpose(0, 1)
    distance = torch.cdist(series, series, compute_mode="donot_use_mm_for_euclid_dist").mean(0) / n
    same = torch.eye(n_augmentations, dtype=torch.bool, device=first.device).repeat(2, 2)
    share = distance.masked_fill(same, float("-inf")).softmax(dim=1)
    return low + (high - low) * share / share.max()  # the least share is 0, that of the positives


def series_image_loss(
    series: Tensor, image: Tensor, share: Tensor, temperature: float = 0.07, mix_weight: float = 0.5
) -> Tensor:
    """Return L_SI of the embeddings (n, d) of cases and of their images; the formula is not specified in the paper.

    (1 - mix_weight) times the symmetric InfoNCE with cosine similarity, plus mix_weight times the same with geodesic
    mixtures of the other cases' two embeddings as negatives (Oh et al., NeurIPS 2023). share : (n,), of the series'
    embedding in each mixture.
    """
    u, v = functional.normalize(series, dim=1), functional.normalize(image, dim=1)
    plain = u @ v.T / temperature
    loss = (1 - mix_weight) * _both_ways(plain, plain.T)
    if mix_weight:
        mixed = geodesic_mixup(u, v, share)
        own = torch.eye(len(u), dtype=torch.bool, device=u.device)
        logits = [torch.where(own, plain, z @ mixed.T / temperature) for z in (u, v)]
        loss = loss + mix_weight * _both_ways(*logits)
    return loss


def geodesic_mixup(a: Tensor, b: Tensor, share: Tensor) -> Tensor:
    """Return the points (n, d) at `share` (n,) of the way along the great circle from rows of b (0) to rows of a (1).

    Spherical interpolation; unit rows stay unit rows. The angle is kept off 0 and pi, where there is no single path.
    """
    cosine = functional.cosine_similarity(a, b, dim=1).clamp(_COSINE_MARGIN - 1, 1 - _COSINE_MARGIN)
    angle = cosine.arccos()
    weights = torch.stack([share * angle, (1 - share) * angle]).sin() / angle.sin()
    return weights[0, :, None] * a + weights[1, :, None] * b


def _both_ways(first: Tensor, second: Tensor) -> Tensor:
    own = torch.arange(len(first), device=first.device)
    return (functional.cross_entropy(first, own) + functional.cross_entropy(second, own)) / 2
