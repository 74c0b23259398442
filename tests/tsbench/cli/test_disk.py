"""A disk that is full: what the user is told, and that nothing earlier is lost."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

# In a file system of a megabyte: a result, a checkpoint that does not fit, a store that cannot grow, and room again.
SCRIPT = """
import os, sys
from pathlib import Path
from tsbench.cli import main

def call(*arguments):
    try:
        main(list(arguments))
    except SystemExit as stop:
        print("exit", stop.code, flush=True)

os.chdir(sys.argv[1])
sys.stderr = sys.stdout
call("run", "--method", "majority", "--dataset", "UnitTest")
call("run", "--method", "ts2vec", "--set", "iterations=1", "--dataset", "UnitTest")
def fill(left):
    with open("filler", "ab", buffering=0) as file:
        while (room := os.statvfs(".").f_bavail * os.statvfs(".").f_frsize - left) > 0:
            file.write(bytes(room))
fill(left=100_000)
call("run", "--method", "noop", "--dataset", "UnitTest", "--seeds", "20")
fill(left=0)
call("run", "--method", "majority", "--dataset", "UnitTest", "--seeds", "2")
Path("filler").unlink()
call("store", "check")
call("run", "--method", "majority", "--dataset", "UnitTest", "--seeds", "2")
"""


def test_a_full_disk(tmp_path):
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare (Linux) to mount a small file system of its own")
    mount = 'mount -t tmpfs -o size=1m tmpfs "$1" || exit 77; exec "$2" -c "$3" "$1"'
    disk, elsewhere = tmp_path / "disk", tmp_path / "elsewhere"
    disk.mkdir()
    elsewhere.mkdir()
    command = ["unshare", "--mount", "--map-root-user", "sh", "-c", mount, "sh", str(disk), sys.executable, SCRIPT]
    environment = {**os.environ, "TMPDIR": str(elsewhere)}
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    if ended.returncode == 77 or "unshare" in ended.stderr:
        pytest.skip(f"this machine lets nobody mount a file system of their own: {ended.stderr.strip()}")
    first, checkpoint, filling, full, check, again, _ = f"{ended.stdout}\n".split("exit ")
    assert "accuracy" in first
    kept = (
        "warning: .*the weights are not kept: .*\\.safetensors cannot be written to .*: No space left on device; make"
    )
    assert re.match(r"0\n.*accuracy", checkpoint) and re.search(kept, checkpoint)
    assert "\nerror: store tsbench.db cannot be written: database or disk is full (no room is left on its" in filling
    assert re.search(
        f"1 results are kept in {elsewhere}/tsbench-rescued-.*db, bring them in by: tsbench store", filling
    )
    assert "1\nerror: store tsbench.db cannot be opened:" in full and "(no room is left on its disk)" in full
    assert check.startswith("1\ntsbench.db is in order")
    assert re.search(r"2 runs: 1 succeeded, 1 already in the store", again)
    assert "Traceback" not in ended.stdout + ended.stderr


FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full (Linux)")
def test_output_to_a_full_disk_ends_in_one_line_and_costs_no_work(tmp_path):
    run = [sys.executable, "-m", "tsbench", "run", "--method", "majority", "--dataset", "UnitTest", "--store", "s.db"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "plugins")])}
    with FULL.open("w") as full:
        told = {"cwd": tmp_path, "env": environment, "text": True}
        ended = subprocess.run(run, stdout=full, stderr=subprocess.PIPE, **told)
        assert ended.returncode == 1
        assert ended.stderr.count("error") == 1
        assert ended.stderr.endswith("error: standard output cannot be written: No space left on device\n")
        again = subprocess.run(run, stderr=full, stdout=subprocess.PIPE, **told)
    assert again.returncode == 0 and "1 already in the store" in again.stdout
