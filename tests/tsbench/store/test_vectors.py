"""Vectors beside a checkpoint are used for what they were made of, and for nothing else."""

import pickle

import numpy as np
import pytest
import torch
from safetensors.numpy import save

from tsbench.errors import TsbenchWarning
from tsbench.store.vectors import VectorFiles, weights_digest

RUN, ASKED = "a" * 64, ("text", "cpu", "w")
VECTORS = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
NAME = f"{RUN}.text.cpu.safetensors"


@pytest.fixture
def files(tmp_path):
    files = VectorFiles(tmp_path / "new", RUN, "d")
    files.save(*ASKED, VECTORS)
    return files


def test_what_was_kept_is_found(files):
    np.testing.assert_array_equal(files.load(*ASKED, 5), VECTORS)
    assert [path.name for path in files.folder.iterdir()] == [NAME]


def test_there_is_nothing_of_another_kind_device_or_run(files):
    assert files.load("series", "cpu", "w", 5) is None
    assert files.load("text", "cuda", "w", 5) is None
    assert VectorFiles(files.folder, "b" * 64, "d").load(*ASKED, 5) is None


def test_without_a_folder_nothing_is_kept():
    files = VectorFiles(None, RUN, "d")
    files.save(*ASKED, VECTORS)
    assert files.load(*ASKED, 5) is None


@pytest.mark.parametrize(
    ("data", "weights", "n"), [("other", "w", 5), ("d", "other", 5), ("d", "w", 6)], ids=["data", "weights", "cases"]
)
def test_vectors_of_something_else_are_not_used(files, data, weights, n):
    with pytest.warns(TsbenchWarning, match=f"{NAME} in .* is damaged, or of other weights or data"):
        assert VectorFiles(files.folder, RUN, data).load("text", "cpu", weights, n) is None


def other(content, place):
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize(
    "change",
    [
        lambda content: b"",
        lambda content: content[:-1],
        lambda content: content + b"\0",
        lambda content: other(content, -2),
        lambda content: other(content, 60),
        lambda content: b"\xff" * 100,
        lambda content: pickle.dumps(VECTORS),
        lambda content: save({"vectors": VECTORS}),
        lambda content: save({"others": VECTORS}, {"run": RUN}),
    ],
)
def test_a_damaged_or_foreign_file_is_not_used(files, change):
    path = files.folder / NAME
    path.write_bytes(change(path.read_bytes()))
    with pytest.warns(TsbenchWarning, match="is damaged, or of other weights or data: it is made anew"):
        assert files.load(*ASKED, 5) is None
    files.save(*ASKED, VECTORS)
    np.testing.assert_array_equal(files.load(*ASKED, 5), VECTORS)


def test_where_they_cannot_be_kept_a_warning_says_so(files, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.warns(TsbenchWarning, match="vectors are not kept for the next time: .*: No space left on device"):
        files.save(*ASKED, 2 * VECTORS)
    np.testing.assert_array_equal(files.load(*ASKED, 5), VECTORS)


def test_a_digest_tells_names_types_shapes_and_values():
    x = torch.arange(6.0)
    states = [{"a": x}, {"b": x}, {"a": x.double()}, {"a": x.view(2, 3)}, {"a": x + 1}, {"a": x, "b": torch.tensor(1)}]
    assert len({weights_digest(state) for state in states}) == len(states)
    assert weights_digest({"a": x, "b": x}) == weights_digest({"b": x, "a": x.clone()})
