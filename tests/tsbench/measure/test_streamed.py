"""Runs and learners on data that stays in its file: what it gives in memory, or a refusal before training."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.tsbench.measure.test_worker import QUICK, SMALL_TS2VEC, assert_same
from tsbench.data import scratch, stream
from tsbench.data.panel import Panel
from tsbench.errors import MethodError
from tsbench.learning import learner as module
from tsbench.learning.learner import Learner
from tsbench.measure import represent
from tsbench.measure.worker import Worker
from tsbench.plan.plan import make_plan
from tsbench.plan.request import Request

TS2VEC = {name: int(value) for name, value in SMALL_TS2VEC.items()}
STEPS = {"max_steps": 3, "batch_size": 8}
METHODS = {
    "trls": {**STEPS, "min_steps": 0, "encoder": "fcn"},
    "ts2vec": TS2VEC,
    "simclr": STEPS,
    "cpc": STEPS,
    "ts-tcc": STEPS,
    "tnc": {**STEPS, "window": 8},
    "t-loss": {**STEPS, "encoder.channels": 4, "encoder.depth": 2},
    "supervised": STEPS,
}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(stream, "BLOCK_BYTES", 5000)
    monkeypatch.setattr(module, "STREAMED_VALUES", 500)
    monkeypatch.setattr(represent, "ROWS", 7)


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    X = np.sin(np.arange(32) * (0.2 + 0.3 * y[:, None, None])) + rng.normal(0, 0.3, (40, 2, 32))
    return X.astype(np.float32), y


def mapped(folder, X):
    np.save(folder / "X.npy", X)
    return np.load(folder / "X.npy", mmap_mode="r")


@pytest.mark.parametrize("method", METHODS)
def test_a_method_learns_and_encodes_the_same(tmp_path, arrays, method):
    X, y = arrays
    panels = Panel.build(X, y), Panel.build(mapped(tmp_path, X), y)
    held, streamed = (Learner(method, **METHODS[method]).fit(panel) for panel in panels)
    for one, other in zip(held.method.state_dict().values(), streamed.method.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    assert streamed.report["curve"] == held.report["curve"] and streamed.report["diagnosis"] == held.report["diagnosis"]
    features = streamed.encode(panels[1])
    assert isinstance(features, np.memmap)
    np.testing.assert_array_equal(features, held.encode(panels[0]))


def test_a_net_decides_the_same(tmp_path, arrays):
    X, y = arrays
    panels = Panel.build(X, y), Panel.build(mapped(tmp_path, X), y)
    held, streamed = (Learner("supervised", **STEPS).fit(panel).predict(panel) for panel in panels)
    np.testing.assert_array_equal(streamed.scores, held.scores)


@pytest.mark.parametrize("method", ["minirocket-features", "ts2vec"])
def test_a_method_that_needs_all_cases_is_refused_before_it_trains(tmp_path, arrays, method, monkeypatch):
    X, y = arrays
    X[3, 0, 4] = np.nan  # the mean that ts2vec then takes away is that of all cases
    panel = Panel.build(mapped(tmp_path, X), y)
    monkeypatch.setattr("tsbench.learning.loop.run_stages", lambda *_: pytest.fail("trained"))
    with pytest.raises(MethodError, match="^all cases at once are needed here .*they are streamed from"):
        Learner(method, **(TS2VEC if method == "ts2vec" else {})).fit(panel)


def results(plugins, registry, folder, X, streamed, method, protocols, **fields):
    arrays = {"y": fields.pop("y"), "static": np.arange(len(X), dtype=np.float32)[:, None]}
    folder.mkdir()
    if streamed:
        np.save(folder / "d.npy", X)
    np.savez(folder / "d.npz", **arrays, **({} if streamed else {"X": X}))
    request = Request([method], [str(folder / ("d.npy" if streamed else "d.npz"))], protocols, **fields)
    specs = [spec for spec in make_plan(request, plugins, registry).specs if spec.fold == 0]
    worker = Worker(plugins)
    return [worker.run(spec) for spec in specs]


@pytest.mark.parametrize(("method", "overrides"), [("trls", {**QUICK, "encoder": "fcn"}), ("ts2vec", SMALL_TS2VEC)])
def test_a_run_gives_the_same_predictions(installed, registry, tmp_path, arrays, method, overrides):
    X, y = arrays
    protocols = ("ridge-cv5", "ridge-cv5+static=append", "ridge-cv5+noise=5", "finetune-cv5+dropout=0.2")
    if method == "ts2vec":
        protocols = protocols[:3]  # with missing values it needs all cases at once
    held, streamed = (
        results(installed, registry, tmp_path / name, X, name == "s", method, protocols, y=y, overrides=overrides)
        for name in ("h", "s")
    )
    for one, other in zip(held, streamed, strict=True):
        assert other.status == "succeeded", other.error
        assert one.spec.key == other.spec.key
        assert_same(one, other)


@pytest.mark.parametrize("method", ["1nn-ed", "minirocket-features"])
def test_what_needs_all_cases_is_a_failed_run(installed, registry, tmp_path, arrays, method):
    X, y = arrays
    (result,) = results(installed, registry, tmp_path / "s", X, True, method, ("ridge-cv5",), y=y)
    assert result.status == "failed"
    assert "at once are needed here" in result.error and "\n" not in result.error


def test_a_disk_that_fills_fails_the_run_and_leaves_nothing(installed, registry, tmp_path, arrays, monkeypatch):
    X, y = arrays
    monkeypatch.setenv("TSBENCH_CACHE", str(tmp_path / "cache"))

    class Full(scratch.Rows):
        def __init__(self):
            super().__init__()
            self.file = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115

    monkeypatch.setattr(scratch, "Rows", Full)
    (result,) = results(installed, registry, tmp_path / "s", X, True, "trls", ("ridge-cv5",), y=y, overrides=QUICK)
    assert result.status == "failed"
    assert result.error.startswith(f"a temporary file cannot be written in {tmp_path}/cache/scratch: No space left")
    assert not list((tmp_path / "cache" / "scratch").iterdir())
