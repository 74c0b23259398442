"""Rows on disk: a file without a name, whole or an error in one line."""

import subprocess
import sys

import numpy as np
import pytest

from tests.conftest import ROOT
from tsbench.data import stream
from tsbench.data.panel import Panel
from tsbench.data.scratch import in_blocks, on_disk
from tsbench.errors import TsbenchError


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setattr(stream, "BLOCK_BYTES", 3000)
    monkeypatch.setenv("TSBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def panels(tmp_path):
    X = np.random.default_rng(0).normal(size=(70, 2, 11)).astype(np.float32)
    np.save(tmp_path / "X.npy", X)
    return Panel.build(X), Panel.build(np.load(tmp_path / "X.npy", mmap_mode="r"))


def test_parts_become_one_map_in_a_file_without_a_name(cache):
    parts = [np.full((n, 3), n, dtype=np.float32) for n in (2, 5, 1)]
    rows = on_disk(iter(parts))
    assert isinstance(rows, np.memmap) and rows.dtype == np.float32
    np.testing.assert_array_equal(rows, np.concatenate(parts))
    assert not list((cache / "scratch").iterdir())


def test_a_step_may_move_the_time_axis(panels):
    def every_other(panel):
        rate = {"sampling_rate": 50.0, "channel_names": ("a", "b")}
        return Panel(panel.X[:, :, ::2], (panel.lengths + 1) // 2, times=panel.X[:, 0, ::2].astype(float), **rate)

    held, streamed = (in_blocks(panel, every_other) for panel in panels)
    assert streamed.fingerprint() == held.fingerprint() and streamed.n_timepoints == 6
    assert (streamed.sampling_rate, streamed.channel_names) == (50.0, ("a", "b"))


def test_a_full_disk_is_one_line_and_leaves_nothing(cache):
    code = """
import resource, numpy as np
from tsbench.data.scratch import on_disk
from tsbench.errors import TsbenchError
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    on_disk(np.zeros((1000, 1), np.float32) for _ in range(9))
except TsbenchError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    folder = cache / "scratch"
    assert done.stdout == (
        f"a temporary file cannot be written in {folder}: File too large; make room there, or name another folder by "
        "TSBENCH_CACHE\n"
    ), done.stderr
    assert not list(folder.iterdir())


def test_a_folder_that_cannot_be_made_is_one_line(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("TSBENCH_CACHE", str(tmp_path / "file"))
    with pytest.raises(TsbenchError, match="a temporary file cannot be written in .*file/scratch: Not a directory"):
        on_disk(iter([np.zeros((1, 1), np.float32)]))
