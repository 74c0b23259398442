"""DGM2-O: latent states between observations by an ODE (arXiv 2103.02164), as a classifier."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from tsbench import PanelShape, Series, param
from tsbench.nn import only, to_width
from tsbench_irregular.base import IrregularMethod

BEFORE = 0.01  # time before the first step, as in the published code


class DGM2Encoder(nn.Module):
    """The inference network of DGM2-O: a state that drifts from step to step by an ODE and is updated by each.

    y + f(y) dt, one step of Euler; then a GRU's update whose new state has no tanh. Values and masks are read. The
    states are those of clusters: softmax(L [probabilities before, state]) is what the paper's generative part begins
    with, and no classifier of it has read; `reads` says which becomes the features, step by step.
    """

    def __init__(self, n_channels: int, n_steps: int, latent: int, clusters: int, reads: str) -> None:
        super().__init__()
        self.latent, self.n_steps, self.reads = latent, n_steps, reads
        self.gates = nn.Linear(latent + 2 * n_channels, 3 * latent)  # update, reset, new state
        first, last = nn.Linear(latent, latent), nn.Linear(latent, latent)
        for layer in (first, last):
            nn.init.normal_(layer.weight, std=0.1)
            nn.init.zeros_(layer.bias)
        self.drift = nn.Sequential(first, nn.Tanh(), last)
        self.clusters = clusters
        if reads != "states":
            self.emit = nn.Linear(clusters + latent, clusters)
        self.out_dim = n_steps * (latent * (reads != "clusters") + clusters * (reads != "states"))

    def states(self, series: Series, times: Tensor) -> Tensor:
        """Return the states (n, t, latent) after each step at times (n, t)."""
        values = torch.cat([series.x, series.mask.to(series.x.dtype)], dim=1).transpose(1, 2)
        of_state, of_input = self.gates.weight[:, : self.latent], self.gates.weight[:, self.latent :]
        inputs = (values @ of_input.T + self.gates.bias).unbind(1)
        gates, new = of_state[: 2 * self.latent].T, of_state[2 * self.latent :].T
        gaps = times.diff(dim=1, prepend=times[:, :1] - BEFORE).clamp(min=0)
        state, states = values.new_zeros(len(values), self.latent), []
        for given, gap in zip(inputs, gaps[:, :, None].unbind(1), strict=True):
            state = state + self.drift(state) * gap
            update, reset = torch.sigmoid(state @ gates + given[:, : 2 * self.latent]).chunk(2, dim=1)
            state = torch.lerp((reset * state) @ new + given[:, 2 * self.latent :], state, update)
            states.append(state)
        return torch.stack(states, dim=1)

    def probabilities(self, states: Tensor) -> Tensor:
        """Return the probabilities of the clusters at each step, (n, t, clusters)."""
        of_before, of_state = self.emit.weight[:, : self.clusters], self.emit.weight[:, self.clusters :]
        now = torch.zeros_like(states[:, 0, :1]).expand(-1, self.clusters)
        emitted = []
        for given in (states @ of_state.T + self.emit.bias).unbind(1):
            now = torch.softmax(now @ of_before.T + given, dim=1)
            emitted.append(now)
        return torch.stack(emitted, dim=1)

    def forward(self, series: Series, times: Tensor) -> Tensor:
        """Return (n, n_steps * d), 0 behind the last step of a case."""
        states = self.states(series, times)
        parts = [] if self.reads == "clusters" else [states]
        if self.reads != "states":
            parts.append(self.probabilities(states))
        steps = only(torch.cat(parts, dim=-1), series.inside)
        return to_width(steps.transpose(1, 2), series.lengths, self.n_steps).transpose(1, 2).flatten(1)


class DGM2O(IrregularMethod):
    """The states of DGM2-O's inference network at all steps, side by side, and a linear map (arXiv 2103.02164)."""

    class Params(IrregularMethod.Params):
        """The published code as Raindrop's table ran it; the paper forecasts and has no classifier."""

        epochs: int = param(20, like="epochs")
        plateau: int | None = param(1, like="plateau")
        latent: int = param(10, low=1, high=1024, tune=True, doc="size of the state")
        clusters: int = param(20, low=2, high=1024, doc="clusters of the mixture")
        reads: Literal["states", "clusters", "both"] = param(
            "states", doc="what the classifier reads of each step; not specified in the paper, states in a later table"
        )

    span: ClassVar[float] = 48.0

    def make_net(self, shape: PanelShape) -> nn.Module:
        """Return the net from series to features."""
        p, self.most_steps = self.params, shape.n_timepoints
        return DGM2Encoder(shape.n_channels, shape.n_timepoints, p.latent, p.clusters, p.reads)
