"""What executors cost and gain. Run: python benchmarks/executors.py [overhead] [ray] [scaling] [gpu]

overhead: milliseconds per run of `noop` in this process and in a worker process of the local executor.
ray:      the same on a Ray cluster of one node, and runs of RUN_SECONDS on Ray against the local executor.
scaling:  two one-thread workers on two cores against one, on runs of at least RUN_SECONDS (TS2Vec on GunPoint).
gpu:      TS2Vec runs per minute with 1, 2, 4, 8 and 16 workers on one GPU.

Without a word: overhead and scaling. A worker's start (importing torch, loading the dataset) is measured apart.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from tsbench.discovery.plugins import plugins
from tsbench.execute.driver import choose, execute
from tsbench.execute.executors.base import Executor
from tsbench.execute.executors.inline import Inline
from tsbench.execute.executors.local import Local
from tsbench.execute.executors.process import WorkerSettings
from tsbench.execute.limits import Limits
from tsbench.measure.worker import Worker
from tsbench.plan.plan import make_plan
from tsbench.plan.request import Plan, Request
from tsbench.plan.spec import RunSpec
from tsbench.registry import load_registry
from tsbench.store.store import Store

NOOPS = 300
RUN_SECONDS = 5.0
GPU_WORKERS = (1, 2, 4, 8, 16)
WORDS = ("overhead", "ray", "scaling", "gpu")


class Silent:
    def started(self, *_: object) -> None:
        pass

    step = note = finished = waiting = started


def plan(method: str, dataset: str, seeds: range, **overrides: str) -> Plan:
    return make_plan(Request([method], [dataset], seeds=seeds, overrides=overrides), plugins(), load_registry())


def warm_up(executor: Executor, spec: RunSpec) -> None:
    """Have one run done on every slot, so that starting is not measured."""
    while not (slots := executor.idle()):
        executor.wait(lambda *_: None)
    for slot in slots:
        executor.submit(slot, spec)
    ended = 0
    while ended < len(slots):
        ended += len(executor.wait(lambda *_: None))


def measure(executor: Executor, work: Plan) -> tuple[float, list[float]]:
    """Return the seconds of a whole execution and of each run."""
    warm_up(executor, replace(work.specs[0], seed=len(work.specs)))  # none of those to be measured, which would be kept
    with tempfile.TemporaryDirectory() as folder:
        store = Store(str(Path(folder) / "tsbench.db"))
        todo, outcome = choose(work, store, retry=False, force=False)
        began = time.perf_counter()
        execute(todo, outcome, executor, store, Silent())
        seconds = time.perf_counter() - began
        store.close()
    assert len(outcome.results) == len(work.specs) and not outcome.failures(), outcome.failures()
    return seconds, [result.finished - result.started for result in outcome.results]


def overhead(name: str, executor: Executor) -> None:
    seconds, runs = measure(executor, plan("noop", "UnitTest", range(NOOPS)))
    print(f"{name:<8} {1000 * seconds / NOOPS:.1f} ms a run, {1000 * sum(runs) / NOOPS:.1f} of them within the run")


def ray(device: str = "cpu") -> Executor:
    from tsbench.execute.executors.ray import Ray

    return Ray(WorkerSettings(), Limits(), os.environ.get("RAY_ADDRESS", ""), 1, device, 1)


def real_runs(count: int) -> Plan:
    """Return TS2Vec runs that take RUN_SECONDS or somewhat more each, by the time that 100 steps take now."""
    spec = plan("ts2vec", "GunPoint", range(1), max_steps="100").specs[0]
    worker = Worker(plugins())
    worker.run(spec)
    worker = Worker(plugins())
    result = worker.run(spec)
    assert result.status == "succeeded", result.error
    steps = int(100 * 1.3 * RUN_SECONDS / result.durations["fit"]) + 1
    return plan("ts2vec", "GunPoint", range(count), max_steps=str(steps))


def scaling() -> None:
    work, seconds = real_runs(4), {}
    for workers in (1, 2):
        seconds[workers], runs = measure(Local([WorkerSettings()] * workers, Limits()), work)
        print(
            f"{workers} workers {seconds[workers]:.1f} s for {len(runs)} runs of {min(runs):.1f} to {max(runs):.1f} s"
        )
    print(f"speed-up  {seconds[1] / seconds[2]:.2f}")


def gpu() -> None:
    first = None
    for workers in GPU_WORKERS:
        work = plan("ts2vec", "GunPoint", range(2 * workers))
        seconds, _ = measure(Local([WorkerSettings(device="cuda")] * workers, Limits()), work)
        rate = 60 * len(work.specs) / seconds
        first = first or rate
        print(f"{workers:>2} workers {rate:.1f} runs a minute, {rate / first:.2f} times one")


def main(wanted: list[str]) -> None:
    if "overhead" in wanted:
        overhead("inline", Inline(Worker(plugins())))
        overhead("local", Local([WorkerSettings()], Limits()))
    if "ray" in wanted:
        overhead("ray", ray())
        work = real_runs(2)
        local, remote = measure(Local([WorkerSettings()], Limits()), work)[0], measure(ray(), work)[0]
        print(f"real runs {local:.1f} s local, {remote:.1f} s on Ray: {100 * (remote / local - 1):+.1f} %")
    if "scaling" in wanted:
        scaling()
    if "gpu" in wanted:
        gpu()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", metavar="|".join(WORDS))
    given = parser.parse_args().what or ["overhead", "scaling"]
    if unknown := set(given) - set(WORDS):
        parser.error(f"no such measurement: {', '.join(unknown)}; choose from {', '.join(WORDS)}")
    main(given)
