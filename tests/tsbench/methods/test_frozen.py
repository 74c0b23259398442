"""Weights within a method: read without running code, named where they do not fit, not saved while they are as read."""

import re

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from tsbench.errors import UsageError
from tsbench.methods.frozen import files_of, load_weights, read_weights, to_save, whole
from tsbench.methods.weights import digest_of, pin


class Net(nn.Module):
    """A backbone with BatchNorm, and a head."""

    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
        self.head = nn.Linear(2, 1)


@pytest.fixture
def file(tmp_path):
    torch.manual_seed(1)
    save_file({**Net().backbone.state_dict(), "fc.weight": torch.zeros(1)}, tmp_path / "w.safetensors")
    return str(tmp_path / "w.safetensors")


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ""])
def test_weights_come_back_bit_for_bit(tmp_path, suffix):
    state = {"a": torch.randn(2, 3), "b": torch.arange(3), "c": torch.tensor(0.5, dtype=torch.bfloat16)}
    path = tmp_path / f"w{suffix}"
    torch.save(state, path) if suffix != ".safetensors" else save_file(state, path)
    found = read_weights(str(path))
    assert found.keys() == state.keys() and all(torch.equal(found[name], state[name]) for name in state)


def test_a_module_is_given_its_weights_and_frozen(file):
    net = Net()
    load_weights(net.backbone, file)
    assert torch.equal(net.backbone[0].weight, read_weights(file)["0.weight"])
    assert {name for name, p in net.named_parameters() if p.requires_grad} == {"head.weight", "head.bias"}
    load_weights(net.backbone, file, freeze=False)
    assert not net.backbone[0].weight.requires_grad


def test_weights_under_other_names(file):
    net = Net()
    given = dict(zip(net.backbone.state_dict(), read_weights(file).values(), strict=False))
    renamed = {name: read_weights(file)[name] for name in given}
    load_weights(net.backbone, file, state=renamed)
    assert files_of(net) == {"backbone": digest_of(pin(file, "w"))}


def test_the_first_weight_that_is_missing_or_of_another_shape_is_named(file, tmp_path):
    with pytest.raises(UsageError, match=r"^w: .*w.safetensors has no 'weight', so it is not of my net$"):
        load_weights(nn.Linear(3, 2), file, "w", what="my net")
    wider = nn.Sequential(nn.Linear(4, 2), nn.BatchNorm1d(2))
    words = "'0.weight' is (2, 3), in Sequential (2, 4), so it is not of Sequential"
    with pytest.raises(UsageError, match=re.escape(words)):
        load_weights(wider, file)


def unreadable(folder):
    """Make files that are not read; yield (name, what is said)."""
    torch.save(nn.Linear(1, 1), folder / "whole.pt")
    yield "whole.pt", "cannot be loaded: it is damaged, or no file of tensors alone"
    (folder / "text.pt").write_text("hello")
    yield "text.pt", "cannot be loaded"
    torch.save({"w": torch.zeros(10)}, folder / "old.pt", _use_new_zipfile_serialization=False)
    old = (folder / "old.pt").read_bytes()
    (folder / "cut.pt").write_bytes(old[:-20])
    yield "cut.pt", "cannot be loaded"
    torch.save({"model": {"w": torch.zeros(1)}, "epoch": 3}, folder / "nested.pt")
    yield "nested.pt", r"does not map names to tensors \(it holds model, epoch\); save a state_dict alone"
    torch.save(torch.zeros(3), folder / "one.pt")
    yield "one.pt", "does not map names to tensors"


def test_what_is_no_file_of_tensors_is_refused_in_a_line(tmp_path):
    for name, words in unreadable(tmp_path):
        with pytest.raises(UsageError, match=f"^w: .*{name}.*{words}") as caught:
            read_weights(str(tmp_path / name), "w")
        assert "\n" not in str(caught.value)


def test_a_file_that_is_gone_or_another_is_said_in_a_line(tmp_path):
    path = tmp_path / "w.pt"
    torch.save({"a": torch.zeros(1)}, path)
    pinned = pin(str(path), "w")
    torch.save({"a": torch.ones(1)}, path)
    with pytest.raises(UsageError, match=r"w.pt has changed since the run was planned \(wanted is sha256 [0-9a-f]{12}"):
        read_weights(pinned, "w")
    path.unlink()
    short = digest_of(pinned)[:12]
    with pytest.raises(UsageError, match=rf"^w: there is no file .*\(wanted are the weights with sha256 {short}\)$"):
        read_weights(pinned, "w")
    with pytest.raises(
        UsageError, match=f"^w: where the weights with sha256 {short} lie is not known; give their file$"
    ):
        read_weights(f"sha256:{digest_of(pinned)}", "w")


def test_what_is_as_it_was_read_is_not_saved(file):
    net = Net()
    load_weights(net.backbone, file)
    state, files = to_save(net)
    assert set(state) == {"head.weight", "head.bias"} and files == {"backbone": digest_of(pin(file, "w"))}
    built = Net()
    load_weights(built.backbone, file)
    built.load_state_dict(whole(built, state))
    assert all(torch.equal(built.state_dict()[name], value) for name, value in net.state_dict().items())


def test_what_has_changed_since_is_saved(file):
    net = Net()
    load_weights(net.backbone, file)
    net.backbone[1].train()(torch.randn(4, 2))  # moves its statistics
    with torch.no_grad():
        net.backbone[0].bias += 1
    state, _ = to_save(net)
    changed = {"backbone.0.bias", *(f"backbone.1.{n}" for n in ("running_mean", "running_var", "num_batches_tracked"))}
    assert set(state) == {*changed, "head.weight", "head.bias"}


def test_a_state_without_gaps_stays_as_it_is(file):
    net = Net()
    load_weights(net.backbone, file)
    before = {name: value + 1 for name, value in net.state_dict().items()}
    assert whole(net, before) == before
