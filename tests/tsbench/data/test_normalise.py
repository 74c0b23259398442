"""Channel statistics against scikit-learn, at extreme magnitudes, and with missing values."""

import numpy as np
import pytest
from aeon.datasets import load_basic_motions
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler

from tsbench.data.normalise import Statistics, channel_statistics
from tsbench.data.panel import Panel
from tsbench.errors import InvalidDataError


def scaler_of(panel, index):
    return StandardScaler().fit(panel.X[index].transpose(0, 2, 1).reshape(-1, panel.n_channels).astype(np.float64))


def test_equals_standard_scaler_on_basic_motions():
    panel = Panel.build(*load_basic_motions())
    index = np.arange(40)
    statistics, scaler = channel_statistics(panel, index), scaler_of(panel, index)
    np.testing.assert_allclose(statistics.mean, scaler.mean_, rtol=1e-12)
    np.testing.assert_allclose(statistics.std, scaler.scale_, rtol=1e-12)
    applied = statistics.apply(panel)
    expected = scaler.transform(panel.X.transpose(0, 2, 1).reshape(-1, 6).astype(np.float64)).reshape(80, 100, 6)
    np.testing.assert_allclose(applied.X, expected.transpose(0, 2, 1), rtol=1e-6, atol=1e-6)
    assert applied.X.dtype == np.float32
    assert (applied.y == panel.y).all()


@settings(deadline=None)
@given(st.integers(-30, 30), st.floats(-1e6, 1e6), st.integers(0, 1000))
def test_any_scale_and_offset(exponent, offset, seed):
    rng = np.random.default_rng(seed)
    panel = Panel.build((rng.normal(size=(7, 2, 9)) + offset) * 10.0**exponent)
    index = rng.permutation(7)[:5]
    statistics, scaler = channel_statistics(panel, index), scaler_of(panel, index)
    np.testing.assert_allclose(statistics.mean, scaler.mean_, rtol=1e-9)
    if (panel.X[index].max(axis=(0, 2)) > panel.X[index].min(axis=(0, 2))).all():
        # compared by numpy in float64: the scaler takes a variance below its rounding limit for zero
        values = panel.X[index].astype(np.float64).transpose(1, 0, 2).reshape(2, -1)
        np.testing.assert_allclose(statistics.std, values.std(axis=1), rtol=1e-6)
        applied = statistics.apply(panel).X[index].astype(np.float64)
        np.testing.assert_allclose(applied.std(axis=(0, 2)), 1.0, rtol=1e-3)


def test_a_constant_channel_becomes_zero():
    panel = Panel.build(np.full((5, 1, 7), 0.1))
    statistics = channel_statistics(panel, np.arange(5))
    assert statistics.std.tolist() == [1.0]
    assert (statistics.apply(panel).X == 0).all()


def test_missing_values_and_what_lies_beyond_a_length_do_not_count():
    X = np.array([[[1.0, 3.0, np.nan, 1e9]], [[5.0, 7.0, 9.0, 11.0]]])
    panel = Panel.build(X, lengths=[3, 2])
    statistics = channel_statistics(panel, np.array([0, 1]))
    assert statistics.mean.tolist() == [4.0]
    assert statistics.std == pytest.approx([np.std([1, 3, 5, 7])])
    assert (np.isnan(statistics.apply(panel).X) == np.isnan(panel.X)).all()


def test_only_the_given_cases_count():
    panel = Panel.build(np.array([[[0.0, 2.0]], [[1e6, -1e6]]]))
    assert channel_statistics(panel, np.array([0])).mean.tolist() == [1.0]


def test_a_channel_without_values_is_named():
    X = np.ones((3, 2, 4))
    X[:2, 1] = np.nan
    panel = Panel.build(X, channel_names=("ecg", "temperature"))
    with pytest.raises(InvalidDataError, match=r"channel 1 \('temperature'\) has no observed value in the 2 training"):
        channel_statistics(panel, np.array([0, 1]))
    assert channel_statistics(panel, np.array([0, 2])).mean.tolist() == [1.0, 1.0]


def test_an_unseen_channel_is_missing_everywhere_where_that_may_be():
    X = np.ones((3, 2, 4))
    X[:2, 1] = np.nan
    panel = Panel.build(X)
    statistics = channel_statistics(panel, np.array([0, 1]), unseen=True)
    assert statistics.unseen.tolist() == [False, True]
    for made in (statistics.apply(panel), statistics.without_unseen(panel)):
        assert np.isnan(made.X[:, 1]).all() and np.isfinite(made.X[:, 0]).all()
    seen = channel_statistics(panel, np.array([0, 2]), unseen=True)
    assert seen.without_unseen(panel) is panel
    with pytest.raises(InvalidDataError, match="channel 0 has no observed value"):
        channel_statistics(Panel.build(np.full((2, 2, 4), np.nan)), np.array([0, 1]), unseen=True)


def test_refusals_of_apply():
    panel = Panel.build(np.full((1, 1, 2), 1e38))
    with pytest.raises(InvalidDataError, match="statistics of 2 channels applied to 1 channels"):
        Statistics(np.zeros(2), np.ones(2)).apply(panel)
    with pytest.raises(InvalidDataError, match="too large for float32"):
        Statistics(np.zeros(1), np.full(1, 1e-30)).apply(panel)
