"""Cases that are the same are known by their values."""

from dataclasses import replace

import numpy as np

from tsbench.data.copies import same_cases
from tsbench.data.panel import Panel

NAN = np.nan


def test_the_same_values_and_length_make_the_same_case():
    X = np.array([[[1, 2, 3.0]], [[1, 2, NAN]], [[1, 2, NAN]], [[0.0, NAN, 3]], [[1, 2, 4]]])
    known = Panel.build(X, lengths=np.array([3, 2, 3, 3, 3]))
    given = Panel.build(
        np.array([[[1, 2, NAN, NAN]], [[-0.0, NAN, 3, NAN]], [[1, 2, 3, NAN]], [[1, 2, 5, NAN]]]),
        lengths=np.array([2, 3, 3, 3]),
    )
    assert same_cases(given, known).tolist() == [0, 1, 2]
    assert same_cases(replace(given, lengths=np.array([4, 4, 4, 4])), known).tolist() == []


def test_all_channels_count():
    X = np.random.default_rng(0).normal(size=(4, 2, 5))
    other = X.copy()
    other[1, 1, 4] += 1
    assert same_cases(Panel.build(other), Panel.build(X)).tolist() == [0, 2, 3]
