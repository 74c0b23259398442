"""IP-Net: interpolation-prediction networks (arXiv 1909.07782)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from tsbench.data.series import Series
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
        """Give each sensor without a value in a case its mean of the training part at time 0."""
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

    def together(self, y: Tensor, intensity: Tensor) -> Tensor:
        """Return the sensors (n, r, c) in the light of each other: the mixture of their deviations by intensity."""
        highest = intensity.amax(dim=-1, keepdim=True).clamp(min=torch.finfo(y.dtype).min)
        share = torch.softmax(intensity - highest, dim=-1).nan_to_num(0.0)
        mean = y.mean(dim=1, keepdim=True)
        return (share * (y - mean)) @ self.mixing + mean

    def forward(self, seen: Observations, at: Tensor) -> Tensor:
        """Return (n, r, 3 c) at times (n, r): what `together` gives, intensities, and transients less the first."""
        if self.absent == "start":
            seen = self.with_absent(seen, len(at))
        y, intensity = self.alone(seen, at)
        smooth = self.together(y, intensity)
        transient, _ = self.alone(seen, at, self.sharper)
        return torch.cat([smooth, intensity.exp(), transient - smooth], dim=-1)

    def predict(self, seen: Observations, at: Tensor) -> Tensor:
        """Return what `together` gives at times (n, r), (n, r, c)."""
        if self.absent == "start":
            seen = self.with_absent(seen, len(at))
        return self.together(*self.alone(seen, at))


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
        predicted = self.interpolate.predict(Observations.of(series, times, series.mask & ~held), times)
        error = (predicted.transpose(1, 2) - series.x).square() * held
        per_series = error.sum(dim=-1) / held.sum(dim=-1).clamp(min=1)
        return (per_series / self.variance).mean()
