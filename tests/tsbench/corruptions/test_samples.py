import itertools

import numpy as np
import pytest

from tsbench.data.panel import Panel

NAMES = ("samples", "samples-time", "samples-block")


def test_exactly_the_share_of_what_is_observed_goes(panel, corrupted):
    before, after = ((~np.isnan(X)).sum(axis=(1, 2)) for X in (panel.X, corrupted(panel, "samples", 0.3).X))
    assert (before - after).tolist() == [round(0.3 * n) for n in before]


def test_whole_time_points_go(panel, corrupted):
    before, after = (~np.isnan(X).all(axis=1) for X in (panel.X, corrupted(panel, "samples-time", 0.3).X))
    assert (before.sum(1) - after.sum(1)).tolist() == [round(0.3 * n) for n in before.sum(1)]
    kept = np.isnan(corrupted(panel, "samples-time", 0.3).X) == np.isnan(panel.X)
    assert (kept.all(axis=1) | ~after).all()


def test_the_block_is_one_and_of_the_length_asked_for(waves, corrupted):
    gone = np.isnan(corrupted(waves, "samples-block", 0.25).X)
    assert (gone == gone[:, :1]).all() and (gone[:, 0].sum(axis=1) == 1000).all()
    starts = gone[:, 0].argmax(axis=1)
    assert all(gone[case, 0, start : start + 1000].all() for case, start in enumerate(starts))
    assert len(set(starts.tolist())) == len(waves)


@pytest.mark.parametrize("name", NAMES)
def test_what_a_lower_level_takes_a_higher_one_takes_too(panel, corrupted, name):
    missing = [np.isnan(corrupted(panel, name, level).X) for level in (0, 0.2, 0.5, 0.8, 0.99)]
    np.testing.assert_array_equal(missing[0], np.isnan(panel.X))
    assert all((low <= high).all() for low, high in itertools.pairwise(missing))
    assert missing[1].sum() < missing[2].sum() < missing[3].sum()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("level", [0.97, 0.999])
def test_beyond_95_percent_a_case_keeps_a_value(waves, panel, corrupted, name, level):
    left = ~np.isnan(corrupted(waves, name, level).X)
    assert left.mean() == pytest.approx(1 - level, abs=1e-4)
    assert (~np.isnan(corrupted(panel, name, level).X)).any(axis=(1, 2)).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_case_of_one_value_and_one_of_none_stay(corrupted, name):
    X = np.full((2, 2, 7), np.nan)
    X[0, 1, 3] = 1.0
    sparse = Panel.build(X)
    np.testing.assert_array_equal(corrupted(sparse, name, 0.95).X, sparse.X)
