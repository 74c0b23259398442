import os
import subprocess
import sys
import threading

import psutil
import pytest

from tests.tsbench.run.test_store import make_spec
from tsbench.run import store as stores
from tsbench.run.claims import Claims, is_dead, machine, owner_name
from tsbench.run.store import Store

KEY = make_spec(0).key


@pytest.fixture
def store(tmp_path):
    store = Store(str(tmp_path / "s.db"))
    yield store
    store.close()


def ended_process():
    """Return the name a driver on this machine would have had that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    created = int(psutil.Process(process.pid).create_time())
    process.wait()
    return f"{machine()}-{process.pid}-{created}"


def test_owners_are_told_alive_dead_or_unknown():
    assert not is_dead(owner_name())
    assert is_dead(ended_process())
    assert is_dead(f"{machine()}-{os.getpid()}-1")  # another process had this number before
    assert not is_dead(f"elsewhere-12345678-{os.getpid()}-1")
    assert not is_dead("nonsense")


def test_what_a_dead_driver_of_this_machine_held_is_free_at_once(store):
    store.claim(KEY, ended_process())
    with Claims(store) as mine:
        assert mine.take(KEY)
        assert store.claimed() == {KEY: owner_name()}
    assert store.claimed() == {}


def test_what_a_driver_elsewhere_holds_is_left_to_it(store):
    store.claim(KEY, "elsewhere-12345678-1-1")
    with Claims(store) as mine:
        assert not mine.take(KEY)
    assert store.claimed() == {KEY: "elsewhere-12345678-1-1"}


def test_claims_are_renewed_while_the_driver_lives(store, monkeypatch):
    monkeypatch.setattr(stores, "CLAIM_EXPIRY", 0.2)
    renewed, twice = [], threading.Event()

    def heartbeat(owner):
        renewed.append(owner)
        if len(renewed) == 2:
            twice.set()

    monkeypatch.setattr(store, "heartbeat", heartbeat)
    with Claims(store):
        twice.wait()
    assert renewed[:2] == [owner_name()] * 2
