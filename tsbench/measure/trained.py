"""A trained method with the parts of the fold it is measured on: what several probes share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tsbench.data.batch import Batch
from tsbench.data.dataset import Fold
from tsbench.data.panel import Panel
from tsbench.identity import seed_everything
from tsbench.measure.contracts import check_features
from tsbench.methods.ssl import SSLMethod
from tsbench.nn.weights import trainable_parameters
from tsbench.plan.result import Result


@dataclass
class Parts:
    """One fold, normalised with training statistics; test labels are kept apart from everything that is fitted.

    pretrain : what a method is trained on; unlabelled : further cases for that, without labels; train : the cases of
    pretrain as the probe gets them (corrupted, say); labelled : positions in train whose labels may be used. key : what
    tells this fold from others.
    """

    key: tuple[Any, ...]
    corruption: str
    pretrain: Panel
    unlabelled: Panel | None
    train: Panel
    labelled: Any
    validation: Panel | None
    test: Panel
    fold: Fold
    y_test: Any


class Trained:
    """A trained method with the features it gave, so that several probes share them."""

    def __init__(
        self,
        method: SSLMethod,
        device: str,
        key: str,
        report: dict[str, Any],
        checkpoint: tuple[str, str, str] | None,
        n_channels: tuple[int, ...],
    ) -> None:
        self.method, self.device, self.key, self.report, self.checkpoint = method, device, key, report, checkpoint
        self.n_channels = n_channels
        self._encoded: tuple[Any, ...] = ()
        self._features: dict[tuple[str, str], Any] = {}

    def encode(self, parts: Parts, part: str) -> Any:
        """Return float32 features (n, d) of a part of the fold, computed once.

        Raises MethodError on a wrong shape or dtype, and where a feature is NaN or infinite.
        """
        if self._encoded != parts.key:
            self._encoded, self._features = parts.key, {}
        key, panel = (part, parts.corruption), getattr(parts, part)
        if key not in self._features:
            seed_everything(self.key, "encode")
            tensor = self.method.encode(Batch.from_panel(panel.without_labels(), self.device))
            self._features[key] = check_features(type(self.method).__name__, tensor, len(panel))
        return self._features[key]

    def describe(self, result: Result) -> None:
        """Write what is known of the training into a result."""
        report = self.report
        result.durations["fit"] = report["seconds"]
        result.curve = [(int(step), float(loss)) for step, loss in report.get("curve", [])]
        weights = trainable_parameters([self.method])
        result.facts.update(steps=report["steps"], n_weights=weights, **report.get("diagnosis", {}))
        result.facts["reused_pretraining"] = float(report.get("reused", 0))
        result.warnings = tuple(report.get("warnings", ()))
        result.checkpoint = self.checkpoint
        report["reused"] = 1
