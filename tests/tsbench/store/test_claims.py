import time

import pytest
import sqlalchemy as sa

from tests.tsbench.store.test_store import ENVIRONMENT, make_result, make_spec
from tsbench.store.claims import CLAIM_EXPIRY
from tsbench.store.schema import claims

SPEC = make_spec()
KEY = SPEC.key
FAILED = {"status": "failed", "metrics": {}, "predictions": None}


def age(store, owner, seconds):
    """Let an owner's last sign of life be as long ago on the database's clock."""
    older = claims.update().where(claims.c.owner == owner).values(heartbeat=claims.c.heartbeat - seconds)
    store.write(lambda connection: connection.execute(older))


def statuses_of_attempts(store):
    return [(attempt["owner"], attempt["status"]) for attempt in store.find(KEY)["attempts"]]


def test_a_run_has_one_owner_at_a_time(store):
    assert store.claim(KEY, "a")
    assert store.claim(KEY, "a")
    assert not store.claim(KEY, "b") and not store.claim(KEY, "b", redo=True)
    assert store.claimed() == {KEY: "a"}
    store.release("b")
    assert store.claimed() == {KEY: "a"}
    store.release("a", [KEY, "other"])
    assert store.claim(KEY, "b")


def test_recording_releases_and_a_success_is_not_claimed_again_unless_wanted(store):
    assert store.claim(KEY, "a") and store.claim("other", "a")
    assert store.record(make_result(SPEC, **FAILED), ENVIRONMENT, "a")
    assert store.claimed() == {"other": "a"}
    assert store.claim(KEY, "b")
    assert store.record(make_result(SPEC), ENVIRONMENT, "b")
    assert not store.claim(KEY, "a")
    assert store.claimed() == {"other": "a"}
    assert store.claim(KEY, "a", redo=True)


def test_a_claim_expires_on_the_clock_of_the_database_alone(store, monkeypatch):
    assert store.claim(KEY, "a")
    monkeypatch.setattr(time, "time", lambda: 4e9)
    assert not store.claim(KEY, "b")
    age(store, "a", CLAIM_EXPIRY / 2)
    assert not store.claim(KEY, "b")
    age(store, "a", CLAIM_EXPIRY / 2 + 1)
    assert store.claimed() == {}
    assert store.claim(KEY, "b")
    assert store.claimed() == {KEY: "b"}


def test_a_heartbeat_keeps_claims_and_tells_which_are_lost(store):
    for key in ("x", "y"):
        assert store.claim(key, "a")
    age(store, "a", CLAIM_EXPIRY + 1)
    assert store.claim("x", "b")
    assert store.heartbeat("a") == {"y"}
    assert store.claimed() == {"x": "b", "y": "a"}
    assert not store.claim("y", "b")


@pytest.mark.parametrize("late", ["succeeded", "failed"])
def test_who_comes_late_leaves_an_attempt_and_never_a_second_result(store, late):
    assert store.claim(KEY, "slow")
    age(store, "slow", CLAIM_EXPIRY + 1)
    assert store.claim(KEY, "fast")
    assert store.record(make_result(SPEC, accuracy=0.75), ENVIRONMENT, "fast")
    result = make_result(SPEC, accuracy=0.25) if late == "succeeded" else make_result(SPEC, **FAILED)
    assert not store.record(result, ENVIRONMENT, "slow")
    (row,) = store.results()
    assert (row["status"], row["accuracy"], row["owner"]) == ("succeeded", 0.75, "fast")
    assert statuses_of_attempts(store) == [("fast", "succeeded"), ("slow", late)]


def test_a_late_success_counts_until_the_new_owner_is_done_and_a_late_failure_does_not(store):
    store.record(make_result(SPEC, status="interrupted", metrics={}, predictions=None), ENVIRONMENT)
    assert store.claim(KEY, "slow")
    age(store, "slow", CLAIM_EXPIRY + 1)
    assert store.claim(KEY, "fast")
    assert not store.record(make_result(SPEC, **FAILED), ENVIRONMENT, "slow")
    assert store.results()[0]["status"] == "interrupted"
    assert store.record(make_result(SPEC, accuracy=0.25), ENVIRONMENT, "slow")
    assert store.claimed() == {KEY: "fast"}
    assert store.record(make_result(SPEC, accuracy=0.75), ENVIRONMENT, "fast")
    (row,) = store.results()
    assert row["accuracy"] == 0.75
    with store.read() as connection:
        assert connection.scalar(sa.text("select count(*) from predictions")) == 1


def test_a_success_on_another_split_may_be_claimed(store):
    store.record(make_result(make_spec(split="test:1 train:1")), ENVIRONMENT)
    key = make_spec().key
    assert not store.claim(key, "a") and not store.claim(key, "a", split="test:1 train:1")
    assert store.claim(key, "a", split="test:1 train:2")
    assert not store.claim(key, "b", split="test:1 train:2")
    store.record(make_result(make_spec(split="test:1 train:2")), ENVIRONMENT, "a")
    assert not store.claim(key, "b", split="test:1 train:2")
    assert store.splits([key, "other"]) == {key: "test:1 train:2"}
