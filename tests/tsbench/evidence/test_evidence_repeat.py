"""Runs of a shard are repeated, and answers that differ are counted."""

from dataclasses import replace

import numpy as np
import pytest

from tsbench.evidence import shard
from tsbench.evidence.repeat import Repeated, metric_tolerance, repeat
from tsbench.execute.where import Where
from tsbench.store.packing import pack, unpack
from tsbench.tasks.score import Predictions


@pytest.fixture
def worker(installed):
    return Where("cpu").make_worker(installed)


def changed(run, count):
    answers = unpack(run.content)
    y_pred = answers.y_pred.copy()
    y_pred[:count] = 1 - y_pred[:count]
    return replace(run, content=pack(replace(answers, y_pred=y_pred)))


def test_a_random_few_the_same_for_the_same_seed(one, verify, worker):
    runs, _ = verify(one)
    drawn = [[again.spec.seed for again in repeat(runs, 1, seed, worker)] for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] and len(drawn[0]) == 1
    assert [again.agrees for again in repeat(runs, 9, 0, worker)] == [True, True]


@pytest.mark.parametrize(("count", "agrees"), [(0, True), (20, True), (21, False)])
def test_two_in_a_hundred_answers_may_differ(one, verify, worker, count, agrees):
    (run, _), _ = verify(one)
    (again,) = repeat([changed(run, count)], 1, 0, worker)
    assert (again.changed, again.cases, again.agrees) == (count, 1029, agrees)


def test_one_answer_may_differ_however_few_there_are():
    assert Repeated(None, 1, 15).agrees and not Repeated(None, 2, 15).agrees and not Repeated(None, 0, 15, "no").agrees


def test_other_labels_and_data_that_is_not_here_are_told(one, verify, worker, monkeypatch):
    (run, _), _ = verify(one)
    answers = unpack(run.content)
    forged = replace(run, content=pack(replace(answers, y_true=1 - answers.y_true)))
    (again,) = repeat([forged], 1, 0, worker)
    assert not again.agrees and "its test cases or their labels are not those" in again.error
    gone = replace(run.result, spec=replace(run.result.spec, dataset="FordA", dataset_ref="FordA"))
    (again,) = repeat([replace(run, result=gone)], 1, 0, worker)
    assert "FordA" in again.error


def forged(run, **fields):
    return replace(run, content=pack(replace(unpack(run.content), **fields)))


def test_scores_made_better_beside_the_same_answers_do_not_repeat(folder, verify, worker):
    runs, _ = verify(*shard.find(folder / "ucr"))
    run = next(one for one in runs if one.result.spec.method == "majority")
    answers = unpack(run.content)
    (again,) = repeat([forged(run, scores=np.eye(2, dtype=np.float32)[answers.y_true])], 1, 0, worker)
    assert not again.agrees and again.error == "its auroc is 1, here it is 0.5 (at most 0.02 apart)"
    (again,) = repeat([forged(run, scores=answers.scores + np.float32(1e-7))], 1, 0, worker)
    assert again.agrees


def test_other_classes_and_other_metrics_do_not_repeat(one, verify, worker):
    (run, _), _ = verify(one)
    (again,) = repeat([forged(run, classes=("yes", "no"))], 1, 0, worker)
    assert again.error == "its classes are not those of the data here"
    (again,) = repeat([forged(run, probabilities=not unpack(run.content).probabilities)], 1, 0, worker)
    assert not again.agrees and again.error.startswith("its metrics are accuracy, ")


@pytest.mark.parametrize(
    ("counts", "tolerance"), [((500, 500), 0.02), ((15, 13), 1 / 13), ((990, 10), 0.1), ((40, 40, 4), 1 / 6)]
)
def test_metrics_may_differ_by_two_in_a_hundred_or_by_what_one_case_is_worth(counts, tolerance):
    y = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    scores = np.zeros((len(y), len(counts)), dtype=np.float32)
    answers = Predictions(np.arange(len(y), dtype=np.int32), y, y, scores, tuple("abc"[: len(counts)]))
    assert metric_tolerance(answers) == pytest.approx(tolerance)
    labels = np.eye(len(counts), dtype=np.uint8)[y]
    several = replace(answers, y_true=labels, y_pred=labels, task="multilabel")
    assert metric_tolerance(several) == pytest.approx(tolerance)
