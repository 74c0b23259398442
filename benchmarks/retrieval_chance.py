"""Whether a method retrieves better than by chance: python benchmarks/retrieval_chance.py STORE [PERMUTATIONS]

For each row of a store's runs of retrieval, pooled over folds: RSUM in percent, what a random order gives, the ceiling
of equal texts, and how many permutations of the texts within each fold reach the RSUM.
"""

import sys

import numpy as np

from tsbench import Bench
from tsbench.tasks.retrieval import CUTS, OWN
from tsbench.tasks.score import metrics_of


def rsum(ranks_by_fold, partners):
    """Return the RSUM in percent, each fold weighing as many queries as it has."""
    hits, queries = 0.0, 0
    for (report, image), partner in zip(ranks_by_fold, partners, strict=True):
        rows = np.arange(len(report))
        for ranks in (report[rows, partner], image[rows, np.argsort(partner)]):
            hits += sum((ranks < k).sum() for k in CUTS)
        queries += len(report)
    return 100 * hits / queries


def main(store, permutations):
    bench = Bench(store)
    runs = bench.results()
    runs = runs[(runs["status"] == "succeeded") & runs["protocol"].str.startswith("retrieval")]
    draw = np.random.default_rng(0)
    for (label, dataset), part in runs.groupby(["method", "dataset"]):
        folds, chance, ceiling = [], [], []
        for key in part["key"]:
            found = bench._find(key)[1]
            kept = np.flatnonzero((found.y_true & OWN > 0).any(axis=1))
            n = len(found.cases)
            folds.append(tuple(found.y_pred[np.ix_(kept, kept + side)] for side in (0, n)))
            row = metrics_of(found)
            chance += [row["chance_rsum"]] * len(kept)
            ceiling += [row["ceiling_rsum"]] * len(kept)
        ours = rsum(folds, [np.arange(len(one[0])) for one in folds])
        null = [rsum(folds, [draw.permutation(len(one[0])) for one in folds]) for _ in range(permutations)]
        p = (1 + sum(one >= ours for one in null)) / (1 + permutations)
        about = f"chance {100 * np.mean(chance):.1f}, ceiling {100 * np.mean(ceiling):.1f}"
        spread = f"permuted {np.mean(null):.1f}, at most {max(null):.1f}"
        of = f"{label} on {dataset}: {len(folds)} folds, {len(chance)} queries"
        print(f"{of}, RSUM {ours:.1f} ({about}; {spread}), p {p:.4f}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1000)
