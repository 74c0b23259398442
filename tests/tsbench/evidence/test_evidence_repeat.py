"""Runs of a shard are repeated, and answers that differ are counted."""

from dataclasses import replace

import pytest

from tsbench.evidence.repeat import Repeated, repeat
from tsbench.execute.where import Where
from tsbench.store.packing import pack, unpack


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
