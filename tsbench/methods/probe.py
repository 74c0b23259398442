"""Probe: how the quality of a representation is measured."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from tsbench.data.batch import Batch
from tsbench.methods.classifier import Scores
from tsbench.methods.params import BaseParams
from tsbench.methods.ssl import SSLMethod


@dataclass(frozen=True)
class Features:
    """What a probe sees of one part of a fold.

    x : float32 (n, d) features (`needs = "features"`); y : what the task's labels are, int64 (n,) class indices out of
    n_classes for classification, uint8 (n, n_classes) for multilabel, float64 (n,) for regression (n_classes is 0).
    """

    x: npt.NDArray[np.float32]
    y: npt.NDArray[Any]
    n_classes: int
    task: str = "classification"


@dataclass(frozen=True)
class Cases:
    """What a probe that trains the method itself sees of a part (`needs = "module"`).

    batch : the unprepared cases on the device, without labels; y, n_classes, task : as in Features.
    """

    batch: Batch
    y: npt.NDArray[Any]
    n_classes: int
    task: str = "classification"


class Predictor(ABC):
    """A fitted probe; x is what the probe needs: features, or the unprepared Batch for `needs = "module"`.

    probabilities : declare that scores are probabilities, which gives their calibration metrics: of a case's classes,
        which sum to 1, or of each label of a multilabel case.
    """

    probabilities: ClassVar[bool] = False

    @abstractmethod
    def predict(self, x: Any) -> tuple[npt.NDArray[Any], Scores | None]:
        """Return predictions and scores of n cases.

        Classification: class index (n,) and scores (n, n_classes) where larger is likelier. Multilabel: 0 or 1
        (n, n_classes) and scores alike. Regression: numbers (n,) and None.
        """

    def linear(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
        """Return weights (d, n_classes) and intercepts (n_classes,) of scores that are linear in features, else None.

        Of regression they are (d, 1) and (1,). A class that has no training case has no weight and -inf.
        """
        return None

    def details(self) -> dict[str, float]:
        """Return what was chosen (C, the epoch ...), to be stored with the result."""
        return {}


class Probe(ABC):
    """How the quality of a representation is measured. Write `fit`.

    needs : "features" for a probe on frozen, cached features: parts are Features and `method` is None. "module" for
        one that trains the method on: parts are Cases and `method` is a copy of its own, in eval mode.
    tasks : what it can predict; of other datasets it is refused when a run is planned.
    progress : set by the run; a probe that trains may call it with (step, steps in all, loss).
    """

    class Params(BaseParams):
        """No parameters by default."""

    version: ClassVar[int] = 1
    tasks: ClassVar[frozenset[str]] = frozenset({"classification"})
    needs: ClassVar[Literal["features", "sequence", "module", "pairs"]] = "features"

    progress: Callable[[int, int, float], None] | None = None

    def __init__(self, params: BaseParams | None = None, **overrides: Any) -> None:
        self.params: Any = params if params is not None else self.Params(**overrides)

    @abstractmethod
    def fit(self, method: SSLMethod | None, train: Any, validation: Any, rng: np.random.Generator) -> Predictor:
        """Fit on the training part; `validation` may serve selection, and is None where the split has none."""
