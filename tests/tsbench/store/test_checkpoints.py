import torch

from tsbench.store import artifacts
from tsbench.store.checkpoints import Checkpoint, load, save

STATE = {"w": torch.arange(6.0).reshape(2, 3).T, "n": torch.tensor(3)}


def test_weights_and_report_come_back_bit_for_bit(tmp_path):
    name, sha256 = save(tmp_path / "new", "key", Checkpoint(STATE, {"steps": 3, "curve": [[1, 0.5]]}))
    assert [path.name for path in (tmp_path / "new").iterdir()] == [name]
    found = load(tmp_path / "new", "key", sha256, "cpu")
    assert found.report == {"steps": 3, "curve": [[1, 0.5]]}
    assert torch.equal(found.state["w"], STATE["w"]) and torch.equal(found.state["n"], STATE["n"])


def test_what_cannot_be_trusted_is_not_loaded(tmp_path):
    name, sha256 = save(tmp_path, "key", Checkpoint(STATE, {}))
    assert load(tmp_path, "key", None, "cpu") is None
    assert load(tmp_path, "other", sha256, "cpu") is None
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-1])
    assert load(tmp_path, "key", sha256, "cpu") is None


def test_weights_are_kept_behind_a_url_too():
    name, sha256 = save("memory://weights", "key", Checkpoint(STATE, {"steps": 3}))
    found = load("memory://weights", "key", sha256, "cpu")
    assert found.report == {"steps": 3} and torch.equal(found.state["w"], STATE["w"])
    artifacts.write("memory://weights", name, b"rubbish")
    assert load("memory://weights", "key", sha256, "cpu") is None
