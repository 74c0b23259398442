"""What methods for irregular clinical series share: times, static values, balanced classes, a head that decides."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tsbench import Batch, PanelShape, SSLMethod, Stage, Step, TrainingParams, param
from tsbench.errors import MethodError, UsageError
from tsbench.nn import balanced, class_weights, focal_loss, times_of

CASES = 1024  # that are looked at at a time for statistics of the training cases


class IrregularMethod(SSLMethod):
    """A net that is trained on classes and decides. Write `make_net`, whose module has `out_dim`.

    The net is called with (batch, times) and gives features (n, out_dim), which `represent` returns; a method with
    another net overrides that. The head reads the features and the static values of the cases.

    span : what the longest time of the training cases is taken for, from 0 at each case's start: 48 for a net that was
    made for the hours of P12. Where cases have no times, a step is a unit of time.
    """

    class Params(TrainingParams):
        """The published recipe for P12 and P19: balanced batches, the state that is best on the validation part."""

        epochs: int = param(20, like="epochs", doc="passes: as many steps as all training cases are batches")
        batch_size: int = param(128, like="batch_size")
        lr: float = param(1e-3, like="lr", doc="learning rate of Adam")
        select: str = param("auroc", like="select")
        balance: Literal["upsample", "weights", "focal", "none"] = param(
            "upsample",
            stage="training",
            doc="upsample: batches of as many cases of each class; weights: of rare classes in the loss; focal: loss",
        )
        focal_gamma: float = param(2.0, low=0.0, high=10.0, stage="training", doc="exponent of the focal loss")

    version: ClassVar[int] = 2
    supervised: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = frozenset({"classification", "multilabel"})
    reads: ClassVar[frozenset[str]] = frozenset({"times", "static"})
    prepares_cases: ClassVar[bool] = True
    encode_elements: ClassVar[int] = 500_000
    span: ClassVar[float] = 1.0

    net: Any
    last_time: Tensor
    class_weight: Tensor

    def build(self, shapes: Sequence[PanelShape]) -> None:
        """Make the net and the head, for the longest of the sources; UsageError where `unsuited`."""
        self.shape = max(shapes, key=lambda shape: shape.n_timepoints)
        self.multilabel = self.shape.task == "multilabel"
        if why := self.unsuited(self.params, self.shape.task):
            raise UsageError(f"{type(self).__name__}: {why}")
        self.register_buffer("last_time", torch.ones(()))
        self.register_buffer("class_weight", torch.ones(self.shape.n_classes))
        self.net = self.make_net(self.shape)
        self.head = self.make_head(self.net.out_dim + self.n_static, self.shape.n_classes)

    @classmethod
    def unsuited(cls, params: Any, task: str) -> str | None:
        """Refuse weights of classes where a case has several labels."""
        if task == "multilabel" and params.balance == "weights":
            return "balance=weights is of classes, and a case has several labels; use focal"
        return None

    @abstractmethod
    def make_net(self, shape: PanelShape) -> nn.Module:
        """Return the net."""

    def make_head(self, in_dim: int, out_dim: int) -> nn.Module:
        """Return what maps features and static values to scores of the classes."""
        return nn.Linear(in_dim, out_dim)

    @property
    def n_static(self) -> int:
        """How many static values the head reads."""
        return self.shape.n_static

    def on_fit_start(self, data: Sequence[Batch]) -> None:
        """Take the longest time of the training cases, and what those of each class weigh."""
        longest = max(float(_known_times(part).max()) for part in chunks(data))
        self.last_time.fill_(longest if longest > 0 else 1.0)
        if data[0].y is not None and not self.multilabel:
            self.class_weight.copy_(class_weights(data[0].y, self.shape.n_classes))

    def training_stages(self, steps: int, steps_per_epoch: int) -> Sequence[Stage]:
        """Return one stage, of balanced batches where these are asked for and a case has one class."""
        (stage,) = super().training_stages(steps, steps_per_epoch)
        assert isinstance(stage, Stage)
        balances = self.params.balance == "upsample" and not self.multilabel
        return [replace(stage, step=self._balanced_step)] if balances else [stage]

    def _balanced_step(self, step: Step) -> Any:
        y = step.data.y
        assert y is not None
        index = balanced(y, self.shape.n_classes, len(step.batch), step.rng)
        return self.training_step(replace(step, batch=step.data.select(index)))

    def training_step(self, step: Step) -> Tensor | Mapping[str, Tensor]:
        """Return the loss of the decisions."""
        return self.decision_loss(self.represent(step.batch), step.batch)

    def decision_loss(self, features: Tensor, batch: Batch) -> Tensor:
        """Return the loss of what the head says of features, as `balance` has it."""
        assert batch.y is not None
        return self.loss(self.head(self.with_static(features, batch)), batch.y)

    def loss(self, scores: Tensor, y: Tensor) -> Tensor:
        """Return the cross entropy of scores (n, n_classes), weighted or focal as `balance` has it.

        Of several labels each is a decision between two classes, the first with a score of 0.
        """
        if self.multilabel:
            scores, y = torch.stack([torch.zeros_like(scores), scores], dim=2).flatten(0, 1), y.flatten().long()
        if self.params.balance == "focal":
            return focal_loss(scores, y, self.params.focal_gamma)
        return cross_entropy(scores, y, self.class_weight if self.params.balance == "weights" else None)

    def represent(self, batch: Batch) -> Tensor:
        """Return the net's features (n, out_dim), in which no static value is."""
        features: Tensor = self.net(batch, self.times(batch))
        return features

    def decide(self, batch: Batch) -> Tensor:
        """Return the head's logits (n, n_classes)."""
        scores: Tensor = self.head(self.with_static(self.represent(batch), batch))
        return scores

    def times(self, batch: Batch) -> Tensor:
        """Return times (n, n_timepoints) from 0 to `span`, beyond which are those that no training case had.

        They are 0 beyond the end of a case.
        """
        return _known_times(batch) / self.last_time * self.span

    def static(self, batch: Batch) -> Tensor | None:
        """Return static values (n, n_static), None where the method was built without; raises MethodError for others.

        `StaticStatistics` has made numbers of what is missing of them.
        """
        n, there = self.shape.n_static, 0 if batch.static is None else batch.static.shape[1]
        if not n:
            return None
        if there != n:
            raise MethodError(
                f"{type(self).__name__} was built for {n} static values of a case; these cases have {there or 'none'}"
            )
        return batch.static

    def with_static(self, features: Tensor, batch: Batch) -> Tensor:
        """Return features with the static values beside them, where the head reads these."""
        static = self.static(batch) if self.n_static else None
        return features if static is None else torch.cat([features, static.to(features.dtype)], dim=1)


def channel_moments(data: Sequence[Batch]) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean, variance (ddof 0) and number of the observed values of each channel, float64 (n_channels,).

    A channel that is never observed has mean 0, variance 1 and number 0.
    """
    count = total = squares = torch.zeros(data[0].x.shape[1], dtype=torch.float64, device=data[0].x.device)
    for part in chunks(data):
        x, seen = part.x.double() * part.mask, part.mask
        count = count + seen.sum(dim=(0, 2))
        total, squares = total + x.sum(dim=(0, 2)), squares + x.square().sum(dim=(0, 2))
    some = count.clamp(min=1)
    mean = total / some
    variance = (squares / some - mean.square()).clamp(min=0)
    return mean, torch.where(count > 0, variance, torch.ones_like(variance)), count


def chunks(data: Sequence[Batch]) -> Iterator[Batch]:
    """Yield all cases of the sources, some at a time, so that cases which no memory holds can be looked at."""
    for source in data:
        yield from source.parts(CASES)


def check_divides(parts: int, size: int, name: str) -> None:
    """Raise UsageError where a size, a parameter's value, is no multiple of a number of parts."""
    if size % parts:
        raise UsageError(f"{name} = {size} is not a multiple of {parts}")


def _known_times(batch: Batch) -> Tensor:
    """Return the times (n, n_timepoints) of cases, 0 beyond their ends."""
    times = times_of(batch)
    return times if batch.inside is None else times.masked_fill(~batch.inside, 0.0)
