import json
import sqlite3

import numpy as np
import pytest

from tsbench.leaderboard.cell_intervals import METRICS, interval_of
from tsbench.statistics.clusters import clustered
from tsbench.tasks.base import Answer
from tsbench.tasks.classification import Classification
from tsbench.tasks.score import Predictions


def answers(n=60, k=2, seed=0, folds=3, probabilities=False):
    """Predictions of runs that test each case once."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, k, n)
    scores = rng.normal(size=(n, k)) + 2 * np.eye(k)[y]
    if probabilities:
        scores = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    classes, parts = ("a", "b", "c")[:k], np.array_split(np.arange(n), folds)
    given = [(scores[at].argmax(axis=1), scores[at].astype(np.float32)) for at in parts]
    known = classes, "classification", probabilities
    return [Predictions(at, y[at], *one, *known) for at, one in zip(parts, given, strict=True)]


@pytest.mark.parametrize("metric", ["accuracy", "auroc", "auprc"])
@pytest.mark.parametrize(("k", "probabilities"), [(2, False), (2, True), (3, False)])
def test_intervals_are_those_of_a_bootstrap_of_the_cases(metric, k, probabilities):
    runs = answers(k=k, probabilities=probabilities)
    joined = {name: np.concatenate([getattr(one, name) for one in runs]) for name in ("y_true", "y_pred", "scores")}
    part, task = np.repeat(np.arange(3), 20), Classification()

    def measure(index):
        found = []
        for one in range(3):
            at = index[part[index] == one]
            answer = Answer(joined["y_pred"][at], joined["scores"][at], probabilities)
            found.append(task.score(joined["y_true"][at], answer, k)[metric])
        return {metric: np.nanmean(found)}

    expected = clustered(np.arange(60), measure, 2000)[metric]
    assert interval_of(runs, metric, 2000) == pytest.approx(expected, abs=0.015)


def test_seeds_share_their_draws_and_a_cell_of_one_seed_twice_is_that_of_one():
    runs = answers()
    assert interval_of([*runs, *runs], "auroc") == pytest.approx(interval_of(runs, "auroc"), abs=1e-12)


def test_a_few_cases_have_no_interval():
    assert np.isnan(interval_of(answers(9), "accuracy")).all()


def test_labels_have_one_of_each_label():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, (50, 3)).astype(np.uint8)
    scores = (rng.normal(size=(50, 3)) + y).astype(np.float32)
    one = Predictions(np.arange(50), y, (scores > 0.5).astype(np.uint8), scores, ("a", "b", "c"), "multilabel")
    low, high = interval_of([one], "auroc_macro")
    assert 0.5 < low < high < 1


@pytest.fixture
def board(tsbench, tmp_path):
    """A store with two methods on data of two folds, and the command that makes its board."""
    store = tmp_path / "s.db"
    run = ("run", "--method", "majority,1nn-ed", "--dataset", "GunPoint", "--protocol", "knn", "--store", store)
    assert tsbench(*run)[0] == 0
    return "leaderboard", "GunPoint", "--protocol", "knn", "--store", store


def test_every_format_has_the_intervals(tsbench, tmp_path, board):
    code, out, _ = tsbench(*board, "--intervals", "--format", "md")
    assert code == 0 and "91.3 (86.7..95.3)" in out and "(a..b): 95% interval over other test cases" in out
    code, out, _ = tsbench(*board, "--intervals", "--format", "tex")
    assert "91.3 (86.7..95.3)" in out.replace("\\textbf{91.3}", "91.3")
    code, out, _ = tsbench(*board, "--intervals", "--format", "json")
    assert json.loads(out)["rows"][0]["cells"]["GunPoint"]["interval"] == pytest.approx([0.8667, 0.9533], abs=1e-4)
    code, out, _ = tsbench(*board, "--intervals", "--tidy")
    assert ",low,high," in out.splitlines()[0]
    code, out, _ = tsbench(*board, "--tidy")
    assert ",low,high," not in out


@pytest.mark.parametrize("change", ["DELETE FROM predictions", "UPDATE predictions SET content = 'x'"])
def test_a_cell_whose_predictions_are_not_whole_has_none(tsbench, board, change):
    *_, store = board
    rows = json.loads(tsbench(*board, "--format", "json")[1])["rows"]
    keys = {row["method"]: row["cells"]["GunPoint"]["keys"][0] for row in rows}
    with sqlite3.connect(store) as connection:
        connection.execute(f"{change} WHERE key = ?", [keys["majority"]])
    code, out, _ = tsbench(*board, "--intervals", "--format", "json")
    ends = {row["method"]: row["cells"]["GunPoint"]["interval"] for row in json.loads(out)["rows"]}
    assert code == 0 and ends["majority"] == [None, None] and ends["1nn-ed"][0] > 0.8
    with sqlite3.connect(store) as connection:
        connection.execute(f"{change} WHERE key = ?", [keys["1nn-ed"]])
    out = tsbench(*board, "--intervals", "--format", "md")[1]
    assert (
        "No intervals of cells: they need 10 test cases, and the predictions of every run." in out
        and "(a..b)" not in out
    )


def test_runs_of_which_many_resamples_leave_the_metric_undefined_have_none():
    """A positive in each of three folds: a third of the resamples lack that of a fold."""
    y, score = np.tile([1] + [0] * 7, 3), np.arange(24) / 24
    scores, parts = np.stack([1 - score, score], axis=1), np.array_split(np.arange(24), 3)
    runs = [Predictions(at, y[at], y[at], scores[at], ("a", "b"), "classification") for at in parts]
    assert np.isnan(interval_of(runs, "auroc")).all() and interval_of(runs, "accuracy") == (1, 1)


def test_a_metric_without_them_is_refused(tsbench, board):
    code, _, err = tsbench(*board, "--intervals", "--metric", "f1_macro")
    assert code == 2 and f"intervals of cells are of {', '.join(METRICS)}, not of f1_macro" in err
