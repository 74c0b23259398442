"""The bidirectional GRU of TNC (Tonekaboni et al., ICLR 2021, arXiv 2106.00750, section 4)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from tsbench import BaseParams, Encoder, PanelShape, param


class BiGRU(Encoder):
    """One bidirectional GRU layer and a linear layer on its output at the last time point. Any length works.

    At the last time point the backward net has read one step only. That is the published code's choice, kept as the
    default; it makes the rest of the backward pass needless. `last = "state"` takes both nets after all steps.
    """

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

    def forward(self, x: Tensor) -> Tensor:
        """Map x (n, n_channels, n_timepoints) to (n, out)."""
        steps = x.permute(2, 0, 1)
        unread = steps[-1:] if self.params.last == "output" else steps.flip(0)
        states = torch.cat([self.past(steps)[1][0], self.future(unread)[1][0]], dim=1)
        features: Tensor = self.linear(states)
        return features

    def forward_sequence(self, x: Tensor) -> Tensor:
        """Map x (n, n_channels, n_timepoints) to (n, n_timepoints, out), both directions at every time point."""
        steps = x.permute(2, 0, 1)
        states = torch.cat([self.past(steps)[0], self.future(steps.flip(0))[0].flip(0)], dim=2)
        sequence: Tensor = self.linear(states).transpose(0, 1)
        return sequence
