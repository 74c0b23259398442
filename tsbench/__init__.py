"""tsbench: which way of learning representations from time series works.

Public names are loaded on first use, so that `import tsbench` imports neither numpy nor torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "hookimpl": "tsbench.hookspecs",
    "param": "tsbench.params",
    "BaseParams": "tsbench.params",
    "Panel": "tsbench.panel",
    "PanelShape": "tsbench.panel",
    "Dataset": "tsbench.dataset",
    "Card": "tsbench.dataset",
    "Data": "tsbench.dataset",
    "Fold": "tsbench.dataset",
    "Batch": "tsbench.batch",
    "Step": "tsbench.interfaces",
    "Transform": "tsbench.interfaces",
    "Encoder": "tsbench.interfaces",
    "SSLMethod": "tsbench.interfaces",
    "Classifier": "tsbench.interfaces",
    "Diagnosis": "tsbench.interfaces",
    "Probe": "tsbench.interfaces",
    "Predictor": "tsbench.interfaces",
    "Features": "tsbench.interfaces",
    "Protocol": "tsbench.protocol",
    "RunSpec": "tsbench.run.spec",
    "Result": "tsbench.run.spec",
}
__all__ = ["__version__", *_HOMES]

if TYPE_CHECKING:
    from tsbench.batch import Batch as Batch
    from tsbench.dataset import Card as Card
    from tsbench.dataset import Data as Data
    from tsbench.dataset import Dataset as Dataset
    from tsbench.dataset import Fold as Fold
    from tsbench.hookspecs import hookimpl as hookimpl
    from tsbench.interfaces import Classifier as Classifier
    from tsbench.interfaces import Diagnosis as Diagnosis
    from tsbench.interfaces import Encoder as Encoder
    from tsbench.interfaces import Features as Features
    from tsbench.interfaces import Predictor as Predictor
    from tsbench.interfaces import Probe as Probe
    from tsbench.interfaces import SSLMethod as SSLMethod
    from tsbench.interfaces import Step as Step
    from tsbench.interfaces import Transform as Transform
    from tsbench.panel import Panel as Panel
    from tsbench.panel import PanelShape as PanelShape
    from tsbench.params import BaseParams as BaseParams
    from tsbench.params import param as param
    from tsbench.protocol import Protocol as Protocol
    from tsbench.run.spec import Result as Result
    from tsbench.run.spec import RunSpec as RunSpec


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tsbench' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
