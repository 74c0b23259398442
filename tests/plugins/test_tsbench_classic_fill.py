"""The floors of imputation on values computed by hand."""

import numpy as np
import pytest

from tsbench import Learner, Panel

NAN, HOW = np.nan, ("channel", "none")


def filled(name, rows, times=None, lengths=None, train=None):
    """Return what a floor makes of one case of some channels; train : of the training case, by default the same."""
    X = np.array([rows], dtype=np.float32)
    about = {"times": None if times is None else np.array([times], dtype=np.float64), "lengths": lengths}
    learner = Learner(name, normalisation="none")
    learner.fit(Panel.build(X if train is None else np.array([train], dtype=np.float32)))
    return learner.reconstruct(Panel.build(X, **about))[0].tolist()


def test_the_mean_is_that_of_all_observed_training_values():
    train = [[1, 2, NAN, 6], [NAN, -1, -1, NAN]]
    assert filled("mean-fill", [[NAN, 5, NAN, NAN], [NAN] * 4], train=train) == [[3, 5, 3, 3], [-1] * 4]


def test_the_last_value_is_carried_forward_and_the_mean_stands_before_the_first():
    train = [[10, 10, 10, 10, 10], [7, 7, 7, 7, 7]]
    rows = [[NAN, 2, NAN, NAN, 5], [NAN] * 5]
    assert filled("last-fill", rows, train=train) == [[10, 2, 2, 2, 5], [7] * 5]


def test_a_line_goes_through_the_neighbours_and_ends_are_held():
    assert filled("linear-fill", [[NAN, 2, NAN, NAN, 8, NAN]]) == [[2, 2, 4, 6, 8, 8]]


def test_a_line_goes_over_real_times():
    times = [0, 1, 2, 10, 11]
    assert filled("linear-fill", [[1, NAN, NAN, 21, NAN]], times) == [[1, 3, 5, 21, 21]]


def test_a_line_does_not_depend_on_where_time_begins():
    assert filled("linear-fill", [[1, NAN, 21]], [1.7e9, 1.7e9 + 1, 1.7e9 + 10]) == [[1, 3, 21]]


def test_a_channel_without_a_value_has_its_training_mean():
    train = [[1, 3, 1, 3], [2, 2, 2, 8]]
    assert filled("linear-fill", [[1, NAN, NAN, 4], [NAN] * 4], train=train) == [[1, 2, 3, 4], [3.5] * 4]


@pytest.mark.parametrize("name", ["mean-fill", "last-fill", "linear-fill"])
def test_padding_is_no_value_and_stays_empty(name):
    X = np.array([[[1.0, NAN, 3.0, NAN]], [[1.0, 1.0, 1.0, 11.0]]])
    found = Learner(name).fit(Panel.build(X)).reconstruct(Panel.build(X[:1], lengths=[3]))
    assert np.isnan(found[0, 0, 3]) and np.isfinite(found[0, 0, :3]).all() and found[0, 0, [0, 2]].tolist() == [1, 3]


@pytest.mark.parametrize("name", ["mean-fill", "last-fill", "linear-fill"])
def test_what_is_filled_in_is_in_the_unit_of_the_panel(name):
    X = np.array([[[100.0, NAN, 300.0]], [[NAN, 250.0, 50.0]]])
    scaled, plain = (Learner(name, normalisation=how).fit(Panel.build(X)).reconstruct(Panel.build(X)) for how in HOW)
    np.testing.assert_allclose(scaled, plain, rtol=1e-5)
    np.testing.assert_array_equal(scaled[~np.isnan(X)], X[~np.isnan(X)])
