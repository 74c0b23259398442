import hashlib
import os
import time

import pytest
import sqlalchemy as sa

from tests.tsbench.store.test_store import ENVIRONMENT, make_result, make_spec
from tsbench.store import artifacts
from tsbench.store.check import RESTORE, check
from tsbench.store.checkpoints import Checkpoint, save
from tsbench.store.prune import plan, remove
from tsbench.store.rows import file_name

KEY = make_spec().key
FAILED = {"status": "failed", "metrics": {}, "predictions": None}


def key_of(name):
    """Return a key of a pre-training."""
    return hashlib.sha256(name.encode()).hexdigest()


@pytest.fixture
def sound(store):
    """A store in order: one run with a checkpoint."""
    name, sha256 = save(store.checkpoint_folder, key_of("good"), Checkpoint({}, {}))
    result = make_result(metrics={"accuracy": 0.5, "auroc": 1.0}, checkpoint=(key_of("good"), name, sha256))
    store.record(result, ENVIRONMENT)
    assert list(check(store)) == []
    return store


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        ("update metrics set value = 0.75 where name = 'accuracy'", "accuracy is 0.75, its predictions give 0.5"),
        ("update metrics set value = null where name = 'auroc'", "auroc is None, its predictions give 1.0"),
        ("delete from metrics", "succeeded and has no metrics"),
        ("delete from predictions", "succeeded and has no predictions"),
        ("update runs set attempt = 77", "has no attempt that its status comes from"),
        ("update checkpoints set sha256 = 'x'", "its sha256 differs"),
        ("update checkpoints set path = 'gone'", "has a row that names no file of a checkpoint"),
        ("insert into claims values ('k', 'host:1:x', 0, 0)", "is claimed by host:1:x, which gave no sign of life"),
    ],
)
def test_each_damage_is_found_with_a_remedy(sound, damage, problem):
    sound.write(lambda connection: connection.execute(sa.text(damage)))
    (found,) = check(sound)
    assert problem in found.what
    assert "tsbench" in found.remedy


def test_a_run_without_its_attempt_is_repaired_by_its_remedy(sound):
    sound.write(lambda connection: connection.execute(sa.text("delete from attempts")))
    (found,) = check(sound)
    assert found.remedy.endswith(": tsbench run --method m --dataset D --protocol p --seeds 0, --fold 0 --force")
    assert "show run" not in found.remedy
    assert sound.claim(KEY, "a", redo=True)  # as --force does
    sound.record(make_result(metrics={"accuracy": 0.5, "auroc": 1.0}), ENVIRONMENT, "a")
    assert list(check(sound)) == []


def test_damaged_pages_are_found_with_a_remedy(tmp_path, open_store):
    store = open_store(str(tmp_path / "s.db"))
    for seed in range(20):
        store.record(make_result(make_spec(seed)), ENVIRONMENT)
    store.close()
    size = store.file.stat().st_size
    with store.file.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))
    found = list(check(store))
    assert found and all(one.what.startswith("the file is damaged: ") for one in found)
    assert {one.remedy for one in found} == {RESTORE}


def test_predictions_that_cannot_be_read_are_found(sound):
    rubbish = sa.text("update predictions set content = :content")
    sound.write(lambda connection: connection.execute(rubbish, {"content": b"rubbish"}))
    (found,) = check(sound)
    assert "its predictions cannot be read" in found.what


def test_a_row_without_its_run_is_found_in_a_file(tmp_path, open_store):
    store = open_store(str(tmp_path / "s.db"))
    with store.engine.connect() as connection:
        raw = connection.connection.dbapi_connection
        raw.executescript("pragma foreign_keys=off; insert into metrics values ('none', 'accuracy', 1)")
    store.engine.dispose()
    (found,) = check(store)
    assert found.what == "row 1 of table metrics refers to a row of runs that is not there"


def make_checkpoint(store, name, seed, days, **fields):
    path, sha256 = save(store.checkpoint_folder, key_of(name), Checkpoint({}, {}))
    store.record(make_result(make_spec(seed), checkpoint=(key_of(name), path, sha256), **fields), ENVIRONMENT)
    made = sa.text("update checkpoints set created = :made where pretrain_key = :name")
    store.write(lambda c: c.execute(made, {"made": time.time() - days * 86400, "name": key_of(name)}))


def test_checkpoints_are_pruned_by_age_failure_and_damage_and_results_stay(store):
    make_checkpoint(store, "old", 0, days=40)
    make_checkpoint(store, "new", 1, days=1)
    make_checkpoint(store, "failed", 2, days=1, **FAILED)
    make_checkpoint(store, "shared", 3, days=1, **FAILED)
    make_checkpoint(store, "shared", 4, days=1)
    artifacts.write(store.checkpoint_folder, file_name(key_of("new")), b"other")
    assert plan(store, "all", 30, False).pretrain_keys == [key_of("old")]
    assert plan(store, "all", 50, False).pretrain_keys == []
    assert plan(store, "failed", None, False).pretrain_keys == [key_of("failed")]
    assert plan(store, "damaged", None, False).pretrain_keys == [key_of("new")]
    found = plan(store, "all", 30, False)
    remove(store, found)
    assert sorted(artifacts.listing(store.checkpoint_folder)) == sorted(
        file_name(key_of(name)) for name in ("failed", "new", "shared")
    )
    assert store.checkpoint_sha256(key_of("old")) is None
    assert len(store.results()) == 5


def test_files_that_no_row_names_are_pruned_after_a_day(sound):
    folder = sound.checkpoint_folder
    for name in ("stray.safetensors", ".half.tmp", "young.safetensors"):
        artifacts.write(folder, name, b"1234")
    for name in ("stray.safetensors", ".half.tmp", file_name(key_of("good"))):
        os.utime(folder / name, (0, 0))
    found = plan(sound, "unreferenced", None, False)
    assert found.files == {".half.tmp": 4, "stray.safetensors": 4}
    remove(sound, found)
    assert sorted(artifacts.listing(folder)) == sorted([file_name(key_of("good")), "young.safetensors"])


def test_superseded_attempts_go_with_environments_nobody_has_and_expired_claims(store):
    store.record(make_result(**FAILED), {"python": "old"})
    store.record(make_result(metrics={"accuracy": 0.5}), ENVIRONMENT)
    store.record(make_result(**FAILED), ENVIRONMENT)
    store.write(lambda c: c.execute(sa.text("insert into claims values ('k', 'gone', 0, 0)")))
    assert store.claim("live", "a")
    found = plan(store, None, None, True)
    assert (len(found.attempts), len(found.environments), found.claims) == (2, 1, ["k"])
    remove(store, found)
    assert [attempt["status"] for attempt in store.find(KEY)["attempts"]] == ["succeeded"]
    assert store.claimed() == {"live": "a"}
    assert list(check(store)) == []
    assert plan(store, None, None, True).attempts == []
