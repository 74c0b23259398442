"""RBF support vector machine with the grid and the rules of T-Loss and TS2Vec."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
import numpy.typing as npt
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from tsbench.errors import MethodError
from tsbench.methods.classifier import Scores
from tsbench.methods.params import BaseParams, param
from tsbench.methods.probe import Features, Predictor, Probe
from tsbench.methods.ssl import SSLMethod
from tsbench_probes.common import Floats, Folds, Labels, expand, finite, search_folds, training_data
from tsbench_probes.neighbours import chunks, squared_distances

Rule = Literal["variance", "deviation"]
GRID = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1e3, 1e4, float("inf"))


class SVM(Probe):
    """RBF support vector machine, gamma by the scale of the features, C by 5-fold cross-validation on training cases.

    The rules of TS2Vec (arXiv 2106.10466, reference implementation): C in {1e-4 ... 1e4 by decades, inf}, no search
    (C = inf) for few cases (`search_folds`), a stratified subsample of 10,000 cases above that number, no scaling of
    features, ties to the smallest C. A validation part is not used and not merged into the training part. T-Loss (arXiv
    1901.10738) has the same rules and another gamma: scikit-learn 0.20.0, which it names, divides by the deviation.

    It chooses what scikit-learn's GridSearchCV chooses, from squared distances computed once (8 n^2 bytes). Differences
    from the reference: `max_iter` is 1e6 instead of 1e7 in the search and unlimited without one (`details` counts the
    fits that reached it); the subsample is not stratified where a class has one case or fewer cases are left out than
    there are classes (the reference fails there).
    """

    class Params(BaseParams):
        """The rule of gamma, and limits on cost; the reference fixes the rest."""

        gamma: Rule = param(
            "variance",
            stage="probe",
            doc='gamma is 1 / (number of features x this, of all training features): "scale" of scikit-learn since '
            "0.20.3, or of 0.20.0 (deviation)",
            neutral="variance",
        )
        max_iter: int = param(1_000_000, low=1_000, high=100_000_000, stage="probe", doc="solver steps of one fit")
        max_samples: int = param(
            10_000, low=50, high=30_000, stage="probe", doc="subsample larger training parts to it"
        )

    def fit(
        self, method: SSLMethod | None, train: Features, validation: Features | None, rng: np.random.Generator
    ) -> Predictor:
        """Choose C on the training part and fit on all of it."""
        x, y = _subsample(*training_data(train), self.params.max_samples)
        distances = squared_distances(x, x)
        folds = search_folds(y)
        found = {"C": GRID[-1], "unconverged_fits": 0.0}
        if folds is not None:
            found = _search(distances, x, y, folds, self.params)
        gamma = _scale_gamma(x, self.params.gamma)
        model = _fit(_kernel(distances, gamma), y, found["C"], self.params.max_iter)
        found["unconverged_fits"] += model.fit_status_
        return _SVMPredictor(model, x, gamma, train.n_classes, found)


class _SVMPredictor(Predictor):
    def __init__(self, model: SVC, x: Floats, gamma: float, n_classes: int, found: dict[str, float]) -> None:
        self.model, self.x, self.gamma, self.n_classes, self.found = model, x, gamma, n_classes, found

    def predict(self, x: npt.NDArray[np.float32]) -> tuple[Labels, Scores]:
        features = finite(x, "test")
        labels, decisions = [], []
        for part in chunks(len(features), len(self.x)):
            kernel = _kernel(squared_distances(features[part], self.x), self.gamma)
            labels.append(self.model.predict(kernel))
            decisions.append(self.model.decision_function(kernel))
        return np.concatenate(labels), expand(np.concatenate(decisions), self.model.classes_, self.n_classes)

    def details(self) -> dict[str, float]:
        return self.found


def _search(distances: Floats, x: Floats, y: Labels, folds: Folds, params: SVM.Params) -> dict[str, float]:
    """Return the C of the best mean accuracy over the folds (the smallest of equals) and how it was found."""
    accuracy = np.empty((len(GRID), len(folds)))
    unconverged = 0
    for number, (fit, held_out) in enumerate(folds):
        gamma = _scale_gamma(x[fit], params.gamma)
        kernel = _kernel(distances[np.ix_(fit, fit)], gamma)
        across = _kernel(distances[np.ix_(held_out, fit)], gamma)
        before = None
        for row, c in enumerate(GRID):
            try:
                model = _fit(kernel, y[fit], c, params.max_iter)
            except MethodError:  # as scikit-learn's search, which ranks a fit that fails last
                accuracy[row:, number], before = 0.0, None
                continue
            unconverged += model.fit_status_
            with config_context(assume_finite=True):
                accuracy[row:, number] = (model.predict(across) == y[held_out]).mean()
            if before is not None and _same_path(before, model):
                break
            before = model
    mean = np.average(accuracy, axis=1)
    best = int(mean.argmax())
    return {"C": GRID[best], "cv_accuracy": float(mean[best]), "folds": len(folds), "unconverged_fits": unconverged}


def _same_path(a: SVC, b: SVC) -> bool:
    """Return whether two fits of rising C took the same steps: then no step met the bound C, nor would at any larger C.

    A step that meets the bound sets a coefficient to C itself, and the two paths part.
    """
    return (
        a.fit_status_ == b.fit_status_ == 0
        and np.array_equal(a.n_iter_, b.n_iter_)
        and np.array_equal(a.support_, b.support_)
        and np.array_equal(a.dual_coef_, b.dual_coef_)
        and np.array_equal(a.intercept_, b.intercept_)
    )


def _fit(kernel: Floats, y: Labels, c: float, max_iter: int) -> SVC:
    with warnings.catch_warnings(), config_context(assume_finite=True, skip_parameter_validation=True):
        warnings.simplefilter("ignore", ConvergenceWarning)  # counted by the caller from fit_status_
        try:
            return SVC(C=c, kernel="precomputed", max_iter=max_iter, random_state=0).fit(kernel, y)
        except ValueError as error:
            raise MethodError(
                f"svm-rbf: libsvm has no finite solution at C={c:g} ({error}): cases of different classes have "
                "(nearly) the same features"
            ) from error


def _kernel(distances: Floats, gamma: float) -> Floats:
    """Turn squared distances into the RBF kernel, in place."""
    np.multiply(distances, -gamma, out=distances)
    return np.exp(distances, out=distances)


def _scale_gamma(x: Floats, rule: Rule) -> float:
    """Return scikit-learn's gamma="scale"."""
    scale = x.var() if rule == "variance" else x.std()
    return float(1.0 / (x.shape[1] * scale)) if scale > 0 else 1.0


def _subsample(x: Floats, y: Labels, max_samples: int) -> tuple[Floats, Labels]:
    if len(x) <= max_samples:
        return x, y
    counts = np.unique(y, return_counts=True)[1]
    can_stratify = counts.min() >= 2 and min(max_samples, len(x) - max_samples) >= len(counts)
    kept, _ = train_test_split(
        np.arange(len(x)), train_size=max_samples, random_state=0, stratify=y if can_stratify else None
    )
    return x[kept], y[kept]
