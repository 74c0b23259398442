"""Deciding on the test part: by a probe on a trained method, or by a method's own rule."""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsbench.data.batch import Batch
from tsbench.data.panel import Panel
from tsbench.errors import MethodError, TsbenchWarning, returned
from tsbench.identity import seed_everything
from tsbench.learning.clock import timed
from tsbench.learning.loop import Progress
from tsbench.measure.folds import Parts
from tsbench.measure.represent import Representation, alike
from tsbench.methods.classifier import Classifier
from tsbench.methods.contracts import check_numbers
from tsbench.methods.probe import Cases, Features, Predictor, Probe
from tsbench.methods.ssl import SSLMethod
from tsbench.tasks.base import Answer


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

    def decide(self, features: Representation, parts: Parts) -> tuple[Answer, dict[str, float]]:
        """Fit the probe on train and validation, and predict the test part; return what it chose beside the answer.

        Raises MethodError where what it predicts is none.
        """
        needs = self.probe.needs
        if needs not in ("features", "module"):
            raise MethodError(f"{self.name} needs '{needs}', which runs cannot give yet")
        given, predictor = (self._on_features if needs == "features" else self._on_module)(features, parts)
        details = check_numbers(f"{self.name}, details", predictor.details())
        answer = parts.task.check(self.name, given, len(parts.test), parts.n_classes, predictor.probabilities)
        return answer, {f"probe_{key}": value for key, value in details.items()}

    def fitted(self, features: Representation, parts: Parts) -> Predictor:
        """Return the probe fitted on frozen features of train and validation."""
        task, about = parts.task, (parts.n_classes, parts.task.name)
        with timed(self.durations, "encode"):
            x = features.of(parts, "train")
            if len(parts.labelled) < len(x) or not isinstance(x, np.memmap):  # which nobody changes, nor memory holds
                x = x[parts.labelled]
            if said := alike(x):
                warnings.warn(said, TsbenchWarning, stacklevel=2)
            train = Features(x, task.target(parts.train, parts.labelled), *about)
            validation = None
            if parts.validation is not None:
                validation = Features(features.of(parts, "validation"), task.target(parts.validation), *about)
        return self._fit(None, train, validation)

    def _on_features(self, features: Representation, parts: Parts) -> tuple[Any, Predictor]:
        """Fit on frozen features; the test part is encoded only after the fit."""
        predictor = self.fitted(features, parts)
        with timed(self.durations, "encode"):
            x_test = features.of(parts, "test")
        with timed(self.durations, "predict"):
            return predictor.predict(x_test), predictor

    def _on_module(self, features: Representation, parts: Parts) -> tuple[Any, Predictor]:
        """Fit by training a copy of the method itself."""
        learner = features.learner

        def cases(panel: Panel) -> Cases:
            batch = Batch.from_panel(panel.without_labels(), learner.device)
            return Cases(batch, parts.task.target(panel), parts.n_classes, parts.task.name)

        train = cases(parts.train.select(parts.labelled))
        validation = None if parts.validation is None else cases(parts.validation)
        predictor = self._fit(copy.deepcopy(learner.method), train, validation)
        with timed(self.durations, "predict"):
            return predictor.predict(Batch.from_panel(parts.test, learner.device)), predictor

    def _fit(self, method: SSLMethod | None, train: Any, validation: Any) -> Predictor:
        """Fit the probe, seeded."""
        rng = np.random.default_rng(seed_everything(self.key, "probe"))
        self.probe.progress = self.progress
        with timed(self.durations, "probe"):
            fitted = self.probe.fit(method, train, validation, rng)
            return returned(fitted, Predictor, f"{self.name}, fit")  # type: ignore[type-abstract]


def classify(name: str, method: Classifier, parts: Parts, key: str, durations: dict[str, float]) -> Answer:
    """Decide on the test part by a method's own rule, fitted on the labelled cases and seeded from the run's key."""
    rng = np.random.default_rng(seed_everything(key, "fit"))
    with timed(durations, "fit"):
        method.fit(parts.train.select(parts.labelled), parts.validation, rng)
    with timed(durations, "predict"):
        scores = method.predict_scores(parts.test)
    return parts.task.decide(name, scores, len(parts.test), parts.n_classes, method.probabilities)
