import hashlib

import pytest
import sqlalchemy as sa

from tests.tsbench.run.test_store import ENVIRONMENT, make_result, make_spec
from tsbench.run import artifacts
from tsbench.run.store_check import check
from tsbench.run.store_merge import merge
from tsbench.run.store_rows import file_name

FAILED = {"status": "failed", "metrics": {}, "predictions": None}
SOUND = {"metrics": {"accuracy": 0.5}}


def content(store):
    tables = ("runs", "attempts", "metrics", "predictions", "environments", "checkpoints")
    with store.read() as connection:
        return {name: sorted(map(str, connection.execute(sa.text(f"select * from {name}")))) for name in tables}


@pytest.fixture
def other(tmp_path, open_store):
    return open_store(str(tmp_path / "other.db"))


@pytest.mark.parametrize("back", [False, True])
def test_what_is_missing_or_failed_here_comes_with_all_that_belongs_to_it(store, other, back):
    ours, theirs = (other, store) if back else (store, other)
    theirs.record(make_result(make_spec(0), **FAILED), {"python": "old"})
    theirs.record(make_result(make_spec(0), started=1.0, **SOUND), ENVIRONMENT)
    theirs.record(make_result(make_spec(1), **SOUND), ENVIRONMENT)
    theirs.record(make_result(make_spec(2), **FAILED), ENVIRONMENT)
    ours.record(make_result(make_spec(1), started=3.0, **FAILED), ENVIRONMENT)
    ours.record(make_result(make_spec(3), **SOUND), ENVIRONMENT)
    report = merge(ours, theirs)
    assert sorted(report.copied) == sorted(make_spec(seed).key for seed in (0, 1, 2))
    status = {row["seed"]: (row["status"], row.get("accuracy")) for row in ours.results()}
    assert status == {0: ("succeeded", 0.5), 1: ("succeeded", 0.5), 2: ("failed", None), 3: ("succeeded", 0.5)}
    assert [a["status"] for a in ours.find(make_spec(1).key)["attempts"]] == ["failed", "succeeded"]
    assert len(content(ours)["environments"]) == 2
    assert list(check(ours)) == []
    before = content(ours)
    again = merge(ours, theirs)
    assert (again.copied, again.conflicts, content(ours)) == ([], [], before)
    ours.record(make_result(make_spec(4)), ENVIRONMENT)


def test_a_conflict_is_reported_and_ours_is_kept(store, other):
    store.record(make_result(accuracy=0.5), ENVIRONMENT)
    other.record(make_result(accuracy=0.75), ENVIRONMENT)
    before = content(store)
    (line,) = merge(store, other).conflicts
    assert line == f"{make_spec().key[:12]}: accuracy 0.5 here, 0.75 there"
    assert content(store) == before


def test_checkpoints_come_with_their_files_and_damaged_ones_stay(store, other):
    good, bad = "a" * 64, "b" * 64
    for key, written in ((good, b"weights"), (bad, b"other")):
        artifacts.write(other.checkpoint_folder, file_name(key), written)
        sha256 = hashlib.sha256(b"weights").hexdigest()
        other.record(make_result(checkpoint=(key, file_name(key), sha256), **SOUND), ENVIRONMENT)
    report = merge(store, other)
    assert report.n_checkpoints == 1
    assert [line.split(" is ")[0] for line in report.skipped] == [file_name(bad)]
    assert artifacts.listing(store.checkpoint_folder).keys() == {file_name(good)}
    assert artifacts.read(store.checkpoint_folder, file_name(good)) == b"weights"
    assert store.checkpoint_sha256(good) and store.checkpoint_sha256(bad) is None
    assert merge(store, other).n_checkpoints == 0


def test_a_run_without_its_attempt_is_left_out_and_taken_from_where_it_is_whole(store, other):
    for seed in range(2):
        other.record(make_result(make_spec(seed), **SOUND), ENVIRONMENT)
    lost, whole = make_spec(0).key, make_spec(1).key
    other.write(lambda c: c.execute(sa.text("delete from attempts where key = :key"), {"key": lost}))
    report = merge(store, other)
    assert report.copied == [whole]
    (line,) = report.skipped
    assert line.startswith(f"run {lost[:12]} has lost its attempt in {other.name}")
    store.record(make_result(make_spec(0), **SOUND), ENVIRONMENT)
    assert merge(store, other).skipped == []
    assert merge(other, store).copied == [lost]
    assert list(check(other)) == []
