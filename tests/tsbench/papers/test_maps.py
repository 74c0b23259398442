import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tsbench.errors import UsageError
from tsbench.methods.probe import Features
from tsbench.papers.maps import _picture, tsne
from tsbench.papers.reproduce import plan_table
from tsbench.registry import PaperRow, PaperTable


def blobs(n=60, apart=20.0):
    rng = np.random.default_rng(0)
    y = np.arange(n) % 3
    return Features((rng.normal(size=(n, 5)) + apart * y[:, None]).astype(np.float32), y, 3)


def test_classes_that_are_apart_stay_apart_on_the_map():
    frame = tsne(blobs(), seed=0)
    assert list(frame["case"]) == list(range(60))
    centres = frame.groupby("class")[["x", "y"]].mean().to_numpy()
    spread = frame.groupby("class")[["x", "y"]].std().to_numpy().max()
    between = np.linalg.norm(centres[:, None] - centres[None], axis=-1)[np.triu_indices(3, 1)].min()
    assert between > 2 * spread
    assert frame["silhouette"].iloc[0] > 0.8
    assert tsne(blobs(apart=0.0), seed=0)["silhouette"].iloc[0] < 0.1


def test_the_same_seed_gives_the_same_map():
    pd.testing.assert_frame_equal(tsne(blobs(), 1), tsne(blobs(), 1))


@pytest.mark.parametrize("n", [1, 2, 3, 2500])
def test_few_and_many_cases(n):
    frame = tsne(blobs(n), seed=0)
    assert len(frame) == min(n, 2000)
    assert np.isfinite(frame[["x", "y"]].to_numpy()).all()


def test_without_matplotlib_it_names_the_extra(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UsageError, match=r"tsbench\[plots\]"):
        _picture(tsne(blobs(4), 0).assign(row="a", dataset="b"))


def test_a_name_is_no_formula():
    assert b"<svg" in _picture(tsne(blobs(4), 0).assign(row="a$b", dataset="$\\foo$"))


def test_fig4_end_to_end(tsbench, tmp_path, monkeypatch):
    mine = tmp_path / "mine.yaml"
    table = {
        "summary": "map",
        "kind": "tsne",
        "protocol": "linear",
        "datasets": ["UnitTest"],
        "metrics": {"ACC": "accuracy"},
        "rows": [{"method": "A", "run": "ts2vec"}, {"method": "B", "run": "random:ts2vec"}],
    }
    papers = {"mine": {"summary": "mine", "csv": "trls.csv", "tables": {"fig": table}}}
    mine.write_text(json.dumps({"papers": papers}))
    code, out, err = tsbench("reproduce", "mine/fig", "--registry", str(mine), "--set", "iterations=2", "--out", "out")
    assert code == 0, err
    frame = pd.read_csv("out/mine-fig-map.csv")
    assert list(frame["row"].unique()) == ["A", "B"]
    assert len(frame) == 2 * 22
    assert "<svg" in Path("out/mine-fig-map.svg").read_text()
    assert "mine-fig-map.svg" in out


def test_what_has_no_features_is_not_planned_for_a_map(installed, registry):
    row = PaperRow(method="A", run="1nn-ed")
    about = {
        "summary": "map",
        "kind": "tsne",
        "protocol": "knn",
        "datasets": ("UnitTest",),
        "metrics": {"A": "accuracy"},
    }
    with pytest.raises(UsageError, match="1nn-ed gives no features"):
        plan_table(PaperTable(**about, rows=(row,)), ["UnitTest"], (0,), {}, installed, registry)
