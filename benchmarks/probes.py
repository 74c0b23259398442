"""One probe beside another: what the committed boards of a collection say under both.

Run: python benchmarks/probes.py [COLLECTION] [--method A,B] [--probes svm-rbf,ridge]; leaderboards is read.

A row per method: on how many datasets both boards have it, its mean accuracy under each, on how many the second is
better, equal or worse, and the datasets where the second gains and loses most. With --method the datasets are those
that all of these have. Methods that decide by themselves are left out: their runs serve both boards.
"""

import argparse
import csv
from pathlib import Path

import numpy as np

from tsbench.registry import load_registry

BOARDS = Path(__file__).parent.parent / "leaderboards"
LAST_FACT = "split"  # the columns after it are datasets


def board(collection, probe):
    """Return {method: {dataset: accuracy}} of the methods that the probe is fitted on."""
    own = load_registry().collections[collection].protocol == probe
    path = BOARDS / (f"{collection}.csv" if own else f"{collection}-{probe}.csv")
    with path.open(newline="") as file:
        lines = list(csv.reader(file))
    names = lines[0][lines[0].index(LAST_FACT) + 1 :]
    versions = lines[0].index("versions")
    return {
        line[0]: {name: float(cell) for name, cell in zip(names, line[-len(names) :], strict=True) if cell}
        for line in lines[1:]
        if f"probe:{probe}=" in line[versions]
    }


def compare(first, second, chosen):
    methods = chosen or sorted(first.keys() & second.keys())
    shared = set.intersection(*(first[name].keys() & second[name].keys() for name in chosen)) if chosen else None
    for name in methods:
        sets = sorted(first[name].keys() & second[name].keys() if shared is None else shared)
        a, b = (np.array([one[name][dataset] for dataset in sets]) for one in (first, second))
        gain, order = b - a, np.argsort(b - a)
        most = ", ".join(f"{sets[i]} {100 * gain[i]:+.1f}" for i in (order[-1], order[0]))
        counts = f"{(gain > 0).sum()}/{(gain == 0).sum()}/{(gain < 0).sum()}"
        print(f"{name:24} {len(sets):4} {100 * a.mean():7.1f} {100 * b.mean():7.1f}   {counts:10} {most}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collection", nargs="?", default="ucr")
    parser.add_argument("--method", default="")
    parser.add_argument("--probes", default="svm-rbf,ridge")
    given = parser.parse_args()
    probes = given.probes.split(",")
    print(f"{'method':24} sets {' '.join(f'{probe:>7}' for probe in probes)}   +/=/-      most gained, most lost")
    compare(*(board(given.collection, probe) for probe in probes), given.method.split(",") if given.method else [])
