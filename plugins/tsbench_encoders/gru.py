"""The bidirectional GRU of TNC (Tonekaboni et al., ICLR 2021, arXiv 2106.00750, section 4)."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from tsbench import BaseParams, Encoder, PanelShape, Series, param
from tsbench.nn import flip_steps, last_step, only


class BiGRU(Encoder):
    """One bidirectional GRU layer and a linear layer on its output at the last time point. Any length works.

    At the last time point the backward net has read one step only. That is the published code's choice, kept as the
    default; it makes the rest of the backward pass needless. `last = "state"` takes both nets after all steps.
    A padded case ends, and is read backward from, its own last point.
    """

    takes: ClassVar[Literal["series"]] = "series"

    class Params(BaseParams):
        """Sizes: the published code has 100 hidden units throughout and 10 outputs for simulated data and HAR."""

        hidden: int = param(100, low=1, high=8192, doc="hidden units of each direction")
        out: int = param(320, low=1, high=8192, doc="size of the representation; 10 in the published code")
        last: Literal["output", "state"] = param(
            "output", doc="output: of the last time point; state: of both nets after all steps"
        )

    def __init__(self, shape: PanelShape, params: Params) -> None:
        super().__init__(shape, params)
        self.past = nn.GRU(shape.n_channels, params.hidden)
        self.future = nn.GRU(shape.n_channels, params.hidden)
        self.linear = nn.Linear(2 * params.hidden, params.out)
        self.out_dim = params.out

    def forward(self, series: Series) -> Tensor:
        """Map (n, n_channels, n_timepoints) to (n, out)."""
        if series.padded:
            x, lengths = series.x.transpose(1, 2), series.lengths
            past = last_step(_outputs(self.past, x), lengths)
            if self.params.last == "output":
                future = _outputs(self.future, last_step(x, lengths)[:, None])[:, 0]
            else:
                future = last_step(_outputs(self.future, flip_steps(x, lengths)), lengths)
        else:
            steps = series.x.permute(2, 0, 1)
            unread = steps[-1:] if self.params.last == "output" else steps.flip(0)
            past, future = self.past(steps)[1][0], self.future(unread)[1][0]
        features: Tensor = self.linear(torch.cat([past, future], dim=1))
        return features

    def forward_sequence(self, series: Series) -> Tensor:
        """Map (n, n_channels, n_timepoints) to (n, n_timepoints, out), both directions at every time point."""
        if series.padded:
            x, lengths = series.x.transpose(1, 2), series.lengths
            future = flip_steps(_outputs(self.future, flip_steps(x, lengths)), lengths)
            states = torch.cat([_outputs(self.past, x), future], dim=2)
            return only(self.linear(states), series.inside)
        steps = series.x.permute(2, 0, 1)
        states = torch.cat([self.past(steps)[0], self.future(steps.flip(0))[0].flip(0)], dim=2)
        sequence: Tensor = self.linear(states).transpose(0, 1)
        return sequence


def _outputs(net: nn.GRU, x: Tensor) -> Tensor:
    """Return the hidden states after each step of x (n, n_timepoints, n_channels), (n, n_timepoints, hidden)."""
    states: Tensor = net(x.transpose(0, 1))[0].transpose(0, 1)
    return states
