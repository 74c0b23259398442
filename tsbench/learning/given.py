"""What a learner is given, a method by name or class, its parameters, panels, and what is refused of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tsbench.data.dataset import check_times
from tsbench.data.panel import Panel
from tsbench.discovery.plugins import plugins
from tsbench.errors import InvalidDataError, MethodError, UsageError
from tsbench.identity import base_method, permuted, untrained
from tsbench.methods.capabilities import capabilities, fits_itself, trains
from tsbench.methods.params import Settings, resolve
from tsbench.methods.ssl import SSLMethod


def named(method: str | type[SSLMethod]) -> tuple[str, type[SSLMethod]]:
    """Return (name, class) of a method that is given by either; raises UsageError where it gives no features."""
    name = method if isinstance(method, str) else getattr(method, "__name__", repr(method))
    if permuted(name):
        raise UsageError(f"'{name}' is a control of runs, which shuffle a dataset: fit {base_method(name)} here")
    cls = plugins()["methods"].get(base_method(name)) if isinstance(method, str) else method
    if not capabilities(cls) or fits_itself(cls):
        raise UsageError(f"{name} gives no features, only decisions: take a method that a probe is fitted on")
    if untrained(name) and not trains(cls):
        raise UsageError(f"'{name}': {base_method(name)} has no training to leave out")
    return name, cls


def settings_of(name: str, cls: type[SSLMethod], params: Mapping[str, Any]) -> Settings:
    """Return the checked parameters of a method; raises UsageError naming the key, the value and what is allowed."""
    return resolve(cls.Params, params, lambda kind, entry: plugins()[kind].get(entry), name)


def check_panel(panel: Any, step: str) -> None:
    """Raise UsageError for what is no panel, and InvalidDataError where times of a case do not increase."""
    if not isinstance(panel, Panel):
        raise UsageError(f"{step} takes a Panel, got {type(panel).__name__}; make one with Panel.build(X, labels)")
    if panel.times is not None:
        check_times(panel.times, panel.lengths)


def check_validation(validation: Panel, panel: Panel) -> None:
    """Raise UsageError and InvalidDataError where cases cannot say how good a method is that learns from a panel."""
    check_panel(validation, "fit")
    if any(getattr(validation, name) != getattr(panel, name) for name in ("task", "classes", "n_channels")):
        raise InvalidDataError("the validation cases need the task, the classes and the channels of the others")


def check_steps(method: SSLMethod, steps: int) -> None:
    """Raise MethodError where a method that trains made no step: its row would be its untrained twin's."""
    if method.trains and not steps:
        raise MethodError(
            f"{type(method).__name__} trained no step: its parameters leave none; raise those that count its steps or "
            "epochs, or run the untrained twin, random:METHOD"
        )
