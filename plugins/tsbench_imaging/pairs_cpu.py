"""All distances |x_i - x_j| of a series, none of them held: order statistics and comparisons, compiled for the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tsbench.nn.compiled import compiled

Array = npt.NDArray[np.float64]


@compiled
def below(x: Array, limits: Array, out: npt.NDArray[Any]) -> None:
    """Write to out (n, m, m) 1 where two points of a row of x (n, m) are nearer than its limit (n,), else 0."""
    for n in range(len(x)):
        values, limit = x[n], limits[n]
        for i in range(len(values)):
            row = out[n, i]
            for j in range(len(values)):
                row[j] = abs(values[i] - values[j]) < limit


@compiled
def distances_of_rank(x: Array, rank: int) -> tuple[Array, Array]:
    """Return the distances of rank `rank` and `rank + 1` (from 0) among the m * m of each row of x (n, m), sorted.

    x is ascending along the rows, finite, float64; distances are x_j - x_i as float64 rounds it. O(m) per step. Steps
    go in turns to where the rank is if distances are spread evenly, and to the middle of the bits, which are 63.
    """
    low, high = np.empty(len(x)), np.empty(len(x))
    for n in range(len(x)):
        row = x[n]
        # floats >= 0 are ordered as their bits are: halve between the bits of 0 and of the largest distance
        values = np.array([0.0, row[-1] - row[0], 0.0])  # smallest, largest, middle: the first two are distances
        bits = values.view(np.int64)
        below, within, even = 0, len(row) ** 2, True  # how many are below the smallest, and at most the largest
        while bits[0] < bits[1]:
            bits[2] = bits[0] + (bits[1] - bits[0]) // 2
            if even:
                guess = values[0] + (values[1] - values[0]) * ((rank + 0.5 - below) / (within - below))
                values[2] = guess if values[0] <= guess < values[1] else values[2]
            even = not even
            count, reached, above = _count(row, values[2])
            if count > rank:
                values[1], within = reached, count
            else:
                values[0], below = above, count
        low[n] = values[0]
        count, reached, above = _count(row, low[n])
        high[n] = low[n] if count > rank + 1 or count == len(row) ** 2 else above
    return low, high


@compiled
def _count(row: Array, limit: float) -> tuple[int, float, float]:
    """Return how many distances of row (m,), ascending, are at most limit, the largest of these and the next one."""
    m, pairs, reached, above, j = len(row), 0, 0.0, np.inf, 0
    for i in range(m):
        while j < m and row[j] - row[i] <= limit:
            j += 1
        pairs += j - i - 1
        reached = max(reached, row[j - 1] - row[i])
        if j < m:
            above = min(above, row[j] - row[i])
    return m + 2 * pairs, reached, above
