"""SSLMethod: a way of learning representations."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from tsbench.data.batch import Batch, StreamedBatch
from tsbench.data.panel import PanelShape
from tsbench.errors import UsageError, returned
from tsbench.methods.contracts import check_filled
from tsbench.methods.encoder import Encoder
from tsbench.methods.params import Component, Settings, param, resolve
from tsbench.methods.stages import TRAINING, Alternating, Losses, Stage, Step
from tsbench.methods.training import TrainingParams
from tsbench.methods.weights import Corpus


@dataclass(frozen=True)
class Diagnosis:
    """What a method noticed about its own training: numbers stored with the result, warnings shown to the user."""

    values: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


class SSLMethod(nn.Module, ABC):
    """A way of learning representations. Write `Params`, `build` and `training_step`; the core owns the loop.

    version : raise it when the numbers change.
    supervised : declare it to be given labels (`step.batch.y`, `shape.n_classes`, `shape.task`); those of the
        validation part choose a state of it where `select` says so, and it never sees them.
    decide : optional, `decide(batch) -> Tensor`, for a supervised method with a decision rule of its own: maps a
        prepared batch to logits (n, n_classes), of which the core takes the softmax; multilabel: the logistic function
        of each; regression: the numbers, (n, 1). Protocol "own" measures it. `represent = None` where there are no
        features.
    reconstruct : optional, `reconstruct(batch) -> Tensor`, for a method that fills in missing values: maps a prepared
        batch to values like `batch.x`, where observed these themselves, 0 beyond a case's end. Protocol "impute"
        measures it; it is asked in eval mode, without gradients, and sees no label.
    embed : optional, `embed(batch, modality) -> Tensor`: maps a prepared batch to vectors (n, d) of one space, whose
        inner product says how well they go together; modality is "series" or "text". `match(batch, series, texts)`
        beside it scores pairs (k,) of cases' series and other cases' texts, both given by index.
    pictures : optional, `pictures(batch) -> Pictured`, for a method whose net sees pictures of a case: those of a
        prepared batch. Where `batch.extra["pictures"]` holds pixels, `decide` and `represent` see these in their place.
        `tsbench explain --over pixels` says which of them count.
    tasks : what a supervised method learns and decides, {"classification"} where it does not say.
    trains : False for features that need no gradient step: `on_fit_start` is all their training, and there is no
        untrained twin.
    reads : what it reads of a case beside its series: "times", "static", "text"; a run says of the rest that neither it
        nor its encoder does. Only who reads "text" is given it.
    pretrained_on : what the method, as it is before its training, has learnt from: names of datasets and collections,
        or a `Corpus` with a fingerprint; nothing by default, None where it is not known. `weights` parameters declare
        theirs.
    needs : optional functions of `Encoder` that its encoder must have, such as "forward_sequence".
    prepares_cases : True where `prepare` treats each case by itself: data that no memory holds is then prepared a batch
        at a time, while another `prepare` is given a view of it that reads by case.
    any_channels : True for a method that encodes series of other channels than it was trained on.
    most_steps : of cases that it was built for, which `build` sets; longer ones of other data are refused. None: any.
    normalisation : "channel" or "none" when the method insists on one, else None for the protocol's.
    encode_elements : input values encoded at a time; a matter of memory, not of result.
    """

    class Params(TrainingParams):
        """Parameters of a method with an encoder; a default that its paper fixes is `param(40, like="epochs")`."""

        encoder: str = param("fcn", component="encoders", doc="encoder, any of `tsbench list encoders`")

    version: ClassVar[int] = 1
    supervised: ClassVar[bool] = False
    tasks: ClassVar[frozenset[str]]  # without a value, as decide and embed: a plugin may have modules of such names
    match: Any
    trains: ClassVar[bool] = True
    reads: ClassVar[frozenset[str]] = frozenset()
    pretrained_on: ClassVar[tuple[str | Corpus, ...] | None] = ()
    needs: ClassVar[tuple[str, ...]] = ()
    prepares_cases: ClassVar[bool] = False
    any_channels: ClassVar[bool] = False
    normalisation: ClassVar[Literal["channel", "none"] | None] = None
    encode_elements: ClassVar[int] = 2_000_000

    most_steps: int | None = None

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.params: Any = settings.params
        self.components: Mapping[str, Component] = settings.components

    @classmethod
    def create(cls, **overrides: Any) -> SSLMethod:
        """Make the method with parameters as on the command line, such as `**{"encoder.cell": "gru"}`."""
        from tsbench.discovery.plugins import plugins

        return cls(resolve(cls.Params, overrides, lambda kind, name: plugins()[kind].get(name), cls.__name__))

    @classmethod
    def unsuited(cls, params: Any, task: str) -> str | None:
        """Return why values of parameters do not suit a task that it serves; None where they do. Asked in planning.

        task : of the data, and "imputation" too where it is to fill in missing values.
        """
        return None

    @abstractmethod
    def build(self, shapes: Sequence[PanelShape]) -> None:
        """Make the modules for the given sources (one shape each); called once, seeded."""

    def make_encoder(self, shapes: PanelShape | Sequence[PanelShape], name: str = "encoder") -> Encoder:
        """Make the encoder the user chose, for one shape or for sources of equal channels (the longest counts)."""
        if isinstance(shapes, PanelShape):
            shapes = [shapes]
        if len({shape.n_channels for shape in shapes}) > 1:
            raise UsageError(
                f"{type(self).__name__} needs sources of equal channels, got {[s.n_channels for s in shapes]}"
            )
        component = self.components[name]
        self.check_component(component)
        encoder: Encoder = component.cls(max(shapes, key=lambda shape: shape.n_timepoints), component.params)
        return encoder

    @classmethod
    def check_component(cls, component: Component) -> None:
        """Raise UsageError for an encoder that lacks what the method needs."""
        lacks = [need for need in cls.needs if issubclass(component.cls, Encoder) and not component.cls.can(need)]
        if lacks:
            raise UsageError(
                f"{cls.__name__} needs an encoder that has {lacks[0]}, and {component.name} has none; "
                "choose another one ('tsbench list encoders')"
            )

    @classmethod
    def padding_versions(cls, settings: Settings, trained: bool) -> dict[str, int]:
        """Return what numbers depend on where series differ in length, and nowhere else: versions by part.

        They enter a run's identity for such data alone. An encoder that ignores padding is given the lengths.
        """
        return {
            f"{slot}:{part.name}": 1
            for slot, part in settings.components.items()
            if issubclass(part.cls, Encoder) and part.cls.ignores_padding(part.params)
        }

    def prepare(self, batch: Batch) -> Batch:
        """Compute once, before training or encoding, what every step needs (see `Batch.extra`)."""
        return batch

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Return the optimisers by name; one Adam over all trainable parameters unless overridden."""
        trainable = [p for p in self.parameters() if p.requires_grad]
        return {"main": torch.optim.Adam(trainable, lr=self.params.lr, weight_decay=self.params.weight_decay)}

    @abstractmethod
    def training_step(self, step: Step) -> Losses | None:
        """Return the loss, or the parts of a sum as {name: loss}; or `step.update(loss, optimizer="name")` and None."""

    def training_stages(self, steps: int, steps_per_epoch: int) -> Sequence[Stage | Alternating]:
        """Return the stages of the training, run in turn; one of `training_step` unless overridden.

        steps : what `total_steps` gives. Called once, after `on_fit_start`.
        """
        return [Stage(TRAINING, self.training_step, self.optimizers(), steps)]

    def total_steps(self, data: Sequence[Batch], steps_per_epoch: int) -> int:
        """Return how many steps to train on the prepared sources: epochs, between min_steps and max_steps."""
        p = self.params
        total = max(p.epochs * steps_per_epoch, p.min_steps)
        return int(total if p.max_steps is None else min(total, p.max_steps))

    def on_fit_start(self, data: Sequence[Batch]) -> None:
        """Run once before the first step, with all training cases of every source (fit quantiles, say)."""

    def on_epoch_start(self, data: Sequence[Batch]) -> None:
        """Run before each epoch, with all training cases of every source."""

    def on_step_end(self) -> None:
        """Run after each optimiser step (a moving average of the weights, say)."""

    def on_fit_end(self) -> None:
        """Run once after the last step (replace the weights by their average, say)."""

    def represent(self, batch: Batch) -> Tensor:
        """Map a prepared batch to features (n, d), differentiably; the encoder unless overridden."""
        features: Tensor = self.encoder(batch)  # type: ignore[operator]
        return features

    def encode(self, data: Batch) -> Tensor:
        """Return features (n, d) of unprepared cases in eval mode, a chunk at a time; mode is restored."""
        return in_chunks(self, data, "represent")

    def diagnose(self, data: Sequence[Batch]) -> Diagnosis:
        """Look at the trained method (its prepared training cases are given) and report what is odd."""
        return Diagnosis()


def prepared(method: SSLMethod, batch: Batch) -> Batch:
    """Return what a method's `prepare` gives; for streamed cases when they are selected, where it may."""
    if isinstance(batch, StreamedBatch) and method.prepares_cases:
        return replace(batch, preparation=lambda part: prepared(method, part))
    return returned(method.prepare(batch), Batch, f"{type(method).__name__}.prepare")


def chunk_size(method: SSLMethod, n_values: int) -> int:
    """Return how many cases of so many values are encoded at a time."""
    return max(1, method.encode_elements // max(1, n_values))


@torch.no_grad()
def in_chunks(method: SSLMethod, data: Batch, step: str, **more: Any) -> Tensor:
    """Return what a method's step gives of unprepared cases, as `SSLMethod.encode` does.

    step : "represent", "decide", "embed", or "reconstruct", of which observed values stay as they were. more : what it
    is given beside the cases.
    """
    was_training = method.training
    method.eval()
    chunk, name = chunk_size(method, data.x[0].numel()), type(method).__name__
    parts = []
    try:
        for part in data.parts(chunk):
            batch = prepared(method, part)
            given = returned(getattr(method, step)(batch, **more), Tensor, f"{name}.{step}")
            parts.append(check_filled(name, given, batch) if step == "reconstruct" else given)
    finally:
        method.train(was_training)
    return torch.cat(parts)
