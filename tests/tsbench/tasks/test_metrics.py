"""Metrics against scikit-learn and by hand."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp, softmax
from sklearn import metrics as oracle

from tsbench.errors import MethodError
from tsbench.tasks.metrics import METRICS, NEARLY_ONE, between_cases, compute, confusion, f1_macro


@st.composite
def predictions(draw):
    n, k = draw(st.integers(1, 40)), draw(st.integers(2, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    present = draw(st.integers(1, k))  # fewer than k leaves classes out of y_true
    scores = rng.normal(size=(n, k))
    if draw(st.booleans()):
        scores = scores.round()  # ties
    return rng.integers(0, present, n), rng.integers(0, k, n), scores, k


def expected_areas(y, scores, k):
    usable = [c for c in range(k) if 0 < (y == c).sum() < len(y)]
    if not usable:
        return np.nan, np.nan
    return (
        np.mean([oracle.roc_auc_score(y == c, scores[:, c]) for c in usable]),
        np.mean([oracle.average_precision_score(y == c, scores[:, c]) for c in usable]),
    )


@settings(deadline=None)
@given(predictions())
def test_equals_scikit_learn(case):
    y_true, y_pred, scores, k = case
    found = compute(y_true, y_pred, scores, k)
    assert tuple(found) == METRICS
    assert found["accuracy"] == pytest.approx(oracle.accuracy_score(y_true, y_pred))
    f1 = oracle.f1_score(y_true, y_pred, labels=range(k), average="macro", zero_division=0)
    assert found["f1_macro"] == pytest.approx(f1)
    assert f1_macro(y_true, y_pred, k) == found["f1_macro"]
    recall = oracle.recall_score(y_true, y_pred, labels=np.unique(y_true), average="macro")
    assert found["balanced_accuracy"] == pytest.approx(recall)
    auroc, auprc = expected_areas(y_true, scores, k)
    assert found["auroc"] == pytest.approx(auroc, nan_ok=True)
    assert found["auprc"] == pytest.approx(auprc, nan_ok=True)
    assert (confusion(y_true, y_pred, k) == oracle.confusion_matrix(y_true, y_pred, labels=range(k))).all()


def test_by_hand():
    y_true, y_pred = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])
    scores = np.array([[0.9, 0.1], [0.4, 0.6], [0.5, 0.5], [0.2, 0.8]])
    found = compute(y_true, y_pred, scores, 3 - 1)
    assert found["accuracy"] == 0.75
    assert found["f1_macro"] == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert found["balanced_accuracy"] == 0.75
    assert found["auroc"] == 0.75  # of the four pairs one is the wrong way round, for either class
    assert found["auprc"] == pytest.approx(((1 + 2 / 3) / 2 + (1 + 2 / 3) / 2) / 2)


def test_a_class_neither_present_nor_predicted_counts_as_zero_f1():
    y = np.array([0, 1, 0, 1])
    assert f1_macro(y, y, 4) == 0.5


def test_all_scores_equal_is_chance():
    y = np.array([0, 0, 0, 1])
    found = compute(y, y, np.zeros((4, 2)), 2)
    assert found["auroc"] == 0.5
    assert found["auprc"] == 0.5  # the mean of both prevalences


def test_one_class_in_the_test_part_has_no_areas():
    found = compute(np.zeros(3, np.int64), np.array([0, 1, 0]), np.zeros((3, 2)), 2)
    assert np.isnan(found["auroc"]) and np.isnan(found["auprc"])
    assert found["balanced_accuracy"] == pytest.approx(2 / 3)


@settings(deadline=None)
@given(predictions(), st.integers(0, 2**32))
def test_the_order_of_cases_does_not_matter(case, seed):
    y_true, y_pred, scores, k = case
    order = np.random.default_rng(seed).permutation(len(y_true))
    shuffled = compute(y_true[order], y_pred[order], scores[order], k)
    assert shuffled == pytest.approx(compute(y_true, y_pred, scores, k), nan_ok=True)


@pytest.mark.parametrize(
    ("y_true", "y_pred", "scores", "message"),
    [
        ([0, 1], [0, 1], [[np.nan, 0], [0, 1]], "1 of 4 scores are NaN"),
        ([0, 1], [0, 1], [[1, 0, 0], [0, 1, 0]], r"shape \(2, 3\), expected \(2, 2\)"),
        ([0, 1], [0, 2], [[1, 0], [0, 1]], "predicted classes go from 0 to 2, expected 0 to 1"),
        ([0, -1], [0, 1], [[1, 0], [0, 1]], "true classes go from -1 to 0"),
        ([0, 1], [0], [[1, 0], [0, 1]], r"shape \(1,\) for labels of shape \(2,\)"),
        ([], [], np.zeros((0, 2)), r"shape \(0,\)"),
    ],
)
def test_bad_input_is_refused(y_true, y_pred, scores, message):
    with pytest.raises(MethodError, match=message):
        compute(np.array(y_true, np.int64), np.array(y_pred, np.int64), np.array(scores, float), 2)


def test_importing_is_light():
    code = "import sys, tsbench.tasks.metrics; print(sorted({'torch', 'sklearn', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


# --- what orders cases


@given(st.integers(2, 5), st.integers(0, 2**32))
def test_probabilities_that_float32_has_as_one_keep_their_order(k, seed):
    """Logits up to 90 above the others: the areas are those of the logits."""
    rng = np.random.default_rng(seed)
    logits = np.zeros((40, k))
    logits[np.arange(40), rng.integers(0, k, 40)] = rng.choice(np.arange(91), 40)
    y = rng.integers(0, k, 40)
    stored = softmax(logits, axis=1).astype(np.float32)
    odds = np.stack([logits[:, c] - logsumexp(np.delete(logits, c, axis=1), axis=1) for c in range(k)], axis=1)
    assert (stored == 1).any() or logits.max() < 17
    found = compute(y, stored.argmax(axis=1), between_cases(stored, True), k)
    expected = expected_areas(y, odds.round(6), k)
    assert (found["auroc"], found["auprc"]) == pytest.approx(expected, nan_ok=True)


@given(st.integers(2, 5), st.integers(0, 2**32))
def test_other_probabilities_stay_as_they_are(k, seed):
    rng = np.random.default_rng(seed)
    votes = rng.multinomial(100, np.full(k, 1 / k), 30).astype(np.float32) / 100  # ties, whose sums round
    np.testing.assert_array_equal(between_cases(votes, True), votes)
    sure = np.eye(k)[rng.integers(0, k, 30)] * (1 - 1e-3) + 5e-4  # which miss the sum of 1
    sure[sure > 0.5] = 1
    assert between_cases(sure, True)[sure == 1] == pytest.approx(NEARLY_ONE, abs=1e-12)


def test_scores_of_two_classes_are_their_difference():
    scores = np.array([[1.0, 3.0], [5.0, 6.0]])
    np.testing.assert_array_equal(between_cases(scores, False), [[-2, 2], [-1, 1]])
    scores[0, 0] = -np.inf
    np.testing.assert_array_equal(between_cases(scores, False), scores)
