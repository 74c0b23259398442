"""A method on frozen weights of a file: trained, kept without them, restored from the file, and refused without it."""

import json
from contextlib import closing

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from tsbench import Learner, SSLMethod, load_weights, weights
from tsbench.discovery.catalog import Entry
from tsbench.errors import UsageError
from tsbench.leaderboard.export import notes
from tsbench.leaderboard.table import build
from tsbench.measure.worker import Worker
from tsbench.methods.weights import digest_of
from tsbench.nn.weights import trainable_parameters
from tsbench.plan.plan import make_plan
from tsbench.plan.request import Request
from tsbench.store.checkpoints import Checkpoint, save
from tsbench.store.store import Store
from tsbench.testing import make_data, noise
from tsbench.testing.checks import Given, with_given


class OnFrozen(SSLMethod):
    """A linear map, trained on features of a frozen one."""

    class Params(SSLMethod.Params):
        backbone: str | None = weights(doc="weights of the first map")

    def build(self, shapes):
        self.backbone, self.head = nn.Linear(shapes[0].n_channels, 300), nn.Linear(300, 2)
        if self.params.backbone:
            load_weights(self.backbone, self.params.backbone, "backbone")

    def training_step(self, step):
        return self.represent(step.batch).square().mean()

    def represent(self, batch):
        return self.head(self.backbone(batch.x.mean(dim=2)))


class Whole(OnFrozen):
    """Nothing of it trains."""

    trains = False

    def build(self, shapes):
        super().build(shapes)
        self.head = nn.Identity()


@pytest.fixture
def file(tmp_path):
    torch.manual_seed(7)
    save_file(nn.Linear(2, 300).state_dict(), tmp_path / "w.safetensors")
    return tmp_path / "w.safetensors"


@pytest.fixture
def plugins():
    found, _ = with_given()
    found["methods"].add([Entry("on-frozen", OnFrozen, "tests"), Entry("whole", Whole, "tests")])
    Given.data = make_data(sizes=(9, 0, 8), channels=2, length=10)
    return found


def planned(plugins, registry, value, method="on-frozen", **fields):
    overrides = {"backbone": str(value), "epochs": "2"}
    (spec,) = make_plan(Request([method], ["given"], ("knn",), overrides=overrides, **fields), plugins, registry).specs
    return spec


@pytest.mark.parametrize("method", ["on-frozen", "whole"])
def test_what_is_frozen_is_not_kept_and_comes_from_its_file_again(plugins, registry, tmp_path, file, method):
    spec = planned(plugins, registry, file, method)
    result = Worker(plugins, checkpoint_folder=tmp_path / "kept").run(spec)
    assert result.status == "succeeded", result.error
    with safe_open(tmp_path / "kept" / result.checkpoint[1], "pt") as kept:
        assert sorted(kept.keys()) == ([] if method == "whole" else ["head.bias", "head.weight"])
        assert json.loads(kept.metadata()["report"])["read"] == {"backbone": digest_of(spec.params["backbone"])}
    moved = file.rename(tmp_path / "moved.safetensors")
    again = planned(plugins, registry, moved, method)
    assert again.key == spec.key
    restored = Worker(plugins, checkpoint_folder=tmp_path / "kept", sha256_of=lambda key: result.checkpoint[2]).run(
        again
    )
    assert restored.facts["reused_pretraining"] == 1
    np.testing.assert_array_equal(restored.predictions.scores, result.predictions.scores)


def test_a_checkpoint_whose_file_is_gone_says_so_in_a_line(plugins, registry, tmp_path, file):
    spec = planned(plugins, registry, file)
    kept = Worker(plugins, checkpoint_folder=tmp_path).run(spec).checkpoint
    file.unlink()
    result = Worker(plugins, checkpoint_folder=tmp_path, sha256_of=lambda key: kept[2]).run(spec)
    short = digest_of(spec.params["backbone"])[:12]
    assert (result.status, result.checkpoint) == ("failed", None)
    assert result.error == (
        f"backbone: there is no file {file}; give a file of weights, or package:NAME "
        f"(wanted are the weights with sha256 {short})"
    )


def test_weights_of_another_model_fail_the_run_in_a_line(plugins, registry, tmp_path):
    save_file({"other": torch.zeros(1)}, tmp_path / "other.safetensors")
    result = Worker(plugins).run(planned(plugins, registry, tmp_path / "other.safetensors"))
    assert result.error == f"backbone: {tmp_path}/other.safetensors has no 'weight', so it is not of Linear"


def test_a_checkpoint_of_before_that_holds_everything_is_read(plugins, registry, tmp_path, file):
    spec = planned(plugins, registry, file)
    first = Worker(plugins, checkpoint_folder=tmp_path).run(spec)
    method = OnFrozen.create(backbone=str(file))
    method.build([Given.data.panel.shape])
    whole = {**method.state_dict(), "head.bias": torch.ones(2), "head.weight": torch.ones(2, 300)}
    report = {"steps": 2, "seconds": 0.1, "curve": [], "sources": ""}
    _, sha256 = save(tmp_path, first.checkpoint[0], Checkpoint(whole, report))
    worker = Worker(plugins, checkpoint_folder=tmp_path, sha256_of=lambda key: sha256)
    assert worker.run(spec).facts["reused_pretraining"] == 1
    trained = worker.shared._last["method"][1].learner.method
    assert torch.equal(trained.head.bias, torch.ones(2)) and torch.equal(trained.backbone.bias, method.backbone.bias)


def test_a_checkpoint_that_names_another_file_is_trained_anew(plugins, registry, tmp_path, file):
    spec = planned(plugins, registry, file)
    first = Worker(plugins, checkpoint_folder=tmp_path).run(spec)
    report = {"steps": 2, "seconds": 0.1, "sources": "", "read": {"backbone": "0" * 64}}
    state = {"head.bias": torch.ones(2), "head.weight": torch.ones(2, 300)}
    _, sha256 = save(tmp_path, first.checkpoint[0], Checkpoint(state, report))
    again = Worker(plugins, checkpoint_folder=tmp_path, sha256_of=lambda key: sha256).run(spec)
    assert again.facts["reused_pretraining"] == 0


def test_a_learner_is_saved_without_what_is_frozen(tmp_path, file):
    learner = Learner(OnFrozen, backbone=str(file), epochs=1).fit(noise(6, 2, 20))
    assert trainable_parameters([learner.method]) == 602
    learner.save(tmp_path / "saved")
    with safe_open(tmp_path / "saved" / "weights.safetensors", "pt") as saved:
        assert sorted(saved.keys()) == ["head.bias", "head.weight"]
    panel = noise(4, 2, 20)
    loaded = Learner.load(tmp_path / "saved", method=OnFrozen)
    np.testing.assert_array_equal(loaded.encode(panel), learner.encode(panel))
    file.unlink()
    with pytest.raises(UsageError, match=r"saved cannot be loaded: backbone: there is no file .*w.safetensors"):
        Learner.load(tmp_path / "saved", method=OnFrozen)


def test_a_board_of_such_rows_says_that_they_are_unknown(plugins, registry, tmp_path, file):
    spec = planned(plugins, registry, file)
    with closing(Store(str(tmp_path / "s.db"))) as store:
        store.record(Worker(plugins).run(spec), {})
        board = build("b", ["given"], spec.protocol, store.results(), "accuracy")
        assert store.find(spec.key)["exposure"] == "unknown: backbone"
    assert board.exposures == {(spec.label, "given"): "unknown: backbone"}
    assert "? What its method was pre-trained on is not declared (unknown)." in notes(board)
