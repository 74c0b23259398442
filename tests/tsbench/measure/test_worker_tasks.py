"""Runs for numbers and for several labels, from the plan to the board."""

from dataclasses import replace

import numpy as np
import pytest

from tsbench.data.dataset import Card
from tsbench.data.splits import label_subset
from tsbench.discovery.catalog import Entry
from tsbench.leaderboard.table import build
from tsbench.measure.worker import Worker
from tsbench.plan.plan import make_plan
from tsbench.plan.request import Request
from tsbench.protocol import Protocol, Split
from tsbench.store.check import check
from tsbench.store.packing import pack, unpack
from tsbench.store.store import Store
from tsbench.tasks import TASKS
from tsbench.tasks.score import metrics_of


@pytest.fixture
def recordings(tmp_path):
    """60 short series, their mean level the target, and two labels that depend on it."""
    rng = np.random.default_rng(0)
    level = rng.normal(size=60)
    X = level[:, None] * np.linspace(0, 1, 24) + 0.1 * rng.normal(size=(60, 24))

    def make(kind):
        path = tmp_path / f"{kind}.csv"
        rows = [",".join(f"{value:.6f}" for value in series) for series in X]
        if kind == "regression":
            head, labels = "label", [f"{value:.6f}" for value in level]
        else:
            head, labels = "label_high,label_odd", [f"{int(v > 0)},{i % 2}" for i, v in enumerate(level)]
        names = ",".join(f"t{i}" for i in range(24))
        lines = [f"{head},{names}", *(f"{label},{row}" for label, row in zip(labels, rows, strict=True))]
        path.write_text("\n".join(lines) + "\n")
        return f"{kind}:{path}" if kind == "regression" else str(path)

    return make


def planned(installed, registry, dataset, methods="minirocket-features,majority", protocols=("ridge-cv5",), **fields):
    return make_plan(Request(methods.split(","), [dataset], protocols, **fields), installed, registry)


@pytest.mark.parametrize("kind", ["regression", "multilabel"])
def test_runs_are_measured_stored_checked_and_ranked(installed, registry, recordings, tmp_path, kind):
    plan, worker = planned(installed, registry, recordings(kind)), Worker(installed)
    assert len(plan.specs) == 10 and not plan.invalid
    store = Store(str(tmp_path / "s.db"))
    for spec in plan.specs:
        assert spec.task == kind and spec.versions[f"task:{kind}"] == 1
        result = worker.run(spec)
        assert result.status == "succeeded", result.error
        calibration = {"log_loss", "brier", "ece"}  # of probabilities alone, which neither gives
        assert set(result.metrics) == {metric.name for metric in TASKS[kind].metrics} - calibration
        again = unpack(pack(result.predictions))
        assert metrics_of(again) == pytest.approx(result.metrics, nan_ok=True)
        assert again.y_true.dtype == {"regression": np.float64, "multilabel": np.uint8}[kind]
        store.record(result, {})
    assert [problem.what for problem in check(store)] == []
    metric, protocol = TASKS[kind].primary, plan.specs[0].protocol
    rows = store.scores(metric, {protocol.hash(), protocol.own().hash()})
    board = build("test", [kind], protocol, rows, metric)
    store.close()
    assert list(board.summary.index) == ["minirocket-features", "majority"]
    assert board.summary["rank"].tolist() == [1.0, 2.0]
    assert board.summary["wins"].tolist() == [1, 0]


def test_pretraining_does_not_depend_on_the_task(installed, registry, recordings):
    (spec, *_) = planned(installed, registry, recordings("regression"), "ts2vec").specs
    index = np.arange(3)
    other = replace(spec, versions={name: v for name, v in spec.versions.items() if not name.startswith("task:")})
    assert spec.pretrain_key(index) == other.pretrain_key(index)
    assert spec.key != other.key


@pytest.mark.parametrize(
    ("methods", "protocol", "said", "left"),
    [
        (
            "1nn-ed,majority",
            "ridge-cv5",
            "1nn-ed predicts for classification only; no protocol changes that",
            {"majority"},
        ),
        (
            "ts2vec",
            "svm-rbf-cv5",
            "ts2vec under protocol 'svm-rbf-cv5' has a probe for classification only; what serves it: --protocol ridge",
            set(),
        ),
    ],
)
def test_what_does_not_suit_is_refused_by_the_plan(installed, registry, recordings, methods, protocol, said, left):
    plan = planned(installed, registry, recordings("regression"), methods, (protocol,))
    assert plan.invalid["regression"].startswith(f"regression is for regression: {said}")
    assert {spec.method for spec in plan.specs} == left


def test_floors_that_do_not_suit_are_left_out(installed, registry, recordings):
    plan = planned(installed, registry, recordings("regression"), "ts2vec", floors=True)
    assert {spec.method for spec in plan.specs} == {"ts2vec", "random:ts2vec", "majority"}
    assert not plan.invalid


def test_folds_of_numbers_are_alike(installed, registry, recordings):
    from tsbench.plan.datasets import open_dataset

    handle = open_dataset(recordings("regression"), installed, "")
    data = handle.load()
    folds = Protocol(name="p", probe="ridge", split=Split(scheme="cv", folds=5)).folds(data, handle.card)
    means = [data.panel.y[fold.test].mean() for fold in folds]
    assert np.ptp(means) < 0.5 * data.panel.y.std()
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(60))


def test_a_share_of_numbers_holds_low_and_high_ones():
    y = np.random.default_rng(0).permutation(100).astype(float)
    kept = label_subset(TASKS["regression"].strata(y), 0.1, 0)
    assert sorted((y[kept] // 10).tolist()) == list(range(10))
    assert set(kept) <= set(label_subset(TASKS["regression"].strata(y), 0.5, 0))


def test_a_metric_that_the_test_part_does_not_define_is_left_out_with_a_warning(installed, registry, tmp_path):
    for part, labels in (("TRAIN", [0.5, 1.5, 2.5, 3.5]), ("TEST", [2.5, 2.5])):
        rows = "".join(f"{label},{i},{i * i},1\n" for i, label in enumerate(labels))
        (tmp_path / f"x_{part}.csv").write_text("label,a,b,c\n" + rows)
    name = f"regression:{tmp_path / 'x_TRAIN.csv'}"
    (spec,) = planned(installed, registry, name, "majority", ("ridge",)).specs
    result = Worker(installed).run(spec)
    assert set(result.metrics) == {"mae", "rmse"}
    assert result.warnings == ("r2: left out, since the labels of the test part do not vary",)


def test_a_card_that_names_another_task_is_refused(installed, registry):
    from tsbench.testing.checks import Given, with_given
    from tsbench.testing.generated import labelled, make_data

    class Wrong(Given):
        card = Card("wrong")

    plugins, _ = with_given()
    plugins["datasets"].add([Entry("wrong", Wrong, "tests")])
    Given.data = labelled(make_data(), "regression")
    plan = planned(plugins, registry, "wrong", "majority", ("ridge",))
    assert not plan.specs
    assert plan.invalid["wrong"].startswith("wrong: its labels are for regression, its card says 'classification'")
