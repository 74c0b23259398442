"""The fit loop: batches, device, precision, clipping, budget, progress, divergence; plain torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor

from tsbench.batch import Batch
from tsbench.clock import work_seconds
from tsbench.errors import MethodError, returned
from tsbench.interfaces import SSLMethod, Step

Progress = Callable[[int, int, float], None]
CURVE_POINTS = 100
GPU_CHECK_EVERY = 20


@dataclass
class FitReport:
    """What happened while a method trained: steps done, seconds, and (step, mean loss) points of the curve."""

    steps: int = 0
    seconds: float = 0.0
    curve: list[tuple[int, float]] = field(default_factory=list)


def fit(method: SSLMethod, sources: Sequence[Batch], seed: int, progress: Progress | None = None) -> FitReport:
    """Train a built method on its sources (unprepared, on the method's device).

    A batch holds cases of one source; every case is used in each epoch, and a last batch of one case joins the batch
    before it. The budget is `epochs`, at least `min_steps` and at most `max_steps` steps.

    Raises MethodError naming the step, and the parameter at fault, when the loss is not finite.
    """
    started = work_seconds()
    device = sources[0].x.device
    rng = torch.Generator(device).manual_seed(seed)
    method.train()
    prepared = [returned(method.prepare(source), Batch, f"{type(method).__name__}.prepare") for source in sources]
    method.on_fit_start(prepared)
    if not method.trains:
        method.eval()
        return FitReport(seconds=work_seconds() - started)
    loop = _Loop(method, device, _total_steps(method, prepared), progress)
    epoch = 0
    while loop.step < loop.total:
        method.on_epoch_start(prepared)
        for source, index in _epoch_batches(prepared, method.params.batch_size, rng):
            if loop.step >= loop.total:
                break
            loop.run(prepared[source].select(index), prepared[source], rng, epoch, source)
        epoch += 1
    loop.check_pending()
    method.on_fit_end()
    method.eval()
    return FitReport(loop.step, work_seconds() - started, loop.curve())


class _Loop:
    def __init__(self, method: SSLMethod, device: torch.device, total: int, progress: Progress | None) -> None:
        self.method, self.total, self.progress = method, total, progress
        self.optimizers = method.optimizers() if total else {}
        self.step = 0
        self.losses: list[float] = []
        self.pending: list[Tensor] = []
        self.check_every = GPU_CHECK_EVERY if device.type == "cuda" else 1
        self.autocast = (
            torch.autocast(device.type, torch.bfloat16) if method.params.precision == "bf16" else nullcontext()
        )

    def run(self, batch: Batch, data: Batch, rng: torch.Generator, epoch: int, source: int) -> None:
        updated: list[Tensor] = []

        def update(loss: Tensor, optimizer: str = "main") -> None:
            self._update(loss, optimizer)
            updated.append(loss.detach())

        with self.autocast:
            loss = self.method.training_step(Step(batch, data, rng, self.step, epoch, source, update))
        if loss is not None:
            update(loss)
        if not updated:
            raise MethodError(f"{type(self.method).__name__}.training_step returned no loss and called no step.update")
        self.method.on_step_end()
        self.pending.append(torch.stack(updated).sum())
        self.step += 1
        if self.step % self.check_every == 0:
            self.check_pending()
            if self.progress:
                self.progress(self.step, self.total, self.losses[-1])

    def _update(self, loss: Tensor, name: str) -> None:
        if name not in self.optimizers:
            known = ", ".join(self.optimizers) or "none"
            raise MethodError(f"step.update names optimizer '{name}'; there are: {known}")
        method = type(self.method).__name__
        returned(loss, Tensor, f"{method}.training_step")
        if loss.numel() != 1 or not loss.requires_grad:
            fault = f"shape {tuple(loss.shape)}" if loss.numel() != 1 else "no gradient: nothing it depends on trains"
            raise MethodError(f"the loss of {method}.training_step has {fault}; expected one number with a gradient")
        if self.check_every == 1 and not torch.isfinite(loss):
            raise self._diverged(self.step, float(loss.detach()))
        optimizer = self.optimizers[name]
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        clip = self.method.params.clip_norm
        if clip is not None:
            weights = [p for group in optimizer.param_groups for p in group["params"]]
            torch.nn.utils.clip_grad_norm_(weights, clip)
        optimizer.step()

    def check_pending(self) -> None:
        """Bring the losses since the last look from the device and stop at the first that is not finite."""
        if not self.pending:
            return
        values = torch.stack(self.pending).tolist()
        self.pending.clear()
        for offset, value in enumerate(values):
            if not abs(value) < float("inf"):
                raise self._diverged(self.step - len(values) + offset, value)
        self.losses.extend(values)

    def _diverged(self, step: int, value: float) -> MethodError:
        broken = [name for name, p in self.method.named_parameters() if not bool(torch.isfinite(p).all())]
        fault = f"parameter {broken[0]} is not finite" if broken else "every parameter is finite, only the loss is not"
        return MethodError(f"the loss is {value} at step {step} of {self.total}; {fault}. Lower lr or set clip_norm")

    def curve(self) -> list[tuple[int, float]]:
        """Average the losses into at most CURVE_POINTS points (last step of the span, mean loss)."""
        width = max(1, -(-len(self.losses) // CURVE_POINTS))
        spans = [self.losses[i : i + width] for i in range(0, len(self.losses), width)]
        return [(min((i + 1) * width, len(self.losses)), sum(span) / len(span)) for i, span in enumerate(spans)]


def _total_steps(method: SSLMethod, sources: Sequence[Batch]) -> int:
    per_epoch = sum(len(batch_bounds(len(source), method.params.batch_size)) for source in sources)
    return returned(method.total_steps(sources, per_epoch), int, f"{type(method).__name__}.total_steps")


def batch_bounds(n_cases: int, batch_size: int) -> list[tuple[int, int]]:
    """Return (start, end) of each batch; a last batch of one case joins the batch before it."""
    starts = list(range(0, n_cases, batch_size))
    if len(starts) > 1 and n_cases - starts[-1] == 1:
        starts.pop()
    return list(zip(starts, [*starts[1:], n_cases], strict=True))


def _epoch_batches(sources: Sequence[Batch], batch_size: int, rng: torch.Generator) -> Iterator[tuple[int, Tensor]]:
    """Yield (source, case indices on the device): every case once, sources mixed batch-wise."""
    device = sources[0].x.device
    batches = []
    for number, source in enumerate(sources):
        order = torch.randperm(len(source), generator=rng, device=device)
        batches += [(number, order[a:b]) for a, b in batch_bounds(len(source), batch_size)]
    if len(sources) > 1:
        mixed = torch.randperm(len(batches), generator=rng, device=device).tolist()
        batches = [batches[i] for i in mixed]
    yield from batches
