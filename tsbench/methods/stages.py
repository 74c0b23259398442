"""Stages: the parts of a training, each with steps, optimisers, a budget and a schedule of its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from tsbench.data.batch import Batch

TRAINING = "training"
"""The stage of a method that has no other: neither errors nor curves name it."""


@dataclass
class Step:
    """What a step is given.

    batch : the minibatch. data : all training cases of the batch's source, prepared, on the device.
    rng : generator on the device, the only source of random draws. index : step number from 0. epoch : from 0; both
    count on from stage to stage. source : which of the sources the batch is from. update(loss, optimizer="main") makes
    a step of an optimiser now, or of several by one backward pass, ("encoder", "head"). stage : the name of the stage.
    """

    batch: Batch
    data: Batch
    rng: torch.Generator
    index: int
    epoch: int
    source: int
    update: Callable[..., None]
    stage: str = TRAINING


Losses = Tensor | Mapping[str, Tensor]
"""One loss, or the parts of a sum, each of which has a curve under its name."""
Factor = Callable[[int, int], float]
"""From the step (from 0) and the budget of a stage to what its learning rates are multiplied with."""

SCHEDULES: Mapping[str, Factor] = {
    "constant": lambda step, budget: 1.0,
    "cosine": lambda step, budget: 0.5 + 0.5 * math.cos(math.pi * step / budget),
}


@dataclass(frozen=True)
class Stage:
    """A part of a training.

    name : in errors and over its curves; no two are of one name.
    step : as `training_step`: it returns the loss, or the parts of one by name, or calls `step.update`.
    optimizers : by name; what a step returns is for "main", or for all if there is no such. Each has to make a step.
        Stages may share one.
    budget : how many steps, at least 1. A stage begins with a new epoch and ends when its steps are done.
    schedule : "constant" or "cosine" in place of the parameter `schedule`, or a function of (step, budget) in place of
        `warmup_steps` too, such as `lambda step, budget: 0.5 ** (step // 100)`.
    """

    name: str
    step: Callable[[Step], Losses | None]
    optimizers: Mapping[str, torch.optim.Optimizer]
    budget: int
    schedule: str | Factor | None = None


@dataclass(frozen=True)
class Alternating:
    """Stages that take turns until the budget of each is spent: all on each batch, or each for an epoch."""

    stages: Sequence[Stage]
    every: Literal["step", "epoch"] = "step"


def scheduled(shape: Factor, warmup_steps: int) -> Factor:
    """Return a schedule that rises in equal steps to the learning rate, which the last step of the warm-up has."""

    def factor(step: int, budget: int) -> float:
        if step < warmup_steps:
            return (step + 1) / warmup_steps
        return shape(step - warmup_steps, budget - warmup_steps)

    return factor
