"""100 SIGKILLs at random moments to workers and drivers while 500 runs of about a second execute; nothing may be lost.

Run: python benchmarks/chaos.py [STORE_URL] [--runs 500] [--kills 100] [--seconds 1] [--drivers 2] [--workers 2]

Two drivers work on one store (an SQLite file in a temporary folder, or the URL given, PostgreSQL say). After each
pause a driver with runs under way, or a worker of one, is killed; a driver that has ended is started anew.
In the end every run must have one complete result: one successful attempt, metrics and predictions. Prints the
figures, and exits 1 on any loss, duplicate or corruption.
"""

import argparse
import collections
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import sqlalchemy as sa

from tsbench.discovery.plugins import Plugins
from tsbench.plan.plan import make_plan
from tsbench.plan.request import Request
from tsbench.registry import load_registry
from tsbench.store.schema import attempts
from tsbench.store.store import Store
from tsbench.tasks.score import metrics_of

PLUGIN = """
import time
from pathlib import Path

import numpy as np
from tsbench import Card, Data, Dataset, Fold, Panel, hookimpl, param
from tsbench import Classifier


class Busy(Classifier):
    "Keeps a core busy for a while, at the beginning until the first kill."

    class Params(Classifier.Params):
        seconds: float = param(1.0, doc="how long")

    def fit(self, train, validation, rng):
        self.k, end = len(train.classes), time.monotonic() + self.params.seconds
        while time.monotonic() < end or not Path(__file__).with_name("go").exists():
            rng.normal(size=1000)

    def predict_scores(self, panel):
        return np.zeros((len(panel), self.k))


class Tiny(Dataset):
    card = Card("tiny", summary="Noise.")

    def load(self):
        panel = Panel.build(np.random.default_rng(0).normal(size=(8, 1, 5)), np.arange(8) % 2)
        return Data(panel, {"archive": [Fold(np.arange(4), None, np.arange(4, 8))]})


@hookimpl
def tsbench_datasets(register):
    register("tiny", Tiny)


@hookimpl
def tsbench_methods(register):
    register("busy", Busy)
"""


class Chaos:
    """Drivers of one store, killed with their workers at random and started anew until all is done."""

    def __init__(self, folder: Path, url: str, options: argparse.Namespace) -> None:
        self.folder, self.url, self.options = folder, url, options
        self.random, self.deaths = random.Random(options.seed), collections.Counter()
        self.plugin = folder / "busy.py"
        self.plugin.write_text(PLUGIN)
        self.drivers: list[subprocess.Popen[bytes]] = []
        self.started, self.keys = 0, []

    def specs(self) -> list:
        found = Plugins()
        found.load_entry_points()
        found.load_file(self.plugin)
        overrides = {"seconds": str(self.options.seconds)}
        request = Request(["busy"], ["tiny"], seeds=range(self.options.runs), overrides=overrides)
        return make_plan(request, found, load_registry()).specs

    def start_driver(self) -> subprocess.Popen[bytes]:
        code = "from tsbench.cli import main\nmain()"
        command = [sys.executable, "-c", code, "run", "--plugin", self.plugin, "--method", "busy", "--dataset", "tiny"]
        command += ["--set", f"seconds={self.options.seconds}", "--seeds", self.options.runs, "--store", self.url]
        command += ["--workers", self.options.workers, "--time-limit", 600, "--retry", "--json"]
        self.started += 1
        log = (self.folder / f"driver-{self.started}.log").open("wb")
        out = {"stdout": subprocess.DEVNULL, "stderr": log}
        return subprocess.Popen(list(map(str, command)), cwd=self.folder, **out)

    def victims(self, store: Store) -> list[tuple[str, int]]:
        """Return the drivers that have work under way, and their workers."""
        owners = {int(owner.rsplit("-", 2)[1]) for owner in store.claimed().values()}
        found = []
        for driver in self.drivers:
            if driver.pid in owners and driver.poll() is None:
                children = psutil.Process(driver.pid).children()
                found.append(("driver", driver.pid))
                found += [("worker", child.pid) for child in children if is_worker(child)]
        return found

    def keep_alive(self) -> None:
        self.drivers = [driver if driver.poll() is None else self.start_driver() for driver in self.drivers]

    def go(self, store: Store) -> None:
        self.drivers, done = [self.start_driver() for _ in range(self.options.drivers)], 0
        while sum(self.deaths.values()) < self.options.kills and done < self.options.runs:
            time.sleep(self.random.uniform(0, self.options.pause))
            self.keep_alive()
            victims = self.victims(store)
            done = sum(status == "succeeded" for status in store.statuses(self.keys).values())
            due = 0.9 * self.options.runs * sum(self.deaths.values()) / self.options.kills
            if victims and done >= due:  # kills are spread over the work
                kind, pid = self.random.choice(victims)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    self.deaths[kind] += 1
                    (self.folder / "go").touch()
        (self.folder / "go").touch()
        for again in range(5):  # what was killed last counts as failed until it is run again
            self.keep_alive()
            codes = [driver.wait() for driver in self.drivers]
            if not any(codes):
                print(f"every run has succeeded for the drivers, round {again + 1} after the last kill")
                return
        print(f"exit codes of the last drivers: {codes}")


def is_worker(process: psutil.Process) -> bool:
    """Say whether a child of a driver is a worker process, not one that keeps account of semaphores."""
    try:
        return "spawn_main" in " ".join(process.cmdline())
    except psutil.Error:
        return False


def check(store: Store, specs: list) -> dict[str, int]:
    """Count what is there and what is wrong."""
    rows = {row["key"]: row for row in store.results()}
    with store.read() as connection:
        query = sa.select(attempts.c.key, sa.func.count()).where(attempts.c.status == "succeeded")
        successes: dict[str, int] = dict(connection.execute(query.group_by(attempts.c.key)).fetchall())
        query = sa.select(attempts.c.status, sa.func.count()).group_by(attempts.c.status)
        ended = dict(connection.execute(query).fetchall())
    problems = collections.Counter({"lost": 0, "duplicated": 0, "incomplete": 0, "foreign": 0, "claimed": 0})
    for spec in specs:
        row, predictions = rows.get(spec.key), store.predictions(spec.key)
        if row is None or row["status"] != "succeeded":
            problems["lost"] += 1
        elif predictions is None or any(row[name] != v for name, v in metrics_of(predictions).items() if v == v):
            problems["incomplete"] += 1
        problems["duplicated"] += successes.get(spec.key, 0) > 1
    problems["foreign"] = len(set(rows) - {spec.key for spec in specs})
    problems["claimed"] = len(store.claimed())
    print(f"attempts by status: {json.dumps(ended)}")
    return dict(problems)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url", nargs="?", default="")
    for name, kind, default in (("runs", int, 500), ("kills", int, 100), ("drivers", int, 2), ("workers", int, 2)):
        parser.add_argument(f"--{name}", type=kind, default=default)
    parser.add_argument("--seconds", type=float, default=1.0, help="of a run")
    parser.add_argument("--pause", type=float, default=1.0, help="longest pause between kills in seconds")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        url = options.url or str(Path(name) / "chaos.db")
        os.environ.setdefault("TSBENCH_CACHE", name)
        chaos, store = Chaos(Path(name), url, options), Store(url)
        specs, began = chaos.specs(), time.monotonic()
        chaos.keys = [spec.key for spec in specs]
        try:
            chaos.go(store)
        finally:
            for driver in chaos.drivers:
                driver.kill()
        seconds = time.monotonic() - began
        print(f"{sum(chaos.deaths.values())} kills {dict(chaos.deaths)}, {chaos.started} drivers, {seconds:.0f} s")
        problems = check(store, specs)
        print(f"{len(specs)} runs: {problems}")
        store.close()
    return 1 if any(problems.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
