import os
import subprocess
import sys
import time
from dataclasses import replace

import psutil
import pytest

from tests.tsbench.execute.executors.conftest import TROUBLE
from tsbench.errors import UsageError
from tsbench.execute.executors.local import Local
from tsbench.execute.executors.slot import Slot
from tsbench.execute.limits import Limits

PATIENCE = 600  # seconds that only a broken program takes
MEMORY = 3 * 2**30  # far above what a worker takes by itself, which differs between machines


@pytest.fixture(scope="module")
def local(settings):
    executor = Local([settings], Limits(memory=MEMORY))
    yield executor
    executor.stop()


def do(executor, spec, slot=0, note=lambda *_: None):
    """Return the result of one run on one slot, given again when its worker had died before."""
    executor.submit(slot, spec)
    while True:
        for done in executor.wait(lambda *_: None, note):
            if done.result is not None:
                return done.result
            executor.submit(slot, spec)


def wait_for(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_worker_that_cannot_start_says_why(settings, planned, tmp_path):
    executor = Local([replace(settings, plugin_files=(tmp_path / "gone.py",))], Limits())
    result = do(executor, planned("error").specs[0])
    executor.stop()
    assert result.status == "failed"
    assert "the worker process cannot start: UsageError" in result.error and "gone.py" in result.error


@pytest.mark.parametrize(
    ("what", "status", "error", "trace"),
    [
        ("error", "failed", "ValueError: no good", "in fit"),
        ("segfault", "crashed", "the worker process was ended by SIGSEGV", "in segfault"),
        ("leave", "crashed", "the worker process left with exit code 0", ""),
        ("leave_7", "crashed", "the worker process left with exit code 7", ""),
        ("eat", "oom", "over --memory-limit 3.0 GiB", "in eat"),
    ],
)
def test_what_goes_wrong_ends_its_run_only(local, planned, what, status, error, trace):
    result = do(local, planned(what).specs[0])
    assert (result.status, result.predictions) == (status, None)
    assert error in result.error and "\n" not in result.error
    assert trace in result.traceback
    assert 0 < result.started <= result.finished
    if what == "eat":
        assert result.peak_memory_bytes + result.facts["memory_at_start_bytes"] > MEMORY
        assert 0 < result.facts["memory_at_start_bytes"] < MEMORY


def test_the_peak_of_memory_is_that_of_the_run_alone(settings, planned):
    executor = Local([settings], Limits())  # a process of its own: an old one may give memory back meanwhile
    result = do(executor, planned("hold").specs[0])
    executor.stop()
    assert result.status == "succeeded", result.error
    assert 200e6 < result.peak_memory_bytes < 400e6  # it holds 256 MB, its process about as much before


def test_a_time_limit_ends_a_run_deaf_to_sigterm_with_all_it_started(settings, planned, tmp_path, monkeypatch):
    pids = tmp_path / "pids"
    monkeypatch.setattr(Slot, "_working", lambda self: 5.0 if pids.exists() else 3.0)
    executor = Local([settings], Limits(seconds=4.0))
    result = do(executor, planned("hang", note=pids).specs[0])
    executor.stop()
    assert result.status == "timeout"
    assert result.error == "took longer than --time-limit 4 s"
    assert "in hang" in result.traceback
    worker, child = map(int, pids.read_text().split())
    wait_for(lambda: not psutil.pid_exists(worker) and not is_running(child))


def test_a_worker_tells_what_it_does_once(local, planned, tmp_path):
    spec, notes = planned("new_module", note=tmp_path / "pid").specs[0], []
    assert do(local, spec, note=lambda *note: notes.append(note)).error == ""
    assert notes[-2:] == [(spec, "importing"), (spec, "")]


def test_a_worker_stays_warm_and_one_killed_while_idle_is_replaced(local, planned, tmp_path):
    pids = []
    for name in "abc":
        assert do(local, planned(note=tmp_path / name).specs[0]).status == "succeeded"
        pids.append(int((tmp_path / name).read_text()))
        if name == "b":
            psutil.Process(pids[-1]).kill()
    assert pids[0] == pids[1] != pids[2]


def test_a_limit_below_what_a_worker_takes_by_itself_is_refused(settings, planned):
    executor = Local([settings], Limits(memory=10 * 2**20))
    try:
        with pytest.raises(UsageError, match="10.0 MiB: a worker takes .* before any run"):
            do(executor, planned().specs[0])
    finally:
        executor.stop()


def test_workers_end_with_a_killed_driver_though_they_hang(tmp_path):
    code = (
        "import sys\nfrom tsbench.cli import main\n"
        "if __name__ == '__main__':\n    main(sys.argv[1:])"  # workers import this module anew
    )
    (tmp_path / "driver.py").write_text(code)
    command = [sys.executable, "driver.py", "run", "--plugin", TROUBLE, "--method", "trouble", "--dataset", "tiny"]
    command += ["--set", "what=hang", "--set", f"note={tmp_path / 'pids'}", "--workers", "2"]
    driver = subprocess.Popen(list(map(str, command)), cwd=tmp_path, env=dict(os.environ), stderr=subprocess.PIPE)
    wait_for((tmp_path / "pids").exists)
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    workers = [child.pid for child in psutil.Process(driver.pid).children() if child.pid not in pids]
    assert all(is_running(pid) for pid in pids)
    driver.kill()
    driver.wait()
    driver.stderr.close()
    wait_for(lambda: not any(is_running(pid) for pid in [*pids, *workers]))


def is_running(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
