"""Ridge regression in closed form, its penalty by leave-one-out error: one decomposition for all penalties."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.preprocessing import StandardScaler

from tsbench.errors import MethodError
from tsbench.methods.classifier import Scores
from tsbench.methods.probe import Features, Predictor, Probe
from tsbench.methods.ssl import SSLMethod
from tsbench_probes.common import Floats, Labels, expand, expand_weights, finite, training_data, unscaled

GRID = tuple(10.0 ** (exponent / 2) for exponent in range(-6, 7))
SMALLEST = 1e-12  # an eigenvalue below this share of the largest is rounding


class Ridge(Probe):
    """Linear least squares with an L2 penalty on features standardised with training statistics, with an intercept.

    The penalty is the one of 1e-3 ... 1e3 (half decades) with the smallest squared leave-one-out error, in closed form,
    summed over all targets; of equals the smallest. Targets are the numbers (regression), or +-1 for each class or
    label, of which the sign decides, or the largest for classes. Equal to scikit-learn's RidgeCV and RidgeClassifierCV
    with these penalties on the same features. A validation part is not used and not merged into the training part.
    """

    tasks = frozenset({"classification", "multilabel", "regression"})

    def fit(
        self, method: SSLMethod | None, train: Features, validation: Features | None, rng: np.random.Generator
    ) -> Predictor:
        """Choose the penalty and fit; raises MethodError on a feature that is not finite or one class only."""
        x, targets, seen = _training(train)
        scaler = StandardScaler().fit(x)
        weights, found = fit_ridge(scaler.transform(x), targets)
        return _RidgePredictor(scaler, weights, targets.mean(axis=0), seen, train, found)


def _training(train: Features) -> tuple[Floats, Floats, Labels]:
    """Return features (n, d), targets (n, k), and the classes or labels they are of."""
    if train.task == "classification":
        x, y = training_data(train)
        seen: Labels = np.unique(y)
        one_of_two = len(seen) == 2  # one target says both
        return x, np.where(y[:, None] == (seen[1:] if one_of_two else seen), 1.0, -1.0), seen
    x, values = finite(train.x, "training"), np.asarray(train.y, dtype=np.float64)
    if train.task == "multilabel":
        return x, 2 * values - 1, np.arange(values.shape[1])
    return x, values[:, None], np.empty(0, dtype=np.int64)


def fit_ridge(x: Floats, targets: Floats) -> tuple[Floats, dict[str, float]]:
    """Return weights (d, k) on centred features (n, d), and the penalty with its mean squared leave-one-out error.

    One eigendecomposition of the smaller of x x' (n, n) and x' x (d, d) serves all penalties and targets.

    Raises MethodError for less than two cases.
    """
    n, d = x.shape
    if n < 2:
        raise MethodError("the training part has one case only: nothing to choose the penalty by")
    centred = targets - targets.mean(axis=0)
    values, vectors = np.linalg.eigh(x @ x.T if n <= d else x.T @ x)
    kept = values > SMALLEST * max(values[-1], np.finfo(float).tiny)
    values, vectors = values[kept], vectors[:, kept]
    # Left singular vectors of x (n, r): the fit is left * shrink @ (left' @ targets).
    left = vectors if n <= d else x @ vectors / np.sqrt(values)
    projected, squared = left.T @ centred, left**2
    errors = np.empty(len(GRID))
    for number, penalty in enumerate(GRID):
        shrink = values / (values + penalty)
        residual = centred - left @ (shrink[:, None] * projected)
        errors[number] = ((residual / (1 - 1 / n - squared @ shrink)[:, None]) ** 2).mean()
    best = int(np.nan_to_num(errors, nan=np.inf).argmin())
    scaled = projected / (values + GRID[best])[:, None]
    weights = x.T @ (left @ scaled) if n <= d else vectors @ (np.sqrt(values)[:, None] * scaled)
    return weights, {"penalty": GRID[best], "loo_mse": float(errors[best])}


class _RidgePredictor(Predictor):
    def __init__(
        self,
        scaler: StandardScaler,
        weights: Floats,
        intercept: Floats,
        seen: Labels,
        train: Features,
        found: dict[str, float],
    ) -> None:
        self.scaler, self.weights, self.intercept, self.seen = scaler, weights, intercept, seen
        self.task, self.n_classes, self.found = train.task, train.n_classes, found

    def predict(self, x: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.generic], Scores | None]:
        values = self.scaler.transform(finite(x, "test")) @ self.weights + self.intercept
        if self.task == "regression":
            return values[:, 0], None
        if self.task == "multilabel":
            return (values > 0).astype(np.uint8), values
        scores = expand(values[:, 0] if len(self.seen) == 2 else values, self.seen, self.n_classes)
        return scores.argmax(axis=1), scores

    def linear(self) -> tuple[Floats, Floats]:
        found = unscaled(self.weights, self.intercept, self.scaler)
        return expand_weights(*found, self.seen, self.n_classes) if self.task == "classification" else found

    def details(self) -> dict[str, float]:
        return self.found
