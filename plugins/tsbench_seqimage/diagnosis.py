"""What can go wrong with SeqImage, looked for after its training: numbers, and warnings for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.functional import normalize

from tsbench import Batch, Diagnosis
from tsbench_seqimage.losses import balanced_accuracy, occupancy_entropy, spherical_k_means
from tsbench_seqimage.pictures import Pictures, inside_of

WINS = 0.95  # balanced accuracy from which the discriminator is said to win
COLLAPSED = 0.01  # cosine between a sequence and its own pictures, above that with others'
CROWDED = 0.2  # entropy of the clusters' sizes, as a share of the largest
UNIFORM = 1e-3  # deviation of the pixels of an image
_NAMED = 5


@torch.no_grad()
def diagnose(method: Any, batch: Batch) -> Diagnosis:
    """Return what the pictures, the contrast, the clusters and the discriminator of a trained SeqImage are like."""
    values: dict[str, float] = {}
    warnings: list[str] = []
    series = method.timed(batch)
    joint, sequence, images = method.branches(batch)
    if method.generator is not None:
        _imputation(method, batch, values, warnings)
    if method.images is not None:
        _pictures(method.images.pictures, series, values, warnings)
    if method.sequence_head is not None and method.image_head is not None and len(batch) > 1:
        scores = normalize(method.sequence_head(sequence), dim=1) @ normalize(method.image_head(images), dim=1).T
        own, n = scores.diagonal().mean(), len(batch)
        values["contrast_gap"] = float(own - (scores.sum() - scores.trace()) / (n * (n - 1)))
        if values["contrast_gap"] < COLLAPSED:
            warnings.append(
                f"the contrast of sequences and pictures has collapsed: a case's own are alike by "
                f"{values['contrast_gap']:.3f} more than others'; lower margin or contrast_temperature"
            )
    if method.params.cluster_weight and len(batch) > 1:
        centroids, assigned = spherical_k_means(joint.float(), method.n_clusters)
        values["cluster_entropy"] = occupancy_entropy(assigned, len(centroids))
        if values["cluster_entropy"] < CROWDED:
            warnings.append(
                f"nearly all cases are in one cluster (entropy {values['cluster_entropy']:.2f} of 1): lower "
                "cluster_weight, or clusters"
            )
    return Diagnosis(values, tuple(warnings))


def _imputation(method: Any, batch: Batch, values: dict[str, float], warnings: list[str]) -> None:
    made, seen = method.imputed(method.timed(batch)), batch.mask
    error, spread = ((made.forward + made.backward) / 2 - batch.x)[seen], batch.x[seen].std()
    if bool(spread > 0):
        values["imputation_nrmse"] = float(error.square().mean().sqrt() / spread)
    if method.discriminator is None:
        return
    hint = None if method.params.hint_rate is None else torch.full_like(batch.x, 0.5)
    accuracy = balanced_accuracy(method.discriminator(made.values, hint), seen, inside_of(batch))
    if accuracy == accuracy:  # some value is missing, and some is not
        values["discriminator_accuracy"] = accuracy
    if accuracy >= WINS:
        warnings.append(
            f"the discriminator wins: it tells {accuracy:.0%} of observed and missing values apart, so that what is "
            "imputed is not realistic; lower adversarial_weight, or set rec_anchor=1"
        )


def _pictures(pictures: Pictures, series: Batch, values: dict[str, float], warnings: list[str]) -> None:
    images = pictures(series, series.x)
    for number, name in enumerate(pictures.maps):
        values[f"std_{name}"] = float(images[:, number].flatten(1).std(dim=1).mean())
        if values[f"std_{name}"] < UNIFORM:
            warnings.append(f"the {name} pictures are uniform (deviation of pixels {values[f'std_{name}']:.1g})")
    blacks: dict[tuple[int, ...], list[str]] = {}
    for name, black in pictures.black(series).items():
        found = black.all(dim=0).nonzero()[:, 0].tolist()
        blacks.setdefault(tuple(found), []).append(name)
    for sensors, names in blacks.items():
        if sensors:
            warnings.append(
                f"all-black pictures ({', '.join(names)}) of {_named(sensors, series)} in {len(series)} training "
                "cases: constant, or seen less than twice in each"
            )


def _named(sensors: Sequence[int], series: Batch) -> str:
    """Return the names of sensors, the first of many."""
    names = [series.channel_names[one] if series.channel_names else f"channel {one}" for one in sensors]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{'sensor' if len(names) == 1 else 'sensors'} {', '.join(names[:_NAMED])}{more}"
