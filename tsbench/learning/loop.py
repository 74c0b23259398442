"""The training loop: stages in their order, batches, device, precision, progress, divergence; plain torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import cast

import torch
from torch import Tensor, nn

from tsbench.data.batch import Batch
from tsbench.errors import MethodError, returned
from tsbench.learning.clock import work_seconds
from tsbench.learning.curve import Curve, Points, curve_of
from tsbench.learning.selection import Selection
from tsbench.learning.sensor_dropout import sensor_dropout
from tsbench.learning.stages import Recipe, StageRun, runs_of
from tsbench.methods.ssl import SSLMethod, prepared
from tsbench.methods.stages import Alternating, Losses, Stage, Step

Progress = Callable[[int, int, float], None]
GPU_CHECK_EVERY = 20


@dataclass(frozen=True)
class FitReport:
    """What happened while a method trained: steps done, seconds, and the curve of each loss."""

    steps: int = 0
    seconds: float = 0.0
    curve: Curve = field(default_factory=list)


@dataclass(frozen=True)
class Training:
    """What stages are run with.

    module : holds the weights, named where they break. owner : the class, for errors. data : prepared, on the device.
    bounds : from a number of cases to (start, end) of each batch of an epoch. rng : None for torch's global generator.
    before_epoch, after_epoch, after_step : called then, the last after each step of a stage. scale : gives what all
    learning rates are multiplied with beside their schedules.
    """

    module: nn.Module
    owner: str
    data: Sequence[Batch]
    bounds: Callable[[int], list[tuple[int, int]]]
    recipe: Recipe
    rng: torch.Generator | None = None
    before_epoch: Callable[[], object] = lambda: None
    after_epoch: Callable[[], object] = lambda: None
    after_step: Callable[[], object] = lambda: None
    scale: Callable[[], float] = lambda: 1.0
    progress: Progress | None = None

    @property
    def steps_per_epoch(self) -> int:
        """Return the number of batches of an epoch."""
        return sum(len(self.bounds(len(source))) for source in self.data)


def fit(
    method: SSLMethod,
    sources: Sequence[Batch],
    seed: int,
    progress: Progress | None = None,
    selection: Selection | None = None,
) -> FitReport:
    """Train a built method on its sources (unprepared, on the method's device).

    A batch holds cases of one source; every case is used in each epoch, and a last batch of one case joins the batch
    before it. The budget is `epochs`, at least `min_steps` and at most `max_steps` steps. selection : chooses the state
    that is kept; None for the last.

    Raises MethodError naming the step, and the parameter at fault, when a loss is not finite, and where sensor_dropout
    does not suit the sources.
    """
    started, owner = work_seconds(), type(method).__name__
    method.train()
    data = [prepared(method, source) for source in sources]
    method.on_fit_start(data)
    if not method.trains:
        method.eval()
        return FitReport(seconds=work_seconds() - started)
    thin = sensor_dropout(getattr(method.params, "sensor_dropout", 0.0), sources, seed)

    def before_epoch() -> None:
        if thin is not None:  # prepared anew: methods draw from all cases, and from what they have prepared of them
            data[:] = [prepared(method, thin(source)) for source in sources]
        method.on_epoch_start(data)

    def after_step() -> None:
        method.on_step_end()
        if selection is not None:
            selection.after_step()

    training = Training(
        method,
        owner,
        data,
        lambda n_cases: batch_bounds(n_cases, method.params.batch_size),
        Recipe.of(method.params),
        torch.Generator(sources[0].x.device).manual_seed(seed),
        before_epoch=before_epoch,
        after_epoch=selection.after_epoch if selection else lambda: None,
        after_step=after_step,
        scale=selection.scale if selection else lambda: 1.0,
        progress=progress,
    )
    per_epoch = training.steps_per_epoch
    steps = returned(method.total_steps(data, per_epoch), int, f"{owner}.total_steps")
    report = run_stages(method.training_stages(steps, per_epoch), training) if steps > 0 else FitReport()
    if selection is not None:
        selection.restore()
    method.on_fit_end()
    method.eval()
    return replace(report, seconds=work_seconds() - started)


def run_stages(stages: Sequence[Stage | Alternating], training: Training) -> FitReport:
    """Run stages one after the other; the seconds are for whoever calls to say.

    Raises MethodError for stages that are none, and naming stage, loss, step and parameter when a loss is not finite.
    """
    loop = _Loop(training, runs_of(stages, training.owner, training.recipe))
    loop.run()
    return FitReport(loop.step, curve=curve_of(loop.losses))


class _Loop:
    def __init__(self, training: Training, groups: list[tuple[list[StageRun], str]]) -> None:
        self.training, self.groups = training, groups
        self.total = sum(run.stage.budget for group, _ in groups for run in group)
        self.step = self.epoch = 0
        self.losses: dict[str, Points] = {}
        self.pending: list[_Losses] = []
        self.last = float("nan")
        device = training.data[0].x.device
        self.check_every = GPU_CHECK_EVERY if device.type == "cuda" else 1
        bf16 = training.recipe.precision == "bf16"
        self.autocast = torch.autocast(device.type, torch.bfloat16) if bf16 else nullcontext()

    def run(self) -> None:
        for group, every in self.groups:
            turns = [[run] for run in group] if every == "epoch" else [group]
            while any(run.left for run in group):
                for turn in turns:
                    if any(run.left for run in turn):
                        self._epoch(turn)
            self.check_pending()

    def _epoch(self, turn: Sequence[StageRun]) -> None:
        training = self.training
        training.before_epoch()
        for source, index in _epoch_batches(training.data, training.bounds, training.rng):
            left = [run for run in turn if run.left]
            if not left:
                break
            batch = training.data[source].select(index)
            for run in left:
                self._step(run, batch, source)
        self.epoch += 1
        training.after_epoch()

    def _step(self, run: StageRun, batch: Batch, source: int) -> None:
        losses = _Losses(run, run.step, self.step + 1)

        def update(loss: Losses, optimizer: str | Sequence[str] | None = None) -> None:
            names = run.named(optimizer)
            total, parts = _parts(loss, run.what)
            named = {run.loss_name(part, names): value.detach().reshape(()) for part, value in parts.items()}
            if self.check_every == 1:
                self._check_finite(losses, {part: float(value) for part, value in named.items()})
            run.update(total, names)
            losses.add(named)

        run.set_rates(self.training.scale())
        data, rng = self.training.data[source], cast(torch.Generator, self.training.rng)
        with self.autocast:
            loss = run.stage.step(Step(batch, data, rng, self.step, self.epoch, source, update, run.stage.name))
        if loss is not None:
            update(loss)
        if not losses.values:
            raise MethodError(f"{run.what} returned no loss and called no step.update")
        self.training.after_step()
        self.pending.append(losses)
        self.step += 1
        run.end_step()
        if self.step % self.check_every == 0:
            self.check_pending()
            if self.training.progress:
                self.training.progress(self.step, self.total, self.last)

    def check_pending(self) -> None:
        """Bring the losses since the last look from the device and stop at the first that is not finite."""
        if not self.pending:
            return
        pending, self.pending = self.pending, []
        found = iter(torch.stack([value for losses in pending for value in losses.values.values()]).tolist())
        for losses in pending:
            values = {name: next(found) for name in losses.values}
            self._check_finite(losses, values)
            for name, value in values.items():
                self.losses.setdefault(losses.run.curve_name(name), []).append((losses.number, value))
            self.last = sum(values.values())

    def _check_finite(self, losses: _Losses, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            if math.isfinite(value):
                continue
            weights = self.training.module.named_parameters()
            broken = [weight for weight, p in weights if not bool(torch.isfinite(p).all())]
            fault = "every parameter is finite, only the loss is not"
            if broken:
                fault = f"parameter {broken[0]} is not finite"
            raise MethodError(
                f"{losses.run.loss_text(name)} is {value} at step {losses.step} of {losses.run.stage.budget}; {fault}. "
                "Lower lr or set clip_norm"
            )


@dataclass(frozen=True)
class _Losses:
    """The losses by name of a step of a stage; number : of the step, from 1, over all stages."""

    run: StageRun
    step: int
    number: int
    values: dict[str, Tensor] = field(default_factory=dict)

    def add(self, losses: Mapping[str, Tensor]) -> None:
        """Take in losses of an update; one that is updated twice in a step counts as their sum."""
        for name, value in losses.items():
            self.values[name] = self.values[name] + value if name in self.values else value


def _parts(loss: Losses, what: str) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the sum of a loss and its parts by name, "" where it is one; raises MethodError for what is no loss."""
    parts = dict(loss) if isinstance(loss, Mapping) else {"": loss}
    if not parts:
        raise MethodError(f"{what} returned no loss: it has no part")
    for value in parts.values():
        returned(value, Tensor, what)
    shapes = [tuple(value.shape) for value in parts.values() if value.numel() != 1]
    if not shapes:
        first, *others = parts.values()
        total = torch.stack([part.reshape(()) for part in parts.values()]).sum() if others else first
        if total.requires_grad:
            return total, parts
    fault = f"shape {shapes[0]}" if shapes else "no gradient: nothing it depends on trains"
    raise MethodError(f"the loss of {what} has {fault}; expected one number with a gradient")


def batch_bounds(n_cases: int, batch_size: int) -> list[tuple[int, int]]:
    """Return (start, end) of each batch; a last batch of one case joins the batch before it."""
    starts = list(range(0, n_cases, batch_size))
    if len(starts) > 1 and n_cases - starts[-1] == 1:
        starts.pop()
    return list(zip(starts, [*starts[1:], n_cases], strict=True))


def _epoch_batches(
    sources: Sequence[Batch], bounds: Callable[[int], list[tuple[int, int]]], rng: torch.Generator | None
) -> Iterator[tuple[int, Tensor]]:
    """Yield (source, case indices on the device): every case once, sources mixed batch-wise."""
    device = sources[0].x.device
    batches = []
    for number, source in enumerate(sources):
        order = torch.randperm(len(source), generator=rng, device=device)
        batches += [(number, order[a:b]) for a, b in bounds(len(source))]
    if len(sources) > 1:
        mixed = torch.randperm(len(batches), generator=rng, device=device).tolist()
        batches = [batches[i] for i in mixed]
    yield from batches
