"""Run what the boards lack, cheapest first: python benchmarks/boards.py --data-dir FOLDER [--store boards.db].

Starts from the committed evidence, goes on where that ends, and writes what it has done as further evidence every few
minutes. It may be killed at any time, and started again. One process, the lowest priority.
"""

import argparse
import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EVIDENCE = ROOT / "leaderboards" / "results"
COLLECTIONS = ("ucr", "uea")
PROTOCOLS = ("svm-rbf", "ridge")  # the second where there is one
MOST_VALUES = 250_000  # of a training part of UCR; slower ones: see MOST_OF
MOST_OF = {"t-loss": 60_000, "tnc": 60_000}
# In this order, with the seconds that 10,000 values of a training part roughly take, and the seeds.
FEW, MANY = (0,), (0, 1, 2)
METHODS = {
    "minirocket-features": (2, MANY),
    "catch22": (3, MANY),
    "minirocket": (2, MANY),
    "rocket": (8, MANY),
    "multirocket-hydra": (8, MANY),
    "1nn-ed": (1, MANY),
    "majority": (1, MANY),
    "1nn-dtw": (30, FEW),
    "supervised": (30, FEW),
    "ts2vec": (60, FEW),
    "simclr": (60, FEW),
    "ts-tcc": (60, FEW),
    "cpc": (60, FEW),
    "t-loss": (500, FEW),
    "tnc": (500, FEW),
    "trls": (120, FEW),
}
TRAINED = list(METHODS)[list(METHODS).index("supervised") :]
METHODS |= {f"random:{name}": (4, FEW) for name in TRAINED}
SLICE = 40  # runs at most before evidence is written


def main() -> None:
    arguments = parse()
    os.nice(19)
    os.environ.update(OMP_NUM_THREADS="1", TSBENCH_OFFLINE="1")
    known = os.environ.get("TSBENCH_DATA")
    os.environ["TSBENCH_DATA"] = os.pathsep.join([str(arguments.data_dir.resolve()), *([known] if known else [])])
    from tsbench.cli.ui.refusals import echo_refused
    from tsbench.discovery.plugins import plugins
    from tsbench.evidence.bring import bring
    from tsbench.evidence.shard import find
    from tsbench.evidence.verify import Verifier
    from tsbench.registry import load_registry
    from tsbench.store.store import Store

    found, registry = plugins(), load_registry()
    with contextlib.closing(Store(str(arguments.store))) as store:
        for one in Verifier(found, registry).files(find(arguments.out) if arguments.out.is_dir() else []):
            bring(store, one.runs)
            echo_refused(one.refused)
        todo = missing(store, found, registry, arguments)
        print(f"{len(todo)} runs to do, about {sum(cost for cost, _ in todo) / 3600:.0f} h", flush=True)
        for part in slices(todo, 60 * arguments.minutes):
            started = time.time()
            interrupted = run(part, store, found, arguments.time_limit)
            files = write(store, found, registry, arguments.out)
            print(f"{len(part)} runs in {time.time() - started:.0f} s, {files} files of evidence", flush=True)
            if interrupted:
                break


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True, help="folder of the archives' files")
    parser.add_argument("--store", type=Path, default=Path("boards.db"))
    parser.add_argument("--out", type=Path, default=EVIDENCE, help="folder of the evidence")
    parser.add_argument("--minutes", type=float, default=10, help="between two writings of evidence, roughly")
    parser.add_argument("--time-limit", type=float, default=3600, help="seconds that a run may take")
    parser.add_argument("--method", help="only these, with commas")
    parser.add_argument("--dataset", help="only these, with commas")
    return parser.parse_args()


def missing(store, plugins, registry, arguments) -> list:
    """Return (seconds as estimated, spec) of the runs that the store lacks, the cheapest first.

    Costs are rounded to powers of four, so that runs of one method follow each other.
    """
    from tsbench.execute.driver import choose
    from tsbench.plan.plan import make_plan
    from tsbench.plan.request import Request

    protocols = [name for name in PROTOCOLS if name in registry.protocols]
    sizes = dict(training_sizes(plugins, registry, arguments.dataset))
    wanted = arguments.method.split(",") if arguments.method else list(METHODS)
    todo = []
    for rank, method in enumerate(wanted):
        seconds, seeds = METHODS[method]
        most = MOST_OF.get(method.removeprefix("random:"), MOST_VALUES)
        names = [name for name, (values, collection) in sizes.items() if collection == "uea" or values < most]
        plan = make_plan(Request([method], names, protocols, seeds), plugins, registry)
        for why in plan.invalid.values():
            print("left out:", why, flush=True)
        for spec in choose(plan, store, retry=False, force=False)[0]:
            cost = 1 + seconds * sizes[spec.dataset][0] / 10_000
            todo.append((cost, rank, spec))
    todo.sort(key=lambda one: (len(f"{int(one[0]):b}") // 2, one[1], one[0]))
    return [(cost, spec) for cost, _, spec in todo]


def training_sizes(plugins, registry, only: str | None) -> Iterator[tuple[str, tuple[float, str]]]:
    """Yield the datasets that are at hand with the number of values in their training part, and their collection."""
    from tsbench.errors import TsbenchError
    from tsbench.plan.plan import expand_datasets
    from tsbench.plan.summaries import summarise

    for collection in COLLECTIONS:
        for handle in expand_datasets([collection], plugins, registry):
            if not handle.available() or (only and handle.name not in only.split(",")):
                continue
            try:
                facts, n_values = handle.card.facts, summarise(handle).n_values
            except TsbenchError as error:
                print("left out:", error, flush=True)
                continue
            yield handle.name, (n_values * facts["n_train"] / (facts["n_train"] + facts["n_test"]), collection)


def slices(todo: list, seconds: float) -> Iterator[list]:
    """Cut runs into parts that take about this long."""
    part, total = [], 0.0
    for cost, spec in todo:
        if part and (total + cost > seconds or len(part) == SLICE):
            yield part
            part, total = [], 0.0
        part.append(spec)
        total += cost
    if part:
        yield part


def run(specs: list, store, plugins, time_limit: float) -> bool:
    """Do some runs in a process of their own; return whether Ctrl-C ended them."""
    from tsbench.execute.ran import run_plan
    from tsbench.execute.where import Where
    from tsbench.plan.request import Plan

    where = Where("cpu", time_limit=time_limit)
    ran = run_plan(Plan(specs), store, plugins, where, [], True, lambda keys: None)
    return ran.outcome.interrupted


def write(store, plugins, registry, out: Path) -> int:
    """Write what the evidence lacks; return how many files that made."""
    from tsbench.cli.ui.refusals import echo_refused
    from tsbench.evidence.submit import submit

    report = submit(store, list(METHODS), COLLECTIONS, out, plugins, registry)
    echo_refused(report.refused)
    return len(report.files)


if __name__ == "__main__":
    main()
