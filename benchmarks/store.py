"""What the store takes: 8 writers at once, and commands on 100,000 results. Run: python benchmarks/store.py [URL]

Without URL on SQLite; with postgresql://user:password@host/database, an empty one, on PostgreSQL. Prints results per
second of 8 processes that claim and record 5,000 runs together, then the seconds and the peak memory of whole processes
on a store of 100,000 results.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tsbench.discovery.plugins import plugins
from tsbench.plan.plan import expand_datasets
from tsbench.plan.plan import make_plan as plan_of
from tsbench.plan.request import Request
from tsbench.plan.result import Result
from tsbench.registry import load_registry
from tsbench.store import schema as tables
from tsbench.store.packing import pack
from tsbench.store.record import attempt_row, run_row
from tsbench.store.store import Store
from tsbench.tasks.score import Predictions, metrics_of

WRITERS, RESULTS, ROWS, METHODS, BATCH, RUNS_TIMED = 8, 5000, 100_000, 30, 2000, 3
COMMANDS = (
    "results --out results.csv",
    "results",
    "store export --out results.parquet",
    "store export --out results.jsonl",
    "status",
)


def specs(method, count):
    """Return specs of the bundled UnitTest, one per seed."""
    return plan_of(Request([method], ["UnitTest"], ["svm-rbf"], seeds=range(count)), plugins(), load_registry()).specs


def result_of(spec):
    """Return a result of 200 cases in 5 classes; the numbers are arbitrary, the sizes are those of a real one."""
    rng = np.random.default_rng(spec.seed)
    scores = rng.normal(size=(200, 5)).astype(np.float32)
    truth = rng.integers(0, 5, 200, dtype=np.int32)
    found = Predictions(
        np.arange(200, dtype=np.int32), truth, scores.argmax(1).astype(np.int32), scores, tuple("abcde")
    )
    curve = [(step, 1.0 / (1 + step)) for step in range(0, 600, 20)]
    return Result(spec, "succeeded", metrics_of(found), found, {"fit": 1.0, "probe": 0.1}, {"n_test": 200.0}, curve)


def write(url, number):
    """Claim and record what is left, as one of several drivers; print how many runs this one had."""
    store, owner, done, slowest = Store(url), f"driver:{number}", 0, 0.0
    todo = specs("trls", RESULTS)
    result = result_of(todo[0])
    print("ready", flush=True)
    sys.stdin.readline()
    for spec in todo[number * RESULTS // WRITERS :] + todo[: number * RESULTS // WRITERS]:
        began = time.perf_counter()
        if store.claim(spec.key, owner):
            result.spec = spec
            done += store.record(result, {"python": "3"}, owner)
            slowest = max(slowest, time.perf_counter() - began)
    print(done, slowest)


def writers(url):
    """Run the writers together; print the rate and the longest that one claim and record took."""
    Store(url).close()
    command = [sys.executable, __file__, url, "--write"]
    pipe = subprocess.PIPE
    started = [subprocess.Popen([*command, str(n)], stdin=pipe, stdout=pipe, text=True) for n in range(WRITERS)]
    for process in started:
        assert process.stdout.readline() == "ready\n"
    began = time.perf_counter()
    for process in started:
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate()[0].split() for process in started]
    taken = time.perf_counter() - began
    assert all(process.returncode == 0 for process in started)
    assert sum(int(done) for done, _ in answers) == RESULTS
    slowest = max(float(longest) for _, longest in answers)
    print(f"{WRITERS} writers: {RESULTS} results in {taken:.1f} s, {RESULTS / taken:.0f} a second")
    print(f"slowest claim and record: {slowest:.2f} s", flush=True)


def fill(url):
    """Insert ROWS succeeded runs of the UCR datasets, METHODS methods with as many seeds as it takes, in bulk."""
    registry, known, store = load_registry(), plugins(), Store(url)
    names = [handle.name for handle in expand_datasets(["ucr"], known, registry)]
    result, protocol = result_of(specs("trls", 1)[0]), registry.protocol("svm-rbf")
    content, base = pack(result.predictions), run_row(result.spec)
    base["protocol"], base["protocol_hash"] = protocol.name, protocol.hash()
    attempt = attempt_row(result, "e", None)
    rng, began = np.random.default_rng(0), time.perf_counter()

    def insert(connection, first):
        runs, tries, values, blobs = [], [], [], []
        for number in range(first, min(first + BATCH, ROWS)):
            key = f"{number * 2654435761 % 2**32:064x}"[::-1]
            seed, place = divmod(number, METHODS * len(names))
            method, dataset = divmod(place, len(names))
            place = {"label": f"trls[encoder.depth={method}]", "dataset": names[dataset], "seed": seed, "fold": 0}
            runs.append({**base, **place, "key": key, "status": "succeeded", "attempt": number + 1})
            tries.append({**attempt, "id": number + 1, "key": key, "finished": float(number)})
            values += [{"key": key, "name": name, "value": rng.random()} for name in result.metrics]
            blobs.append({"key": key, "content": content})
        for table, rows in ((tables.runs, runs), (tables.attempts, tries), (tables.metrics, values)):
            connection.execute(table.insert(), rows)
        connection.execute(tables.predictions.insert(), blobs)

    store.write(lambda connection: connection.execute(tables.environments.insert().values(id="e", content={})))
    for first in range(0, ROWS, BATCH):
        store.write(lambda connection, first=first: insert(connection, first))
    store.close()
    print(f"filled with {ROWS} results in {time.perf_counter() - began:.0f} s")


def timed(url, folder, *arguments):
    """Run a command as a process of its own; print its seconds and its peak memory."""
    # The peak is read by the process itself: the parent's would count what this script had when it forked.
    code = (
        "import atexit, sys\nfrom tsbench.cli import main\n"
        "peak = lambda: open('/proc/self/status').read().split('VmHWM:')[1].split()[0]\n"
        "atexit.register(lambda: print(peak(), file=sys.stderr))\n"
        "main()"
    )
    began, before = time.perf_counter(), os.times()
    command = [sys.executable, "-c", code, *arguments, "--store", url]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True)
    seconds, after = time.perf_counter() - began, os.times()
    computing = after.children_user + after.children_system - before.children_user - before.children_system
    peak = int(done.stderr.split()[-1]) / 1024
    print(f"tsbench {' '.join(arguments)}: {seconds:.2f} s ({computing:.2f} s of CPU), {peak:.0f} MiB", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0].partition(" Run:")[0])
    parser.add_argument("url", nargs="?", default="", help="postgresql://user:password@host/database, an empty one")
    parser.add_argument("--write", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.write is not None:
        write(given.url, given.write)
        return
    if given.url and not given.url.startswith("postgres"):
        parser.error(f"{given.url} is no postgresql:// URL; without one it is SQLite in a temporary folder")
    with tempfile.TemporaryDirectory() as place:
        writers(given.url or f"{place}/writers.db")
        large = given.url or f"{place}/large.db"
        if given.url:
            with Store(given.url).engine.begin() as cleared:
                for table in reversed(tables.metadata.sorted_tables):
                    if table is not tables.schema:
                        cleared.execute(table.delete())
        fill(large)
        if not given.url:
            print(f"size {Path(large).stat().st_size / 2**20:.0f} MiB")
        for _ in range(RUNS_TIMED):
            timed(large, place, "leaderboard", "ucr")
        for command in COMMANDS:
            timed(large, place, *command.split())


if __name__ == "__main__":
    main()
