import os
import re
import subprocess
import sys
import threading

import psutil
import pytest

from tests.tsbench.store.test_store import make_spec
from tsbench.execute import owner
from tsbench.execute.owner import Owner, is_dead, machine, owner_name
from tsbench.store.store import Store

KEY = make_spec(0).key


@pytest.fixture
def store(tmp_path):
    store = Store(str(tmp_path / "s.db"))
    yield store
    store.close()


def ended_process():
    """Return the number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_owners_are_told_alive_dead_or_unknown():
    here, gone = os.getpid(), ended_process()
    assert not is_dead(owner_name())
    assert is_dead(f"{machine()}-{gone}-t5") and is_dead(f"{machine()}-{gone}-1700000000")
    assert is_dead(f"{machine()}-{here}-t1")  # another process had this number before
    assert not is_dead(f"elsewhere-12345678-{here}-t1")
    for nonsense in (
        "nonsense",
        "",
        f"{machine()}-x-t1",
        f"{machine()}-{'9' * 40}-t1",
        f"{machine()}--5-t1",
        "\0-1-t1",
    ):
        assert not is_dead(nonsense)


def test_a_step_of_the_clock_frees_no_live_claim(monkeypatch):
    name = owner_name()
    older = f"{machine()}-{os.getpid()}-{int(psutil.Process().create_time())}"  # as older drivers are called
    began = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: began(process) + 7200)
    assert owner_name() == name and not is_dead(name) and not is_dead(older)


def test_without_proc_a_process_of_the_number_may_be_the_driver(monkeypatch):
    monkeypatch.setattr(owner, "_start_ticks", lambda pid: None)
    assert not is_dead(owner_name()) and not is_dead(f"{machine()}-{os.getpid()}-t1")
    assert is_dead(f"{machine()}-{ended_process()}-t1")


def test_an_owner_is_a_name_for_a_file_whatever_the_machine_is_called(monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "../a b\n")
    assert re.fullmatch(r"\.\._a_b_-[0-9a-f]{8}-\d+-t\d+", owner_name())


def test_what_a_dead_driver_of_this_machine_held_is_free_at_once(store):
    store.claim(KEY, f"{machine()}-{ended_process()}-t5")
    with Owner(store) as mine:
        assert mine.take(KEY)
        assert store.claimed() == {KEY: owner_name()}
    assert store.claimed() == {}


def test_what_a_driver_elsewhere_holds_is_left_to_it(store):
    store.claim(KEY, "elsewhere-12345678-1-1")
    with Owner(store) as mine:
        assert not mine.take(KEY)
    assert store.claimed() == {KEY: "elsewhere-12345678-1-1"}


def test_claims_are_renewed_while_the_driver_lives(store, monkeypatch):
    monkeypatch.setattr(owner, "CLAIM_EXPIRY", 0.2)
    renewed, twice = [], threading.Event()

    def heartbeat(owner):
        renewed.append(owner)
        if len(renewed) == 2:
            twice.set()

    monkeypatch.setattr(store, "heartbeat", heartbeat)
    with Owner(store):
        twice.wait()
    assert renewed[:2] == [owner_name()] * 2
