"""The state that is kept of a training: the last, or that of the epoch which is best on the validation part."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tsbench.errors import UsageError
from tsbench.methods.capabilities import capabilities
from tsbench.methods.params import BaseParams
from tsbench.tasks import METRICS, TASKS
from tsbench.tasks.base import Answer, Array, served_by

LAST = "last"
FALL = 0.1  # what the learning rates are multiplied with at a plateau
LEAST = 1e-4  # by which a value is to be better, not to be a plateau's


def asked_of(params: BaseParams) -> tuple[str, int | None]:
    """Return the metric that chooses the state, or LAST, and the patience of a plateau, None for none.

    What a plugin declares otherwise under these names is its own affair.
    """
    extra = getattr(type(params).model_fields.get("select"), "json_schema_extra", None)
    if not isinstance(extra, dict) or extra.get("neutral") != LAST:
        return LAST, None
    values: Any = params
    return values.select, values.plateau


def check_select(name: str, cls: Any, params: BaseParams) -> None:
    """Raise UsageError where a method cannot choose its state as its parameters say."""
    metric, plateau = asked_of(params)
    if metric == LAST:
        if plateau is not None:
            raise UsageError(
                f"{name}: plateau={plateau} needs a metric of the validation part: set select too, or plateau=none"
            )
        return
    if "decide" not in capabilities(cls):
        raise UsageError(f"{name}: select={metric} needs decisions, and the method has no `decide`; leave it out")
    served = {one.name for task in served_by(cls) & TASKS.keys() for one in TASKS[task].metrics}
    if metric not in served:
        why = f"select='{metric}' is no metric of its decisions"
        raise UsageError(f"{name}: {why}; choose {LAST} or one of {', '.join(sorted(served))}")


class Selection:
    """What looks at a method after each epoch, and keeps the first of its best states.

    decide : gives the method's answer for the validation cases, whose labels y are looked at here alone; y is None
    where there are none, and the last state is kept.

    Raises UsageError for a metric that the task does not have.
    """

    def __init__(
        self,
        params: BaseParams,
        task: str,
        n_classes: int,
        y: Array | None,
        module: nn.Module,
        decide: Callable[[], Answer],
    ) -> None:
        metric, patience = asked_of(params)
        self.task = TASKS[task]
        names = [one.name for one in self.task.metrics]
        found = [name for name in (metric, f"{metric}_macro") if name in names]  # of several labels, their mean
        if not found:
            raise UsageError(f"select={metric} is no metric of {task}; choose one of {', '.join(names)}")
        self.metric = METRICS[found[0]]
        self.n_classes, self.y, self.module, self.decide = n_classes, y, module, decide
        self.plateau = _plateau(patience)
        self.steps = self.epochs = 0
        self.best: tuple[float, int, int] | None = None  # signed value, epoch and step
        self.state: dict[str, Tensor] = {}

    def scale(self) -> float:
        """Return what the learning rates are multiplied with, as plateaus have it."""
        return 1.0 if self.plateau is None else float(self.plateau.optimizer.param_groups[0]["lr"])

    def after_step(self) -> None:
        """Count a step."""
        self.steps += 1

    def after_epoch(self) -> None:
        """Measure the state, and keep it where it is better than those before."""
        self.epochs += 1
        if self.y is None:
            return
        found = self.task.score(self.y, self.decide(), self.n_classes).get(self.metric.name, math.nan)
        value = self.metric.sign * found
        if math.isnan(value):
            return
        if self.best is None or value > self.best[0]:
            self.best = value, self.epochs, self.steps
            self.state = {name: tensor.detach().clone() for name, tensor in self.module.state_dict().items()}
        if self.plateau is not None:
            self.plateau.step(value)

    def restore(self) -> None:
        """Give the module the best state; the last one stays where the metric was never defined."""
        if self.best is not None:
            self.module.load_state_dict(self.state)

    def facts(self) -> dict[str, float]:
        """Return what was chosen: the metric on the validation part, the epoch and the step, from 1."""
        if self.best is None:
            return {}
        value, epoch, step = self.best
        name = f"selected_{self.metric.name}"
        return {name: self.metric.sign * value, "selected_epoch": float(epoch), "selected_step": float(step)}

    def warnings(self) -> list[str]:
        """Say where nothing could be chosen."""
        if self.best is not None:
            return []
        why = "there is no validation part" if self.y is None else "it is not defined on the validation part"
        return [f"select={self.metric.name}: {why}, so the last state is kept"]


def _plateau(patience: int | None) -> torch.optim.lr_scheduler.ReduceLROnPlateau | None:
    """Return torch's rule over a learning rate of 1, which stands for all."""
    if patience is None:
        return None
    one = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    return torch.optim.lr_scheduler.ReduceLROnPlateau(
        one, "max", factor=FALL, patience=patience, threshold=LEAST, threshold_mode="abs"
    )
