from dataclasses import replace

import numpy as np
import pytest

from tsbench.data.dataset import Data, Fold
from tsbench.data_check import shortcuts
from tsbench.data_check.order import check_order
from tsbench.data_check.parts import Sides
from tsbench.data_check.scores import interval, quality
from tsbench.data_check.shortcuts import check_shortcuts

RNG = np.random.default_rng


def severities(found):
    return [one.severity for one in found]


def test_nothing_that_differs_is_skipped(clean, sides):
    assert severities(check_shortcuts(sides(clean))) == ["skipped"] * 3


def planted(clean, kind, tells):
    """Return the dataset with gaps, lengths or static values that tell the class, or do not."""
    rng, n = RNG(3), len(clean)
    signal = (clean.y if tells else rng.permutation(clean.y)) + rng.normal(size=n)
    X = clean.X.copy()
    if kind == "missing":
        X[:, 0][rng.random(X[:, 0].shape) < np.clip(0.3 + 0.1 * signal, 0, 0.9)[:, None]] = np.nan
        return replace(clean, X=X)
    if kind == "length":
        lengths = np.clip(30 + 5 * signal, 10, 48).astype(np.int32)
        X[(np.arange(48) >= lengths[:, None])[:, None].repeat(2, 1)] = np.nan
        return replace(clean, X=X, lengths=lengths)
    static = np.stack([signal, rng.integers(2, size=n)], axis=1).astype(np.float32)
    return replace(clean, static=static, static_names=("age", "sex"), categories={"sex": ("f", "m")})


@pytest.mark.parametrize("tells", [True, False])
@pytest.mark.parametrize(("place", "kind"), [(0, "missing"), (1, "length"), (2, "static")])
def test_what_tells_the_label_alone_is_found_and_its_clean_twin_is_not(clean, sides, kind, place, tells):
    found = check_shortcuts(sides(planted(clean, kind, tells)))
    expected = ["skipped"] * 3
    expected[place] = "warning" if tells else "ok"
    assert severities(found) == expected
    assert bool(found[place].remedy) == tells and found[place].what.startswith("AUROC 0.")


@pytest.mark.parametrize("task", ["regression", "multilabel"])
def test_other_tasks_have_probes(clean, sides, task):
    panel = planted(clean, "static", True)
    y = panel.static[:, 0] + 0.1 if task == "regression" else np.stack([panel.y, 1 - panel.y], axis=1)
    y, classes = (y.astype(float), ()) if task == "regression" else (y.astype(np.uint8), ("a", "b"))
    found = check_shortcuts(sides(replace(panel, y=y, task=task, classes=classes)))
    assert severities(found) == ["skipped", "skipped", "warning"]
    assert found[2].what.startswith("R2 0.9" if task == "regression" else "AUROC 0.")


def test_without_labels_there_is_nothing_to_tell(clean, sides):
    bare = clean.without_labels()
    assert severities([*check_shortcuts(sides(bare)), *check_order(sides(bare))]) == ["skipped", "skipped"]


def test_times_are_a_length(clean, sides):
    times = np.arange(48.0) * (1 + 0.2 * clean.y[:, None] + 0.1 * RNG(0).random((240, 1)))
    assert severities(check_shortcuts(sides(replace(clean, times=times)))) == ["skipped", "warning", "skipped"]


def test_order_that_tells_is_lost_by_shuffling(clean, sides):
    (found,) = check_order(sides(clean))
    assert found.severity == "ok" and found.what.startswith(("accuracy 0.9", "accuracy 1.0"))


def test_of_uneven_classes_the_auroc_is_compared(clean, sides):
    rare = np.flatnonzero(clean.y == 0)[::8]
    chosen = np.sort(np.concatenate([np.flatnonzero(clean.y == 1), rare]))
    fold = Fold(np.arange(90), None, np.arange(90, len(chosen)))
    (found,) = check_order(Sides(Data(clean.select(chosen)), fold))
    assert found.severity == "ok" and found.what.startswith(("AUROC 0.9", "AUROC 1.0"))


def test_levels_that_tell_are_not(clean, sides):
    noise = RNG(0).normal(size=clean.X.shape) + clean.y[:, None, None]
    (found,) = check_order(sides(replace(clean, X=np.float32(noise))))
    assert found.severity == "warning" and "shuffled series" in found.remedy


def test_where_nothing_is_told_nothing_can_be_lost(clean, sides):
    noise = RNG(0).normal(size=clean.X.shape).astype(np.float32)
    (found,) = check_order(sides(replace(clean, X=noise)))
    assert found.severity == "skipped" and "do not tell the labels" in found.what


def test_quality_is_the_mean_auroc_or_r2():
    truth, scores = np.eye(3)[[0, 0, 1, 1]], np.array([[2, 0, 0], [1, 1, 0], [1, 2, 9], [0, 0, 0]], dtype=float)
    assert quality("classification", truth, scores) == pytest.approx((3.5 / 4 + 2.5 / 4) / 2)
    assert np.isnan(quality("classification", np.eye(3)[[0, 0]], scores[:2]))
    assert quality("regression", np.array([[1.0], [3.0]]), np.array([[1.0], [2.0]])) == 0.5
    low, high = interval(lambda cases: float(np.mean(cases % 2)), 400)
    assert 0.43 < low < 0.5 < high < 0.57


def test_of_large_training_parts_some_cases_are_drawn(clean, sides, monkeypatch):
    monkeypatch.setattr(shortcuts, "MOST", 50)
    fitted, scores = [], shortcuts._scores
    monkeypatch.setattr(
        shortcuts, "_scores", lambda task, x, y, test: fitted.append(len(x)) or scores(task, x, y, test)
    )
    check_shortcuts(sides(planted(clean, "static", True)))
    assert sorted(fitted) == [33, 33, 34, 50]
