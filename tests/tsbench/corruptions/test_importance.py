from dataclasses import replace

import numpy as np
import pytest

from tsbench.corruptions.importance import by_importance, case_statistics
from tsbench.data import stream
from tsbench.data.panel import Panel
from tsbench.errors import InvalidDataError

NO = np.nan


def test_statistics_are_of_observed_values_within_the_length():
    X = np.array([[[1, NO, 3, 9], [NO, NO, NO, 9]], [[2, 2, 2, 2], [NO, 4, NO, 6]]])
    found = case_statistics(Panel.build(X, lengths=[3, 4]))
    np.testing.assert_allclose(found[0], [[2, 1, 1, 3, 3, 2 / 3], [NO] * 5 + [0]])
    np.testing.assert_allclose(found[1], [[2, 0, 2, 2, 2, 1], [5, 1, 4, 6, 6, 0.5]])


def test_the_least_informative_come_last_in_their_order():
    y = np.arange(20) % 2
    X = np.random.default_rng(0).normal(size=(20, 4, 8))
    X[:, 0], X[:, 2] = 7.0, NO
    X[:, 3] += 9 * y[:, None]
    assert by_importance(Panel.build(X, y)).tolist() == [3, 1, 0, 2]


def test_a_sensor_that_tells_by_being_there_counts():
    y = np.arange(40) % 2
    X = np.random.default_rng(0).normal(size=(40, 2, 30))
    X[y == 1, 1, 5:] = NO
    assert by_importance(Panel.build(X, y)).tolist() == [1, 0]


def test_without_labels_there_is_no_order(panel):
    with pytest.raises(InvalidDataError, match="the cases have none"):
        by_importance(panel.without_labels())


def test_streamed_cases_have_the_same_order(tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "BLOCK_BYTES", 3000)
    y = np.arange(40) % 3
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(40, 6, 50)).astype(np.float32))
    held, streamed = (Panel.build(np.load(tmp_path / "x.npy", mmap_mode=mode), y) for mode in (None, "r"))
    assert isinstance(streamed.X, stream.Streamed)
    np.testing.assert_array_equal(by_importance(held), by_importance(streamed))
    np.testing.assert_array_equal(by_importance(held), by_importance(replace(held, X=1e6 * held.X)))
