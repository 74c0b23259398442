"""Logistic regression on standardised features, fitted to convergence."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from scipy.special import log_expit
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from tsbench.methods.classifier import Scores
from tsbench.methods.params import BaseParams, param
from tsbench.methods.probe import Features, Predictor, Probe
from tsbench.methods.ssl import SSLMethod
from tsbench.tasks.metrics import f1_macro
from tsbench_probes.common import (
    Floats,
    Folds,
    Labels,
    expand_weights,
    finite,
    search_folds,
    shares,
    training_data,
    unscaled,
)

GRID = tuple(10.0**exponent for exponent in range(-4, 5))


class Linear(Probe):
    """Multinomial logistic regression (L2) on features standardised with training statistics.

    The converged counterpart of a linear layer trained by gradient steps: Newton steps to a gradient of 1e-6, since
    lbfgs at its usual tolerance stops short of the optimum for large C. C in {1e-4 ... 1e4 by decades} by macro-F1 on
    the validation part; without one by stratified cross-validation on the training part, or C = 1 where `search_folds`
    gives no search. Ties to the smallest C. The final model is fitted on the training part alone. Scores are
    probabilities, as those of the other probes of this module.
    """

    class Params(BaseParams):
        """Limit on cost."""

        max_iter: int = param(1_000, low=1, high=100_000, stage="probe", doc="Newton steps of one fit")

    version: ClassVar[int] = 2

    def fit(
        self, method: SSLMethod | None, train: Features, validation: Features | None, rng: np.random.Generator
    ) -> Predictor:
        """Choose C and fit."""
        x, y = training_data(train)
        found = {"C": 1.0}
        if validation is not None:
            joined = np.concatenate([x, finite(validation.x, "validation")])
            fold = (np.arange(len(x)), np.arange(len(x), len(joined)))
            found = self._search(joined, np.concatenate([y, validation.y]), [fold], train.n_classes)
        elif (folds := search_folds(y)) is not None:
            found = self._search(x, y, folds, train.n_classes)
        classifier = self._classifier(C=found["C"])
        model = _fit(make_pipeline(StandardScaler(), classifier), x, y)
        found["converged"] = float((classifier.n_iter_ < self.params.max_iter).all())
        return _LinearPredictor(model, train.n_classes, found)

    def _search(self, x: Floats, y: Labels, folds: Folds, n_classes: int) -> dict[str, float]:
        """Return the C of the best mean macro-F1 over the folds; each fit starts from the solution of the C before."""
        f1 = np.empty((len(GRID), len(folds)))
        for number, (fit, held_out) in enumerate(folds):
            scaler = StandardScaler().fit(x[fit])
            inside, outside = scaler.transform(x[fit]), scaler.transform(x[held_out])
            if inside.shape[1] > len(inside):  # the solution lies in the span of the cases: same scores, fewer weights
                basis = np.linalg.svd(inside, full_matrices=False)[2].T
                inside, outside = inside @ basis, outside @ basis
            classifier = self._classifier(warm_start=True)
            for row, c in enumerate(GRID):
                _fit(classifier.set_params(C=c), inside, y[fit])
                f1[row, number] = f1_macro(y[held_out], classifier.predict(outside), n_classes)
        mean = f1.mean(axis=1)
        best = int(mean.argmax())
        return {"C": GRID[best], "selection_f1_macro": float(mean[best])}

    def _classifier(self, **settings: Any) -> LogisticRegression:
        return LogisticRegression(solver="newton-cg", tol=1e-6, max_iter=self.params.max_iter, **settings)


class Logistic(Probe):
    """One-vs-rest logistic regression, C = 1, on features standardised with training statistics.

    A class's probability is its share of the sum over classes. Multilabel: one classifier for each label; a label that
    no training case has, or every one, keeps that answer.

    TS2Vec's second protocol (arXiv 2106.10466, reference implementation). A validation part is not used and not merged
    into the training part.
    """

    class Params(BaseParams):
        """Limit on cost."""

        max_iter: int = param(1_000_000, low=10, high=1_000_000, stage="probe", doc="lbfgs iterations of one fit")

    version: ClassVar[int] = 2
    tasks = frozenset({"classification", "multilabel"})

    def fit(
        self, method: SSLMethod | None, train: Features, validation: Features | None, rng: np.random.Generator
    ) -> Predictor:
        """Fit one classifier per class, or per label."""
        if train.task == "multilabel":
            return self._fit_labels(finite(train.x, "training"), train.y)
        x, y = training_data(train)
        classifier = OneVsRestClassifier(LogisticRegression(max_iter=self.params.max_iter))
        return _LinearPredictor(_fit(make_pipeline(StandardScaler(), classifier), x, y), train.n_classes, {})

    def _fit_labels(self, x: Floats, y: npt.NDArray[np.uint8]) -> Predictor:
        scaler = StandardScaler().fit(x)
        x, models = scaler.transform(x), []
        for column in y.T:
            varies = len(np.unique(column)) > 1
            models.append(_fit(LogisticRegression(max_iter=self.params.max_iter), x, column) if varies else column[0])
        return _LabelsPredictor(scaler, models)


class _LinearPredictor(Predictor):
    probabilities = True

    def __init__(self, model: Pipeline, n_classes: int, found: dict[str, float]) -> None:
        self.model, self.n_classes, self.found = model, n_classes, found

    def predict(self, x: npt.NDArray[np.float32]) -> tuple[Labels, Scores]:
        logits = self.model.decision_function(finite(x, "test"))
        if logits.ndim == 2 and isinstance(self.model[-1], OneVsRestClassifier):
            logits = log_expit(logits)  # whose softmax is each class's probability as a share of their sum
        scores = shares(logits, self.model.classes_, self.n_classes)
        return scores.argmax(axis=1), scores

    def linear(self) -> tuple[Floats, Floats]:
        scaler, last = self.model[0], self.model[-1]
        fits = last.estimators_ if isinstance(last, OneVsRestClassifier) else [last]
        half = 0.5 if len(last.classes_) == 2 else 1.0  # the log odds are between two scores
        weights = half * np.concatenate([fit.coef_ for fit in fits]).T
        intercept = half * np.concatenate([fit.intercept_ for fit in fits])
        return expand_weights(*unscaled(weights, intercept, scaler), last.classes_, self.n_classes)

    def details(self) -> dict[str, float]:
        return self.found


class _LabelsPredictor(Predictor):
    probabilities = True

    def __init__(self, scaler: StandardScaler, models: list[LogisticRegression | np.uint8]) -> None:
        self.scaler, self.models = scaler, models

    def predict(self, x: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.uint8], Scores]:
        x = self.scaler.transform(finite(x, "test"))
        scores = np.empty((len(x), len(self.models)))
        for label, model in enumerate(self.models):
            scores[:, label] = model.predict_proba(x)[:, 1] if isinstance(model, LogisticRegression) else model
        return (scores >= 0.5).astype(np.uint8), scores


def _fit(model: Any, x: Floats, y: Labels) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # reported in `details`
        return model.fit(x, y)
