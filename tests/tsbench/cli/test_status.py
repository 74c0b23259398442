import json
import time

import pytest
from click.testing import CliRunner

from tests.tsbench.run.test_store import make_result, make_spec
from tsbench.cli.status import read_logs, status, summarise
from tsbench.run.log import DriverLog, log_folder
from tsbench.run.spec import Result
from tsbench.run.store import Store

OWNER = "host-12345678-1-1"


@pytest.fixture
def store(tmp_path):
    """A store with a success and a failure just recorded, and one of two further runs under way."""
    store = Store(str(tmp_path / "s.db"))
    now = time.time()
    specs = [make_spec(seed) for seed in range(4)]
    results = [make_result(specs[0]), Result(specs[1], "oom", error="e")]
    with DriverLog(log_folder(store), OWNER) as log:
        log.plan(5, 4)
        for result in results:
            result.started, result.finished = now - 60, now
            store.record(result, {})
            log.finished(result, 0)
    store.claim(specs[2].key, OWNER)
    yield store
    store.close()


def test_what_is_done_running_and_left(store):
    answer = CliRunner().invoke(status, ["--store", store.name, "--json"])
    facts = json.loads(answer.output)
    assert (facts["running"], facts["drivers"], facts["queued"]) == (1, {OWNER: 1}, 1)
    assert facts["runs"] == {"succeeded": 1, "oom": 1}
    assert facts["per_minute"] == pytest.approx(2, rel=0.5)
    assert facts["seconds_left"] == pytest.approx(120 / facts["per_minute"])
    lines = CliRunner().invoke(status, ["--store", store.name]).output.splitlines()
    assert f"running   1 by {OWNER} (1)" in lines


def test_a_driver_without_a_log_here_leaves_the_queue_unknown(store):
    store.claim(make_spec(3).key, "elsewhere-1-1-1")
    facts = summarise(store.claimed(), store.results(), read_logs(log_folder(store)), time.time())
    assert (facts["running"], facts["queued"], facts["seconds_left"]) == (2, None, None)
    assert "queued    unknown" in CliRunner().invoke(status, ["--store", store.name]).output


def test_nothing_under_way():
    facts = summarise({}, [], {}, 0.0)
    assert (facts["running"], facts["queued"], facts["per_minute"], facts["seconds_left"]) == (0, 0, 0.0, None)


def test_damaged_lines_of_a_log_are_skipped(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b'{"event": "plan", "todo": 3}\n\xff{"ev\n[]\n{"event": "finished"}\n')
    assert read_logs(tmp_path) == {"a": 2}


def test_there_must_be_a_store(tmp_path):
    from tsbench.errors import UsageError

    answer = CliRunner().invoke(status, ["--store", str(tmp_path / "none.db")])
    assert isinstance(answer.exception, UsageError)
