"""The generator of SeqImage: stacked GRUs in both directions that fill gaps with what their decayed state predicts."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from tsbench import Series
from tsbench.nn import DecayRNN, Steps, within


class Imputed(NamedTuple):
    """What the generator makes of cases; (n, n_channels, n_timepoints) where it is not said otherwise.

    values : observed ones as they are, the mean of both predictions where one is missing, 0 beyond a case's end.
    forward, backward : what each direction predicts of every value. past, future : (n, hidden), means over a case's
    steps of the top layer's states in each direction. vector : (n, 2 hidden), the sequence's representation.
    """

    values: Tensor
    forward: Tensor
    backward: Tensor
    past: Tensor
    future: Tensor
    vector: Tensor


class Generator(nn.Module):
    """Stacked decaying GRUs of both directions; a missing value is what the decayed state of the top layer predicts.

    regresses : and what a regression on the other sensors at the step predicts, as in BRITS. decaying : how many
    of the lowest layers decay, None for all. pooling : the last states of both directions, or their means.
    """

    def __init__(
        self,
        n_channels: int,
        hidden: int = 128,
        layers: int = 4,
        regresses: bool = False,
        decaying: int | None = None,
        pooling: Literal["last", "mean"] = "last",
    ) -> None:
        super().__init__()
        self.net = DecayRNN(n_channels, hidden, layers=layers, fills=True, regresses=regresses, decaying=decaying)
        self.pooling, self.out_dim = pooling, 2 * hidden

    def forward(self, series: Series, unit: float | Tensor = 1.0) -> Imputed:
        """Impute cases; unit : the length of time that counts as 1."""
        steps = Steps.of(series, 2, unit)
        made = self.net(steps)
        assert made.combined is not None
        ways = pad(steps.forward_in_time(made.combined), (0, steps.width - made.combined.shape[1]))
        past, future = _means(made.states, steps.lengths).unbind()
        vector = torch.cat([past, future], dim=1) if self.pooling == "mean" else steps.last(made.states)
        values = series.filled(ways.mean(dim=0))
        return Imputed(values, ways[0], ways[1], past, future, vector)


def _means(states: Tensor, lengths: Tensor) -> Tensor:
    """Return the means over the first `lengths` (n,) steps of states (k, T, n, hidden), (k, n, hidden)."""
    inside = within(lengths, states.shape[1]).T
    return (states * inside[:, :, None]).sum(dim=1) / lengths[:, None]
