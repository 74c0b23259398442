"""Imputation, from the plan to the board."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from tsbench import SSLMethod
from tsbench.data.panel import Panel
from tsbench.discovery.catalog import Entry
from tsbench.errors import InvalidDataError, UsageError
from tsbench.leaderboard.query import query
from tsbench.measure import imputation
from tsbench.measure.pretrain import Checkpoints
from tsbench.measure.run import Run, Shared
from tsbench.measure.worker import Worker
from tsbench.plan.plan import make_plan
from tsbench.plan.request import Request
from tsbench.store.check import check
from tsbench.store.packing import pack, unpack
from tsbench.store.store import Store
from tsbench.tasks.score import metrics_of
from tsbench.testing import make_data
from tsbench.testing.checks import Given, labelled, with_given


class Level(SSLMethod):
    """A level for each channel, learnt by gradient steps."""

    represent = None

    def build(self, shapes):
        self.level = nn.Parameter(torch.zeros(1, shapes[0].n_channels, 1))

    def training_step(self, step):
        assert step.batch.y is None
        return (step.batch.x - self.level)[step.batch.mask].abs().mean()

    def reconstruct(self, batch):
        assert batch.y is None and not self.training
        return torch.where(batch.mask, batch.x, self.level.expand_as(batch.x))


class Trained(Level):
    supervised, normalisation = True, "none"

    def training_step(self, step):
        return (step.batch.x - self.level + 0 * step.batch.y.sum()).abs().mean()


@pytest.fixture
def plugins():
    found, _ = with_given()
    found["methods"].add([Entry("level", Level, "tests"), Entry("trained", Trained, "tests")])
    Given.data = make_data((9, 0, 8), 2, 30, "walk", ragged=True, gaps=["points", "a channel of a case"])
    return found


def planned(plugins, registry, methods, *protocols, **fields):
    return make_plan(Request(methods.split(","), ["given"], protocols or ("impute",), **fields), plugins, registry)


def run_of(plugins, spec):
    return Run(spec, Shared(plugins, "cpu", Checkpoints(None, lambda key: None)))


def test_it_is_trained_as_ever_and_fills_in_what_is_hidden(plugins, registry, tmp_path):
    plan = planned(plugins, registry, "level", floors=True)
    assert {spec.method for spec in plan.specs} == {*("level", "random:level", "mean-fill", "last-fill", "linear-fill")}
    store, worker = Store(str(tmp_path / "s.db")), Worker(plugins)
    for spec in plan.specs:
        assert spec.task == "imputation" and spec.versions["task:imputation"] == 1 and not spec.own_probe
        result = worker.run(spec)
        assert result.status == "succeeded", result.error
        assert set(result.metrics) == {"masked_mae", "masked_rmse", "masked_nrmse"}
        assert metrics_of(unpack(pack(result.predictions))) == result.metrics
        store.record(result, {})
    assert not list(check(store))
    rows = store.results()
    assert len({row["facts"]["test_mask"] for row in rows}) == 1
    board = query(["given"], "impute", None, None, (), False, plugins, registry, lambda: _kept(store))
    assert board.metric == "masked_mae" and board.unit == "prepared units" and len(board.cells) == 5
    assert board.summary["rank"].iloc[0] == 1 and board.cells["given"].is_monotonic_increasing
    store.close()


class _kept:
    """A store that stays open."""

    def __init__(self, store):
        self.store = store

    def __enter__(self):
        return self.store

    def __exit__(self, *_):
        pass


@pytest.mark.parametrize("condition", ["", "+samples-time=0.5", "+samples-block=0.4", "+dropout=0.5", "+sensors=0.5"])
def test_what_is_scored_was_observed_is_hidden_and_is_the_same_for_all(plugins, registry, condition):
    specs = planned(plugins, registry, "level,linear-fill", f"impute{condition}").specs
    first, second = (Worker(plugins).run(spec).predictions for spec in specs)
    np.testing.assert_array_equal(first.places, second.places)
    np.testing.assert_array_equal(first.y_true, second.y_true)
    parts = run_of(plugins, specs[0]).parts
    case, channel, step = first.places.T
    raw = Given.data.panel.X[first.cases[case], channel, step]
    assert np.isfinite(raw).all(), "what is really missing is never scored"
    train = Given.data.panel.X[Given.data.folds["archive"][0].train]
    mean, std = np.nanmean(train, axis=(0, 2)), np.nanstd(train, axis=(0, 2))
    np.testing.assert_allclose(first.y_true, ((raw - mean[channel]) / std[channel]), rtol=1e-4, atol=1e-5)
    assert np.isnan(parts.test.X[case, channel, step]).all(), "the method does not see it"
    n_hidden = np.isnan(parts.test.X).sum() - np.isnan(parts.whole.X).sum()
    assert len(first.places) == n_hidden > 0


@pytest.mark.parametrize("protocol", ["impute", "impute-cv5"])
@pytest.mark.parametrize("select", ["auroc", "last"])
def test_a_state_chosen_by_decisions_is_told_of(plugins, registry, protocol, select):
    overrides = {"epochs": "1", "hidden": "2", "select": select, "plateau": "none"}
    request = Request(["brits"], ["given"], [protocol], overrides=overrides, folds=(0,))
    (spec,) = make_plan(request, plugins, registry).specs
    result = Worker(plugins).run(spec)
    said = any(
        "decisions chose the state, of which the values it fills in are measured" in one for one in result.warnings
    )
    assert said == (protocol == "impute-cv5" and select == "auroc")


def test_rows_share_the_training_with_other_protocols(plugins, registry):
    index = np.arange(9)
    impute, other = planned(plugins, registry, "level", "impute", "impute+samples=0.6").specs
    assert impute.pretrain_key(index) == other.pretrain_key(index) and impute.key != other.key
    by_name, by_default = (registry.protocol(name) for name in ("impute+samples=0.3", "impute"))
    assert by_name.hash() == by_default.hash()


def test_of_many_hidden_values_the_same_part_is_kept_for_all(plugins, registry, monkeypatch):
    specs = planned(plugins, registry, "level,mean-fill").specs
    whole = Worker(plugins).run(specs[0]).predictions
    monkeypatch.setattr(imputation, "MOST_SCORED", 20)
    results = [Worker(plugins).run(spec) for spec in specs]
    few, again = (result.predictions for result in results)
    np.testing.assert_array_equal(few.places, again.places)
    assert results[0].facts["n_hidden"] == len(whole.places) > results[0].facts["n_scored"] == len(few.places) == 20
    assert {*map(tuple, few.places)} < {*map(tuple, whole.places)}


def test_streamed_cases_give_the_same(plugins, registry, tmp_path):
    Given.data = make_data((9, 0, 8), 2, 30, "walk")
    (spec,) = planned(plugins, registry, "linear-fill").specs
    resident = Worker(plugins).run(spec).predictions
    panel = Given.data.panel
    np.save(tmp_path / "x.npy", panel.X)
    mapped = Panel.build(np.load(tmp_path / "x.npy", mmap_mode="r"), labels=[panel.classes[i] for i in panel.y])
    Given.data = replace(Given.data, panel=mapped)
    streamed = Worker(plugins).run(spec)
    assert streamed.status == "succeeded", streamed.error
    np.testing.assert_array_equal(streamed.predictions.places, resident.places)
    np.testing.assert_allclose(streamed.predictions.y_pred, resident.y_pred, rtol=1e-6)


@pytest.mark.parametrize(
    ("methods", "protocol", "said"),
    [
        ("ts2vec", "impute", "ts2vec cannot fill in missing values: its class has no `reconstruct`"),
        ("1nn-ed", "impute", "1nn-ed cannot fill in missing values"),
        ("mean-fill", "knn", "mean-fill fills in missing values and nothing else: take a protocol such as impute"),
        ("mean-fill", "own", "mean-fill fills in missing values and nothing else"),
        ("mean-fill", "impute+noise=10", "noise changes values and hides none"),
    ],
)
def test_what_does_not_go_together_is_refused_by_the_plan(plugins, registry, methods, protocol, said):
    with pytest.raises(UsageError, match=said):
        planned(plugins, registry, methods, protocol)


def test_a_protocol_that_hides_nothing_is_refused(plugins, registry):
    bare = registry.protocols["impute"].model_copy(update={"condition": type(registry.protocols["knn"].condition)()})
    changed = registry.model_copy(update={"protocols": {**registry.protocols, "bare": bare}})
    with pytest.raises(UsageError, match="hides nothing that could be filled in: write what hides values after it"):
        planned(plugins, changed, "mean-fill", "bare")


def test_another_unit_and_another_task_are_told_of_in_the_plan(plugins, registry):
    plan = planned(plugins, registry, "trained")
    assert not plan.specs and "insists on normalisation 'none'" in plan.invalid["given"]
    Given.data = labelled(Given.data, "regression")
    assert "is trained for classification only" in planned(plugins, registry, "trained").invalid["given"]
    assert len(planned(plugins, registry, "level").specs) == 1  # whatever the labels are


def test_a_level_that_hides_nothing_is_refused_in_the_plan(plugins, registry):
    with pytest.raises(UsageError, match="hides nothing that could be filled in"):
        planned(plugins, registry, "mean-fill", "impute+samples=0")


def test_where_nothing_is_hidden_the_run_says_so(plugins, registry):
    (spec,) = planned(plugins, registry, "level", "impute+samples=0.001").specs
    result = Worker(plugins).run(spec)
    assert result.status == "failed" and "samples=0.001@test hides no observed value of the test part" in result.error
    with pytest.raises(InvalidDataError):
        imputation.hidden_values(run_of(plugins, spec).parts)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda batch: batch.x[:, :, 1:], "reconstruct gave float32 of shape"),
        (lambda batch: batch.mask, "reconstruct gave bool of shape"),
        (lambda batch: batch.x / 0, "NaN or infinite values for missing ones"),
        (lambda batch: None, "reconstruct returned NoneType"),
    ],
)
def test_what_a_method_gives_is_checked(plugins, registry, monkeypatch, given, said):
    monkeypatch.setattr(Level, "reconstruct", lambda self, batch: given(batch))
    (spec,) = planned(plugins, registry, "level").specs
    assert said in Worker(plugins).run(spec).error


def test_observed_values_are_kept_whatever_a_method_says_of_them(plugins, registry, monkeypatch):
    monkeypatch.setattr(Level, "reconstruct", lambda self, batch: torch.full_like(batch.x, 9.0))
    (spec,) = planned(plugins, registry, "level").specs
    run = run_of(plugins, spec)
    (X,) = run.trained.learner.reconstruct_prepared(run.parts.test)
    seen = ~np.isnan(run.parts.test.X)
    np.testing.assert_array_equal(X[seen], run.parts.test.X[seen])
    inside = np.arange(30) < run.parts.test.lengths[:, None, None]
    assert (X[~seen & inside] == 9).all() and (X[np.broadcast_to(~inside, X.shape)] == 0).all()
