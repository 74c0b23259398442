import numpy as np
import pandas as pd
import pytest

from tsbench.errors import UsageError
from tsbench.methods.probe import Features
from tsbench.plots import calibration, curves, tsne
from tsbench.plots.runs import names_of, shared
from tsbench.tasks.calibration import calibration as metrics_of
from tsbench.tasks.score import Predictions


def run(label="x", key="k" * 12, curve=(), **fields):
    attempts = [{"id": 1, "curve": [[9, 9.0]]}, {"id": 2, "curve": curve}]
    place = {"dataset": "D", "protocol": "p", "fold": 0, "seed": 0, "task": "classification", "classes": ["a", "$b$"]}
    return {"label": label, "key": key, "attempts": attempts, "attempt": 2, **place, **fields}


def test_runs_are_called_by_what_differs():
    assert names_of([run("x"), run("y")]) == ["x", "y"]
    assert names_of([run(seed=0), run(seed=1)]) == ["seed 0", "seed 1"]
    assert names_of([run()]) == ["x, D"]
    assert names_of([run(key="a" * 12), run(key="b" * 12)]) == ["x, D (aaaaaaaa)", "x, D (bbbbbbbb)"]
    assert shared([run("x"), run("y")]) == "D, p, fold 0, seed 0"


def test_curves_are_drawn_of_the_current_attempt_a_panel_per_loss():
    frame = curves.numbers(
        [run("x", curve={"$a$": [[1, 2.0], [2, None]], "b": [[1, 3.0]]}), run("y", curve={"b": [[4, 1.0]]})]
    )
    assert frame.drop(columns="value").values.tolist() == [
        ["x", "$a$", 1],
        ["x", "$a$", 2],
        ["x", "b", 1],
        ["y", "b", 4],
    ]
    first, second = curves.draw(frame).axes
    assert (first.get_ylabel(), second.get_ylabel()) == ("loss $a$", "loss b")
    assert [line.get_xydata().tolist() for line in second.lines if line.get_marker() in "os"] == [
        [[1, 3.0]],
        [[4, 1.0]],
    ]


def test_a_run_that_was_not_trained_has_no_curve():
    with pytest.raises(UsageError, match="run kkkkkkkkkkkk has no curve"):
        curves.numbers([run()])


def test_a_loss_that_is_never_finite_is_an_empty_panel():
    curves.draw(curves.numbers([run(curve=[[1, float("nan")]])])).draw_without_rendering()


def predictions(**fields):
    rng = np.random.default_rng(0)
    scores = rng.dirichlet([1, 1, 1], 200).astype(np.float32)
    truth = rng.integers(0, 3, 200).astype(np.int32)
    answer = {"cases": np.arange(200, dtype=np.int32), "y_true": truth, "y_pred": scores.argmax(1).astype(np.int32)}
    return Predictions(**{**answer, "scores": scores, "classes": ("a", "b", "c"), "probabilities": True, **fields})


def test_calibration_draws_the_bins_of_the_metric():
    one = predictions()
    frame = calibration.numbers([run()], [one])
    assert frame["cases"].sum() == 200 and frame["ece"].iloc[0] == pytest.approx(
        metrics_of(one.y_true, one.scores)["ece"]
    )
    assert ((frame["low"] <= frame["confidence"]) & (frame["confidence"] <= frame["high"])).all()
    upper, lower = calibration.draw(frame).axes
    np.testing.assert_array_equal(upper.lines[1].get_xydata(), frame[["confidence", "accuracy"]])
    np.testing.assert_allclose(lower.lines[0].get_ydata(), frame["cases"] / 200)
    assert upper.lines[1].get_label() == f"x, D: ECE {100 * frame['ece'].iloc[0]:.1f}%"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "it predicted nothing"),
        (predictions(probabilities=False), "its scores are none"),
    ],
)
def test_what_has_no_probabilities_is_refused(given, said):
    with pytest.raises(UsageError, match=f"needs probabilities, and {said}"):
        calibration.numbers([run()], [given])


def test_of_several_labels_each_label_of_each_case_counts():
    truth, scores = np.array([[0, 1], [1, 1]], np.uint8), np.array([[0.25, 0.75], [0.25, 0.75]], np.float32)
    one = predictions(task="multilabel", y_true=truth, y_pred=truth, scores=scores, classes=("a", "b"))
    frame = calibration.numbers([run()], [one])
    assert frame[["confidence", "accuracy", "cases"]].values.tolist() == [[0.25, 0.5, 2], [0.75, 1.0, 2]]
    assert frame["ece"].tolist() == [0.25, 0.25]


def features(n_classes=2, n=40):
    rng = np.random.default_rng(0)
    y = np.arange(n) % n_classes
    return Features((rng.normal(size=(n, 3)) + 9 * y[:, None]).astype(np.float32), y, n_classes)


def test_tsne_draws_a_point_per_case_and_names_classes():
    frame = tsne.numbers([run("x"), run("y")], lambda one: features())
    assert frame.groupby(["run", "class"]).size().to_dict() == {(r, c): 20 for r in "xy" for c in ("$b$", "a")}
    figure = tsne.draw(frame)
    drawn = np.concatenate([line.get_xydata() for line in figure.axes[0].lines])
    expected = frame[frame["run"] == "x"].sort_values("class", kind="stable")[["x", "y"]]
    np.testing.assert_array_equal(drawn, expected)
    assert len({line.get_marker() for line in figure.axes[0].lines}) == 2
    assert [text.get_text().strip() for text in figure.legends[0].get_texts()] == ["$b$", "a"]


def test_tsne_of_many_classes_names_each_in_its_midst():
    frame = pd.DataFrame(
        {"run": "r", "class": [f"c{i}" for i in range(30)], "x": range(30), "y": 0.0, "silhouette": None}
    )
    figure = tsne.draw(frame)
    assert {text.get_text() for text in figure.axes[0].texts} == {f"c{i}" for i in range(30)} and not figure.legends


def test_tsne_needs_classes():
    with pytest.raises(UsageError, match="this shows classes, and its task is regression"):
        tsne.numbers([run(task="regression")], lambda one: features())
