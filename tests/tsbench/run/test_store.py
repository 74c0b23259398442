import sqlite3
from dataclasses import replace

import numpy as np
import pytest

from tsbench.errors import StoreError, UsageError
from tsbench.protocol import Protocol
from tsbench.run.spec import Predictions, Result, RunSpec
from tsbench.run.store import Store, pack, unpack

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


@pytest.fixture
def store(tmp_path):
    store = Store(str(tmp_path / "s.db"))
    yield store
    store.close()


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


def test_checksums_of_checkpoints(store):
    store.record(make_result(checkpoint=("k", "k.safetensors", "abc")), ENVIRONMENT)
    assert store.checkpoint_sha256("k") == "abc"
    assert store.checkpoint_sha256("other") is None


def test_results_survive_reopening(store, tmp_path):
    store.record(make_result(), ENVIRONMENT)
    store.close()
    again = Store(f"sqlite:///{tmp_path}/s.db", must_exist=True)
    assert len(again.results()) == 1
    again.close()


def test_refusals(store, tmp_path):
    with pytest.raises(UsageError, match="there is no store at"):
        Store(str(tmp_path / "none.db"), must_exist=True)
    (tmp_path / "text.db").write_text("this is not a database, it is a text file of some length")
    with pytest.raises(StoreError, match=r"text\.db cannot be opened: file is not a database"):
        Store(str(tmp_path / "text.db"))
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("create table t (x)")
    with pytest.raises(StoreError, match="not a tsbench store"):
        Store(str(tmp_path / "other.db"))
    with sqlite3.connect(tmp_path / "s.db") as connection:
        connection.execute("update tsbench_schema set version = 99")
    with pytest.raises(StoreError, match="has schema 99, this tsbench reads"):
        Store(str(tmp_path / "s.db"))
    with pytest.raises(StoreError, match="cannot be opened"):
        Store(str(tmp_path / "no" / "such" / "folder" / "s.db"))
    with pytest.raises(UsageError, match="no run in .* has a key that starts with 'zz'"):
        store.find("zz")


def test_a_password_is_never_shown():
    with pytest.raises((UsageError, StoreError)) as error:
        Store("postgresql+psycopg://user:hush@127.0.0.1:1/none")
    assert "hush" not in str(error.value)
