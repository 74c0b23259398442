"""Any classifier of aeon or sktime as a method: `aeon:MiniRocketClassifier`, `sktime:...`."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field, create_model

from tsbench.data.panel import Array, Panel
from tsbench.discovery.catalog import did_you_mean
from tsbench.errors import MethodError, UsageError
from tsbench.methods.classifier import Classifier, Scores
from tsbench.methods.params import BaseParams, param

SET_BY_THE_RUN = ("random_state", "n_jobs")
PLAIN = (bool, int, float, str, type(None))
ANY = Annotated[int | float | str | None, Field(union_mode="left_to_right")]


class LibraryClassifier(Classifier):
    """A classifier of aeon or sktime with its own defaults, on the series as the protocol normalises them.

    Missing values become 0, the channel's mean after normalisation. Series of unequal length are passed as they are to
    aeon's classifiers that take them, and padded with 0 for the others. Scores are the predicted probabilities. A
    series too short for the classifier fails the run, with the library's message.
    """

    estimator: ClassVar[type[Any]]

    def fit(self, train: Panel, validation: Panel | None, rng: np.random.Generator) -> None:
        """Fit the library's classifier on the training part, one job, seeded from rng."""
        accepted = inspect.signature(self.estimator).parameters
        own = {"random_state": int(rng.integers(2**31)), "n_jobs": 1}
        settings = {name: value for name, value in own.items() if name in accepted}
        self.model = self.estimator(**self.params.model_dump(), **settings)
        self.n_classes = len(train.classes)
        assert train.y is not None
        with self._naming("be fitted on", train):
            self.model.fit(self._series(train), train.y)

    def predict_scores(self, panel: Panel) -> Scores:
        """Return probabilities; 0 for a class without training cases."""
        with self._naming("predict", panel):
            probabilities = self.model.predict_proba(self._series(panel))
        scores = np.zeros((len(panel), self.n_classes))
        scores[:, np.asarray(self.model.classes_, dtype=int)] = probabilities
        return scores

    @contextmanager
    def _naming(self, verb: str, panel: Panel) -> Iterator[None]:
        """Say which classifier failed on what, since the library's own message does not."""
        try:
            yield
        except Exception as error:
            name, (n, c, t) = f"{self.estimator.__module__.split('.')[0]}'s {self.estimator.__name__}", panel.X.shape
            raise MethodError(
                f"{name} cannot {verb} {n} series of {c} x {t} (channels x time points): "
                f"{type(error).__name__}: {error}"
            ) from error

    def _series(self, panel: Panel) -> Array | list[Array]:
        x = np.nan_to_num(panel.X.astype(np.float64))
        takes_unequal = self.model.get_tag("capability:unequal_length", raise_error=False)
        if takes_unequal and self.estimator.__module__.startswith("aeon.") and len(np.unique(panel.lengths)) > 1:
            return [case[:, :length] for case, length in zip(x, panel.lengths, strict=True)]
        return x


@cache
def aeon_classifier(name: str) -> type[LibraryClassifier]:
    """Return the method class of an aeon classifier; raises UsageError with a suggestion."""
    return _wrap("aeon", name)


@cache
def sktime_classifier(name: str) -> type[LibraryClassifier]:
    """Return the method class of an sktime classifier; raises UsageError with a suggestion."""
    return _wrap("sktime", name)


def _wrap(library: str, name: str) -> type[LibraryClassifier]:
    estimator = _find(library, name)
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(estimator).parameters.values():
        if parameter.name not in SET_BY_THE_RUN and isinstance(parameter.default, PLAIN):
            kind = ANY if parameter.default is None else type(parameter.default)
            fields[parameter.name] = (kind, param(parameter.default, doc=f"see {library}'s documentation"))
    params = create_model("Params", __base__=BaseParams, **fields)
    document = f"{library}'s {name}, with its own defaults."
    return type(name, (LibraryClassifier,), {"estimator": estimator, "Params": params, "__doc__": document})


def _find(library: str, name: str) -> type[Any]:
    """Import the library's packages one by one until one has the classifier, passing those that cannot be imported."""
    package = importlib.import_module(f"{library}.classification")
    known: list[str] = []
    for module in pkgutil.iter_modules(package.__path__):
        if not module.ispkg or module.name == "tests":
            continue
        try:
            part = importlib.import_module(f"{package.__name__}.{module.name}")
        except ImportError:
            continue
        if isinstance(getattr(part, name, None), type):
            return getattr(part, name)  # type: ignore[no-any-return]
        known += [entry for entry in dir(part) if entry[0].isupper()]
    raise UsageError(f"{library} has no classifier '{name}'{did_you_mean(name, known)}")
