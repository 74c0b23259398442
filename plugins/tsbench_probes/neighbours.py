"""Nearest neighbours by brute force in float64, in chunks of bounded memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_CHUNK_ELEMENTS = 4_000_000  # 32 MB of distances at a time


def squared_distances(a: Floats, b: Floats) -> Floats:
    """Return squared Euclidean distances (n, m) of the rows of a (n, d) and b (m, d); exactly 0 for a is b."""
    centre = b.mean(axis=0)  # a large common offset would cancel badly in the expansion below
    same = a is b
    b = b - centre
    a = b if same else a - centre
    norm_a, norm_b = np.einsum("ij,ij->i", a, a), np.einsum("ij,ij->i", b, b)
    distances: Floats = a @ b.T
    distances *= -2.0
    distances += norm_a[:, None]
    distances += norm_b
    np.maximum(distances, 0.0, out=distances)
    if same:
        np.fill_diagonal(distances, 0.0)
    return distances


def chunks(n: int, width: int) -> Iterator[slice]:
    """Cut n rows of a matrix of the given width into slices of bounded size."""
    size = max(1, _CHUNK_ELEMENTS // width)
    return (slice(start, start + size) for start in range(0, n, size))


def neighbour_scores(train: Floats, y: npt.NDArray[np.int64], x: Floats, k: int = 1) -> Floats:
    """Return scores (n, n_seen) over the sorted classes of y; the largest is the prediction.

    k = 1: how much nearer (Euclidean) the nearest training case of each class is than that of any other class, below 0
    where it is farther, so that scores compare between cases. k > 1: the share of each class among
    the k nearest training cases (all of them where there are fewer than k). Of equal scores the smaller class index is
    the prediction.

    train : float64 (m, d). y : int64 (m,). x : float64 (n, d).
    """
    order = np.argsort(y, kind="stable")
    train = train[order]
    seen, first, index = np.unique(y[order], return_index=True, return_inverse=True)
    votes = np.eye(len(seen))[index]
    k = min(k, len(train))
    scores = np.empty((len(x), len(seen)))
    for part in chunks(len(x), len(train)):
        distances = squared_distances(x[part], train)
        if k == 1:
            scores[part] = _ahead(-np.sqrt(np.minimum.reduceat(distances, first, axis=1)))
        else:
            nearest = np.argpartition(distances, k - 1, axis=1)[:, :k]
            scores[part] = votes[nearest].mean(axis=1)
    return scores


def _ahead(scores: Floats) -> Floats:
    """Return by how much each score of a case (n, k) is above the largest of the others; as they are where k is 1."""
    if scores.shape[1] == 1:
        return scores
    second, best = np.partition(scores, -2, axis=1)[:, -2:].T
    is_best = np.arange(scores.shape[1]) == scores.argmax(axis=1)[:, None]
    return np.asarray(scores - np.where(is_best, second[:, None], best[:, None]))
