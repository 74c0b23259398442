"""Plugins that were written for version 0.1 run as they are."""

from pathlib import Path

import pytest

from tsbench.discovery.plugins import Plugins
from tsbench.errors import TsbenchError, UsageError
from tsbench.measure.worker import Worker
from tsbench.methods.capabilities import capabilities
from tsbench.plan.plan import make_plan
from tsbench.plan.request import Request
from tsbench.protocol import Protocol

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def plugins():
    found = Plugins()
    found.load_entry_points()
    found.load_file(HERE / "version_01.py")
    return found


@pytest.mark.parametrize(
    ("method", "changed"),
    [
        ("denoise", {}),
        ("denoise", {"probe": "knn", "transforms": ("difference:lag=2",)}),
        ("ts2vec", {"transforms": ("difference",)}),
        ("random:denoise", {}),
        ("levels", {}),
        ("levels", {"transforms": ("difference",)}),
        ("supervised", {"probe": "own", "transforms": ("difference",)}),
    ],
)
def test_each_kind_runs_with_what_is_here_now(plugins, registry, method, changed):
    protocol = Protocol(**{"name": "old", "probe": "centroid", **changed})
    registry = registry.model_copy(update={"protocols": {"old": protocol}})
    encoder = {} if method == "levels" else {"encoder": "dilated-cnn" if method == "ts2vec" else "strided-cnn"}
    overrides = {"max_steps": "2", **encoder} if encoder else {}
    (spec,) = make_plan(Request([method], ["two-tones"], ["old"], overrides=overrides), plugins, registry).specs
    result = Worker(plugins).run(spec)
    assert result.status == "succeeded", result.error
    assert 0 <= result.metrics["accuracy"] <= 1


def test_what_its_methods_can_do(plugins):
    assert capabilities(plugins["methods"].get("denoise")) == ("represent",)
    assert capabilities(plugins["methods"].get("levels")) == ("decide",)


def test_a_module_that_has_moved_is_named(tmp_path):
    (tmp_path / "old.py").write_text("from tsbench.training import fit\n")
    with pytest.raises(UsageError, match=r"No module named 'tsbench.training'; import from tsbench.learning.loop now"):
        Plugins().load_file(tmp_path / "old.py")


def test_one_that_is_imported_later_is_named_as_well(tmp_path, monkeypatch):
    (tmp_path / "old_parts.py").write_text("from tsbench.interfaces import Encoder\n")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "old.py").write_text(
        "from tsbench import hookimpl\n\n\n@hookimpl\ndef tsbench_encoders(register):\n"
        "    register('old', 'old_parts:Old', summary='old')\n"
    )
    found = Plugins()
    found.load_file(tmp_path / "old.py")
    with pytest.raises(TsbenchError, match="import from tsbench now"):
        found["encoders"].get("old")
