"""Boosted trees on simple facts: the facts by hand and by numpy, every task, and what is missing."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tsbench.data.panel import Panel
from tsbench.errors import MethodError
from tsbench.methods.params import Settings
from tsbench_classic import boosting
from tsbench_classic.boosting import HistGradientBoosting, MaskOnly

NAN = np.nan


def made(cls, **params):
    return cls(Settings(cls.Params(**{"n_trees": 20, **params}), {}))


def cases(n=80, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2, 7)).astype(np.float32)
    X[: n // 2, 0] += 2
    return X, np.arange(n) >= n // 2


def test_facts_by_hand():
    panel = Panel.build(np.array([[[NAN, 3.0, 1.0, NAN], [NAN] * 4]]), static=np.array([[7.0]]))
    facts = made(HistGradientBoosting).facts(panel)[0]
    np.testing.assert_array_equal(facts, [3, 1, 1, 3, 2, 1, *[NAN] * 6, 7])


def test_a_pattern_by_hand():
    X = np.array([[[NAN, 3.0, 1.0, NAN, 9.0], [NAN] * 5], [[4.0, NAN, NAN, NAN, NAN], [1.0, 1.0, NAN, NAN, NAN]]])
    panel = Panel.build(X, times=np.array([[0, 1, 3, 8, 9], [0, 2, 5, 0, 0.0]]), lengths=[5, 3])
    facts = np.expm1(made(MaskOnly).facts(panel)[:, [0, 2, 3, 5]])
    np.testing.assert_allclose(facts, [[3, 0, 0, NAN], [1, 5, 2, 3]], atol=1e-12)
    assert made(MaskOnly).facts(panel)[:, [1, 4]].tolist() == [[1, 0], [1, 1]]


def test_without_times_steps_count():
    panel = Panel.build(np.array([[[1.0, NAN, NAN, NAN]]]))
    np.testing.assert_allclose(np.expm1(made(MaskOnly).facts(panel)), [[1, np.e - 1, 3]])


floats = st.one_of(st.just(NAN), st.floats(-1e4, 1e4, width=32))


@given(hnp.arrays(np.float32, hnp.array_shapes(min_dims=3, max_dims=3, max_side=5), elements=floats), st.integers(1, 9))
def test_facts_are_numpys_whatever_is_worked_on_at_once(X, chunk):
    panel = Panel.build(X)
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of channels that nobody measured
        patch.setattr(boosting, "CHUNK", chunk)
        facts = made(HistGradientBoosting).facts(panel).reshape(*X.shape[:2], 6)
        exact = X.astype(np.float64)
        for i, of in enumerate([np.nanmin, np.nanmax, np.nanmean, np.nanstd], start=2):
            np.testing.assert_allclose(facts[:, :, i], of(exact, axis=2), atol=1e-6)
        assert (made(MaskOnly).facts(panel)[:, 1::3] == np.isfinite(X).any(axis=2)).all()


def test_values_are_not_read_where_the_mask_alone_is():
    X, y = cases()
    method = made(MaskOnly)
    method.fit(Panel.build(X, y.astype(str)), None, np.random.default_rng(0))
    scores = method.predict_scores(Panel.build(X[::-1].copy()))
    assert (scores == scores[0]).all()


@pytest.mark.parametrize("cls", [HistGradientBoosting, MaskOnly])
def test_with_sensor_dropout_a_case_is_told_without_the_sensor_that_tells_most(cls):
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    X = rng.normal(size=(200, 2, 7)).astype(np.float32)
    X[:, 0] += 3 * y[:, None]
    X[:, 1] += 1 * y[:, None]
    X[:, 0][rng.random((200, 7)) < 0.5 * y[:, None]] = X[:, 1][rng.random((200, 7)) < 0.3 * y[:, None]] = NAN
    without = X.copy()
    without[:, 0] = NAN
    right = {}
    for share in (0.0, 0.5):
        method = made(cls, sensor_dropout=share)
        method.fit(Panel.build(X, y), None, np.random.default_rng(0))
        right[share] = (method.predict_scores(Panel.build(without)).argmax(axis=1) == y).mean()
    assert right[0.5] > right[0.0] + 0.05


def test_sensor_dropout_of_no_sensor_is_refused_and_none_is_no_part_of_the_identity():
    X, y = cases()
    with pytest.raises(MethodError, match="sensor_dropout=0.1: a share of 0.1 is none of its 2 sensors"):
        made(MaskOnly, sensor_dropout=0.1).fit(Panel.build(X, y), None, np.random.default_rng(0))
    assert Settings(MaskOnly.Params(), {}).neutral_keys() == ("sensor_dropout",)


def fitted(X, **labels):
    method = made(HistGradientBoosting)
    method.fit(Panel.build(X, **labels), None, np.random.default_rng(0))
    return method


def test_classes_are_learnt():
    (X, y), (X_new, y_new) = cases(), cases(seed=1)
    scores = fitted(X, labels=y.astype(str)).predict_scores(Panel.build(X_new))
    np.testing.assert_allclose(scores.sum(axis=1), 1)
    assert ((scores[:, 1] > 0.5) == y_new).mean() > 0.9


def test_labels_are_learnt_one_by_one():
    (X, y), (X_new, y_new) = cases(), cases(seed=1)
    labels = np.stack([y, ~y, np.ones_like(y)], axis=1).astype(np.uint8)
    scores = fitted(X, y=labels, classes=("a", "b", "c"), task="multilabel").predict_scores(Panel.build(X_new))
    assert ((scores[:, 0] > 0.5) == y_new).mean() > 0.9
    assert ((scores[:, 1] > 0.5) == ~y_new).mean() > 0.9
    assert (scores[:, 2] == 1).all()  # every case has it


def test_numbers_are_learnt():
    (X, _), (X_new, _) = cases(), cases(seed=1)
    scores = fitted(X, y=X[:, 0].max(axis=1).astype(np.float64), task="regression").predict_scores(Panel.build(X_new))
    assert scores.shape == (80, 1)
    assert np.corrcoef(scores[:, 0], X_new[:, 0].max(axis=1))[0, 1] > 0.9


def test_a_class_without_training_cases_has_probability_0():
    X, _ = cases(12)
    panel = Panel.build(X, ["a", "b", "c"] * 4)
    for rows, known in ((panel.y != 1, [0, 2]), (panel.y == 1, [1])):
        method = made(HistGradientBoosting)
        method.fit(panel.select(np.flatnonzero(rows)), None, np.random.default_rng(0))
        scores = method.predict_scores(panel.without_labels())
        np.testing.assert_allclose(scores[:, known].sum(axis=1), 1)


def test_a_panel_without_labels_is_refused():
    with pytest.raises(MethodError, match="needs labels"):
        made(MaskOnly).fit(Panel.build(cases()[0]), None, np.random.default_rng(0))


def test_a_run_is_measured_for_calibration(tsbench):
    code, _, err = tsbench("run", "--method", "hist-gradient-boosting,mask-only", "--dataset", "UnitTest")
    assert code == 0, err
    code, out, _ = tsbench("leaderboard", "UnitTest", "--metric", "log_loss")
    assert code == 0
    assert "hist-gradient-boosting" in out and "mask-only" in out
