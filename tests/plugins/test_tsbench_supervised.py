import numpy as np
import pytest
import torch

from tsbench import Panel
from tsbench.data.batch import Batch
from tsbench.learning.learner import Learner
from tsbench.learning.loop import fit
from tsbench.measure.worker import Worker
from tsbench.plan.plan import make_plan
from tsbench.plan.request import Request
from tsbench.testing import noise
from tsbench_supervised.method import Supervised


def run(installed, registry, protocol, method="supervised", dataset="UnitTest", **overrides):
    overrides = {"max_steps": "15", "encoder": "fcn", **{key: str(value) for key, value in overrides.items()}}
    (spec,) = make_plan(Request([method], [dataset], [protocol], overrides=overrides), installed, registry).specs
    return Worker(installed).run(spec)


def test_the_head_learns_the_training_labels(panel):
    torch.manual_seed(0)
    method = Supervised.create(encoder="fcn", epochs=60, lr=1e-3)
    method.build([panel.shape])
    data = Batch.from_panel(panel, "cpu", labels=True)
    report = fit(method, [data], 0)
    assert report.curve[-1][1] < 0.5 * report.curve[0][1]
    predicted = method.head(method.encode(data)).argmax(1)
    assert (predicted == data.y).float().mean() > 0.8


def test_its_features_are_probed_like_any_others(installed, registry):
    result = run(installed, registry, "knn")
    assert result.status == "succeeded", result.error
    assert result.facts["steps"] == 15


@pytest.mark.parametrize("encoder", ["fcn", "tfr"])
def test_any_encoder(installed, registry, encoder):
    assert run(installed, registry, "linear", encoder=encoder, max_steps=2).status == "succeeded"


def test_fewer_labels_are_fewer_training_cases(installed, registry):
    whole, fifth = (run(installed, registry, f"knn{c}") for c in ("", "+labels=0.2"))
    assert (whole.facts["n_labelled"], fifth.facts["n_labelled"]) == (20, 4)
    assert not np.array_equal(whole.predictions.scores, fifth.predictions.scores)


# --- its head decides


@pytest.fixture
def levels(tmp_path):
    """Make a file of 80 series, each at a level of its own, with what depends on it as labels of a task."""
    rng = np.random.default_rng(0)
    level = rng.uniform(-1, 1, 80)
    X = level[:, None] + 0.1 * rng.normal(size=(80, 16))
    labels = {
        "classification": ("label", [("low", "high")[int(one > 0)] for one in level]),
        "multilabel": ("label_high,label_far", [f"{int(one > 0)},{int(abs(one) > 0.5)}" for one in level]),
        "regression": ("label", [f"{1000 + 50 * one:.4f}" for one in level]),
    }

    def make(task):
        head, cells = labels[task]
        lines = [",".join([head, *(f"t{i}" for i in range(16))])]
        lines += [",".join([cell, *(f"{x:.5f}" for x in row)]) for cell, row in zip(cells, X, strict=True)]
        path = tmp_path / "levels.csv"
        path.write_text("\n".join(lines) + "\n")
        return f"{task}:{path}"

    return make


@pytest.mark.parametrize(
    ("task", "metric", "good"),
    [("classification", "accuracy", 0.85), ("multilabel", "f1_micro", 0.85), ("regression", "r2", 0.8)],
)
def test_its_head_decides_in_every_task(installed, registry, levels, task, metric, good):
    settings = {"max_steps": "120", "min_steps": "120", "lr": "0.005", "batch_size": "32"}
    request = Request(["supervised", "random:supervised"], [levels(task)], ["own-cv5"], overrides=settings, folds=(0,))
    trained, twin = (Worker(installed).run(spec) for spec in make_plan(request, installed, registry).specs)
    assert trained.status == twin.status == "succeeded", trained.error + twin.error
    assert trained.spec.label.endswith("probe=own]")
    assert trained.metrics[metric] > good > twin.metrics[metric]


def test_numbers_of_one_value_leave_no_nan():
    panel = noise(6)
    panel = Panel.build(panel.X, y=np.full(6, 3.0), task="regression")
    learner = Learner("supervised", max_steps=2).fit(panel)
    assert np.isfinite(learner.predict(panel).y_pred).all()
