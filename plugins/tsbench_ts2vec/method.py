"""TS2Vec: Towards Universal Representation of Time Series (Yue et al., AAAI 2022, arXiv 2106.10466)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from tsbench import Batch, Diagnosis, PanelShape, SSLMethod, Step, param
from tsbench.errors import MethodError
from tsbench.nn import hierarchical_loss, masked_max

Mask = Literal["binomial", "continuous", "all_true", "all_false", "mask_last"]
SMALL_SET = 100_000
MOST_MISSING = 0.5  # of the time points, beyond which a warning is shown


class TS2Vec(SSLMethod):
    """Contrast two masked crops of each case where they overlap, over time and over cases, at every scale.

    A time point is missing when any of its channels is, or all are (`missing`); its projection is 0. The weights that
    encode are the equal average of the initial ones and those after each step. Any encoder with one vector per time
    point will do.
    """

    class Params(SSLMethod.Params):
        """Section 4.1 and appendix B where the paper says, else the authors' code."""

        encoder: str = param("dilated-cnn", like="encoder", doc="encoder with one vector per time point")
        iterations: int | None = param(
            None,
            low=0,
            high=10_000_000,
            stage="training",
            doc="training steps; none: 200 up to 100,000 training values, 600 above",
        )
        epochs: int = param(0, like="epochs", doc="train at least this many passes, whatever the iterations")
        batch_size: int = param(8, like="batch_size")
        lr: float = param(1e-3, like="lr", doc="learning rate of AdamW")
        weight_decay: float = param(0.01, like="weight_decay", doc="decoupled weight decay; not specified in the paper")
        alpha: float = param(
            0.5,
            low=0.0,
            high=1.0,
            stage="training",
            doc="weight of the instance loss, the rest is temporal; the paper's sum halved",
        )
        temporal_unit: int = param(
            0,
            low=0,
            high=20,
            doc="first scale with a temporal loss; overlaps have at least 2^(temporal_unit + 1) points",
        )
        mask: Mask = param(
            "binomial",
            stage="training",
            doc="time points kept in a view: each with probability 1/2; all but five stretches of a tenth; all; none; "
            "all but the last",
        )
        max_train_length: int = param(
            3000, low=2, high=10_000_000, doc="time points seen in a step; longer series are cut into sections, windows"
        )
        masked_max: bool = param(
            False, doc="take the largest value over observed time points, not over padding too; not in the paper"
        )

        missing: Literal["any", "all"] = param(
            "any",
            neutral="any",
            doc="a time point is missing where any of its channels is, as in the authors' code, or where all are; then "
            "missing channels of the others are 0, which is not in the paper",
        )

    version: ClassVar[int] = 1
    needs: ClassVar[tuple[str, ...]] = ("forward_sequence",)
    encode_elements: ClassVar[int] = 8192

    def build(self, shapes: Sequence[PanelShape]) -> None:
        """Make the encoder; raises MethodError for series too short to crop."""
        self.shortest_crop = 2 ** (self.params.temporal_unit + 1)
        shortest = min(self.params.max_train_length, *(shape.n_timepoints for shape in shapes))
        if shortest < self.shortest_crop:
            raise MethodError(
                f"TS2Vec needs {self.shortest_crop} time points or more (2 ** (temporal_unit + 1)), got {shortest}"
            )
        self.encoder = self.make_encoder(shapes)
        self._average: list[Tensor] = []

    def total_steps(self, data: Sequence[Batch], steps_per_epoch: int) -> int:
        """Return `iterations` or the rule for its default; epochs and min_steps are floors, max_steps a ceiling."""
        p, iterations = self.params, self.params.iterations
        if iterations is None:
            iterations = 200 if sum(source.x.numel() for source in data) <= SMALL_SET else 600
        total = max(iterations, super().total_steps(data, steps_per_epoch))
        return int(total if p.max_steps is None else min(total, p.max_steps))

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Return AdamW over the encoder."""
        p = self.params
        return {"main": torch.optim.AdamW(self.encoder.parameters(), lr=p.lr, weight_decay=p.weight_decay, fused=True)}

    def prepare(self, batch: Batch) -> Batch:
        """Add `extra["present"]`, bool (n, n_timepoints), where values are missing; in training cut and centre first.

        Raises MethodError when no training case has an observed value.
        """
        if self.training:
            sections = batch.x.shape[2] // self.params.max_train_length
            if sections >= 2:
                batch = _cut(batch, sections)
            if batch.observed is not None:
                batch = _centre(_drop_empty(batch))
        if batch.observed is None:
            return batch
        seen = batch.observed
        return batch.with_extra(present=seen.all(dim=1) if self.params.missing == "any" else seen.any(dim=1))

    def training_step(self, step: Step) -> Tensor:
        """Return the hierarchical loss of two crops of each case where they overlap (section 3.2)."""
        if step.index == 0:
            self._average = [weight.detach().clone() for weight in self.encoder.parameters()]
            self._n_averaged = 1
        x, present = step.batch.x, step.batch.extra.get("present")
        # Sizes are drawn on the host, so that no step waits for the device
        host = np.random.default_rng((step.rng.initial_seed(), step.index))
        length = min(x.shape[2], self.params.max_train_length)
        window = int(host.integers(x.shape[2] - length + 1))
        crop = _draw_crop(host, length, self.shortest_crop)
        low, high = window - crop.outer_start, window + length - crop.outer_end + 1
        shift = torch.randint(low, high, (len(x), 1), generator=step.rng, device=x.device)
        views = []
        for start, end in ((crop.outer_start, crop.end), (crop.start, crop.outer_end)):
            index = shift + torch.arange(start, end, device=x.device)
            view = x.gather(2, index[:, None, :].expand(-1, x.shape[1], -1))
            keep = self._keep(len(x), end - start, step.rng)
            if present is not None:
                keep = present.gather(1, index) if keep is None else keep & present.gather(1, index)
            views.append(self.encoder.masked_sequence(view, keep, slice(crop.start - start, crop.end - start)))
        with torch.autocast(x.device.type, enabled=False):
            return hierarchical_loss(views[0].float(), views[1].float(), self.params.alpha, self.params.temporal_unit)

    @torch.no_grad()
    def on_step_end(self) -> None:
        """Take the new weights into the average."""
        self._n_averaged += 1
        torch._foreach_lerp_(self._average, list(self.encoder.parameters()), 1 / self._n_averaged)

    @torch.no_grad()
    def on_fit_end(self) -> None:
        """Make the average the weights of the encoder; without a step they stay the initial ones."""
        if self._average:
            torch._foreach_copy_(list(self.encoder.parameters()), self._average)
        self._average = []

    def diagnose(self, data: Sequence[Batch]) -> Diagnosis:
        """Report the share of the time points of 256 training cases that count as missing; warn of more than half."""
        some = [batch.select(slice(None, None, max(1, len(batch) // 256))) for batch in data]
        present = [batch.extra["present"] for batch in some if "present" in batch.extra]
        if not present:
            return Diagnosis()
        points = sum(int(batch.lengths.sum()) for batch in some if "present" in batch.extra)
        share = 1 - sum(int(kept.sum()) for kept in present) / points
        several = self.params.missing == "any" and data[0].x.shape[1] > 1
        way = "Set missing=all, choose fewer channels or take another method" if several else "Take another method"
        warning = (
            f"{share:.1%} of the time points count as missing, {self.params.missing} of their channels being so: TS2Vec"
            f" sees nothing of them. {way}"
        )
        return Diagnosis({"missing_points": share}, (warning,) if share > MOST_MISSING else ())

    def represent(self, batch: Batch) -> Tensor:
        """Return the largest value over time of each feature, (n, out_dim), of a prepared batch."""
        present = batch.extra.get("present")
        if self.encoder.can("masked_maximum") and not (self.params.masked_max and present is not None):
            return self.encoder.masked_maximum(batch, present)
        sequence = self.encoder.masked_sequence(batch, present)
        counts = self.encoder.own_steps(batch, sequence.shape[1])
        if self.params.masked_max and present is not None:
            every = torch.ones_like(present) if counts is None else counts
            counts = torch.where(present.any(dim=1, keepdim=True), present, every)  # a case without any value has all
        return masked_max(sequence, counts)

    def _keep(self, n: int, length: int, rng: torch.Generator) -> Tensor | None:
        """Return a random mask of time points, bool (n, length), or None to keep all."""
        mode, device = self.params.mask, rng.device
        if mode == "binomial":
            return torch.rand((n, length), generator=rng, device=device) < 0.5
        if mode == "continuous":
            stretches, size = max(1, min(5, length // 2)), max(1, length // 10)
            start = torch.randint(0, length - size + 1, (n, stretches, 1), generator=rng, device=device)
            position = torch.arange(length, device=device) - start
            return ((position < 0) | (position >= size)).all(dim=1)
        if mode == "all_true":
            return None
        keep = torch.full((n, length), mode == "mask_last", device=device)
        keep[:, -1] = False
        return keep


@dataclass(frozen=True)
class Crop:
    """Two overlapping crops: [outer_start, end) and [start, outer_end); they share [start, end)."""

    outer_start: int
    start: int
    end: int
    outer_end: int


def _draw_crop(rng: np.random.Generator, length: int, shortest: int) -> Crop:
    """Draw the overlap's length from `shortest` to `length`, its place, then the outer ends; all uniform."""
    size = int(rng.integers(shortest, length + 1))
    start = int(rng.integers(length - size + 1))
    end = start + size
    return Crop(int(rng.integers(start + 1)), start, end, int(rng.integers(end, length + 1)))


def _cut(batch: Batch, sections: int) -> Batch:
    """Cut each case into sections of nearly equal length, which become cases; the shorter end with a missing point."""
    observed = torch.tensor_split(batch.mask, sections, dim=2)
    longest = observed[0].shape[2]
    pad = [(0, longest - part.shape[2]) for part in observed]
    x = torch.cat(
        [functional.pad(part, p) for part, p in zip(torch.tensor_split(batch.x, sections, dim=2), pad, strict=True)]
    )
    mask = torch.cat([functional.pad(part, p) for part, p in zip(observed, pad, strict=True)])
    lengths = torch.full((len(x),), longest, dtype=batch.lengths.dtype, device=x.device)
    return Batch(x, lengths, None if bool(mask.all()) else mask)


def _drop_empty(batch: Batch) -> Batch:
    """Drop the cases that have no observed value."""
    seen = batch.mask.any(dim=2).any(dim=1)
    if not bool(seen.any()):
        raise MethodError("TS2Vec has no training case with an observed value")
    return batch.select(seen)


def _centre(batch: Batch) -> Batch:
    """Roll each case so that what is missing at its ends is split evenly, if any case begins or ends with nothing."""
    assert batch.observed is not None
    seen = batch.observed.any(dim=1)
    if bool(seen[:, [0, -1]].all()):
        return batch
    before, after = seen.int().argmax(dim=1), seen.flip(1).int().argmax(dim=1)
    length = seen.shape[1]
    source = torch.arange(length, device=seen.device) - ((before + after) // 2 - before)[:, None]
    index = (source % length)[:, None, :].expand_as(batch.x)
    return replace(batch, x=batch.x.gather(2, index), observed=batch.observed.gather(2, index))
