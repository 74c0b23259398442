"""Deciding on the test part: by a probe on a trained method, or by a method's own rule."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tsbench.data.batch import Batch
from tsbench.data.panel import Panel
from tsbench.errors import MethodError, returned
from tsbench.identity import seed_everything
from tsbench.learning.clock import timed
from tsbench.learning.loop import Progress
from tsbench.measure.folds import Parts
from tsbench.measure.represent import Representation
from tsbench.methods.classifier import Classifier, Scores
from tsbench.methods.contracts import check_numbers, check_prediction, check_scores
from tsbench.methods.probe import Cases, Features, Predictor, Probe
from tsbench.methods.ssl import SSLMethod


@dataclass(frozen=True)
class Answer:
    """Class indices (n,) and scores (n, n_classes) of the test part; facts : what the probe chose."""

    y_pred: npt.NDArray[Any]
    scores: Scores
    facts: dict[str, float]


@dataclass(frozen=True)
class Judge:
    """A probe under its name; key : of the run, which seeds it. The stages are timed in durations.

    progress : of a probe that trains.
    """

    name: str
    probe: Probe
    key: str
    durations: dict[str, float]
    progress: Progress | None = None

    def decide(self, features: Representation, parts: Parts) -> Answer:
        """Fit the probe on train and validation, and predict the test part; raises MethodError on what is none."""
        needs = self.probe.needs
        if needs not in ("features", "module"):
            raise MethodError(f"{self.name} needs '{needs}', which runs cannot give yet")
        given, facts = (self._on_features if needs == "features" else self._on_module)(features, parts)
        return Answer(*check_prediction(self.name, given, len(parts.test), parts.n_classes), facts)

    def _on_features(self, features: Representation, parts: Parts) -> tuple[Any, dict[str, float]]:
        """Fit on frozen features; the test part is encoded only after the fit."""
        n_classes = parts.n_classes
        with timed(self.durations, "encode"):
            x, y = features.of(parts, "train"), _labels(parts.train)
            train = Features(x[parts.labelled], y[parts.labelled], n_classes)
            validation = None
            if parts.validation is not None:
                validation = Features(features.of(parts, "validation"), _labels(parts.validation), n_classes)
        predictor, facts = self._fit(None, train, validation)
        with timed(self.durations, "encode"):
            x_test = features.of(parts, "test")
        with timed(self.durations, "predict"):
            return predictor.predict(x_test), facts

    def _on_module(self, features: Representation, parts: Parts) -> tuple[Any, dict[str, float]]:
        """Fit by training a copy of the method itself."""
        learner = features.learner

        def cases(panel: Panel) -> Cases:
            return Cases(Batch.from_panel(panel.without_labels(), learner.device), _labels(panel), parts.n_classes)

        train = cases(parts.train.select(parts.labelled))
        validation = None if parts.validation is None else cases(parts.validation)
        predictor, facts = self._fit(copy.deepcopy(learner.method), train, validation)
        with timed(self.durations, "predict"):
            return predictor.predict(Batch.from_panel(parts.test, learner.device)), facts

    def _fit(self, method: SSLMethod | None, train: Any, validation: Any) -> tuple[Predictor, dict[str, float]]:
        """Fit the probe, seeded; return it with what it chose."""
        rng = np.random.default_rng(seed_everything(self.key, "probe"))
        self.probe.progress = self.progress
        with timed(self.durations, "probe"):
            fitted = self.probe.fit(method, train, validation, rng)
            predictor = returned(fitted, Predictor, f"{self.name}, fit")  # type: ignore[type-abstract]
        details = check_numbers(f"{self.name}, details", predictor.details())
        return predictor, {f"probe_{key}": value for key, value in details.items()}


def classify(name: str, method: Classifier, parts: Parts, key: str, durations: dict[str, float]) -> Answer:
    """Decide on the test part by a method's own rule, fitted on the labelled cases and seeded from the run's key."""
    rng = np.random.default_rng(seed_everything(key, "fit"))
    with timed(durations, "fit"):
        method.fit(parts.train.select(parts.labelled), parts.validation, rng)
    with timed(durations, "predict"):
        scores = method.predict_scores(parts.test)
    scores = check_scores(name, scores, len(parts.test), parts.n_classes)
    return Answer(scores.argmax(axis=1), scores, {})


def _labels(panel: Panel) -> npt.NDArray[np.int64]:
    assert panel.y is not None
    return panel.y
