"""Boosted trees on simple facts of a case: the floors of clinical and irregular data."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from tsbench.data.panel import Panel
from tsbench.errors import MethodError
from tsbench.methods.classifier import Classifier, Scores
from tsbench.methods.params import BaseParams, param

Floats = npt.NDArray[np.float64]
CHUNK = 2**24  # values that are worked on at once
COPIES = 8  # of each case that trees are given with sensors left out


class Boosting(Classifier):
    """scikit-learn's histogram gradient boosting on `facts` of the cases; a missing fact stays missing.

    Several labels are fitted one by one. Scores are probabilities, or the numbers predicted.
    """

    class Params(BaseParams):
        """No paper has them."""

        n_trees: int = param(300, low=1, high=10_000, doc="rounds of boosting")
        learning_rate: float = param(0.05, low=1e-4, high=1.0, log=True, tune=True, doc="shrinkage of a tree")
        max_leaf_nodes: int = param(15, low=2, high=1024, tune=True, doc="leaves of a tree")
        l2: float = param(1.0, low=0.0, high=1e6, doc="L2 penalty of the leaves")
        sensor_dropout: float = param(
            0.0,
            low=0.0,
            high=0.99,
            doc="up to this share of the sensors of each case is missing, other ones in each of 8 copies of it",
            neutral=0.0,
        )

    normalisation: ClassVar = "none"  # trees do not care
    tasks: ClassVar = frozenset({"classification", "multilabel", "regression"})
    probabilities: ClassVar = True

    @abstractmethod
    def facts(self, panel: Panel) -> Floats:
        """Return (n_cases, n_facts), NaN where a case has none."""

    def fit(self, train: Panel, validation: Panel | None, rng: np.random.Generator) -> None:
        """Fit on the training cases; trees are seeded from rng."""
        if train.y is None:
            raise MethodError("boosting needs labels")
        self.task, self.n_classes = train.task, len(train.classes)
        seed = int(rng.integers(2**31))
        x = np.concatenate([self.facts(copy) for copy in _thinned(train, self.params.sensor_dropout, seed)])
        x[:, np.isnan(x).all(axis=0)] = 0.0  # scikit-learn cannot bin what no case has; a constant decides nothing
        targets = train.y.T if train.task == "multilabel" else [train.y]
        self.models = [self._fitted(x, np.tile(y, len(x) // len(train)), seed) for y in targets]

    def predict_scores(self, panel: Panel) -> Scores:
        """Return probabilities of the classes or labels, 0 for a class without training cases; or numbers."""
        x = self.facts(panel)
        if self.task == "regression":
            return np.asarray(self.models[0].predict(x), dtype=np.float64)[:, None]
        if self.task == "classification":
            return _probabilities(self.models[0], x, self.n_classes)
        return np.stack([_probabilities(model, x, 2)[:, 1] for model in self.models], axis=1)

    def _fitted(self, x: Floats, y: npt.NDArray[Any], seed: int) -> Any:
        """Return the fitted trees, or the only class there is."""
        if self.task != "regression" and len(np.unique(y)) == 1:
            return int(y[0])
        p = self.params
        cls = HistGradientBoostingRegressor if self.task == "regression" else HistGradientBoostingClassifier
        return cls(
            max_iter=p.n_trees,
            learning_rate=p.learning_rate,
            max_leaf_nodes=p.max_leaf_nodes,
            l2_regularization=p.l2,
            early_stopping=False,
            random_state=seed,
        ).fit(x, y)


class HistGradientBoosting(Boosting):
    """Boosting on first, last, least, largest, mean and standard deviation of each channel, and the static values.

    They are of the values that were measured. A channel that a case has no value of is missing.
    """

    reads: ClassVar = frozenset({"static"})

    def facts(self, panel: Panel) -> Floats:
        """Return (n_cases, 6 n_channels + n_static)."""
        parts = [_statistics(np.asarray(part.X)) for part in _parts(panel)]
        static = [] if panel.static is None else [panel.static.astype(np.float64)]
        return np.concatenate([np.concatenate(parts), *static], axis=1)


class MaskOnly(Boosting):
    """Boosting on how often each channel was measured, whether at all, and how long before the end for the last time.

    What it predicts well is told by the pattern of measurements, not by what was measured. Counts and hours (steps
    where a panel has no times) are on a scale of log(1 + x).
    """

    reads: ClassVar = frozenset({"times"})

    def facts(self, panel: Panel) -> Floats:
        """Return (n_cases, 3 n_channels)."""
        return np.concatenate([_pattern(part) for part in _parts(panel)])


def _thinned(panel: Panel, share: float, seed: int) -> Iterator[Panel]:
    """Give copies of the cases that lack sensors as those of other methods do; the panel alone for a share of 0."""
    if not share:
        yield panel
        return
    from tsbench.data.batch import Batch
    from tsbench.learning.sensor_dropout import sensor_dropout

    batch = Batch.from_panel(panel, "cpu")
    thin = sensor_dropout(share, [batch], seed)
    assert thin is not None  # of a share above 0
    for _ in range(COPIES):
        yield replace(panel, X=np.where(thin(batch).mask.numpy(), panel.X, np.float32(np.nan)))


def _parts(panel: Panel) -> list[Panel]:
    """Cut a panel so that no part has many more values than CHUNK."""
    step = max(1, CHUNK // max(1, panel.n_channels * panel.n_timepoints))
    return [panel.select(np.arange(i, min(i + step, len(panel)))) for i in range(0, len(panel), step)]


def _ends(measured: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the index of the first and of the last step of (n, c, t) that was measured; any where none was."""
    return measured.argmax(axis=2), measured.shape[2] - 1 - measured[:, :, ::-1].argmax(axis=2)


def _statistics(x: npt.NDArray[Any]) -> Floats:
    values = x.astype(np.float64)
    measured = np.isfinite(values)
    count = measured.sum(axis=2)
    first, last = (np.take_along_axis(values, i[:, :, None], axis=2)[:, :, 0] for i in _ends(measured))
    low = np.where(measured, values, np.inf).min(axis=2)
    high = np.where(measured, values, -np.inf).max(axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(measured, values, 0).sum(axis=2) / count
        spread = np.where(measured, values - mean[:, :, None], 0)
        std = np.sqrt((spread**2).sum(axis=2) / count)
    facts = np.stack([first, last, low, high, mean, std], axis=2)
    facts[count == 0] = np.nan
    return facts.reshape(len(x), -1)


def _pattern(panel: Panel) -> Floats:
    measured = np.isfinite(panel.X)
    count = measured.sum(axis=2)
    steps = np.arange(panel.n_timepoints, dtype=np.float64)
    times = np.broadcast_to(steps, (len(panel), steps.size)) if panel.times is None else panel.times.astype(np.float64)
    end = np.take_along_axis(times, panel.lengths[:, None] - 1, axis=1)
    since = np.where(count > 0, end - np.take_along_axis(times, _ends(measured)[1], axis=1), np.nan)
    return np.stack([np.log1p(count), count > 0, np.log1p(since)], axis=2).reshape(len(panel), -1)


def _probabilities(model: Any, x: Floats, n_classes: int) -> Scores:
    scores = np.zeros((len(x), n_classes))
    if isinstance(model, int):
        scores[:, model] = 1.0
    else:
        scores[:, np.asarray(model.classes_, dtype=int)] = model.predict_proba(x)
    return scores
