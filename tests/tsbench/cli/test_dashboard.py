"""The dashboard as a process of its own, asked over the loopback."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import optuna
import pytest

from tsbench.run.store import Store
from tsbench.tune.storage import open_studies

DEADLINE = 600  # that only a broken program meets
NAME = "trls.GunPoint.svm-rbf.fold0.abc"
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@pytest.fixture
def served(tmp_path):
    """Start the command on a free port; gives (process, URL)."""
    store = Store(str(tmp_path / "tsbench.db"))
    with open_studies(store) as storage:
        study = optuna.create_study(study_name=NAME, storage=storage, direction="maximize")
        study.add_trial(optuna.trial.create_trial(value=0.75))
    store.close()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", "from tsbench.cli import main; main()", "dashboard", "--port", str(port)]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, cwd=tmp_path, env={**os.environ, "PYTHONUNBUFFERED": "1"}, **streams)
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate()


def get(process, url):
    """Return the body of a page, asking until the server listens."""
    until = time.monotonic() + DEADLINE
    while True:
        try:
            with DIRECT.open(url, timeout=DEADLINE) as answer:
                return answer.read().decode()
        except urllib.error.URLError as error:
            assert isinstance(error.reason, ConnectionRefusedError), error
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < until, "it does not answer"
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.1)


def test_the_page_and_its_api_list_the_study_until_ctrl_c(served):
    process, url = served
    assert process.stdout.readline() == f"studies of tsbench.db: {url}/  (Ctrl-C ends)\n"
    assert "<title>" in get(process, f"{url}/") and "/static/bundle.js" in get(process, f"{url}/dashboard")
    (listed,) = json.loads(get(process, f"{url}/api/studies"))["study_summaries"]
    assert listed["study_name"] == NAME
    detail = json.loads(get(process, f"{url}/api/studies/{listed['study_id']}"))
    assert [trial["values"] for trial in detail["trials"]] == [[0.75]]
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0 and "Traceback" not in err, err
    with pytest.raises(urllib.error.URLError):
        DIRECT.open(url, timeout=DEADLINE)


def test_what_keeps_it_from_serving_is_one_line(tsbench, tmp_path):
    code, _, err = tsbench("dashboard")
    assert code == 2 and "there is no store" in err
    Store(str(tmp_path / "tsbench.db")).close()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, _, err = tsbench("dashboard", "--port", port)
    assert code == 2 and f"cannot listen on 127.0.0.1:{port}: Address already in use; choose another --port" in err
    elsewhere = "192.0.2.1"  # of no machine
    assert f"cannot listen on {elsewhere}:8080: " in tsbench("dashboard", "--host", elsewhere)[2]
