"""A stage while it runs: its optimisers at their learning rates, and what can be wrong with it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from tsbench.discovery.catalog import did_you_mean
from tsbench.errors import MethodError, returned
from tsbench.learning.curve import ONLY
from tsbench.methods.params import BaseParams
from tsbench.methods.ssl import SSLMethod
from tsbench.methods.stages import SCHEDULES, TRAINING, Alternating, Factor, Stage, scheduled

KINDS: dict[str, type[Any]] = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}


@dataclass(frozen=True)
class Recipe:
    """How all stages are trained: the parameters of these names."""

    precision: str = "fp32"
    clip_norm: float | None = None
    optimizer: str = "own"
    schedule: str = "constant"
    warmup_steps: int = 0
    plateau: int | None = None

    @classmethod
    def of(cls, params: BaseParams) -> Recipe:
        """Read those that there are; what a plugin declares otherwise under a newer name is its own affair."""
        own, core = type(params).model_fields, SSLMethod.Params.model_fields
        found = [field.name for field in fields(cls) if field.name in own]
        read = [n for n in found if n in ("precision", "clip_norm") or own[n].annotation == core[n].annotation]
        return cls(**{name: getattr(params, name) for name in read})


class StageRun:
    """A stage that is run: how far it is, and its optimisers. owner : the class, for errors."""

    def __init__(self, stage: Stage, owner: str, recipe: Recipe) -> None:
        self.stage, self.recipe = stage, recipe
        self.what = f"{owner}.training_step" if stage.name == TRAINING else f"stage '{stage.name}' of {owner}"
        _check(stage, self.what)
        self.factor = _factor(stage, self.what, recipe)
        self.optimizers: dict[str, Optimizer] = dict(stage.optimizers)
        self.rates: list[tuple[dict[str, Any], float]] = []
        self.step = 0
        self._never_stepped = set(self.optimizers)

    @property
    def left(self) -> bool:
        """Say whether it has steps to make."""
        return self.step < self.stage.budget

    def loss_name(self, part: str, optimizers: Sequence[str]) -> str:
        """Return the name of a part of a loss: its own, else those of its optimisers where they are not all."""
        return part or ("" if len(optimizers) == len(self.optimizers) else "+".join(optimizers))

    def curve_name(self, loss: str) -> str:
        """Return the name of a loss's curve."""
        stage = "" if self.stage.name == TRAINING else self.stage.name
        return ": ".join(filter(None, (stage, loss))) or ONLY

    def loss_text(self, loss: str) -> str:
        """Return how errors name a loss."""
        stage = "" if self.stage.name == TRAINING else f" of stage '{self.stage.name}'"
        return (f"loss '{loss}'" if loss else "the loss") + stage

    def set_rates(self, scale: float) -> None:
        """Set the learning rates of the step that comes; scale : what all are multiplied with beside the schedule."""
        if not self.rates:
            return
        factor = self.factor(self.step, self.stage.budget)
        if not isinstance(factor, Real) or not 0 <= factor < math.inf:
            raise MethodError(f"{self.what}: its schedule gives {factor} at step {self.step} of {self.stage.budget}")
        for group, rate in self.rates:
            group["lr"] = rate * factor * scale

    def named(self, optimizer: str | Sequence[str] | None) -> tuple[str, ...]:
        """Return the names of the optimisers that are meant: where none is named "main", or all if there is no such."""
        if optimizer is None:
            optimizer = "main" if "main" in self.optimizers or not self.optimizers else list(self.optimizers)
        names = (optimizer,) if isinstance(optimizer, str) else tuple(optimizer)
        for name in names or ("",):
            if name not in self.optimizers:
                known = ", ".join(self.optimizers) or "none"
                raise MethodError(f"{self.what}: step.update names optimizer '{name}'; there are: {known}")
        return names

    def update(self, loss: Tensor, names: Sequence[str]) -> None:
        """Make a step of optimisers in full precision, though the step that calls it computes in another."""
        optimizers = [self.optimizers[name] for name in names]
        with torch.autocast(loss.device.type, enabled=False):
            for optimizer in optimizers:
                optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            for optimizer in optimizers:
                if self.recipe.clip_norm is not None:
                    weights = [p for group in optimizer.param_groups for p in group["params"]]
                    torch.nn.utils.clip_grad_norm_(weights, self.recipe.clip_norm)
                optimizer.step()
        if torch.is_autocast_cache_enabled():
            torch.clear_autocast_cache()  # which has the weights as they were
        for name in self._never_stepped.intersection(names):
            if any(p.grad is not None for group in self.optimizers[name].param_groups for p in group["params"]):
                self._never_stepped.remove(name)

    def end_step(self) -> None:
        """Count a step; raises MethodError at the last one where an optimiser has changed nothing."""
        self.step += 1
        if not self.left and self._never_stepped:
            name = min(self._never_stepped)
            raise MethodError(
                f"{self.what}: optimizer '{name}' was never stepped in {self.step} steps with a loss that its weights "
                f"enter; call step.update(loss, optimizer='{name}'), or leave it out"
            )


def runs_of(found: Any, owner: str, recipe: Recipe) -> list[tuple[list[StageRun], str]]:
    """Return the groups of stages that a method gave, with how the stages of a group take turns.

    Raises MethodError where they are not what `training_stages` is to return.
    """
    what = f"{owner}.training_stages"
    groups: list[tuple[list[StageRun], str]] = []
    for one in returned(found, Sequence, what):
        alternating = one if isinstance(one, Alternating) else Alternating([returned(one, Stage, what)])
        if alternating.every not in ("step", "epoch"):
            raise MethodError(f"{what}: stages take turns every 'step' or 'epoch', not '{alternating.every}'")
        stages = [returned(stage, Stage, what) for stage in alternating.stages]
        groups.append(([StageRun(stage, owner, recipe) for stage in stages], alternating.every))
    runs = [run for group, _ in groups for run in group]
    if not runs:
        raise MethodError(f"{what} returned no stage")
    name, count = Counter(run.stage.name for run in runs).most_common(1)[0]
    if count > 1:
        raise MethodError(f"{what} returned {count} stages named '{name}': give each a name of its own")
    _share(runs, recipe)
    return groups


def _share(runs: list[StageRun], recipe: Recipe) -> None:
    """Make optimisers of the kind that is asked for, and note learning rates; stages may share an optimiser."""
    made: dict[int, Optimizer] = {}
    for run in runs:
        for name, optimizer in run.optimizers.items():
            run.optimizers[name] = made.setdefault(id(optimizer), _of_kind(optimizer, recipe.optimizer))
    moved = recipe.plateau is not None or any(run.factor is not SCHEDULES["constant"] for run in runs)
    if moved:  # else they are the method's own to change
        for run in runs:
            groups = [group for optimizer in run.optimizers.values() for group in optimizer.param_groups]
            run.rates = [(group, group["lr"]) for group in groups]


def _of_kind(optimizer: Optimizer, kind: str) -> Optimizer:
    """Return an optimiser of a kind over the same groups of weights, each with its learning rate and weight decay."""
    if kind == "own" or type(optimizer) is KINDS[kind]:
        return optimizer
    kept = ("params", "lr", "weight_decay", *(["betas"] if kind != "sgd" else []))
    groups = [{key: group[key] for key in kept if key in group} for group in optimizer.param_groups]
    made: Optimizer = KINDS[kind](groups)
    return made


def _check(stage: Stage, what: str) -> None:
    """Raise MethodError where a stage is not made of what it is to be made of."""
    if not (isinstance(stage.name, str) and stage.name.strip()):
        raise MethodError(f"{what} has no name")
    if not callable(stage.step):
        raise MethodError(f"{what} has no loss: its step is {type(stage.step).__name__}, expected a function")
    if not isinstance(stage.optimizers, Mapping):
        raise MethodError(f"{what}: its optimizers are {type(stage.optimizers).__name__}, expected a dict by name")
    if not isinstance(stage.budget, Integral) or isinstance(stage.budget, bool) or stage.budget < 1:
        raise MethodError(f"{what} has a budget of {stage.budget} steps; expected a whole number of at least 1")


def _factor(stage: Stage, what: str, recipe: Recipe) -> Factor:
    """Return the schedule of a stage; raises MethodError for one that is not known, or a warm-up that is too long."""
    chosen = recipe.schedule if stage.schedule is None else stage.schedule
    if callable(chosen):
        if recipe.schedule != "constant" or recipe.warmup_steps:
            raise MethodError(f"{what} has a schedule of its own: leave out schedule and warmup_steps")
        return chosen
    if chosen not in SCHEDULES:
        hint = did_you_mean(str(chosen), SCHEDULES) or f"; there are: {', '.join(SCHEDULES)}"
        raise MethodError(f"{what}: no schedule '{chosen}'{hint}")
    if recipe.warmup_steps > stage.budget:
        raise MethodError(
            f"{what}: warmup_steps = {recipe.warmup_steps} is longer than its {stage.budget} steps; lower it"
        )
    return scheduled(SCHEDULES[chosen], recipe.warmup_steps) if recipe.warmup_steps else SCHEDULES[chosen]
