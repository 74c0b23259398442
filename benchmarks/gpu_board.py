"""A board on one GPU within a time budget: python benchmarks/gpu_board.py --data-dir FOLDER --out FOLDER.

1. TS2Vec's training step, eager and captured as a CUDA graph: milliseconds a step of 8 cases.
2. The smallest datasets of the folder under METHODS, once per number of workers that share the card. Each number does
   a seed of its own, so that no run is done twice and each of them is evidence.
3. What has succeeded is written as evidence, as `tsbench submit` does, after each number of workers.

Prints tables as docs/performance.md has them. After --minutes it ends what is running, keeps every run that has
finished and writes its evidence, which takes some seconds more; with the same --store it goes on where it stopped.

Needs Python 3.12, torch 2.11 or later, a CUDA device and a CPU core per worker; no network. tsbench must be installed,
since plugins are found by their entry points. Where there is no package index: on a machine that has one,
`pip wheel --no-deps -w wheels .` and `pip download --only-binary=:all: --no-deps -d wheels NAME ...` of what
pyproject.toml names and the other lacks (sktime, pyts and pooch may be left out); there
`pip install --no-index --no-deps --target site wheels/*.whl` and PYTHONPATH=site. `--device cpu` tries all but the
capture.
"""

import argparse
import contextlib
import os
import signal
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import boards  # beside this file

METHODS = "ts2vec,random:ts2vec,ts-tcc,cpc,simclr,supervised"
PROTOCOL = "svm-rbf"
WORKERS = "16,8,4,1"
SHAPES = ((1, 24), (1, 150), (6, 100), (1, 600))  # channels, time points
CASES, WARM_UP, STEPS, REPEATS = 8, 3, 20, 5


def main(given: Sequence[str] | None = None) -> int:
    """Do all three; return 1 where a run failed or was refused as evidence, else 0."""
    arguments = parse(given)
    deadline = time.monotonic() + 60 * arguments.minutes
    os.environ.update(OMP_NUM_THREADS="1", TSBENCH_OFFLINE="1")
    known = os.environ.get("TSBENCH_DATA")
    os.environ["TSBENCH_DATA"] = os.pathsep.join([str(arguments.data_dir.resolve()), *([known] if known else [])])
    from tsbench.measure.resources import environment, pick_device

    device, machine = pick_device(arguments.device), environment()
    on = machine["gpu"] if device.startswith("cuda") else machine["cpu"]
    print(f"{on}, {os.cpu_count()} cores, Python {machine['python']}, torch {machine['packages']['torch']}", flush=True)
    if arguments.shapes:
        print_steps(arguments.shapes, device, deadline)
    return print_runs(arguments, device, deadline)


def parse(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True, help="folder of the archives' files")
    parser.add_argument("--out", type=Path, required=True, help="folder of the evidence")
    parser.add_argument("--store", type=Path, default=Path("gpu_board.db"))
    parser.add_argument("--device", default="cuda", help="cuda, cuda:N or cpu")
    parser.add_argument("--minutes", type=float, default=13, help="after these nothing is begun and nothing goes on")
    parser.add_argument("--method", default=METHODS, help="with commas")
    parser.add_argument("--dataset", help="only these, with commas")
    parser.add_argument("--most", type=int, default=12, help="datasets, those with the smallest training parts")
    parser.add_argument("--workers", type=numbers, default=WORKERS, help="runs at a time, a seed for each number")
    parser.add_argument("--shapes", type=shapes, default=SHAPES, help="CHANNELSxLENGTH of the steps, or none")
    return parser.parse_args(given)


def numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def shapes(text: str) -> list[tuple[int, ...]]:
    return [] if text == "none" else [tuple(map(int, part.split("x"))) for part in text.split(",")]


def print_steps(sizes: Sequence[Sequence[int]], device: str, deadline: float) -> None:
    """Print what a step of TS2Vec takes; each figure is taken in a process of its own, whatever becomes of that."""
    print(
        "\n| TS2Vec, channels x length | eager, ms | captured, ms | eager / captured | loss, eager | loss, captured |"
    )
    print("|---|---|---|---|---|---|", flush=True)
    for channels, length in sizes:
        eager = elsewhere(deadline, step_time, device, channels, length, False)
        captured = "no CUDA device"
        if device.startswith("cuda"):
            captured = elsewhere(deadline, step_time, device, channels, length, True)
        print(f"| {channels} x {length} | {' | '.join(columns(eager, captured))} |", flush=True)


def columns(eager: tuple[float, float] | str, captured: tuple[float, float] | str) -> list[str]:
    """Return the cells of two figures (milliseconds, loss), either of which may be why there is none."""
    times = [one if isinstance(one, str) else f"{one[0]:.2f}" for one in (eager, captured)]
    losses = ["" if isinstance(one, str) else f"{one[1]:.4f}" for one in (eager, captured)]
    both = not isinstance(eager, str) and not isinstance(captured, str)
    return [*times, f"{eager[0] / captured[0]:.2f}" if both else "", *losses]


def elsewhere(deadline: float, work: Callable, *arguments: object) -> tuple[float, float] | str:
    """Return what a function gives in a process of its own, or why it gives nothing."""
    pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    try:
        return pool.submit(work, *arguments).result(timeout=max(0.0, deadline - time.monotonic()))
    except TimeoutError:
        for process in list(pool._processes.values()):
            process.kill()
        return "no time left"
    except Exception as error:  # a step that cannot be captured, say: the other figures are wanted all the same
        return f"{type(error).__name__}: {' '.join(str(error).split())}"[:80]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def step_time(device: str, channels: int, length: int, captured: bool) -> tuple[float, float]:
    """Return milliseconds of a training step of TS2Vec, the median of REPEATS times STEPS, and the loss after them.

    The crops are drawn once, for a graph holds one shape; masks and weights are new in every step. With `captured` the
    whole step is one CUDA graph: views, loss, gradient, AdamW and the average of the weights.
    """
    import numpy as np
    import torch

    from tsbench.data.batch import Batch
    from tsbench.data.panel import Panel
    from tsbench.methods.ssl import Step
    from tsbench_ts2vec.method import TS2Vec

    torch.set_num_threads(1)
    torch.manual_seed(0)
    panel = Panel.build(np.random.default_rng(0).normal(size=(CASES, channels, length)))
    method = TS2Vec.create()
    method.build([panel.shape])
    method.to(device).train()
    batch, rng = method.prepare(Batch.from_panel(panel, device)), torch.Generator(device).manual_seed(0)
    adamw = torch.optim.AdamW(method.encoder.parameters(), lr=1e-3, weight_decay=0.01, fused=True, capturable=captured)
    loss = torch.zeros((), device=device)

    def step(index: int = 1) -> None:
        adamw.zero_grad(set_to_none=True)
        value = method.training_step(Step(batch, batch, rng, index, 0, 0, lambda *_, **__: None))
        value.backward()
        adamw.step()
        method.on_step_end()
        loss.copy_(value.detach())

    stream = torch.cuda.Stream(device) if captured else None
    with torch.cuda.stream(stream):  # None: nothing is changed
        step(0)  # makes the average, outside of what is captured
        for _ in range(WARM_UP):
            step()
    again = step
    if captured:
        torch.cuda.synchronize(device)
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(rng)
        with torch.cuda.graph(graph):
            step()  # recorded, not done
        again = graph.replay
    times = []
    for _ in range(REPEATS):
        began = finished(device)
        for _ in range(STEPS):
            again()
        times.append(1000 * (finished(device) - began) / STEPS)
    return statistics.median(times), float(loss)


def finished(device: str) -> float:
    """Return the time at which all that was asked of a device is done."""
    import torch

    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    return time.perf_counter()


def print_runs(arguments: argparse.Namespace, device: str, deadline: float) -> int:
    """Do the runs of each number of workers, print their rate, write evidence; return main's exit code."""
    from tsbench.discovery.plugins import plugins
    from tsbench.errors import UsageError
    from tsbench.evidence.submit import submit
    from tsbench.execute.driver import choose
    from tsbench.plan.plan import make_plan
    from tsbench.plan.request import Request
    from tsbench.registry import load_registry
    from tsbench.store.store import Store

    found, registry, faults, first = plugins(), load_registry(), [], None
    sizes = sorted(boards.training_sizes(found, registry, arguments.dataset), key=lambda one: one[1])
    names, methods = [name for name, _ in sizes[: arguments.most]], arguments.method.split(",")
    if not names:
        raise UsageError(f"--data-dir {arguments.data_dir}: holds no dataset of {', '.join(boards.COLLECTIONS)}")
    print(f"\n{', '.join(methods)} on {', '.join(names)}\n")
    print("| workers | runs | seconds | runs a minute | times the first |\n|---|---|---|---|---|", flush=True)
    with contextlib.closing(Store(str(arguments.store))) as store:
        for seed, workers in enumerate(arguments.workers):
            plan = make_plan(Request(methods, names, [PROTOCOL], (seed,)), found, registry)
            faults += plan.invalid.values()
            todo = choose(plan, store, retry=True, force=False)[0]
            results, stopped = run(todo, store, found, device, workers, deadline)
            faults += [f"{one.spec.label} on {one.spec.dataset}: {one.error}" for one in results if failed(one)]
            done = [result for result in results if result.status == "succeeded"]
            if done:
                seconds = max(result.finished for result in done) - min(result.started for result in done)
                rate = 60 * len(done) / seconds
                first = first or rate
                print(f"| {workers} | {len(done)} | {seconds:.1f} | {rate:.1f} | {rate / first:.2f} |", flush=True)
            faults += submit(store, methods, names, arguments.out, found, registry).refused
            if stopped:
                break
    for fault in faults:
        print("not in the evidence:", fault, flush=True)
    return 1 if faults else 0


def failed(result) -> bool:
    return result.status not in ("succeeded", "interrupted")


def run(specs: list, store, plugins, device: str, workers: int, deadline: float) -> tuple[list, bool]:
    """Return the results of runs that `workers` processes do until the deadline, and whether they were stopped."""
    from tsbench.execute.ran import run_plan
    from tsbench.execute.where import Where
    from tsbench.plan.request import Plan

    left = deadline - time.monotonic()
    if left <= 0:
        return [], True
    try:
        with interrupted_after(left):
            ran = run_plan(Plan(specs), store, plugins, Where(device, workers), [], False, lambda keys: None)
    except KeyboardInterrupt:  # before the first run, or after the last
        return [], True
    return ran.outcome.results, ran.outcome.interrupted


@contextlib.contextmanager
def interrupted_after(seconds: float) -> Iterator[None]:
    """Interrupt what is done within after this many seconds, as Ctrl-C does."""
    before = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


if __name__ == "__main__":
    from tsbench.errors import TsbenchError

    try:
        sys.exit(main())
    except TsbenchError as error:  # no such device, say
        sys.exit(f"Error: {error}")
