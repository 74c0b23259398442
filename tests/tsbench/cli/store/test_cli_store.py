import json

import optuna
import pandas as pd
import pytest
import sqlalchemy as sa

from tests.tsbench.store.test_store import ENVIRONMENT, make_result, make_spec
from tsbench.store import database
from tsbench.store.schema import SCHEMA_VERSION
from tsbench.store.store import Store
from tsbench.tune.storage import open_studies

FAILED = {"status": "failed", "metrics": {}, "predictions": None}


@pytest.fixture
def filled(tmp_path):
    """A store of three runs, one failed, where the command line looks for it."""
    store = Store(str(tmp_path / "tsbench.db"))
    for seed in range(2):
        store.record(make_result(make_spec(seed), metrics={"accuracy": 0.5}), ENVIRONMENT)
    store.record(make_result(make_spec(2), **FAILED), ENVIRONMENT)
    yield store
    store.close()


@pytest.mark.parametrize("command", ["info", "check", "merge", "prune", "export"])
def test_each_help_has_an_example(tsbench, command):
    code, out, _ = tsbench("store", command, "--help")
    assert code == 0 and f"tsbench store {command}" in out.split("Options:")[0].split("Example", 1)[1]


def test_info(tsbench, filled):
    assert filled.claim("k", "a")
    code, out, _ = tsbench("store", "info")
    facts = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert code == 0
    assert (facts["backend"], facts["schema"], facts["access"]) == ("sqlite", str(SCHEMA_VERSION), "read and write")
    assert facts["runs"] == "3 (1 failed, 2 succeeded)"
    assert (facts["attempts"], facts["claimed"]) == ("3", "1")
    assert facts["checkpoints"] == "0 recorded, 0 files, 0.0 MiB"
    assert tsbench("store", "info", "--store", "none.db")[0] == 2


def test_check_exits_1_and_names_the_remedy(tsbench, filled):
    code, out, _ = tsbench("store", "check")
    assert (code, out) == (0, "tsbench.db is in order\n")
    key = make_spec().key
    filled.write(lambda c: c.exec_driver_sql("update metrics set value = 0.75 where key = ?", (key,)))
    code, out, _ = tsbench("store", "check")
    assert code == 1
    assert f"run {key[:12]}: accuracy is 0.75" in out and f"tsbench show run {key[:12]}" in out


def test_merge_copies_reports_and_refuses_itself(tsbench, filled, tmp_path):
    code, out, _ = tsbench("store", "merge", "tsbench.db", "--store", "all.db")
    assert (code, out) == (0, "tsbench.db: 3 runs, 0 checkpoints and 0 studies copied, 0 conflicts\n")
    assert "0 runs" in tsbench("store", "merge", "tsbench.db", "--store", "all.db")[1]
    filled.record(make_result(metrics={"accuracy": 0.25}), ENVIRONMENT)
    code, out, _ = tsbench("store", "merge", "tsbench.db", "--store", "all.db")
    assert code == 1 and "conflict, ours is kept" in out
    assert tsbench("store", "merge", "tsbench.db")[0] == 2
    assert tsbench("store", "merge", "none.db")[0] == 2


def test_merge_copies_studies_or_says_why_not(tsbench, filled, monkeypatch):
    with open_studies(filled) as storage:
        optuna.create_study(study_name="a.study", storage=storage)
    merge = ("store", "merge", "tsbench.db", "--store", "all.db")
    with monkeypatch.context() as patch:
        patch.setattr("importlib.util.find_spec", lambda name: None)
        code, out, err = tsbench(*merge)
        assert code == 0 and "0 studies copied" in out and "1 studies left out: this needs optuna" in err
    assert "0 runs, 0 checkpoints and 1 studies copied" in tsbench(*merge)[1]
    monkeypatch.setattr("tsbench.tune.merge.copy_studies", lambda *_: ([], ["study a.study: 1 trials here, 2 there"]))
    code, out, _ = tsbench(*merge)
    assert code == 1 and "conflict, ours is kept: study a.study: 1 trials here, 2 there" in out


def test_prune_shows_first_and_then_removes(tsbench, filled):
    filled.record(make_result(make_spec(2), metrics={"accuracy": 0.5}), ENVIRONMENT)
    code, out, _ = tsbench("store", "prune", "--attempts", "superseded", "--dry-run")
    assert code == 0 and out.startswith("would remove: 0 checkpoint files (0.0 MiB), 1 attempts")
    assert tsbench("store", "prune", "--attempts", "superseded")[1].startswith(
        "removed: 0 checkpoint files (0.0 MiB), 1"
    )
    assert (
        "removed: 0 checkpoint files (0.0 MiB), 0 attempts" in tsbench("store", "prune", "--attempts", "superseded")[1]
    )
    assert tsbench("store", "prune", "--older-than", "3")[0] == 2


def test_export(tsbench, filled, tmp_path):
    for name in ("r.parquet", "r.csv", "r.jsonl"):
        assert tsbench("store", "export", "--out", name)[:2] == (0, f"3 runs written to {name}\n")
    frames = [pd.read_parquet(tmp_path / "r.parquet"), pd.read_csv(tmp_path / "r.csv")]
    frames.append(pd.DataFrame(map(json.loads, (tmp_path / "r.jsonl").read_text().splitlines())))
    for frame in frames:
        assert frame["accuracy"].fillna(-1).tolist() == [0.5, 0.5, -1]
        assert frame["key"].tolist() == [make_spec(seed).key for seed in range(3)]
        assert frame["normalisation"].tolist() == ["none"] * 3
    assert tsbench("store", "export", "--out", "r.xlsx")[0] == 2


@pytest.mark.parametrize(
    "command", ["run --method noop --dataset UnitTest", "leaderboard uea", "results", "store check"]
)
def test_a_store_of_a_newer_schema_is_refused_in_one_line_and_kept(tsbench, filled, command):
    filled.write(lambda connection: connection.execute(sa.text("update tsbench_schema set version = 99")))
    code, out, err = tsbench(*command.split())
    assert (code, out) == (1, "")
    remedy = "use the version of tsbench that wrote it, or another --store"
    assert err == f"error: tsbench.db has schema 99, this tsbench reads {SCHEMA_VERSION}; {remedy}\n"
    assert len(filled.results()) == 3


def test_a_store_that_may_only_be_read_still_serves_what_reads(tsbench, tmp_path, monkeypatch, registry):
    store, protocol = Store(str(tmp_path / "tsbench.db")), registry.protocol("svm-rbf")
    spec = make_spec(dataset="BME", protocol=protocol)  # not on this machine: what was run last counts
    store.record(make_result(spec, metrics={"accuracy": 0.5}), ENVIRONMENT)
    store.close()
    monkeypatch.setattr(database, "_writable", lambda file: False)
    assert tsbench("leaderboard", "BME")[0] == 0
    assert "BME" in tsbench("results")[1]
    assert "read only" in tsbench("store", "info")[1]
    assert tsbench("store", "check")[0] == 0
    for command in (["run", "--method", "majority", "--dataset", "GunPoint"], ["store", "prune"]):
        code, _, err = tsbench(*command)
        assert code == 1 and "may only be read from here" in err


def test_a_password_shows_neither_in_errors_nor_in_tracebacks(tsbench):
    for url in ("postgresql://me:hush@127.0.0.1:1/none", "postgresql://me:hu:sh@hush:x/none", "mysql://me:hush@h/d"):
        code, out, err = tsbench("store", "info", "--store", url, "--debug")
        assert code in (1, 2) and "hush" not in out + err, err
        assert "Traceback" in err
