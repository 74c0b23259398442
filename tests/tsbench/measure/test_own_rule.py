"""A net that the core trains, and that decides by itself."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from tsbench import SSLMethod
from tsbench.data.dataset import Fold
from tsbench.discovery.catalog import Entry
from tsbench.errors import UsageError
from tsbench.leaderboard.table import build
from tsbench.measure.pretrain import Checkpoints
from tsbench.measure.run import Run, Shared
from tsbench.measure.worker import Worker
from tsbench.plan.plan import make_plan
from tsbench.plan.request import Request
from tsbench.plan.result import Result
from tsbench.store.store import Store
from tsbench.testing import make_data
from tsbench.testing.checks import Given, with_given


class Net(SSLMethod):
    """A linear map of the channels' means; it has no features."""

    supervised, represent, encode_elements = True, None, 40  # a few cases at a time

    def build(self, shapes):
        self.head = nn.Linear(shapes[0].n_channels, shapes[0].n_classes)

    def training_step(self, step):
        return nn.functional.cross_entropy(self.decide(step.batch), step.batch.y)

    def decide(self, batch):
        assert (batch.y is None) != self.training, "labels are for the training alone"
        return self.head(batch.x.mean(2))


@pytest.fixture
def plugins():
    found, _ = with_given()
    found["methods"].add([Entry("net", Net, "tests")])
    Given.data = make_data(sizes=(9, 0, 8), channels=2, length=10)
    return found


def planned(plugins, registry, methods, *protocols, **fields):
    return make_plan(Request(methods.split(","), ["given"], protocols, **fields), plugins, registry).specs


def test_it_is_trained_once_decides_and_is_stored(plugins, registry, tmp_path):
    knn, own = planned(plugins, registry, "net", "knn", "own"), planned(plugins, registry, "net", "own")
    assert [spec.key for spec in knn] == [spec.key for spec in own]
    (spec,) = own
    assert spec.own_probe and spec.label == "net"
    worker = Worker(plugins, checkpoint_folder=tmp_path)
    result = worker.run(spec)
    assert result.status == "succeeded", result.error
    assert result.checkpoint is not None and result.facts["steps"] == 50 and result.curve
    restored = Worker(plugins, checkpoint_folder=tmp_path, sha256_of=lambda key: result.checkpoint[2]).run(spec)
    assert restored.facts["reused_pretraining"] == 1
    np.testing.assert_array_equal(restored.predictions.scores, result.predictions.scores)
    np.testing.assert_array_equal(result.predictions.y_pred, result.predictions.scores.argmax(1))


def test_its_floors_come_along_and_the_twin_is_not_trained(plugins, registry):
    specs = planned(plugins, registry, "net", "own", floors=True)
    assert {spec.method for spec in specs} == {"net", "random:net", "majority", "1nn-ed"}
    results = {spec.method: Worker(plugins).run(spec) for spec in specs}
    assert {result.status for result in results.values()} == {"succeeded"}
    assert results["random:net"].facts["steps"] == 0
    assert not np.array_equal(results["random:net"].predictions.scores, results["net"].predictions.scores)


def test_a_method_that_can_do_both_has_a_row_for_each(plugins, registry, tmp_path):
    specs = planned(plugins, registry, "supervised", "knn", "own", overrides={"max_steps": "2"})
    assert [spec.label for spec in specs] == ["supervised[max_steps=2]", "supervised[max_steps=2,probe=own]"]
    store, worker = Store(str(tmp_path / "s.db")), Worker(plugins)
    for spec in specs:
        store.record(worker.run(spec), {})
    protocol = registry.protocol("knn")
    rows = store.scores("accuracy", {protocol.hash(), protocol.own().hash()})
    assert len(build("test", ["given"], protocol, rows, "accuracy").cells) == 2
    store.close()
    index = np.arange(9)
    assert specs[0].pretrain_key(index) == specs[1].pretrain_key(index)


@pytest.mark.parametrize(
    ("methods", "said"),
    [("ts2vec", "ts2vec has no decision rule"), ("net,random:ts2vec", "random:ts2vec has no decision rule")],
)
def test_what_cannot_decide_is_refused_by_the_plan(plugins, registry, methods, said):
    with pytest.raises(UsageError, match=said):
        planned(plugins, registry, methods, "knn", "own")


def test_a_floor_that_cannot_decide_is_left_out(plugins, registry):
    floors = registry.model_copy(update={"floors": ("majority", "minirocket-features")})
    assert {spec.method for spec in planned(plugins, floors, "net", "own", floors=True)} == {
        "net",
        "random:net",
        "majority",
    }


def test_what_is_no_method_is_refused_by_the_plan(plugins, registry):
    plugins["methods"].add([Entry("none", dict, "tests")])
    with pytest.raises(UsageError, match="none can neither represent nor decide"):
        planned(plugins, registry, "none", "knn")


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        (lambda x: x.mean((1, 2)), "Net gave scores of shape"),
        (lambda x: torch.full((len(x), 2), torch.nan), "Net gave NaN scores"),
        (lambda x: torch.zeros(len(x), 2, dtype=torch.complex64), "Net gave complex scores"),
        (lambda x: None, "Net.decide returned NoneType"),
    ],
)
def test_what_it_gives_is_checked(plugins, registry, monkeypatch, scores, said):
    monkeypatch.setattr(Net, "decide", lambda self, batch: scores(batch.x))
    monkeypatch.setattr(Net, "trains", False)
    (spec,) = planned(plugins, registry, "net", "own")
    result = Worker(plugins).run(spec)
    assert result.status == "failed" and said in result.error


def test_a_rule_that_needs_no_step_is_fitted_on_labels(plugins, registry, monkeypatch):
    def take_means(self, data):
        y = data[0].y
        self.centres = torch.stack([data[0].x[y == label].mean((0, 2)) for label in y.unique()])

    monkeypatch.setattr(Net, "trains", False)
    monkeypatch.setattr(Net, "on_fit_start", take_means)
    monkeypatch.setattr(Net, "decide", lambda self, batch: -torch.cdist(batch.x.mean(2), self.centres))
    (spec,) = planned(plugins, registry, "net", "own", floors=True)[:1]
    result = Worker(plugins).run(spec)
    assert result.status == "succeeded", result.error
    assert result.facts["steps"] == 0


def test_only_tasks_it_serves_are_planned(plugins, registry):
    panel = replace(Given.data.panel, y=np.arange(17.0), task="regression", classes=())
    Given.data = replace(Given.data, panel=panel)
    plan = make_plan(Request(["net", "majority"], ["given"], ["own"]), plugins, registry)
    assert {spec.method for spec in plan.specs} == {"majority"}
    assert "net predicts for classification only" in plan.invalid["given"]


def test_the_validation_part_chooses_the_state_and_the_test_part_does_not(plugins, registry):
    def row(**overrides):
        (spec,) = planned(plugins, registry, "net", "own", overrides={"epochs": 3, **overrides})
        result = Worker(plugins).run(spec)
        assert result.status == "succeeded", result.error
        return spec, result

    data = Given.data
    archive = data.folds["archive"][0]
    fold = Fold(archive.train, archive.test[:4], archive.test[4:])
    Given.data = replace(data, folds={"archive": [fold]})
    spec, result = row(select="auroc")
    last_spec, last = row()
    assert {"selected_auroc", "selected_epoch", "selected_step"} <= result.facts.keys()
    assert not [name for name in last.facts if name.startswith("selected")]
    assert spec.key != last_spec.key and "select" in last_spec.neutral_keys and "select" not in spec.neutral_keys
    index = np.arange(3)
    assert spec.pretrain_key(index, validation=index) != spec.pretrain_key(index, validation=index[:2])
    run = Run(spec, Shared(plugins, "cpu", Checkpoints(None, lambda key: None)))
    run.parts.y_test = 1 - run.parts.y_test  # nothing that is chosen moves with it
    swapped = Result(spec, "succeeded")
    run.measure(swapped)
    assert swapped.facts["selected_auroc"] == result.facts["selected_auroc"]
    assert np.array_equal(swapped.predictions.scores, result.predictions.scores)


def test_what_cannot_choose_a_state_is_refused_when_it_is_planned(plugins, registry):
    with pytest.raises(UsageError, match="select=auroc needs decisions"):
        planned(plugins, registry, "simclr", "knn", overrides={"select": "auroc"})
