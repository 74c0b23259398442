"""How a choice the paper leaves open changes TRLS, judged within training parts: no test part is touched.

Run: python benchmarks/trls_choices.py DATASET[,DATASET ...] [key=value ...]; the folders of TSBENCH_DATA are searched.

For three inner folds of a dataset's training part and three seeds, TRLS is trained for 500 steps on two thirds, which
alone it sees, and the default probe is fitted on them; the last third is scored. The same is done untrained. Prints per
dataset the mean accuracy of both, the standard deviation over seeds of the mean over folds, and the entropy rank of the
features before and after (exp of the entropy of the normalised singular values, of centred features).
"""

import argparse

import numpy as np
import torch

from tsbench.discovery.plugins import plugins
from tsbench.learning.learner import Learner
from tsbench.measure.training_part import inner_folds
from tsbench.methods.probe import Features
from tsbench.plan.datasets import open_dataset

FOLDS, SEEDS, STEPS = 3, 3, 500


def training_part(name):
    handle = open_dataset(name, plugins(), "")
    data = handle.load()
    return data.panel.select(data.folds["archive"][0].train), "none" if handle.card.normalised else "channel"


def folds_of(y):
    """Three stratified folds, however many cases there are: (train, held out)."""
    folds = inner_folds(y, 0)
    if len(folds) == FOLDS:
        return [(fold.train, fold.test) for fold in folds]
    part = np.empty(len(y), dtype=int)
    for label in np.unique(y):
        members = np.random.default_rng(0).permutation(np.flatnonzero(y == label))
        part[members] = np.arange(len(members)) % FOLDS
    return [(np.flatnonzero(part != i), np.flatnonzero(part == i)) for i in range(FOLDS)]


def rank(features):
    spread = np.linalg.svd(features - features.mean(axis=0), compute_uv=False)
    share = spread / spread.sum()
    return float(np.exp(-(share * np.log(share + 1e-12)).sum()))


def scores(learner, panel, train, held_out, seed):
    """Return accuracy on the held-out third, and the rank of the training features."""
    x = learner.encode(panel.select(train))
    probe = plugins()["probes"].get("svm-rbf")()
    fitted = probe.fit(None, Features(x, panel.y[train], len(panel.classes)), None, np.random.default_rng(seed))
    predicted, _ = fitted.predict(learner.encode(panel.select(held_out)))
    return float(np.mean(predicted == panel.y[held_out])), rank(x)


def compare(name, settings):
    panel, normalisation = training_part(name)
    found = np.empty((2, FOLDS, SEEDS, 2))
    for i, (train, held_out) in enumerate(folds_of(panel.y)):
        for seed in range(SEEDS):
            for row, method in enumerate(("random:trls", "trls")):
                learner = Learner(method, normalisation=normalisation, epochs=0, min_steps=STEPS, **settings)
                learner.fit(panel.select(train).without_labels(), seed=seed)
                found[row, i, seed] = scores(learner, panel, train, held_out, seed)
    accuracy, ranks = found[..., 0], found[..., 1].mean(axis=(1, 2))
    mean, spread = accuracy.mean(axis=(1, 2)), accuracy.mean(axis=1).std(axis=1, ddof=1)
    print(
        f"{name:28} untrained {mean[0]:.3f} +- {spread[0]:.3f} (rank {ranks[0]:.0f})   "
        f"trained {mean[1]:.3f} +- {spread[1]:.3f} (rank {ranks[1]:.0f})   {' '.join(map('='.join, settings.items()))}",
        flush=True,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets")
    parser.add_argument("settings", nargs="*", default=[], metavar="key=value")
    given = parser.parse_args()
    torch.set_num_threads(1)
    for dataset in given.datasets.split(","):
        compare(dataset, dict(pair.split("=") for pair in given.settings))
