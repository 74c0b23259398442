import io
import json
import re

import pandas as pd
import pytest

from tests.tsbench.store.test_store import ENVIRONMENT, make_result, make_spec
from tsbench.errors import TsbenchError
from tsbench.leaderboard.results import frames, write_results
from tsbench.store.store import Store


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A store of five runs read two at a time; the first piece has neither metrics nor facts."""
    monkeypatch.setattr("tsbench.store.store.BATCH", 2)
    store = Store(str(tmp_path / "tsbench.db"))
    for seed in range(2):
        store.record(make_result(make_spec(seed), status="failed", metrics={}, predictions=None, error="e,\n"), {})
    for seed in range(2, 5):
        given = {"durations": {"fit": seed}, "facts": {"n_train": 7.0}, "warnings": ("one", "two")}
        store.record(make_result(make_spec(seed, params={"ü": 1}), metrics={"accuracy": 1 / 3}, **given), ENVIRONMENT)
    yield store
    store.close()


READERS = {
    "csv": lambda path: pd.read_csv(path, keep_default_na=False, na_values={"accuracy": "", "fit_seconds": ""}),
    "parquet": pd.read_parquet,
    "jsonl": lambda path: pd.DataFrame(map(json.loads, path.read_text().splitlines())),
}


@pytest.mark.parametrize("form", READERS)
def test_pieces_make_one_file(store, tmp_path, form):
    path = tmp_path / f"rows.{form}"
    assert write_results(frames(store), path, form) == 5
    frame = READERS[form](path)
    assert frame["seed"].tolist() == [0, 1, 2, 3, 4]
    assert frame["accuracy"].isna().tolist() == [True, True, False, False, False]
    assert frame["accuracy"].iloc[2] == pytest.approx(1 / 3, abs=1e-15)
    assert frame["fit_seconds"].tolist()[2:] == [
        2.0,
        3.0,
        4.0,
    ]
    assert frame["n_train"].tolist()[2:] == ([7, 7, 7] if form != "csv" else ["7", "7", "7"])
    assert frame["warnings"].tolist() == ["", ""] + ["one; two"] * 3
    assert frame["error"].iloc[0] == "e,\n"
    assert [json.loads(text) for text in frame["params"]] == [{"lr": 0.1}] * 2 + [{"ü": 1}] * 3


def test_the_terminal_gets_what_the_file_gets(store, tsbench, tmp_path):
    code, out, _ = tsbench("results", "--format", "csv")
    assert code == 0
    tsbench("results", "--format", "csv", "--out", "r.csv")
    assert (tmp_path / "r.csv").read_text() == out
    code, out, _ = tsbench("results")
    assert code == 0 and len(out.splitlines()) == 3 + 5 + 1
    assert out.count("0.3333") == 3 and out.count("failed") == 2


@pytest.mark.parametrize("form", READERS)
def test_the_name_of_the_file_decides_what_is_written(store, tsbench, tmp_path, form):
    assert tsbench("results", "--out", f"new/r.{form}")[0] == 0
    assert READERS[form](tmp_path / "new" / f"r.{form}")["seed"].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("results --out .", "--out .: choose a file that ends in .parquet, .csv or .jsonl"),
        ("results --format csv --out r.xlsx", "--out r.xlsx: choose a file that ends in"),
        ("results --format csv --out r.parquet", "the file's name says parquet; leave --format out"),
        ("results --format table --out r.csv", "the file's name says csv; leave --format out"),
        ("results --out folder.csv", "--out folder.csv: this is a folder; name a file"),
        ("results --out file/r.csv", "/file is a file, not a folder"),
        (f"results --out {'r' * 300}.csv", "File name too long"),
        ("store export --out folder.csv", "--out folder.csv: this is a folder; name a file"),
    ],
)
def test_what_cannot_be_written_is_refused_before_the_store_is_read(
    store, tsbench, tmp_path, monkeypatch, arguments, message
):
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "file").touch()
    monkeypatch.setattr(Store, "__init__", None)
    code, out, err = tsbench(*arguments.split())
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_a_store_without_runs(tsbench, tmp_path):
    Store(str(tmp_path / "tsbench.db")).close()
    frame = pd.read_csv(io.StringIO(tsbench("results", "--format", "csv")[1]))
    assert len(frame) == 0 and {"key", "accuracy", "params"} <= set(frame.columns)
    assert tsbench("results")[0] == 0
    assert tsbench("results", "--format", "parquet", "--out", "r.parquet")[0] == 0
    assert len(pd.read_parquet(tmp_path / "r.parquet")) == 0


def test_what_fails_half_way_leaves_the_old_file(store, tmp_path, monkeypatch):
    path = tmp_path / "rows.csv"
    path.write_text("old")
    whole = store.batches

    def broken(wanted):
        yield next(whole(wanted))
        raise TsbenchError("the server is gone")

    monkeypatch.setattr(store, "batches", broken)
    with pytest.raises(TsbenchError, match="the server is gone"):
        write_results(frames(store), path, "csv")
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.glob("*.tmp")] == []


SEEN = """
from tsbench import Classifier, hookimpl
import numpy as np


class Seen(Classifier):
    pretrained_on = ("UnitTest",)

    def fit(self, train, validation, rng):
        self.n_classes = len(train.classes)

    def predict_scores(self, panel):
        return np.full((len(panel), self.n_classes), 1.0)


@hookimpl
def tsbench_methods(register):
    register("seen", Seen)
"""


def test_a_method_that_had_seen_the_data_is_marked_wherever_it_is_shown(tsbench, tmp_path):
    (tmp_path / "seen.py").write_text(SEEN)
    given = ("--plugin", "seen.py", "--offline")
    assert tsbench("run", "--method", "seen,majority", "--dataset", "UnitTest", *given)[0] == 0
    _, out, _ = tsbench("results", "--format", "csv")
    rows = pd.read_csv(io.StringIO(out)).set_index("method")
    assert rows["exposure"].to_dict() == {"seen": "exposed: UnitTest", "majority": "clean"}
    _, out, _ = tsbench("show", "run", rows.loc["seen", "key"], *given)
    assert re.search(r"exposure +exposed: UnitTest", out)
    code, out, _ = tsbench("leaderboard", "UnitTest")
    marked = [line for line in out.splitlines() if "!" in line]
    assert code == 0 and len(marked) == 2 and "seen" in marked[0] and marked[1].startswith("! Its method was")
    code, out, _ = tsbench("leaderboard", "UnitTest", "--clean", "--format", "json")
    assert [row["method"] for row in json.loads(out)["rows"]] == ["majority"]
    code, _, err = tsbench("leaderboard", "UnitTest", "--clean", "--method", "seen")
    assert code == 2 and "(1 results are not clean)" in err
