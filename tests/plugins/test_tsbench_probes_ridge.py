"""The ridge probe against scikit-learn, and the probes of multilabel cases."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, RidgeClassifierCV, RidgeCV
from sklearn.preprocessing import StandardScaler

from tsbench.errors import MethodError
from tsbench.methods.probe import Features
from tsbench_probes.linear import Logistic
from tsbench_probes.ridge import GRID, Ridge

SIZES = [(30, 8), (30, 100), (40, 41), (41, 40)]


def data(n, d, seed=0):
    """Return features (n + 20, d), a number, three flags, and a class of four each."""
    rng = np.random.default_rng(seed)
    x = (10 * rng.normal(size=(n + 20, d)) + 5).astype(np.float32)
    value = 3 * x[:, 0] + rng.normal(size=n + 20) + 100
    flags = (x[:, :3] + rng.normal(size=(n + 20, 3)) > 7).astype(np.uint8)
    return x, value, flags, rng.integers(0, 4, n + 20)


def scaled(x, n):
    scaler = StandardScaler().fit(x[:n].astype(float))
    return scaler.transform(x[:n].astype(float)), scaler.transform(x[n:].astype(float))


def fit(probe, x, y, n_classes, task):
    return probe.fit(None, Features(x, y, n_classes, task), None, np.random.default_rng(0))


@pytest.mark.parametrize(("n", "d"), SIZES)
def test_regression_equals_scikit_learn(n, d):
    x, y, _, _ = data(n, d)
    train, test = scaled(x, n)
    oracle = RidgeCV(alphas=GRID).fit(train, y[:n])
    predictor = fit(Ridge(), x[:n], y[:n], 0, "regression")
    values, scores = predictor.predict(x[n:])
    assert scores is None
    np.testing.assert_allclose(values, oracle.predict(test), atol=1e-6)
    assert predictor.details()["penalty"] == oracle.alpha_


@pytest.mark.parametrize(("n", "d"), SIZES)
@pytest.mark.parametrize("n_classes", [2, 4])
def test_classes_equal_scikit_learn(n, d, n_classes):
    x, _, _, y = data(n, d)
    y = y % n_classes
    train, test = scaled(x, n)
    oracle = RidgeClassifierCV(alphas=GRID).fit(train, y[:n])
    predictor = fit(Ridge(), x[:n], y[:n], n_classes, "classification")
    predicted, scores = predictor.predict(x[n:])
    decision = oracle.decision_function(test)
    np.testing.assert_allclose(scores[:, 1] if n_classes == 2 else scores, decision, atol=1e-6)
    assert (predicted == oracle.predict(test)).all()
    assert predictor.details()["penalty"] == oracle.alpha_


@pytest.mark.parametrize(("n", "d"), SIZES)
def test_labels_equal_scikit_learn(n, d):
    x, _, y, _ = data(n, d)
    train, test = scaled(x, n)
    oracle = RidgeCV(alphas=GRID).fit(train, 2.0 * y[:n] - 1)
    predicted, scores = fit(Ridge(), x[:n], y[:n], 3, "multilabel").predict(x[n:])
    np.testing.assert_allclose(scores, oracle.predict(test), atol=1e-6)
    assert (predicted == (scores > 0)).all()


def test_a_class_without_training_cases_is_never_predicted():
    x, _, _, y = data(30, 8)
    predicted, scores = fit(Ridge(), x[:30], y[:30] % 2 * 2, 4, "classification").predict(x[30:])
    assert scores.shape == (20, 4)
    assert set(predicted.tolist()) <= {0, 2}


def test_features_that_say_nothing_give_the_mean():
    y = np.arange(6.0)
    values, _ = fit(Ridge(), np.ones((6, 3), dtype=np.float32), y, 0, "regression").predict(np.ones((2, 3)))
    np.testing.assert_allclose(values, 2.5)


def test_one_case_is_refused():
    with pytest.raises(MethodError, match="one case only"):
        fit(Ridge(), np.ones((1, 3), dtype=np.float32), np.ones(1), 0, "regression")


def test_logistic_fits_one_model_per_label():
    x, _, y, _ = data(40, 8)
    y[:40, 2] = 1
    train, test = scaled(x, 40)
    predictor = fit(Logistic(), x[:40], y[:40], 3, "multilabel")
    predicted, scores = predictor.predict(x[40:])
    for label in (0, 1):
        oracle = LogisticRegression(max_iter=1_000_000).fit(train, y[:40, label])
        np.testing.assert_allclose(scores[:, label], oracle.predict_proba(test)[:, 1], atol=1e-9)
    assert (scores[:, 2] == 1).all()
    assert (predicted == (scores >= 0.5)).all()
    assert predictor.probabilities
