from types import SimpleNamespace

import pytest

from tsbench.run.executors import process, slot
from tsbench.run.executors.process import WorkerSettings
from tsbench.run.limits import Limits
from tsbench.run.spec import Result


class Pipe(list):
    """The messages that a worker has sent."""

    poll, send = list.__len__, list.append

    def recv(self):
        return self.pop(0)


@pytest.fixture
def idle(monkeypatch):
    """A slot without a worker, whose clock the test moves."""
    monkeypatch.setattr(slot.Slot, "_launch", lambda self: setattr(self, "_messages", Pipe()))
    one = slot.Slot(WorkerSettings(), Limits(), lambda: None)
    one.now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(slot, "time", SimpleNamespace(monotonic=lambda: one.now.seconds))
    return one


def test_the_clock_of_a_limit_stands_still_while_the_worker_imports_or_compiles(idle):
    noted = []

    def at(seconds, *message):
        idle.now.seconds = seconds
        idle._messages.extend([message] if message else [])
        idle._read(lambda *_: None, noted.append)
        return idle._working()

    assert at(100, "began", 1.0, 2**20) == 0
    assert at(105) == 5
    assert at(106, "note", "compiling", 0.0) == at(190) == 6
    assert at(196, "note", "", 90.0) == 6
    assert at(198) == 8
    at(199, "note", "importing", 0.0)
    assert at(199 + slot.START_SECONDS) == 9
    assert at(199 + slot.START_SECONDS + 30) == 39, "a pause that may never end"
    assert noted == ["compiling", "", "importing"]


def test_a_run_begins_when_what_it_is_made_of_has_been_imported(monkeypatch):
    told = Pipe()

    class Worker:
        plugins = None

        def prepare(self, spec):
            told.send(("prepared",))

        def run(self, spec):
            told.send(("run",))
            return Result(spec, "succeeded")

    monkeypatch.setattr(process, "_Here", SimpleNamespace(worker=Worker(), messages=told, remote=False, problem=""))
    assert process.run("spec").status == "succeeded"
    assert [message[0] for message in told] == ["prepared", "began", "run"]
