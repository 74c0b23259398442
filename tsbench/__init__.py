"""tsbench: which way of learning representations from time series works.

Public names are loaded on first use, so that `import tsbench` imports neither numpy nor torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tsbench import errors as errors

__version__ = "0.1.0"

_HOMES = {
    "Bench": "tsbench.api",
    "hookimpl": "tsbench.discovery.hookspecs",
    "Register": "tsbench.discovery.hookspecs",
    "param": "tsbench.methods.params",
    "weights": "tsbench.methods.params",
    "Corpus": "tsbench.methods.weights",
    "load_weights": "tsbench.methods.frozen",
    "read_weights": "tsbench.methods.frozen",
    "BaseParams": "tsbench.methods.params",
    "Panel": "tsbench.data.panel",
    "PanelShape": "tsbench.data.panel",
    "Dataset": "tsbench.data.dataset",
    "Card": "tsbench.data.dataset",
    "Data": "tsbench.data.dataset",
    "Fold": "tsbench.data.dataset",
    "Batch": "tsbench.data.batch",
    "Series": "tsbench.data.series",
    "Stage": "tsbench.methods.stages",
    "Alternating": "tsbench.methods.stages",
    "Step": "tsbench.methods.stages",
    "Transform": "tsbench.methods.transform",
    "Corruption": "tsbench.corruptions.base",
    "Levels": "tsbench.corruptions.base",
    "each_case": "tsbench.corruptions.base",
    "Encoder": "tsbench.methods.encoder",
    "SSLMethod": "tsbench.methods.ssl",
    "TrainingParams": "tsbench.methods.training",
    "Classifier": "tsbench.methods.classifier",
    "Scores": "tsbench.methods.classifier",
    "Diagnosis": "tsbench.methods.ssl",
    "Pictured": "tsbench.methods.pictured",
    "Probe": "tsbench.methods.probe",
    "Predictor": "tsbench.methods.probe",
    "Features": "tsbench.methods.probe",
    "Learner": "tsbench.learning.learner",
    "Protocol": "tsbench.protocol",
    "RunSpec": "tsbench.plan.spec",
    "Result": "tsbench.plan.result",
}
__all__ = ["__version__", "errors", *_HOMES]

if TYPE_CHECKING:
    from tsbench.api import Bench as Bench
    from tsbench.corruptions.base import Corruption as Corruption
    from tsbench.corruptions.base import Levels as Levels
    from tsbench.corruptions.base import each_case as each_case
    from tsbench.data.batch import Batch as Batch
    from tsbench.data.dataset import Card as Card
    from tsbench.data.dataset import Data as Data
    from tsbench.data.dataset import Dataset as Dataset
    from tsbench.data.dataset import Fold as Fold
    from tsbench.data.panel import Panel as Panel
    from tsbench.data.panel import PanelShape as PanelShape
    from tsbench.data.series import Series as Series
    from tsbench.discovery.hookspecs import Register as Register
    from tsbench.discovery.hookspecs import hookimpl as hookimpl
    from tsbench.learning.learner import Learner as Learner
    from tsbench.methods.classifier import Classifier as Classifier
    from tsbench.methods.classifier import Scores as Scores
    from tsbench.methods.encoder import Encoder as Encoder
    from tsbench.methods.frozen import load_weights as load_weights
    from tsbench.methods.frozen import read_weights as read_weights
    from tsbench.methods.params import BaseParams as BaseParams
    from tsbench.methods.params import param as param
    from tsbench.methods.params import weights as weights
    from tsbench.methods.pictured import Pictured as Pictured
    from tsbench.methods.probe import Features as Features
    from tsbench.methods.probe import Predictor as Predictor
    from tsbench.methods.probe import Probe as Probe
    from tsbench.methods.ssl import Diagnosis as Diagnosis
    from tsbench.methods.ssl import SSLMethod as SSLMethod
    from tsbench.methods.stages import Alternating as Alternating
    from tsbench.methods.stages import Stage as Stage
    from tsbench.methods.stages import Step as Step
    from tsbench.methods.training import TrainingParams as TrainingParams
    from tsbench.methods.transform import Transform as Transform
    from tsbench.methods.weights import Corpus as Corpus
    from tsbench.plan.result import Result as Result
    from tsbench.plan.spec import RunSpec as RunSpec
    from tsbench.protocol import Protocol as Protocol


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tsbench' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
