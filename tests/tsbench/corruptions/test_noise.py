import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tsbench.data.panel import Panel


@given(st.floats(0.01, 20))
def test_the_measured_ratio_is_the_one_asked_for(waves, corrupted, decibels):
    noisy = corrupted(waves, "noise", decibels)
    noise = (noisy.X.astype(float) - waves.X).var(axis=2)
    measured = 10 * np.log10(waves.X.astype(float).var(axis=2) / noise)
    assert abs(measured - decibels).max() < 0.5
    assert abs(measured.mean() - decibels) < 0.1


def test_a_constant_channel_stays(corrupted):
    constant = Panel.build(np.ones((2, 1, 5)))
    np.testing.assert_array_equal(corrupted(constant, "noise", 1.0).X, constant.X)


def test_missing_values_stay_missing_and_do_not_count(panel, corrupted):
    noisy = corrupted(panel, "noise", 5.0)
    np.testing.assert_array_equal(np.isnan(noisy.X), np.isnan(panel.X))


def test_every_value_moves(waves, corrupted):
    noisy = corrupted(waves, "noise", 0.5).X
    assert not np.isnan(noisy).any() and (noisy != waves.X).mean() > 0.99


def test_the_draws_do_not_drift(few, corrupted):
    # a change here changes the numbers of stored results without changing their keys
    expected = """
        1.5126633644104004 1.7915784120559692 1.7558166980743408 3.4996843338012695 10.278040885925293
        12.133193016052246 12.06374454498291 17.6275691986084 18.86557960510254 25.331783294677734 23.11200714111328
        36.20365524291992
    """
    np.testing.assert_array_equal(corrupted(few, "noise", 5.0).X[:, 0], np.float32(expected.split()).reshape(2, 6))
