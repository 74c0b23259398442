"""Each task against scikit-learn and at its edges."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as oracle

from tsbench.data.join import concatenate
from tsbench.data.panel import Panel
from tsbench.errors import InvalidDataError, MethodError
from tsbench.tasks import METRICS, TASKS, labelled_task, task_of
from tsbench.tasks.base import Answer
from tsbench.tasks.binary import binary_metrics
from tsbench.tasks.metrics import METRICS as OF_CLASSES
from tsbench.tasks.score import Predictions, against_rest, stored_scores

CLASSES, LABELS, NUMBERS = (TASKS[name] for name in ("classification", "multilabel", "regression"))
NO_SCORES = np.empty((4, 0))


def flags(n=60, k=5, share=0.3, seed=0):
    return (np.random.default_rng(seed).random((n, k)) < share).astype(np.uint8)


def test_every_metric_has_one_meaning_and_every_task_a_primary():
    for task in TASKS.values():
        assert task.primary in [metric.name for metric in task.metrics]
        assert all(METRICS[metric.name] == metric for metric in task.metrics)
    assert [METRICS[name].better for name in ("accuracy", "mae", "hamming", "r2")] == ["high", "low", "low", "high"]


def test_a_value_is_shown_in_its_unit():
    assert METRICS["accuracy"].text(0.8125) == "81.2"
    assert METRICS["accuracy"].text(0.8125, percent=False) == "0.812"
    assert METRICS["mae"].text(1234.5678) == "1235"
    assert METRICS["r2"].text(-0.25) == "-0.25"


@pytest.mark.parametrize("name", ["none", "retrieval"])
def test_a_task_that_cannot_be_measured_is_refused(name, panel):
    with pytest.raises(InvalidDataError, match=f"task '{name}' cannot be measured"):
        task_of(name)
    with pytest.raises(InvalidDataError, match="mine has no labels to predict; its task is 'none'"):
        labelled_task("mine", panel.without_labels())


def test_importing_is_light():
    code = "import sys, tsbench.tasks.score; print(sorted({'torch', 'sklearn', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


# --- nets


@given(st.integers(0, 10_000), st.integers(2, 5))
def test_what_is_added_to_all_logits_of_a_case_changes_nothing(seed, k):
    rng = np.random.default_rng(seed)
    logits, shift = rng.normal(size=(40, k)) * 3, rng.normal(size=(40, 1)) * 5
    y = rng.integers(0, k, 40)
    plain, shifted = (CLASSES.of_net("Net", given, 40, k) for given in (logits, logits + shift))
    assert (plain.y_pred == logits.argmax(axis=1)).all() and plain.probabilities
    assert CLASSES.score(y, shifted, k) == pytest.approx(CLASSES.score(y, plain, k), nan_ok=True)


def test_areas_of_a_net_of_two_classes_are_those_of_either_class():
    rng = np.random.default_rng(0)
    y, logits = rng.integers(0, 2, 300), rng.normal(size=(300, 2))
    found = CLASSES.score(y, CLASSES.of_net("Net", logits, 300, 2), 2)
    assert found["auroc"] == pytest.approx(oracle.roc_auc_score(y, logits[:, 1] - logits[:, 0]))
    assert found["log_loss"] == pytest.approx(oracle.log_loss(y, np.exp(logits) / np.exp(logits).sum(1, keepdims=True)))


def test_a_nets_labels_are_those_with_a_logit_of_0_or_more():
    logits = np.array([[-2.0, 0.0], [3.0, -0.1]])
    found = LABELS.of_net("Net", logits, 2, 2)
    assert found.y_pred.tolist() == [[0, 1], [1, 0]] and found.probabilities
    assert found.scores == pytest.approx(1 / (1 + np.exp(-logits)))


def test_infinite_logits_of_labels_are_refused():
    with pytest.raises(MethodError, match="Net gave infinite logits"):
        LABELS.of_net("Net", np.array([[np.inf, 0.0]]), 1, 2)


def test_a_nets_numbers_are_taken_as_they_are():
    assert NUMBERS.of_net("Net", np.array([[1.5], [-20.0]]), 2, 0).y_pred.tolist() == [1.5, -20.0]


@pytest.mark.parametrize(
    "outputs", [np.full((2, 3), np.nan), np.zeros((2, 2)), np.zeros(2), [[np.inf, 0, 0]] * 2, [[-np.inf] * 3] * 2]
)
def test_logits_that_are_none_are_refused(outputs):
    with pytest.raises(MethodError, match="Net gave (NaN scores|scores of shape|logits that are infinite)"):
        CLASSES.of_net("Net", outputs, 2, 3)


# --- classification


def test_two_classes_are_ordered_by_the_difference_of_their_scores():
    rng = np.random.default_rng(0)
    y, far = rng.integers(0, 2, 200), 10 * rng.random((200, 1))  # how far a case is from everything says nothing
    scores = -far - rng.random((200, 2)) * np.array([1.0, 1.5])
    answer = CLASSES.decide("Floor", scores, 200, 2)
    area = oracle.roc_auc_score(y, scores[:, 1] - scores[:, 0])
    assert CLASSES.score(y, answer, 2)["auroc"] == pytest.approx(area)
    p = Predictions(np.arange(200), y, answer.y_pred, stored_scores(answer.scores), ("a", "b"))
    assert binary_metrics(*against_rest(p, "b"))["auroc"] == pytest.approx(area)


def test_calibration_is_measured_for_probabilities_alone():
    rng = np.random.default_rng(0)
    p, y = rng.dirichlet(np.ones(3), 200), rng.integers(0, 3, 200)
    plain = CLASSES.score(y, Answer(p.argmax(1), p), 3)
    assert tuple(plain) == OF_CLASSES
    found = CLASSES.score(y, Answer(p.argmax(1), p, probabilities=True), 3)
    assert {name: found[name] for name in plain} == plain
    assert found["log_loss"] == pytest.approx(oracle.log_loss(y, p))
    assert found["brier"] == pytest.approx(((p - np.eye(3)[y]) ** 2).sum(1).mean())
    assert set(found) == {metric.name for metric in CLASSES.metrics}


def test_the_calibration_error_is_the_gap_between_confidence_and_accuracy():
    p, y = np.tile([0.8, 0.2], (10, 1)), np.array([0] * 6 + [1] * 4)
    found = CLASSES.score(y, Answer(p.argmax(1), p, True), 2)
    assert found["ece"] == pytest.approx(0.2)
    certain = np.tile([1.0, 0.0], (10, 1))
    found = CLASSES.score(y, Answer(certain.argmax(1), certain, True), 2)
    assert found["ece"] == pytest.approx(0.4)
    assert np.isfinite(found["log_loss"])


@pytest.mark.parametrize("scores", [[[1.5, -0.5]], [[0.2, 0.2]]])
def test_scores_that_are_no_probabilities_are_refused(scores):
    given = (np.zeros(1, dtype=int), np.asarray(scores))
    with pytest.raises(MethodError, match="mine says its scores are probabilities"):
        CLASSES.check("mine", given, 1, 2, probabilities=True)
    assert not CLASSES.check("mine", given, 1, 2).probabilities


# --- multilabel


def test_multilabel_equals_scikit_learn():
    y, scores = flags(), np.random.default_rng(1).normal(size=(60, 5)).round(1)
    found = LABELS.score(y, LABELS.decide("mine", scores, 60, 5), 5)
    predicted = scores > 0
    for average in ("macro", "micro"):
        assert found[f"auroc_{average}"] == pytest.approx(oracle.roc_auc_score(y, scores, average=average))
        assert found[f"auprc_{average}"] == pytest.approx(oracle.average_precision_score(y, scores, average=average))
        assert found[f"f1_{average}"] == pytest.approx(oracle.f1_score(y, predicted, average=average))
    assert found["subset_accuracy"] == pytest.approx(oracle.accuracy_score(y, predicted))
    assert found["hamming"] == pytest.approx(oracle.hamming_loss(y, predicted))


@pytest.mark.parametrize("digits", [1, 8])
@pytest.mark.parametrize("n", [2, 3, 60, 401])
def test_areas_of_a_label_are_those_of_scikit_learn_to_the_last_bit(n, digits):
    for seed in range(40):
        draw = np.random.default_rng(seed)
        y, scores = np.uint8([[0], [1]] * n)[:n][draw.permutation(n)], draw.random((n, 1)).round(digits)
        found = LABELS.score(y, Answer(y, scores), 1)
        assert found["auroc_macro"] == found["auroc_micro"] == oracle.roc_auc_score(y, scores)
        assert found["auprc_macro"] == found["auprc_micro"] == oracle.average_precision_score(y, scores)


def test_labels_that_all_cases_have_or_none_do_not_count_in_areas():
    y, scores = flags(), np.random.default_rng(1).normal(size=(60, 5))
    y[:, 0], y[:, 1] = 0, 1
    found = LABELS.score(y, LABELS.decide("mine", scores, 60, 5), 5)
    assert found["auroc_macro"] == pytest.approx(oracle.roc_auc_score(y[:, 2:], scores[:, 2:]))
    nothing = LABELS.score(np.zeros_like(y), LABELS.decide("mine", scores, 60, 5), 5)
    assert np.isnan([nothing[name] for name in ("auroc_macro", "auroc_micro", "auprc_macro", "auprc_micro")]).all()
    assert nothing["f1_macro"] == 0


@given(st.integers(1, 80), st.integers(1, 6), st.floats(0, 1), st.integers(1, 9), st.integers(0, 99))
def test_strata_of_labels_have_enough_cases(n, k, share, least, seed):
    y = flags(n, k, share, seed)
    strata = LABELS.strata(y, least)
    counts = np.bincount(strata)
    assert strata.shape == (n,) and counts.min() > 0
    assert len(counts) == 1 or counts.min() >= max(least, 5)


@pytest.mark.parametrize("given", [np.zeros((4, 3)), np.full((4, 2), 2), np.zeros(4, dtype=int), np.zeros((4, 2))])
def test_answers_that_are_no_labels_are_refused(given):
    with pytest.raises(MethodError, match="mine gave predictions of shape .* 4 cases and 2 labels"):
        LABELS.check("mine", (given, np.zeros((4, 2))), 4, 2)


def test_parts_with_other_labels_are_united():
    X = np.zeros((2, 1, 3))
    one = Panel.build(X, y=np.uint8([[1, 0], [0, 1]]), classes=("b", "c"), task="multilabel")
    two = Panel.build(X, y=np.uint8([[1], [0]]), classes=("a",), task="multilabel")
    both = concatenate([one, two])
    assert both.classes == ("a", "b", "c")
    assert both.y.tolist() == [[0, 1, 0], [0, 0, 1], [1, 0, 0], [0, 0, 0]]


# --- regression


def test_regression_equals_scikit_learn():
    rng = np.random.default_rng(0)
    y, predicted = rng.normal(size=50), rng.normal(size=50)
    found = NUMBERS.score(y, Answer(predicted, np.empty((50, 0))), 0)
    assert found["mae"] == pytest.approx(oracle.mean_absolute_error(y, predicted))
    assert found["rmse"] == pytest.approx(oracle.root_mean_squared_error(y, predicted))
    assert found["r2"] == pytest.approx(oracle.r2_score(y, predicted))


def test_r2_of_one_value_is_not_defined():
    found = NUMBERS.score(np.ones(4), Answer(np.zeros(4), NO_SCORES), 0)
    assert np.isnan(found["r2"]) and found["mae"] == 1


@given(st.lists(st.sampled_from([0.0, 0.0, 1.0, 2.5, -3.0]), min_size=1, max_size=90), st.integers(1, 9))
def test_strata_of_numbers_are_even_bins_in_their_order(values, least):
    y = np.asarray(values)
    strata = NUMBERS.strata(y, least)
    counts = np.bincount(strata)
    assert counts.max() - counts.min() <= 1
    assert len(counts) == 1 or counts.min() >= max(least, 5)
    for low, high in zip(range(len(counts)), range(1, len(counts)), strict=False):
        assert y[strata == low].max() <= y[strata == high].min()


@pytest.mark.parametrize("given", [[1.0, np.nan, 1, 1], [1.0, np.inf, 1, 1]])
def test_predictions_that_are_no_numbers_are_refused(given):
    with pytest.raises(MethodError, match="mine gave a NaN or infinite prediction for 1 of 4 cases"):
        NUMBERS.check("mine", (np.asarray(given), None), 4, 0)
    with pytest.raises(MethodError, match="expected one number each"):
        NUMBERS.decide("mine", np.zeros((4, 2)), 4, 0)


@pytest.mark.parametrize(
    ("task", "y", "said"),
    [
        (CLASSES, np.zeros(3, dtype=int), r"one class only \('a'\)"),
        (LABELS, np.uint8([[1, 0], [1, 0]]), "no label that differs"),
        (NUMBERS, np.ones(3), r"one value only \(1\)"),
    ],
)
def test_a_training_part_that_says_nothing_is_refused(task, y, said):
    with pytest.raises(InvalidDataError, match=said):
        task.check_learnable(y, ("a", "b"))


@pytest.mark.parametrize(
    ("y", "said"),
    [(np.array([1.0, np.nan]), "case 1 has no finite target"), (np.zeros((2, 2)), "one number per case")],
)
def test_a_panel_refuses_targets_that_are_none(y, said):
    with pytest.raises(InvalidDataError, match=said):
        Panel.build(np.zeros((2, 1, 3)), y=y, task="regression")


def test_a_panel_refuses_labels_that_are_none():
    with pytest.raises(InvalidDataError, match="0 or 1 for each of the 1 classes"):
        Panel.build(np.zeros((2, 1, 3)), y=np.uint8([[2], [0]]), classes=("a",), task="multilabel")


# --- what does not suit

ALL = frozenset(TASKS)


@pytest.mark.parametrize(
    ("method", "probe", "said"),
    [
        (SimpleNamespace(tasks=frozenset({"classification"})), None, "predicts for classification only"),
        (SimpleNamespace(tasks=ALL), None, None),
        (SimpleNamespace(supervised=True), SimpleNamespace(tasks=ALL), "is trained for classification only"),
        (SimpleNamespace(), SimpleNamespace(tasks=frozenset({"classification"})), "has a probe for classification"),
        (SimpleNamespace(), SimpleNamespace(tasks=ALL, needs="features"), None),
    ],
)
def test_what_does_not_serve_a_task_is_refused_with_the_reason(method, probe, said):
    found = NUMBERS.refuse(method, probe)
    assert (found is None) == (said is None)
    assert said is None or found.startswith(said)


# --- what is shown and stored of answers


def test_probabilities_of_labels_are_measured_over_all_decisions():
    y, p = flags(), np.random.default_rng(1).random((60, 5))
    found = LABELS.score(y, Answer((p >= 0.5).astype(np.uint8), p, probabilities=True), 5)
    assert set(found) == {metric.name for metric in LABELS.metrics}
    assert found["log_loss"] == pytest.approx(oracle.log_loss(y.ravel(), p.ravel()))
    assert found["brier"] == pytest.approx(2 * ((p - y) ** 2).mean())


def test_counts_are_those_of_scikit_learn():
    y, predicted = flags(), flags(seed=1)
    np.testing.assert_array_equal(LABELS.confusion(y, predicted, 5), oracle.multilabel_confusion_matrix(y, predicted))
    classes, guessed = np.arange(12) % 3, np.arange(12) % 2
    np.testing.assert_array_equal(CLASSES.confusion(classes, guessed, 3), oracle.confusion_matrix(classes, guessed))
    assert NUMBERS.confusion(np.ones(3), np.ones(3), 0) is None


def test_labels_are_told_in_words():
    assert CLASSES.words(np.array([1, 0]), ("a", "b")).tolist() == ["b", "a"]
    assert LABELS.words(np.array([[1, 1], [0, 0]]), ("a", "b")).tolist() == ["a;b", ""]
    assert NUMBERS.words(np.array([0.5]), ()).tolist() == [0.5]


def test_a_spread_too_small_for_its_square_has_no_r2():
    found = NUMBERS.score(np.array([1e-200, 2e-200]), Answer(np.zeros(2), np.empty((2, 0))), 0)
    assert np.isnan(found["r2"]) and found["mae"] == pytest.approx(1.5e-200)


def test_a_target_whose_square_is_no_number_is_refused():
    with pytest.raises(InvalidDataError, match="the target of case 1 is -2e.150, too large to be squared"):
        Panel.build(np.ones((2, 1, 4)), y=np.array([1.0, -2e150]), task="regression")
    with pytest.raises(InvalidDataError, match="the targets differ by 2e-200 at most, too little to be squared"):
        Panel.build(np.ones((2, 1, 4)), y=np.array([1e-200, 3e-200]), task="regression")
    with pytest.raises(InvalidDataError, match="need labels of different names, got 0"):
        Panel.build(np.ones((2, 1, 4)), y=np.empty((2, 0), dtype=np.uint8), task="multilabel")


def test_a_probe_that_needs_what_runs_cannot_give_is_refused_before_they_begin():
    method = SimpleNamespace(supervised=False)
    probe = SimpleNamespace(tasks=frozenset({"classification"}), needs="sequence")
    assert CLASSES.refuse(method, probe) == "has a probe that needs 'sequence', which runs cannot give yet"
    probe.needs = "module"
    assert CLASSES.refuse(method, probe) is None
