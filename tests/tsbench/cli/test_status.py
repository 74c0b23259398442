import json
import time
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from tests.tsbench.run.test_store import make_result, make_spec
from tsbench.cli.status import status, summarise
from tsbench.run.log import DriverLog, log_folder
from tsbench.run.spec import Result
from tsbench.run.store import Store

OWNER, OTHER = "host-12345678-1-1", "host-12345678-2-1"


def facts_of(store):
    return json.loads(CliRunner().invoke(status, ["--store", store.name, "--json"]).output)


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A store with a success and a failure just recorded, and one of two further runs under way."""
    store = Store(str(tmp_path / "s.db"))
    now = time.time()
    monkeypatch.setattr("tsbench.cli.status.time", SimpleNamespace(time=lambda: now))
    specs = [make_spec(seed) for seed in range(4)]
    results = [make_result(specs[0]), Result(specs[1], "oom", error="e")]
    with DriverLog(log_folder(store), OWNER) as log:
        log.plan(5, specs, force=False)
        for result in results:
            result.started, result.finished = now - 60, now
            store.record(result, {})
            log.finished(result, 0)
    store.claim(specs[2].key, OWNER)
    yield store
    store.close()


def test_what_is_done_running_and_left(store):
    facts = facts_of(store)
    assert (facts["running"], facts["drivers"], facts["queued"]) == (1, {OWNER: 1}, 1)
    assert facts["runs"] == {"succeeded": 1, "oom": 1}
    assert facts["per_minute"] == pytest.approx(2)
    assert facts["seconds_left"] == pytest.approx(120 / facts["per_minute"])
    lines = CliRunner().invoke(status, ["--store", store.name]).output.splitlines()
    assert f"running   1 by {OWNER} (1)" in lines


def test_a_driver_without_a_log_here_leaves_the_queue_unknown(store):
    store.claim(make_spec(3).key, "elsewhere-1-1-1")
    facts = facts_of(store)
    assert (facts["running"], facts["queued"], facts["seconds_left"]) == (2, None, None)
    assert "queued    unknown" in CliRunner().invoke(status, ["--store", store.name]).output


def test_nothing_under_way():
    facts = summarise({}, [], {}, 0.0)
    assert (facts["running"], facts["queued"], facts["per_minute"], facts["seconds_left"]) == (0, 0, 0.0, None)


def test_runs_in_the_plans_of_two_drivers_are_queued_once(store):
    specs = [make_spec(seed) for seed in range(6)]
    with DriverLog(log_folder(store), OTHER) as log:
        log.plan(5, specs[:5], force=False)  # with --retry: the second had failed before
        store.claim(specs[4].key, OTHER)
        assert facts_of(store)["queued"] == 2
        store.record(Result(specs[3], "failed", started=time.time(), finished=time.time() + 1, error="e"), {})
        assert facts_of(store)["queued"] == 1
        log.plan(6, specs, force=True)
        assert facts_of(store)["queued"] == 4


def test_a_run_that_was_interrupted_is_still_queued(store):
    store.record(Result(make_spec(3), "interrupted", started=time.time(), finished=time.time() + 1, error="e"), {})
    assert facts_of(store)["queued"] == 1


def test_damaged_lines_of_a_log_are_skipped(store):
    path = log_folder(store) / f"{OWNER}.jsonl"
    path.write_bytes(path.read_bytes() + b'\xff{"ev\n[]\n{"event": "finished"}\n')
    assert facts_of(store)["queued"] == 1


def test_there_must_be_a_store(tmp_path):
    from tsbench.errors import UsageError

    answer = CliRunner().invoke(status, ["--store", str(tmp_path / "none.db")])
    assert isinstance(answer.exception, UsageError)
