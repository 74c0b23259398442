"""Bins and their counts, against plain loops."""

import numpy as np
import pytest
import torch

from tsbench_imaging.bins_cpu import bins_of, successors, within
from tsbench_imaging.pairs_cpu import distances_of_rank


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_value_that_is_an_edge_is_in_the_lower_bin(dtype):
    x = np.array([[0, 1, 1.5, 2, 9], [0.1, 0.1, 0.2, 0.3, 0.4]], dtype=dtype)
    edges = np.array([[1.0, 2.0, np.inf], [0.1, 0.2, 0.3]])
    found = bins_of(x, edges)
    assert found.tolist()[0] == [0, 0, 1, 1, 2]
    np.testing.assert_array_equal(found, torch.searchsorted(torch.from_numpy(edges), torch.from_numpy(x).double()))


def test_successors_and_bins_of_a_segment_are_counted():
    bins = np.array([[0, 1, 1, 2, 0], [2, 2, 2, 2, 2]])
    assert successors(bins, 3).tolist() == [[[0, 1, 0], [0, 1, 1], [1, 0, 0]], [[0, 0, 0], [0, 0, 0], [0, 0, 4]]]
    start, end = np.array([0, 2]), np.array([3, 5])
    assert within(bins, 3, start, end).tolist() == [[[1, 2, 0], [1, 1, 1]], [[0, 0, 3], [0, 0, 3]]]


@pytest.mark.parametrize("kind", ["even", "far", "equal", "two"])
def test_distances_of_a_rank_are_those_of_all_sorted(kind):
    draw = np.random.default_rng(0)
    x = {
        "even": np.sort(draw.normal(size=(3, 40)), axis=1),
        "far": np.sort(np.exp(20 * draw.normal(size=(3, 40))), axis=1),
        "equal": np.sort(draw.integers(0, 4, size=(3, 40)).astype(float), axis=1),
        "two": np.array([[0.0, 1.0], [1.0, 1.0]]),
    }[kind]
    every = np.sort(np.abs(x[:, :, None] - x[:, None, :]).reshape(len(x), -1), axis=1)
    for rank in range(0, every.shape[1] - 1, max(1, every.shape[1] // 97)):
        low, high = distances_of_rank(x, rank)
        np.testing.assert_array_equal([low, high], [every[:, rank], every[:, rank + 1]])
