"""IP-Net: interpolation-prediction networks (arXiv 1909.07782)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from tsbench import Batch, PanelShape, Series, Step, param
from tsbench.nn import masked_mean
from tsbench_irregular.base import IrregularMethod, channel_moments
from tsbench_irregular.observations import Observations, segment_exp, segment_sum


class Interpolation(nn.Module):
    """Sparse series at any times: each sensor by a kernel of its own, then all sensors together.

    A kernel is exp(-a (r - t)^2) with a = softplus(k) of the sensor; the transient one is `sharper` times as narrow.
    Only observed values are computed with, not the grid of all steps.
    """

    mean: Tensor

    def __init__(self, n_channels: int, sharper: float, absent: str) -> None:
        super().__init__()
        self.sharper, self.absent = sharper, absent
        self.kernel = nn.Parameter(torch.zeros(n_channels))
        self.mixing = nn.Parameter(torch.eye(n_channels))
        self.register_buffer("mean", torch.zeros(n_channels))

    def with_absent(self, seen: Observations, n: int) -> Observations:
        """Give each sensor that a case lacks its mean of the training part at time 0, where `absent` says so."""
        if self.absent != "start":
            return seen
        n_channels = len(self.mean)
        empty = torch.bincount(seen.case * n_channels + seen.channel, minlength=n * n_channels) == 0
        case, channel = empty.view(n, n_channels).nonzero(as_tuple=True)
        zero = torch.zeros_like(self.mean)[channel]
        added = Observations(case, channel, torch.zeros_like(case), self.mean[channel], zero)
        return Observations(*(torch.cat([getattr(o, name) for o in (seen, added)]) for name in vars(seen)))

    def alone(self, seen: Observations, at: Tensor, sharper: float = 1.0) -> tuple[Tensor, Tensor]:
        """Return each sensor at times (n, r) and the logarithm of its kernels' sum, both (n, r, c).

        Where a sensor has no value: its mean, and -inf.
        """
        n, n_channels = len(at), len(self.mean)
        rate = sharper * softplus(self.kernel)[seen.channel]
        scores = -rate[:, None] * (seen.time[:, None] - at[seen.case]).square()
        segment = seen.case * n_channels + seen.channel
        weight, total, highest = segment_exp(scores, segment, n * n_channels)
        sums = segment_sum(weight * seen.value[:, None], segment, n * n_channels)
        known = total > 0
        y = torch.where(known, sums / total.masked_fill(~known, 1.0), self.mean.repeat(n)[:, None])
        intensity = torch.where(known, total.masked_fill(~known, 1.0).log() + highest, highest)
        return (y.view(n, n_channels, -1).transpose(1, 2), intensity.view(n, n_channels, -1).transpose(1, 2))

    def together(self, y: Tensor, intensity: Tensor, counted: Tensor | None = None) -> Tensor:
        """Return the sensors (n, r, c) in the light of each other: the mixture of their deviations by intensity.

        counted : bool (n, r), the times over which the mean is taken that they deviate from; None for all.
        """
        highest = intensity.amax(dim=-1, keepdim=True).clamp(min=torch.finfo(y.dtype).min)
        share = torch.softmax(intensity - highest, dim=-1).nan_to_num(0.0)
        mean = masked_mean(y, counted)[:, None]
        return (share * (y - mean)) @ self.mixing + mean

    def forward(self, seen: Observations, at: Tensor) -> Tensor:
        """Return (n, r, 3 c) at times (n, r): what `together` gives, intensities, and transients less the first."""
        seen = self.with_absent(seen, len(at))
        y, intensity = self.alone(seen, at)
        smooth = self.together(y, intensity)
        transient, _ = self.alone(seen, at, self.sharper)
        return torch.cat([smooth, intensity.exp(), transient - smooth], dim=-1)

    def predict(self, seen: Observations, at: Tensor, counted: Tensor | None) -> Tensor:
        """Return what `together` gives at times (n, r), (n, r, c)."""
        return self.together(*self.alone(self.with_absent(seen, len(at)), at), counted)


def hold_out(mask: Tensor, share: float, rng: torch.Generator) -> Tensor:
    """Return bool, shape of mask (n, c, t): a share of the observed values of each series, rounded down, by chance."""
    drawn = torch.rand(mask.shape, generator=rng, device=mask.device).masked_fill(~mask, math.inf)
    rank = drawn.argsort(dim=-1).argsort(dim=-1)
    return rank < (share * mask.sum(dim=-1, keepdim=True)).floor()


class IPNetEncoder(nn.Module):
    """The interpolated series at reference times, read by a GRU; its last state is the feature."""

    references: Tensor
    variance: Tensor

    def __init__(self, n_channels: int, hidden: int, references: int, span: float, sharper: float, absent: str) -> None:
        super().__init__()
        self.out_dim = hidden
        self.interpolate = Interpolation(n_channels, sharper, absent)
        self.gru = nn.GRU(3 * n_channels, hidden, batch_first=True)
        self.register_buffer("references", torch.linspace(0, span, references), persistent=False)
        self.register_buffer("variance", torch.ones(n_channels))

    def forward(self, series: Series, times: Tensor) -> Tensor:
        """Return (n, hidden); times (n, t) from 0 to the span of the reference times."""
        seen = Observations.of(series, times)
        _, state = self.gru(self.interpolate(seen, self.references.expand(len(series), -1)))
        last: Tensor = state[0]
        return last

    def reconstruction_loss(self, series: Series, times: Tensor, share: float, rng: torch.Generator) -> Tensor:
        """Return the squared error of held-out values over their sensor's variance: mean per series, then of all."""
        held = hold_out(series.mask, share, rng)
        kept = Observations.of(series, times, series.mask & ~held)
        predicted = self.interpolate.predict(kept, times, series.inside)
        error = (predicted.transpose(1, 2) - series.x).square() * held
        per_series = error.sum(dim=-1) / held.sum(dim=-1).clamp(min=1)
        return (per_series / self.variance).mean()


class IPNet(IrregularMethod):
    """Kernels interpolate each sensor and all together, a GRU reads the result (arXiv 1909.07782)."""

    class Params(IrregularMethod.Params):
        """The published code as Raindrop's table ran it; it agrees with the paper where that speaks."""

        epochs: int = param(20, like="epochs")
        batch_size: int = param(256, like="batch_size")
        plateau: int | None = param(1, like="plateau")
        hidden: int = param(100, low=1, high=4096, tune=True, doc="size of the GRU")
        references: int = param(192, low=1, high=4096, tune=True, doc="reference times")
        sharper: float = param(10.0, low=1.0, high=1000.0, doc="how many times as narrow transients' kernels are")
        reconstruction: float = param(
            0.001, low=0.0, high=1e3, stage="training", doc="weight of the squared error of held-out values"
        )
        held_out: float = param(0.2, low=0.01, high=0.9, stage="training", doc="share of values that are held out")
        absent: Literal["start", "no weight"] = param(
            "start", doc="a sensor a case lacks: its mean at time 0, as in the paper, or that mean without weight"
        )

    span: ClassVar[float] = 48.0

    def make_net(self, shape: PanelShape) -> nn.Module:
        """Return the net from series to features."""
        p = self.params
        return IPNetEncoder(shape.n_channels, p.hidden, p.references, self.span, p.sharper, p.absent)

    def on_fit_start(self, data: Sequence[Batch]) -> None:
        """Take mean and variance of each sensor's observed values."""
        super().on_fit_start(data)
        mean, variance, _ = channel_moments(data)
        self.net.interpolate.mean.copy_(mean)
        self.net.variance.copy_(torch.where(variance > 0, variance, torch.ones_like(variance)))

    def training_step(self, step: Step) -> Tensor | Mapping[str, Tensor]:
        """Return the loss of the decision, and that of held-out values with its weight."""
        decision, weight = self.decision_loss(self.represent(step.batch), step.batch), self.params.reconstruction
        if weight == 0:
            return decision
        loss = self.net.reconstruction_loss(step.batch, self.times(step.batch), self.params.held_out, step.rng)
        return {"decision": decision, "reconstruction": weight * loss}

    def reconstruct(self, batch: Batch) -> Tensor:
        """Return prepared series (n, n_channels, n_timepoints) with gaps interpolated, 0 beyond the end of a case."""
        times = self.times(batch)
        values: Tensor = self.net.interpolate.predict(Observations.of(batch, times), times, batch.inside)
        return batch.filled(values.transpose(1, 2))
