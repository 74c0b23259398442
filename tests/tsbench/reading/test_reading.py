import json

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from tsbench.data.panel import Panel
from tsbench.errors import UsageError
from tsbench.reading.pooled import pooled
from tsbench.reading.reading import read
from tsbench.reading.report import blocks, frame, text_of
from tsbench.statistics.delong import delong
from tsbench.tasks.score import Predictions

N = 120


class Folks:
    """Stands for `People`: 60 subjects of two cases, half of them in each unit."""

    def __init__(self, subjects=True, positive=""):
        self.whose, self.card = subjects, positive
        unit = np.array(["rare"] * 6 + ["a", "b"] * 57)
        self.cases = Panel.build(
            np.zeros((N, 1, 2)), meta={"subject": np.arange(N) // 2, "unit": unit, "age": np.arange(N) % 80}
        )

    def panel(self, run):
        return self.cases, ""

    def subjects(self, run):
        return (self.cases.meta["subject"], "subject") if self.whose else (None, "D does not say whose its cases are")

    def positive(self, run):
        return self.card


def run_of(fold=0, **fields):
    about = {"label": "m", "dataset": "D", "protocol": "p", "protocol_hash": "h", "seed": 0, "status": "succeeded"}
    return {**about, "key": f"{fold}" * 64, "fold": fold, "spec": {"fingerprint": "f"}, **fields}


def answers(cases, seed=0, noise=1.0, classes=("none", "sepsis"), probabilities=True):
    """Predictions whose second class is a third of the cases."""
    rng = np.random.default_rng(seed)
    y = (np.asarray(cases) % 3 == 0).astype(np.int32)
    p = 1 / (1 + np.exp(-(2 * y - 1 + noise * rng.normal(size=len(y)))))
    scores = np.stack([1 - p, p], axis=1).astype(np.float32)
    return Predictions(
        np.asarray(cases, np.int32), y, (p > 0.5).astype(np.int32), scores, classes, probabilities=probabilities
    )


def values(found):
    return {one.name: one.value for one in found.numbers}


def test_metrics_are_means_over_folds_and_counts_are_pooled():
    parts = [answers(np.arange(60)), answers(np.arange(60, N), seed=1)]
    found = read(pooled([run_of(0), run_of(1)], parts, Folks()), resamples=40)
    expected = [roc_auc_score(one.y_true, one.scores[:, 1]) for one in parts]
    assert values(found)["auroc"] == pytest.approx(np.mean(expected))
    expected = [average_precision_score(one.y_true, one.scores[:, 1]) for one in parts]
    assert values(found)["auprc_positive"] == pytest.approx(np.mean(expected))
    assert values(found)["prevalence"] == pytest.approx(1 / 3)
    assert found.confusion.sum() == N and found.confusion[1].sum() == N / 3
    assert (found.cases, found.subjects, found.by) == (N, 60, "subject")
    assert all(one.low <= one.value <= one.high for one in found.numbers if one.name != "ece_positive")
    assert found.curve["cases"].sum() == N
    assert any("means over 2 folds" in note for note in found.notes)


@pytest.mark.parametrize(
    ("card", "asked", "expected"),
    [
        ("", None, ("sepsis", "the last class, since no card names one")),
        ("none", None, ("none", "by the dataset's card")),
        ("none", "sepsis", ("sepsis", "as asked")),
    ],
)
def test_the_positive_class(card, asked, expected):
    found = read(pooled([run_of()], [answers(np.arange(N))], Folks(positive=card)), asked, resamples=40)
    assert (found.positive, found.rule) == expected
    assert values(found)["prevalence"] == pytest.approx(1 / 3 if expected[0] == "sepsis" else 2 / 3)


def test_the_worst_group_is_none_of_the_small_ones():
    given = answers(np.arange(N), noise=0.5)
    given.scores[:6] = given.scores[:6, ::-1]  # the rare unit is wrong throughout
    bad = np.flatnonzero(Folks().cases.meta["unit"] == "b")
    given.scores[bad] = np.random.default_rng(0).dirichlet([1, 1], len(bad))
    found = read(pooled([run_of()], [given], Folks()), by=["unit"], resamples=40)
    assert {group.name: (group.cases, group.small) for group in found.groups} == {
        "a": (57, False),
        "b": (57, False),
        "rare": (6, True),
    }
    assert found.worst == {"unit": "b"}
    assert [group.positives for group in found.groups] == [19, 19, 2]


def test_two_ways_to_cut_one_column_are_two():
    given = answers(np.arange(N), noise=0.5)
    found = read(pooled([run_of()], [given], Folks()), by=["age", "age=50", "age", "unit"], resamples=40)
    assert list(dict.fromkeys(group.column for group in found.groups)) == ["age", "age=50", "unit"]
    assert [group.name for group in found.groups if group.column == "age=50"] == ["< 50", ">= 50"]
    assert {"age", "age=50"} <= found.worst.keys()


def test_no_group_is_the_worst_where_all_are_alike():
    given = answers(np.arange(N))
    given.scores[:] = 0.5
    found = read(pooled([run_of()], [given], Folks()), by=["unit"], resamples=40)
    assert found.worst == {}
    assert any("all alike" in block for block in blocks(found) if isinstance(block, str))


def test_errors_of_calibration_have_no_interval():
    """A resample of cases that are calibrated is calibrated worse: its interval need not hold what it is drawn from."""
    found = read(pooled([run_of()], [answers(np.arange(N))], Folks()), by=["unit"], resamples=40)
    for numbers in (found.numbers, *(group.numbers for group in found.groups)):
        known = {one.name: one for one in numbers}
        assert np.isnan(known["ece_positive"].low) and known["ece_positive"].value >= 0
    assert found.numbers[0].low == found.numbers[0].low


def test_areas_are_known_where_their_test_is_not():
    """A single positive case: an area, and no variance of it."""
    first, second = answers(np.arange(N)), answers(np.arange(N), seed=3, noise=3)
    for one in (first, second):
        one.y_true[:] = 0
        one.y_true[7] = 1
    mine, theirs = (pooled([run_of(label=name)], [one], Folks()) for name, one in (("m", first), ("o", second)))
    whole = read(mine, against=theirs, resamples=40)
    found = whole.against
    assert found.first == pytest.approx(roc_auc_score(first.y_true, first.scores[:, 1]))
    assert found.second == found.second and found.p != found.p
    text = [block for block in blocks(whole) if isinstance(block, str)]
    assert any("needs two cases of either class" in block for block in text)


def test_two_runs_on_one_test_part_in_whatever_order():
    first, second = answers(np.arange(N)), answers(np.arange(N)[::-1], seed=3, noise=3)
    mine, theirs = (pooled([run_of(label=name)], [one], Folks()) for name, one in (("m", first), ("o", second)))
    found = read(mine, against=theirs, resamples=40).against
    expected = delong(first.y_true == 1, first.scores[:, 1], second.scores[::-1, 1])
    assert (found.first, found.second, found.p) == pytest.approx((expected.first, expected.second, expected.p))
    assert found.low < found.first - found.second < found.high
    assert found.name.startswith("o on D")
    other = pooled([run_of()], [answers(np.arange(1, N))], Folks())
    with pytest.raises(UsageError, match="was tested on other cases"):
        read(mine, against=other, resamples=40)


def test_without_subjects_or_probabilities_it_is_said():
    given = answers(np.arange(N), probabilities=False)
    found = read(pooled([run_of()], [given], Folks(subjects=False)), resamples=40)
    assert found.subjects is None and not found.curve and not found.benefit
    assert "D does not say whose its cases are" in found.notes[0] and "no probabilities" in found.notes[1]
    assert "ece_positive" not in values(found)


def test_several_classes_and_numbers_have_the_metrics_of_their_task():
    rng = np.random.default_rng(0)
    y = (np.arange(N) % 3).astype(np.int32)
    scores = rng.dirichlet([1, 1, 1], N).astype(np.float32)
    three = Predictions(
        np.arange(N, dtype=np.int32), y, scores.argmax(axis=1).astype(np.int32), scores, ("a", "b", "c")
    )
    found = read(pooled([run_of()], [three], Folks()), by=["unit"], resamples=40)
    assert (found.positive, found.main) == ("", "accuracy") and "f1_macro" in values(found)
    one = read(pooled([run_of()], [three], Folks()), "b", resamples=40)
    assert values(one)["auroc"] == pytest.approx(roc_auc_score(y == 1, scores[:, 1]))
    numbers = Predictions(three.cases, y.astype(float), y + 1.0, np.empty((N, 0), np.float32), (), "regression")
    found = read(pooled([run_of()], [numbers], Folks()), by=["unit"], resamples=40)
    assert values(found)["mae"] == 1 and found.confusion is None and not found.worst  # all are alike
    several = Predictions(
        three.cases, np.eye(3, dtype=np.uint8)[y], (scores > 0.5).astype(np.uint8), scores, three.classes, "multilabel"
    )
    found = read(pooled([run_of()], [several], Folks()), resamples=40)
    assert found.confusion.shape == (3, 2, 2) and list(blocks(found)) and len(frame(found))


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([run_of(), run_of(0)], "fold 0 is named twice"),
        ([run_of(), run_of(1, label="other")], "is not of the same label as the first"),
        ([run_of(), run_of(1, seed=1)], "is not of the same seed as the first"),
    ],
)
def test_only_folds_of_one_configuration_are_put_together(runs, message):
    with pytest.raises(UsageError, match=message):
        pooled(runs, [answers(np.arange(60)), answers(np.arange(60, N))], Folks())


def test_a_run_that_failed_and_a_class_that_is_none():
    with pytest.raises(UsageError, match="predicted nothing: it is failed"):
        pooled([run_of(status="failed")], [None], Folks())
    with pytest.raises(UsageError, match="--positive x: choose one of none, sepsis"):
        read(pooled([run_of()], [answers(np.arange(N))], Folks()), "x")


def test_the_report_has_every_number():
    found = read(pooled([run_of()], [answers(np.arange(N))], Folks()), by=["unit"], resamples=40)
    table = frame(found)
    assert set(table["part"]) == {"metric", "group", "confusion", "calibration", "net benefit"}
    given = json.loads(text_of(found, "json"))
    assert given["metrics"]["auroc"]["value"] == values(found)["auroc"]
    assert given["groups"][2]["numbers"]["auroc"]["low"] is None  # of three subjects
    assert "rare (small)" in text_of(found, "md")
    assert text_of(found, "csv").startswith("part,column,group,name,value,low,high,cases,small\n")
