import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsbench.data.panel import Panel


@given(st.floats(0, 0.95))
def test_the_dropped_share_is_the_one_asked_for_and_whole_time_points_go(waves, corrupted, probability):
    dropped = np.isnan(corrupted(waves, "dropout", probability).X)
    assert (dropped == dropped[:, :1]).all()
    assert abs(dropped[:, 0].mean() - probability) < 3 / np.sqrt(dropped[:, 0].size)


def test_nothing_else_changes(waves, corrupted):
    np.testing.assert_array_equal(corrupted(waves, "dropout", 0.0).X, waves.X)
    thin = corrupted(waves, "dropout", 0.5).X
    kept = ~np.isnan(thin)
    assert kept.mean() == pytest.approx(0.5, abs=0.02)
    np.testing.assert_array_equal(thin[kept], waves.X[kept])


def test_the_draws_do_not_drift(few, corrupted):
    # a change here changes the numbers of stored results without changing their keys
    dropped = np.isnan(corrupted(few, "dropout", 0.4).X[:, 0])
    assert dropped.astype(int).tolist() == [[0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0]]
    dropped = np.isnan(corrupted(few, "dropout", 0.7).X[:, 0])
    assert dropped.astype(int).tolist() == [[1, 1, 0, 1, 0, 0], [0, 1, 1, 0, 0, 1]]


def test_a_short_case_may_lose_all_as_it_always_could(corrupted):
    one = Panel.build(np.ones((50, 1, 1)))
    assert 30 < np.isnan(corrupted(one, "dropout", 0.8).X).sum() < 50
