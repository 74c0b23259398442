import numpy as np
import pytest

from tsbench.statistics.delong import auroc_covariance, delong


def by_every_pair(positive, scores):
    """The areas and their covariance as DeLong (1988) defines them: every positive case against every negative one."""
    wins = [np.sign(row[positive][:, None] - row[~positive]) / 2 + 0.5 for row in scores]
    m, n = wins[0].shape
    tens, ones = np.array([w.mean(axis=1) for w in wins]), np.array([w.mean(axis=0) for w in wins])
    return np.array([w.mean() for w in wins]), np.cov(tens) / m + np.cov(ones) / n


@pytest.mark.parametrize("levels", [3, 8, 10**6])  # few levels make ties
def test_the_fast_way_is_the_definition(levels):
    rng = np.random.default_rng(levels)
    positive = rng.random(90) < 0.3
    scores = np.round(rng.random((2, 90)) * levels + positive)
    areas, covariance = auroc_covariance(positive, scores)
    expected, spread = by_every_pair(positive, scores)
    np.testing.assert_allclose(areas, expected, atol=1e-12)
    np.testing.assert_allclose(covariance, spread, atol=1e-12)


def test_a_worked_example():
    """Two positives, two negatives; by hand: areas 3/4 and 1/2."""
    positive = np.array([True, True, False, False])
    found = delong(positive, np.array([4, 2, 3, 1]), np.array([4, 1, 3, 2]))
    assert (found.first, found.second, found.difference) == (0.75, 0.5, 0.25)
    # Shares of negatives below: (1, 1/2) and (1, 0); of positives above: (1/2, 1) and (1/2, 1/2).
    assert found.variance == pytest.approx((0.5**2 / 2) / 2 + (0.5**2 / 2) / 2)
    assert found.p == pytest.approx(0.47950, abs=1e-5)  # of z = .25 / sqrt(.125) = .70711


def test_what_does_not_differ_has_p_1_and_what_cannot_be_told_has_none():
    positive = np.array([True, True, False, False])
    assert delong(positive, np.arange(4), np.arange(4) * 2).p == 1.0
    assert np.isnan(delong(np.array([True, False, False, False]), np.arange(4), np.arange(4)).p)


def test_one_case_of_a_kind_has_an_area_and_no_variance():
    found = delong(np.array([False, False, True, False]), np.arange(4), -np.arange(4))
    assert found[:2] == pytest.approx((2 / 3, 1 / 3)) and np.isnan(found.variance) and np.isnan(found.p)
    assert all(np.isnan(delong(np.zeros(4, bool), np.arange(4), np.arange(4))))


def test_the_test_keeps_its_level():
    rng = np.random.default_rng(0)
    positive = np.arange(120) % 3 == 0
    p = [delong(positive, *(rng.normal(size=120) + positive for _ in range(2))).p for _ in range(400)]
    assert 0.02 < np.mean(np.array(p) < 0.05) < 0.09
