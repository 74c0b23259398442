"""T-Loss set by set beside its published accuracies: which of the differences in measuring explain the rest.

Run: python benchmarks/tloss_srl.py --board leaderboards/ucr.csv --published srl.csv
     python benchmarks/tloss_srl.py DATASET[,DATASET ...] --features FOLDER --published srl.csv [--negatives 10,5,2,1]
     [--seeds N] [--both]

The first sets the cells of a board beside what is published for each K: "within" says that ours is not outside the
published runs. The second trains; the folders of TSBENCH_DATA are searched. Without --negatives nothing is trained, and
the table is printed of what FOLDER holds; a training whose features are there is not done again. --both : statistics of
training and test part together, as the published code has them, for sets that do not come normalised.

srl.csv has the columns variant ("K=10"), dataset and mean (accuracy of T-Loss under an SVM on the default split).

A row per dataset, K and seed ("untrained": the net as built; "combined": the features of all K side by side, where all
four are there): accuracy of the SVM with gamma by the variance (`svm-rbf`), by the deviation (`svm-rbf-srl`), of ridge
regression, the standard deviation of the features, and what is published. At the end the means over datasets.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
import torch

from tsbench.data.normalise import channel_statistics
from tsbench.discovery.plugins import plugins
from tsbench.learning.learner import Learner
from tsbench.methods.probe import Features
from tsbench.plan.datasets import open_dataset

ALL_K = ("1", "2", "5", "10")
PROBES = {"variance": ("svm-rbf", {}), "deviation": ("svm-rbf", {"gamma": "deviation"}), "ridge": ("ridge", {})}


def parts(name, both):
    """Return the training and test part, normalised, and the number of classes; None where `both` changes nothing."""
    handle = open_dataset(name, plugins(), "")
    data = handle.load()
    fold = data.folds["archive"][0]
    panel = data.panel
    if not handle.card.normalised:
        cases = np.concatenate([fold.train, fold.test]) if both else fold.train
        panel = channel_statistics(panel, cases).apply(panel)
    elif both:
        return None
    return panel.select(fold.train), panel.select(fold.test), len(panel.classes)


def train(name, folder, k, seed, both):
    """Train and encode, unless the features are there. k : the number of negatives, or "untrained"."""
    path = folder / f"{name},{k},{seed},{'both' if both else 'train'}.npz"
    found = None if path.exists() else parts(name, both)
    if found is None:
        return
    method, params = ("random:t-loss", {}) if k == "untrained" else ("t-loss", {"negatives": int(k)})
    learner = Learner(method, normalisation="none", **params).fit(found[0].without_labels(), seed=seed)
    x = [learner.encode(part) for part in found[:2]]
    whole = path.with_suffix(".part.npz")
    np.savez(whole, train=x[0], test=x[1], y_train=found[0].y, y_test=found[1].y, n_classes=found[2])
    whole.rename(path)
    print(f"{path.stem}: {learner.report['seconds']:.0f} s", flush=True)


def accuracies(kept):
    """Return the accuracy under each probe, and the standard deviation of the training features."""
    found = {}
    for column, (name, params) in PROBES.items():
        probe = plugins()["probes"].get(name)(**params)
        features = Features(kept["train"], kept["y_train"], int(kept["n_classes"]))
        predicted, _ = probe.fit(None, features, None, np.random.default_rng(0)).predict(kept["test"])
        found[column] = float(np.mean(predicted == kept["y_test"]))
    return found | {"std": float(kept["train"].std())}


def combined(runs):
    """Return the features of several runs side by side."""
    side = {part: np.concatenate([run[part] for run in runs], axis=1) for part in ("train", "test")}
    return {**runs[0], **side}


def rows(names, folder):
    """Yield (dataset, K, seed, statistics, features) of all that is kept."""
    for name in names:
        kept = {}
        for path in sorted(folder.glob(f"{name},*.npz")):
            if ".part" not in path.name:
                with np.load(path) as opened:
                    kept[tuple(path.stem.split(",")[1:])] = dict(opened)
        for seed, statistics in sorted({key[1:] for key in kept}):
            here = {k: kept[k, seed, statistics] for k in ("untrained", *ALL_K) if (k, seed, statistics) in kept}
            if here.keys() >= set(ALL_K):
                here["combined"] = combined([here[k] for k in ALL_K])
            for k, features in here.items():
                yield name, k, seed, statistics, features


def table(names, folder, published):
    columns = [*PROBES, "std", "published"]
    print(f"{'dataset':24} {'K':9} seed statistics {' '.join(f'{column:>9}' for column in columns)}")
    found = {}
    for name, k, seed, statistics, features in rows(names, folder):
        values = accuracies(features) | {"published": published.get((name, k), np.nan)}
        found.setdefault((k, statistics), {}).setdefault(name, []).append([values[column] for column in columns])
        print(f"{name:24} {k:9} {seed:>4} {statistics:10} {' '.join(f'{values[column]:9.3f}' for column in columns)}")
    for (k, statistics), sets in found.items():
        mean = np.mean([np.mean(values, axis=0) for values in sets.values()], axis=0)
        print(f"{f'mean of {len(sets)} sets':24} {k:9}      {statistics:10} {' '.join(f'{v:9.3f}' for v in mean)}")


def beside(path, published):
    """Print the cells of a board beside the published accuracies, and the mean differences with standard errors."""
    with path.open(newline="") as file:
        lines = {line["method"]: line for line in csv.DictReader(file)}
    ours, twin = lines["t-loss"], lines["random:t-loss"]
    sets = [name for name, cell in ours.items() if cell and (name, "10") in published]
    heads = ["ours", "twin", *(f"K={k}" for k in ALL_K)]
    print(f"{'dataset':24} {' '.join(f'{head:>7}' for head in heads)}")
    found = np.array([[float(ours[n]), float(twin[n]), *(published[n, k] for k in ALL_K)] for n in sets])
    for name, values in zip(sets, found, strict=True):
        low, high = values[2:].min() - 5e-4, values[2:].max() + 5e-4  # published with three digits
        where = "below" if values[0] < low else "above" if values[0] > high else "within"
        print(f"{name:24} {' '.join(f'{value:7.3f}' for value in values)}  {where}")
    print(f"{'mean':24} {' '.join(f'{value:7.3f}' for value in found.mean(axis=0))}")
    for what, other in (("K=10", found[:, -1]), ("mean of K", found[:, 2:].mean(axis=1))):
        gain = found[:, 0] - other
        print(f"ours - {what}: {gain.mean():.3f}, standard error over sets {gain.std(ddof=1) / len(gain) ** 0.5:.3f}")
    print(f"deviation of the four published runs of a set: {found[:, 2:].std(axis=1, ddof=1).mean():.3f} on average")


def read(path):
    with path.open(newline="") as file:
        lines = [line for line in csv.DictReader(file) if line["method"].startswith("T-Loss")]
    variants = {f"K={k}": k for k in ALL_K} | {"combined K (concatenated representations)": "combined"}
    return {(line["dataset"], variants[v]): float(line["mean"]) for line in lines if (v := line["variant"]) in variants}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="?", default="")
    parser.add_argument("--features", type=Path)
    parser.add_argument("--board", type=Path)
    parser.add_argument("--published", type=Path, required=True)
    parser.add_argument("--negatives", default="")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--both", action="store_true")
    given = parser.parse_args()
    published = read(given.published)
    if given.board:
        beside(given.board, published)
        raise SystemExit
    if not (given.datasets and given.features):
        parser.error("give --board, or datasets and --features")
    torch.set_num_threads(1)
    given.features.mkdir(parents=True, exist_ok=True)
    chosen = given.datasets.split(",")
    for number in range(given.seeds):
        for negatives in filter(None, given.negatives.split(",")):
            for dataset in chosen:
                train(dataset, given.features, negatives, number, given.both)
    table(chosen, given.features, published)
