"""GRU-D (Che et al. 2018, arXiv 1606.01865)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from tsbench import Batch, PanelShape, Series, param
from tsbench.nn import DecayRNN, Dropout, Steps, carried
from tsbench_irregular.base import IrregularMethod, channel_moments


class GRUDNet(nn.Module):
    """A GRU whose state decays between steps, and whose missing inputs decay from the last value to the mean."""

    mean: Tensor

    def __init__(self, n_channels: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.out_dim = hidden
        self.rnn = DecayRNN(n_channels, hidden, directions=1)
        bound = 1 / math.sqrt(n_channels)
        self.gap_weight = nn.Parameter(torch.empty(n_channels).uniform_(-bound, bound))
        self.gap_bias = nn.Parameter(torch.empty(n_channels).uniform_(-bound, bound))
        self.dropout = Dropout(dropout)
        self.register_buffer("mean", torch.zeros(n_channels))

    def forward(self, series: Series, unit: Tensor | float = 1.0) -> Tensor:
        """Return the state after the last step of each case, (n, hidden); unit : in which gaps are counted."""
        steps = Steps.of(series, directions=1, unit=unit)
        last = carried(series.x, series.mask, self.mean)[..., : steps.x.shape[1]].permute(2, 0, 1)
        decay = torch.exp(-torch.relu(steps.gaps * self.gap_weight + self.gap_bias))
        filled = torch.where(steps.mask > 0, steps.x, torch.lerp(self.mean.to(last.dtype), last, decay))
        state: Tensor = self.dropout(steps.last(self.rnn(replace(steps, x=filled)).states))
        return state


class GRUD(IrregularMethod):
    """GRU-D with the paper's equations: full matrices, a decay for each hidden unit and each channel.

    x' = m x + (1 - m) (gamma_x x_last + (1 - gamma_x) mean), h' = gamma_h h, and a GRU reads [x'; m]; the last state
    decides. Gaps are counted in the longest time of the training cases. Of a channel that has not been observed yet the
    mean is the last value.
    """

    class Params(IrregularMethod.Params):
        """Sizes of the paper's order; rate, dropout and batch are not specified for these data."""

        hidden: int = param(64, low=1, high=8192, tune=True, doc="hidden units")
        dropout: float = param(0.2, low=0.0, high=0.95, tune=True, stage="training", doc="dropout of the last state")

    def make_net(self, shape: PanelShape) -> nn.Module:
        """Return the net."""
        return GRUDNet(shape.n_channels, self.params.hidden, self.params.dropout)

    def on_fit_start(self, data: Sequence[Batch]) -> None:
        """Take each channel's mean, of the training cases alone."""
        super().on_fit_start(data)
        self.net.mean.copy_(channel_moments(data)[0])

    def represent(self, batch: Batch) -> Tensor:
        """Return the last states (n, hidden)."""
        features: Tensor = self.net(batch, self.last_time)
        return features
