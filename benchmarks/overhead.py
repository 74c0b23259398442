"""What the harness costs per run: 1,000 runs of `noop`, then the same command again. Run: python benchmarks/overhead.py

Prints milliseconds per run for planning, executing (bookkeeping, metrics) and recording, and the seconds of a whole
second process that finds everything done.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tsbench.discovery.plugins import plugins
from tsbench.execute.driver import choose, execute
from tsbench.execute.executors.inline import Inline
from tsbench.measure.worker import Worker
from tsbench.plan.plan import make_plan
from tsbench.plan.request import Request
from tsbench.registry import load_registry
from tsbench.store.store import Store

RUNS = 1000


class Silent:
    def started(self, *_: object) -> None:
        pass

    step = note = finished = waiting = started


with tempfile.TemporaryDirectory() as folder:
    request = Request(["noop"], ["UnitTest"], seeds=range(RUNS))
    make_plan(Request(["noop"], ["UnitTest"]), plugins(), load_registry())  # imports and fingerprint
    warm = Worker(plugins())
    warm.run(make_plan(request, plugins(), load_registry()).specs[0])

    begin = time.perf_counter()
    plan = make_plan(request, plugins(), load_registry())
    planned = time.perf_counter()
    store = Store(str(Path(folder) / "tsbench.db"))
    todo, outcome = choose(plan, store, retry=False, force=False)
    execute(todo, outcome, Inline(warm), store, Silent())
    executed = time.perf_counter()
    store.close()
    assert len(outcome.results) == RUNS and not outcome.failures()
    print(f"plan            {1000 * (planned - begin) / RUNS:.2f} ms a run")
    print(f"execute, record {1000 * (executed - planned) / RUNS:.2f} ms a run")
    print(f"all             {1000 * (executed - begin) / RUNS:.2f} ms a run")

    command = [sys.executable, "-c", "from tsbench.cli import main; main()", "run", "--method", "noop"]
    command += ["--dataset", "UnitTest", "--seeds", str(RUNS)]
    begin = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    print(f"second command  {time.perf_counter() - begin:.2f} s in all")
