import io
import multiprocessing
import os
import secrets
import signal
import sqlite3
import subprocess
import sys
import traceback
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
import sqlalchemy as sa

from tests.conftest import ROOT
from tsbench.errors import StoreError, UsageError
from tsbench.plan.result import Result
from tsbench.plan.spec import RunSpec
from tsbench.protocol import Protocol
from tsbench.store import database
from tsbench.store.check import check
from tsbench.store.database import parse_url
from tsbench.store.packing import pack, unpack
from tsbench.store.schema import SCHEMA_VERSION, attempts
from tsbench.store.store import Store
from tsbench.tasks.score import Predictions

ENVIRONMENT = {"python": "3"}


def make_spec(seed=0, **fields):
    return RunSpec(
        **{
            "method": "m",
            "method_version": 1,
            "params": {"lr": 0.1},
            "neutral_keys": (),
            "probe_keys": (),
            "versions": {"probe:knn": 1},
            "dataset": "D",
            "fingerprint": "f",
            "protocol": Protocol(name="p", probe="knn"),
            "normalisation": "none",
            "group": None,
            "fold": 0,
            "seed": seed,
            **fields,
        }
    )


def make_result(spec=None, accuracy=0.5, **fields):
    predictions = Predictions(
        np.arange(2, dtype=np.int32),
        np.array([0, 1], np.int32),
        np.array([0, 0], np.int32),
        np.array([[1, 0], [0.5, 0.25]], np.float32),
        ("a", "b"),
    )
    result = Result(spec or make_spec(), "succeeded", {"accuracy": accuracy, "auroc": float("nan")}, predictions)
    return replace(result, **fields)


def test_what_is_recorded_comes_back(store):
    result = make_result(durations={"fit": 1.5}, facts={"n_test": 2.0, "odd": float("inf")}, warnings=("w",))
    store.record(result, ENVIRONMENT)
    (row,) = store.results()
    assert (row["label"], row["status"], row["accuracy"], row["auroc"]) == ("m", "succeeded", 0.5, None)
    assert row["durations"] == {"fit": 1.5}
    assert row["facts"] == {"n_test": 2.0, "odd": "inf"}
    found = store.find(result.spec.key[:8])
    assert found["environment"] == ENVIRONMENT
    assert found["spec"]["protocol"]["probe"] == "knn"
    back = store.predictions(result.spec.key)
    np.testing.assert_array_equal(back.scores, result.predictions.scores)
    assert back.classes == ("a", "b")
    assert store.statuses([result.spec.key, "other"]) == {result.spec.key: "succeeded"}


def test_packing_keeps_every_bit_and_unicode_classes():
    predictions = replace(make_result().predictions, classes=("übel", "日"))
    again = unpack(pack(predictions))
    assert again.classes == ("übel", "日")
    assert again.scores.dtype == np.float32


@pytest.mark.parametrize("probabilities", [False, True])
def test_packing_keeps_whether_scores_are_probabilities(probabilities):
    predictions = replace(make_result().predictions, probabilities=probabilities)
    again = unpack(pack(predictions))
    assert (again.task, again.probabilities) == ("classification", probabilities)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"y_true": np.zeros(3, np.uint8)}, "not the arrays"),
        ({"task": np.array(["multilabel"])}, "of another task"),
        ({"task": np.array(["regression"] * 2)}, "do not agree"),
        ({"y_pred": np.zeros(4)}, "do not agree"),
        ({"probabilities": np.ones(1)}, "not the arrays"),
    ],
)
def test_arrays_of_another_task_are_refused(fields, said):
    arrays = {"cases": np.arange(3, dtype=np.int32), "y_true": np.zeros(3), "y_pred": np.zeros(3)}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{**arrays, "task": np.array(["regression"]), **fields})
    with pytest.raises(StoreError, match=said):
        unpack(buffer.getvalue())


def test_a_failure_is_a_row_and_a_retry_replaces_it(store):
    failed = make_result(status="failed", metrics={}, predictions=None, error="e", traceback="t")
    store.record(failed, ENVIRONMENT)
    assert store.results()[0]["error"] == "e"
    store.record(make_result(), ENVIRONMENT)
    assert store.results()[0]["status"] == "succeeded"
    assert [a["status"] for a in store.find(failed.spec.key)["attempts"]] == ["failed", "succeeded"]


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_a_success_is_only_replaced_by_a_success(store, status):
    store.record(make_result(accuracy=0.5), ENVIRONMENT)
    store.record(make_result(status=status, metrics={}, predictions=None), ENVIRONMENT)
    assert store.results()[0]["accuracy"] == 0.5
    assert store.predictions(make_spec().key) is not None
    store.record(make_result(accuracy=0.75), ENVIRONMENT)
    assert store.results()[0]["accuracy"] == 0.75


def test_a_run_is_written_whole_or_not_at_all(store):
    broken = make_result()
    broken.predictions = "not predictions"
    with pytest.raises(AttributeError):
        store.record(broken, ENVIRONMENT)
    assert store.results() == []
    assert store.statuses([broken.spec.key]) == {}


def test_queries_select_by_protocol_and_dataset(store):
    other = Protocol(name="q", probe="linear")
    for spec in (make_spec(), make_spec(1, protocol=other), make_spec(2, dataset="E")):
        store.record(make_result(spec), ENVIRONMENT)
    assert len(store.results()) == 3
    assert [row["seed"] for row in store.results([other.hash()])] == [1]
    assert [row["seed"] for row in store.results(datasets=["E"])] == [2]


def test_rows_come_in_pieces_and_in_order(store, monkeypatch):
    monkeypatch.setattr("tsbench.store.store.BATCH", 2)
    names = ["a", "Z", "é", "b"]
    for seed, name in [(1, "a"), (0, "a"), *((0, name) for name in names[1:])]:
        store.record(make_result(make_spec(seed, dataset=name)), ENVIRONMENT)
    found = list(store.batches())
    assert [len(piece) for piece in found] == [2, 2, 1]
    assert [(row["dataset"], row["seed"]) for piece in found for row in piece] == [
        ("Z", 0),
        ("a", 0),
        ("a", 1),
        ("b", 0),
        ("é", 0),
    ]
    assert found[0][0]["params"] == make_spec().params and found[0][0]["accuracy"] == 0.5
    assert [row for piece in found for row in piece] == store.results()


def test_endings_are_of_the_attempt_that_counts(store, caplog):
    for status in ("succeeded", "failed"):
        store.record(make_result(status=status, started=1.0, finished=2.0), ENVIRONMENT)
    store.record(make_result(make_spec(1), status="failed", started=3.0, finished=4.0), ENVIRONMENT)
    ended = sorted((row["status"], row["started"], row["finished"]) for row in store.endings())
    assert ended == [("failed", 3.0, 4.0), ("succeeded", 1.0, 2.0)]
    out_of_range = attempts.update().where(attempts.c.key == make_spec(1).key).values(finished=1e300)
    store.write(lambda connection: connection.execute(out_of_range))
    assert [row["key"] for row in store.endings()] == [make_spec().key]
    assert "1 runs" in caplog.text


def test_the_attempt_a_result_comes_from_is_not_a_later_failure(store):
    store.record(make_result(durations={"fit": 1.0}), {"python": "old"})
    store.record(make_result(status="failed", metrics={}, predictions=None, error="e"), ENVIRONMENT)
    found = store.find(make_spec().key)
    assert (found["current"]["durations"], found["environment"]) == ({"fit": 1.0}, {"python": "old"})
    assert found["attempts"][-1]["error"] == "e"
    store.write(lambda connection: connection.execute(attempts.delete().where(attempts.c.status == "succeeded")))
    with pytest.raises(StoreError, match="has lost the attempt it comes from"):
        store.find(make_spec().key)


def test_checksums_of_checkpoints(store):
    store.record(make_result(checkpoint=("k", "k.safetensors", "abc")), ENVIRONMENT)
    assert store.checkpoint_sha256("k") == "abc"
    assert store.checkpoint_sha256("other") is None


def test_results_survive_reopening(store, url, open_store):
    store.record(make_result(), ENVIRONMENT)
    store.close()
    assert len(open_store(url, must_exist=True).results()) == 1


def test_scores_are_what_a_leaderboard_needs(store):
    store.record(make_result(make_spec(1), finished=2.0), ENVIRONMENT)
    store.record(make_result(make_spec(2), status="failed", metrics={}, predictions=None), ENVIRONMENT)
    frame = store.scores("accuracy", [make_spec().protocol.hash()])
    (row,) = frame.to_dict("records")
    assert (row["label"], row["seed"], row["normalisation"], row["fingerprint"]) == ("m", 1, "none", "f")
    assert (row["finished"], row["accuracy"], row["versions"]) == (2.0, 0.5, '{"probe:knn":1}')
    assert store.scores("auroc", [make_spec().protocol.hash()]).empty
    assert store.scores("accuracy", [make_spec().protocol.hash()], ["E"]).empty


def test_statuses_of_more_keys_than_one_query_takes(store):
    specs = [make_spec(seed) for seed in range(3)]
    for spec in specs:
        store.record(make_result(spec, started=1.0, finished=2.5), ENVIRONMENT)
    keys = [f"{number:064x}" for number in range(2500)]
    keys[1::1000] = [spec.key for spec in specs]
    assert store.statuses(keys) == {spec.key: "succeeded" for spec in specs}
    assert store.seconds(keys) == {spec.key: 1.5 for spec in specs}


def test_a_failure_within_the_transaction_leaves_nothing(store):
    spec = make_spec()
    assert store.claim(spec.key, "a")
    with pytest.raises(Exception, match="Decimal|serializable"):
        store.record(make_result(spec, curve=[Decimal(1)]), ENVIRONMENT, "a")
    assert store.results() == [] and store.statuses([spec.key]) == {}
    assert store.claimed() == {spec.key: "a"}


def test_refusals(tmp_path):
    with pytest.raises(UsageError, match="there is no store at"):
        Store(str(tmp_path / "none.db"), must_exist=True)
    (tmp_path / "text.db").write_text("this is not a database, it is a text file of some length")
    with pytest.raises(StoreError, match=r"text\.db cannot be opened: file is not a database"):
        Store(str(tmp_path / "text.db"))
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("create table t (x)")
    with pytest.raises(StoreError, match="not a tsbench store"):
        Store(str(tmp_path / "other.db"))
    with pytest.raises(StoreError, match="cannot be opened"):
        Store(str(tmp_path / "no" / "such" / "folder" / "s.db"))


def test_a_file_that_is_there_and_no_store_is_called_so(tmp_path):
    (tmp_path / "empty.db").touch()
    sqlite3.connect(tmp_path / "tables.db").execute("pragma user_version = 1").connection.commit()
    for name, said in (("empty.db", "it is an empty file"), ("tables.db", "it has no tables of one")):
        with pytest.raises(UsageError, match=rf"{name} is no store: {said}; name one with --store"):
            Store(str(tmp_path / name), must_exist=True)
    assert (tmp_path / "empty.db").stat().st_size == 0


def test_a_newer_schema_is_refused_and_left_alone(store, url, open_store):
    store.write(lambda connection: connection.execute(sa.text("update tsbench_schema set version = 99")))
    with pytest.raises(StoreError, match=f"has schema 99, this tsbench reads {SCHEMA_VERSION}"):
        open_store(url)
    with pytest.raises(UsageError, match="no run in .* has a key that starts with 'zz'"):
        store.find("zz")


def test_an_empty_database_is_no_store_to_read(url, open_store):
    with pytest.raises(UsageError, match="there is no store at"):
        open_store(url, must_exist=True)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:hush@127.0.0.1:1/none",
        "postgres://user:hush@127.0.0.1:1/none?password=hush",
        "postgresql+psycopg://user:hush@127.0.0.1:1/none?bad=hush",
        "postgresql://user:hu:sh@hush@127.0.0.1:port/none",
        "mysql://user:hush@127.0.0.1/none",
        "postgresql://user:hush@[::1/none",
        "postgresql://user:sec@hush@127.0.0.1:1/none",
    ],
)
def test_a_password_is_never_shown(url):
    with pytest.raises((UsageError, StoreError)) as error:
        Store(url)
    assert "hush" not in "".join(traceback.format_exception(error.value)).replace(repr(url), "")


def test_a_wrong_password_is_refused_by_the_server_and_not_shown(postgres_server):
    wrong = secrets.token_hex(8)
    with pytest.raises(StoreError, match="password authentication failed") as error:
        Store(f"postgresql://tsbench:{wrong}@{postgres_server.split('@')[1]}/postgres")
    assert wrong not in "".join(traceback.format_exception(error.value))


def test_optuna_shares_the_database_before_and_after(new_url, open_store):
    optuna = pytest.importorskip("optuna")
    for optuna_first in (True, False):
        url = new_url()
        address = parse_url(url).render_as_string(hide_password=False)
        if optuna_first:
            optuna.storages.RDBStorage(address)
        store = open_store(url)
        store.record(make_result(), ENVIRONMENT)
        study = optuna.create_study(storage=optuna.storages.RDBStorage(address), study_name="s")
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
        assert len(open_store(url, must_exist=True).results()) == 1
        assert len(optuna.load_study(storage=optuna.storages.RDBStorage(address), study_name="s").trials) == 1


def test_a_full_disk_is_an_error_that_loses_nothing(tmp_path, open_store):
    store = open_store(str(tmp_path / "s.db"))
    store.record(make_result(metrics={"accuracy": 0.5}), ENVIRONMENT)

    def fill(connection, _):
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages}")

    sa.event.listen(store.engine, "connect", fill)
    store.engine.dispose()
    with pytest.raises(StoreError, match="database or disk is full; earlier results are untouched"):
        store.record(make_result(make_spec(1), traceback="t" * 100_000), ENVIRONMENT)
    assert [row["seed"] for row in store.results()] == [0]
    assert list(check(store)) == []


@pytest.mark.parametrize("log", [False, True])
def test_a_store_that_may_only_be_read_is_read_and_refuses_drivers_early(tmp_path, open_store, monkeypatch, log):
    path = tmp_path / "s.db"
    writer = open_store(str(path))
    writer.record(make_result(), ENVIRONMENT)
    if not log:
        writer.close()
    monkeypatch.setattr(database, "_writable", lambda file: False)
    store = open_store(str(path), must_exist=True)
    assert store.read_only and len(store.results()) == 1 and store.statuses([make_spec().key])
    for write in (lambda: store.claim("k", "o"), lambda: store.record(make_result(), ENVIRONMENT)):
        with pytest.raises(StoreError, match="cannot be written: the database, or a file's folder, may only be read"):
            write()
    with pytest.raises(StoreError, match="cannot be written"):
        open_store(str(path))


def test_a_file_without_the_right_to_write_is_read_only(tmp_path):
    path = tmp_path / "s.db"
    path.touch()
    assert database._writable(path) and database._writable(tmp_path / "new.db")
    path.chmod(0o444)
    if os.geteuid() == 0:
        pytest.skip("root may write everything")
    assert not database._writable(path)


WRITE = """
import os, signal, sys
import sqlalchemy as sa
from tests.tsbench.store.test_store import make_result, make_spec
from tsbench.store.store import Store
store = Store(sys.argv[1])
store.record(make_result(make_spec(0), metrics={"accuracy": 0.5}), {})
def stop(connection, cursor, statement, *rest):
    if statement.startswith("INSERT INTO predictions"):
        os.kill(os.getpid(), signal.SIGKILL)
sa.event.listen(store._writer, "before_cursor_execute", stop)
store.claim(make_spec(1).key, "gone")
store.record(make_result(make_spec(1)), {}, "gone")
"""


def test_a_writer_killed_within_a_transaction_leaves_a_store_in_order(url, open_store):
    ended = subprocess.run([sys.executable, "-c", WRITE, url], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    store = open_store(url)
    assert [row["seed"] for row in store.results()] == [0]
    assert store.claimed() == {make_spec(1).key: "gone"}
    assert list(check(store)) == []


def write_many(url, number):
    store = Store(url)
    for seed in range(number, 200 + number):
        spec = make_spec(seed % 200)
        if store.claim(spec.key, f"driver:{number}"):
            assert store.record(make_result(spec), ENVIRONMENT, f"driver:{number}")
    store.close()


def test_four_writers_at_once_do_each_run_once_and_see_no_error(url, open_store):
    processes = [
        multiprocessing.get_context("fork").Process(target=write_many, args=(url, n)) for n in range(0, 200, 50)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    store = open_store(url)
    assert sorted(row["seed"] for row in store.results()) == list(range(200))
    with store.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(attempts)) == 200
    assert store.claimed() == {}
