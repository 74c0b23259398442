"""Which of many vectors are nearest to another: exact answers, most of whose work is done on rounded copies."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch

from tsbench.nn.compiled import compiled

Vectors = npt.NDArray[np.float32]
ROUGH = 127  # the largest value of a vector's rounded copy, int8
FINE = 32_767  # the same of a query, int16
FLOAT_ERROR = 1e-6  # of a product in float32, relative to the lengths of both vectors; more than is met
ROWS = 65_536  # that are rounded at a time


class Index:
    """Vectors (n, d) to be asked for those with the largest inner products.

    Each vector is kept a second time as int8, a quarter of the size, and it is known by how much the product of that
    copy can be off. Only vectors that may be among the nearest by that are multiplied exactly.
    """

    def __init__(self, vectors: Vectors) -> None:
        n, d = vectors.shape
        self._vectors = vectors
        self._rough = np.empty((n, d), dtype=np.int8)
        self._facts = np.empty((n, 3), dtype=np.float32)  # step of the copy, length of what it lost, own length
        for start in range(0, n, ROWS):
            part = slice(start, start + ROWS)
            rows = vectors[part]
            step = np.abs(rows).max(axis=1, initial=0) / ROUGH
            step[step == 0] = 1
            self._rough[part] = np.rint(rows / step[:, None])
            lost = rows - self._rough[part] * step[:, None]
            self._facts[part] = np.stack([step, np.linalg.norm(lost, axis=1), np.linalg.norm(rows, axis=1)], axis=1)

    def nearest(self, query: Vectors, k: int, threads: int = 1) -> tuple[npt.NDArray[np.int64], Vectors]:
        """Return indices and inner products of the k vectors with the largest ones, the largest first.

        Equal products stand in the order of the vectors. query : (d,).
        """
        some = self._candidates(query.astype(np.float64), min(k, len(self._vectors)), threads)
        scores = self._vectors[some].astype(np.float64) @ query.astype(np.float64)
        order = np.lexsort((some, -scores))[:k]
        return some[order].astype(np.int64), scores[order].astype(np.float32)

    def _candidates(self, query: npt.NDArray[np.float64], k: int, threads: int) -> npt.NDArray[np.intp]:
        """Return which vectors may be among the k nearest: at their best they reach what k others are at least."""
        largest = min(FINE, np.iinfo(np.int32).max // (ROUGH * len(query)))  # so that no sum overflows
        step = (np.abs(query).max() / largest) or 1.0
        fine = np.rint(query / step)
        length = np.linalg.norm(query)
        lost = np.linalg.norm(query - step * fine) + FLOAT_ERROR * length
        given, factors = fine.astype(np.int16), np.array([step, length, lost], dtype=np.float32)
        worst, best = (np.empty(len(self._rough), dtype=np.float32) for _ in range(2))
        bounds = np.linspace(0, len(worst), threads + 1).astype(int)

        def bound(part: slice) -> None:
            _bound(self._rough[part], self._facts[part], given, factors, worst[part], best[part])

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(bound, (slice(*ends) for ends in pairwise(bounds))))
        reached = float(torch.from_numpy(worst).topk(k).values[-1])  # ten times as fast as numpy's partition
        return np.flatnonzero(best >= reached)


@compiled
def _bound(
    rows: npt.NDArray[np.int8],
    facts: Vectors,
    query: npt.NDArray[np.int16],
    factors: Vectors,
    worst: Vectors,
    best: Vectors,
) -> None:
    """Write between what the inner products of vectors with a query are.

    rows : copies (n, d). facts : (n, 3), of each the step of its copy, the length of what that lost and its own length.
    factors : (3,), of the query its step, its length, and the length of what is lost of it.
    """
    for i in range(len(rows)):
        total = np.int32(0)
        for j in range(len(query)):
            total += np.int32(rows[i, j]) * np.int32(query[j])
        product = np.float32(total) * facts[i, 0] * factors[0]
        error = facts[i, 1] * factors[1] + facts[i, 2] * factors[2]
        worst[i], best[i] = product - error, product + error
