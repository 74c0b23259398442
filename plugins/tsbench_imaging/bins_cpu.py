"""Bins of series, and how often each follows another or fills a segment; compiled for the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tsbench.nn.compiled import compiled

Array = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]


@compiled
def bins_of(x: npt.NDArray[Any], edges: Array) -> Whole:
    """Return the bins (n, m) of x (n, m): how many edges (n, k) of its row are below a value."""
    found = np.zeros(x.shape, dtype=np.int64)
    for n in range(len(x)):
        row, bins = x[n], found[n]
        for edge in edges[n]:
            for i in range(len(row)):
                bins[i] += row[i] > edge
    return found


@compiled
def successors(bins: Whole, n_bins: int) -> Array:
    """Return how often each bin follows each (n, n_bins, n_bins)."""
    counts = np.zeros((len(bins), n_bins, n_bins))
    for n in range(len(bins)):
        row, count = bins[n], counts[n]
        for i in range(len(row) - 1):
            count[row[i], row[i + 1]] += 1
    return counts


@compiled
def within(bins: Whole, n_bins: int, start: Whole, end: Whole) -> Array:
    """Return how often each bin is in each segment (n, n_segments, n_bins), from its start to before its end."""
    counts = np.zeros((len(bins), len(start), n_bins))
    for n in range(len(bins)):
        row = bins[n]
        for segment in range(len(start)):
            count = counts[n, segment]
            for i in range(start[segment], end[segment]):
                count[row[i]] += 1
    return counts
