"""Floors: what a representation must beat before it is worth anything."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from tsbench.data.panel import Panel
from tsbench.errors import MethodError
from tsbench.methods.classifier import Classifier, Scores
from tsbench_probes.common import expand
from tsbench_probes.neighbours import neighbour_scores


class Majority(Classifier):
    """Scores are the class frequencies of the training part, whatever the series.

    Multilabel: a label's frequency less 0.5, so that what most cases have is predicted. Regression: the mean.
    """

    tasks = frozenset({"classification", "multilabel", "regression"})

    def fit(self, train: Panel, validation: Panel | None, rng: np.random.Generator) -> None:
        """Count the classes or labels, or take the mean."""
        if train.y is not None and train.task == "regression":
            self.scores = np.asarray([train.y.mean()])
        elif train.y is not None and train.task == "multilabel":
            self.scores = train.y.mean(axis=0) - 0.5
        else:
            self.scores = np.bincount(_labels(train), minlength=len(train.classes)) / len(train)

    def predict_scores(self, panel: Panel) -> Scores:
        """Return the same for every case."""
        return np.tile(self.scores, (len(panel), 1))


class NearestNeighbour(Classifier):
    """1-NN by Euclidean distance over all channels and time points of the series as the protocol normalises them.

    A missing value and the padding of a shorter series count as 0, the channel's mean after normalisation; the series
    are neither aligned nor stretched. Scores are how much nearer the nearest case of a class is than that of any other.
    """

    version: ClassVar[int] = 2

    def fit(self, train: Panel, validation: Panel | None, rng: np.random.Generator) -> None:
        """Keep the training series."""
        self.y, self.n_classes = _labels(train), len(train.classes)
        self.x = _flat(train)

    def predict_scores(self, panel: Panel) -> Scores:
        """Compare with every training case; raises MethodError when the series have another width."""
        x = _flat(panel)
        if x.shape[1] != self.x.shape[1]:
            raise MethodError(f"1nn-ed was fitted on {self.x.shape[1]} values per case and given {x.shape[1]}")
        return expand(neighbour_scores(self.x, self.y, x), np.unique(self.y), self.n_classes)


class Noop(Classifier):
    """Constant scores: what a run costs when the method costs nothing."""

    def fit(self, train: Panel, validation: Panel | None, rng: np.random.Generator) -> None:
        """Remember the number of classes."""
        self.n_classes = len(train.classes)

    def predict_scores(self, panel: Panel) -> Scores:
        """Return zeros."""
        return np.zeros((len(panel), self.n_classes))


def _labels(train: Panel) -> npt.NDArray[np.int64]:
    if train.y is None or train.task != "classification":
        raise MethodError(f"this classifier needs class labels, got a panel with task '{train.task}'")
    return train.y


def _flat(panel: Panel) -> npt.NDArray[np.float64]:
    return np.nan_to_num(panel.X.reshape(len(panel), -1).astype(np.float64))
