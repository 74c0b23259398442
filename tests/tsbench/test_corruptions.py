import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsbench.corruptions import add_noise, corrupt, drop_time_points
from tsbench.data.panel import Panel


@pytest.fixture(scope="module")
def waves():
    rng = np.random.default_rng(0)
    return Panel.build(5 + rng.normal(size=(8, 3, 4000)) * np.array([1.0, 10.0, 0.1])[:, None])


@given(st.floats(0.01, 20))
def test_the_measured_ratio_is_the_one_asked_for(waves, decibels):
    noisy = add_noise(waves, decibels, np.random.default_rng(1))
    noise = (noisy.X.astype(float) - waves.X).var(axis=2)
    measured = 10 * np.log10(waves.X.astype(float).var(axis=2) / noise)
    assert abs(measured - decibels).max() < 0.5
    assert abs(measured.mean() - decibels) < 0.1


@given(st.floats(0, 0.95))
def test_the_dropped_share_is_the_one_asked_for_and_whole_time_points_go(waves, probability):
    dropped = np.isnan(drop_time_points(waves, probability, np.random.default_rng(1)).X)
    assert (dropped == dropped[:, :1]).all()
    assert abs(dropped[:, 0].mean() - probability) < 3 / np.sqrt(dropped[:, 0].size)


def test_no_dropout_changes_nothing_and_a_constant_channel_stays(waves):
    np.testing.assert_array_equal(drop_time_points(waves, 0.0, np.random.default_rng(1)).X, waves.X)
    constant = Panel.build(np.ones((2, 1, 5)))
    np.testing.assert_array_equal(add_noise(constant, 1.0, np.random.default_rng(1)).X, constant.X)


def test_missing_values_stay_missing_and_do_not_count(panel):
    noisy = add_noise(panel, 5.0, np.random.default_rng(1))
    np.testing.assert_array_equal(np.isnan(noisy.X), np.isnan(panel.X))


def test_draws_depend_on_the_key_alone(waves):
    one, same, other = (corrupt(waves, "noise", 5.0, key).X for key in ("k", "k", "l"))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_the_kind_says_what_is_done(waves):
    noisy, thin = corrupt(waves, "noise", 0.5, "k").X, corrupt(waves, "dropout", 0.5, "k").X
    assert not np.isnan(noisy).any() and (noisy != waves.X).mean() > 0.99
    kept = ~np.isnan(thin)
    assert kept.mean() == pytest.approx(0.5, abs=0.02)
    np.testing.assert_array_equal(thin[kept], waves.X[kept])
