"""k nearest neighbours on standardised features."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
from sklearn.preprocessing import StandardScaler

from tsbench.methods.classifier import Scores
from tsbench.methods.params import BaseParams, param
from tsbench.methods.probe import Features, Predictor, Probe
from tsbench.methods.ssl import SSLMethod
from tsbench_probes.common import Floats, Labels, expand, finite, training_data
from tsbench_probes.neighbours import neighbour_scores


class KNN(Probe):
    """k nearest neighbours on features standardised with training statistics; k = 1 is TS2Vec's third protocol.

    Scores as in `neighbour_scores`. A validation part is not used and not merged into the training part.
    """

    class Params(BaseParams):
        """Number of neighbours and the distance between features."""

        k: int = param(1, low=1, high=1_000, stage="probe", doc="neighbours; all training cases where there are fewer")
        metric: Literal["euclidean", "cosine"] = param("euclidean", stage="probe", doc="distance of features")

    version: ClassVar[int] = 2

    def fit(
        self, method: SSLMethod | None, train: Features, validation: Features | None, rng: np.random.Generator
    ) -> Predictor:
        """Keep the scaled training features."""
        x, y = training_data(train)
        return _KNNPredictor(StandardScaler().fit(x), x, y, train.n_classes, self.params)


class _KNNPredictor(Predictor):
    def __init__(self, scaler: StandardScaler, x: Floats, y: Labels, n_classes: int, params: KNN.Params) -> None:
        self.scaler, self.y, self.n_classes, self.params = scaler, y, n_classes, params
        self.x = self._scaled(x)

    def predict(self, x: npt.NDArray[np.float32]) -> tuple[Labels, Scores]:
        scores = neighbour_scores(self.x, self.y, self._scaled(finite(x, "test")), self.params.k)
        seen = np.unique(self.y)
        return seen[scores.argmax(axis=1)], expand(scores, seen, self.n_classes)

    def _scaled(self, x: Floats) -> Floats:
        """Scale features; for cosine also to unit length, where Euclidean and cosine distance give one order."""
        x = self.scaler.transform(x)
        if self.params.metric == "cosine":
            norm = np.linalg.norm(x, axis=1, keepdims=True)
            x = x / np.where(norm > 0, norm, 1.0)
        return x
