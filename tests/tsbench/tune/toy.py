"""A plugin of a method whose score depends on one parameter, and of a dataset that has a best value for it."""

import os
import signal
from pathlib import Path

import numpy as np

from tsbench import Card, Classifier, Data, Dataset, Fold, Panel, hookimpl, param
from tsbench.errors import MissingDataError

N = 24


class Threshold(Classifier):
    """Says class 1 where the mean of a case is above the threshold; fitting learns nothing."""

    class Params(Classifier.Params):
        threshold: float = param(0.2, low=0.0, high=0.9, tune=True, doc="the best is between 0.45 and 0.55")
        sign: bool = param(True, tune=True, doc="False turns the decision round")
        fail: bool = param(False, doc="raise")
        shift: float = param(0.0, doc="no bounds; changes nothing")

    def fit(self, train, validation, rng):
        mark = Path(os.environ.get("TOY_DIES_ONCE", "/"))
        if not mark.exists():
            mark.write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)
        if self.params.fail or os.environ.get("TOY_FAILS", "") == f"{self.params.threshold:g}":
            raise ValueError("asked to fail")

    def predict_scores(self, panel):
        score = (panel.X.mean(axis=(1, 2)) - self.params.threshold) * (1 if self.params.sign else -1)
        return np.stack([-score, score], axis=1)


class Toy(Dataset):
    """24 training cases, then 24 test cases, which `TOY_TEST=garbage` replaces by longer rubbish of another class."""

    card = Card("toy", normalised=True)

    def load(self):
        rng = np.random.default_rng(0)
        y = np.arange(2 * N) % 2
        level = np.where(y == 1, rng.uniform(0.55, 1, 2 * N), rng.uniform(0, 0.45, 2 * N))
        lengths = np.full(2 * N, 8)
        if os.environ.get("TOY_TEST") == "garbage":
            level[N:], y[N:], lengths[N:] = rng.uniform(-1e6, 1e6, N), y[N:] - 1, 20
        X = np.repeat(level[:, None, None], lengths.max(), axis=2)
        X[np.arange(lengths.max()) >= lengths[:, None, None]] = np.nan
        return Data(Panel.build(X, y, lengths=lengths), {"archive": [Fold(np.arange(N), None, np.arange(N, 2 * N))]})


class Tiny(Dataset):
    """Three training cases of two classes: too few to split."""

    card = Card("tiny", normalised=True)

    def load(self):
        X = np.arange(5.0)[:, None, None] * np.ones((1, 1, 8))
        return Data(Panel.build(X, [0, 0, 1, 0, 1]), {"archive": [Fold(np.arange(3), None, np.arange(3, 5))]})


class Absent(Dataset):
    """A dataset whose data is not on this machine."""

    card = Card("absent", default_protocol="knn")

    def available(self):
        return False

    def load(self):
        raise MissingDataError("absent is not on this machine; fetch it")


@hookimpl
def tsbench_methods(register):
    register("threshold", Threshold)


@hookimpl
def tsbench_datasets(register):
    register("toy", Toy)
    register("tiny", Tiny)
    register("absent", Absent)
