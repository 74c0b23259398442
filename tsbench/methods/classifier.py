"""Classifier: a method with a decision rule of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from tsbench.data.panel import Panel
from tsbench.methods.params import BaseParams, Settings
from tsbench.methods.weights import Corpus

Scores = npt.NDArray[np.float64]


class Classifier(ABC):
    """A method with a decision rule of its own (1-NN, ROCKET, a floor): no probe is fitted on top.

    Write `fit` and `predict_scores`. One run serves every protocol with the same split and normalisation. `reads` names
    what it reads of a Panel beside series and labels: "times", "static", "text". `tasks` names what it can predict.
    `pretrained_on` names what it has learnt from before `fit`, as of an SSLMethod. `probabilities` says that its scores
    are probabilities of the classes or labels, so that calibration is measured.
    """

    class Params(BaseParams):
        """No parameters by default."""

    version: ClassVar[int] = 1
    normalisation: ClassVar[Literal["channel", "none"] | None] = None
    reads: ClassVar[frozenset[str]] = frozenset()
    pretrained_on: ClassVar[tuple[str | Corpus, ...] | None] = ()
    tasks: ClassVar[frozenset[str]] = frozenset({"classification"})
    probabilities: ClassVar[bool] = False

    def __init__(self, settings: Settings) -> None:
        self.params: Any = settings.params

    @abstractmethod
    def fit(self, train: Panel, validation: Panel | None, rng: np.random.Generator) -> None:
        """Learn from labelled cases; classes are `train.classes`, also those that have no case here."""

    @abstractmethod
    def predict_scores(self, panel: Panel) -> Scores:
        """Return float64 (n_cases, n_classes), larger is likelier; `panel` carries no labels.

        Multilabel: a label is predicted where its score is above 0, or its probability at least 0.5. Regression:
        (n_cases, 1), the numbers predicted.
        """
