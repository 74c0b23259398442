"""Every test has its own cache and no data folders, store or offline switch from outside."""

import os
from pathlib import Path

import numpy as np
import pytest

from tsbench.data.panel import Panel
from tsbench.discovery.plugins import Plugins, plugins, plugins_with
from tsbench.registry import load_registry

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def isolated(monkeypatch, tmp_path_factory):
    for name in ("TSBENCH_DATA", "TSBENCH_STORE", "TSBENCH_ARTIFACTS", "TSBENCH_OFFLINE", "TSBENCH_DEBUG"):
        # set first, so that what a command sets in this process is undone as well
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("TSBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    yield
    if plugins.cache_info().currsize and any(health.origin.endswith(".py") for health in plugins().health.values()):
        plugins.cache_clear()  # what --plugin loaded in this process is not the next test's


@pytest.fixture(scope="session")
def installed():
    found = Plugins()
    found.load_entry_points()
    return found


@pytest.fixture(scope="session")
def registry():
    return load_registry()


@pytest.fixture(scope="session")
def several_splits():
    """The installed plugins, and the dataset of tests/several_splits.py."""
    return plugins_with([ROOT / "tests" / "several_splits.py"])


@pytest.fixture
def panel():
    """20 cases of 2 channels, lengths 7 to 10, two missing values, three classes."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 2, 10))
    lengths = rng.integers(7, 11, 20)
    for case, length in enumerate(lengths):
        X[case, :, length:] = np.nan
    X[3, 1, 2] = X[5, 0, 0] = np.nan
    return Panel.build(X, np.arange(20) % 3, lengths=lengths)


@pytest.fixture
def invoke(tmp_path, monkeypatch):
    """Run the command line in an empty folder; returns (exit code, stdout, stderr)."""
    from tsbench.cli import main

    monkeypatch.chdir(tmp_path)

    def call(*arguments, capsys):
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        output = capsys.readouterr()
        return stop.value.code, output.out, output.err

    return call


@pytest.fixture
def tsbench(invoke, capsys):
    return lambda *arguments: invoke(*arguments, capsys=capsys)
