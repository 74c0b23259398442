"""SeFT: set functions for time series (arXiv 1909.12064)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from tsbench import Batch, PanelShape, Series, param
from tsbench.nn import Dropout
from tsbench_irregular.base import IrregularMethod
from tsbench_irregular.observations import Observations, segment_mean, segment_softmax, segment_sum
from tsbench_irregular.transformer import time_encoding

DROPPED = -1e9


def layers(in_dim: int, widths: Sequence[int], dropout: float = 0.0) -> nn.Sequential:
    """Return linear layers of these widths, each with a ReLU, all but the last with a dropout, as the published code.

    Weights are He's uniform ones, biases 0.
    """
    parts: list[nn.Module] = []
    for i, width in enumerate(widths):
        linear = nn.Linear(in_dim, width)
        nn.init.kaiming_uniform_(linear.weight, nonlinearity="relu")
        nn.init.zeros_(linear.bias)
        parts += [linear, nn.ReLU()]
        if dropout and i < len(widths) - 1:
            parts.append(Dropout(dropout))
        in_dim = width
    return nn.Sequential(*parts)


class SetAttention(nn.Module):
    """Weights of the elements of sets: each is compared with a learnt query, beside a summary of its whole set.

    The queries begin at 0, so that all elements of a set count alike.
    """

    def __init__(self, in_dim: int, widths: Sequence[int], heads: int, key_dim: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.psi = layers(in_dim, widths)
        self.rho = layers(widths[-1], widths[-1:])
        self.key = nn.Parameter(torch.empty(widths[-1] + in_dim, heads * key_dim))
        nn.init.kaiming_uniform_(self.key, mode="fan_out", nonlinearity="relu")  # its rows are the inputs
        self.query = nn.Parameter(torch.zeros(heads, key_dim))

    def forward(self, elements: Tensor, case: Tensor, n_cases: int) -> Tensor:
        """Return weights (k, heads) that sum to 1 over the elements (k, d) of each case (k,)."""
        summary = self.rho(segment_mean(self.psi(elements), case, n_cases))
        keys = (torch.cat([elements, summary[case]], dim=-1) @ self.key).view(-1, *self.query.shape)
        scores = (keys * self.query).sum(-1) / math.sqrt(self.query.shape[1])
        if self.training and self.dropout:
            scores = scores + DROPPED * (torch.rand_like(scores) < self.dropout)
        return segment_softmax(scores, case, n_cases)


class SeFTEncoder(nn.Module):
    """The observations of a case, and its static values as one more, as a set; weighted sums of them by `heads` heads.

    An observation is its encoded time, its value and its sensor (one hot).
    """

    def __init__(
        self,
        n_channels: int,
        n_static: int,
        *,
        time_dims: int,
        max_timescale: float,
        phi: Sequence[int],
        phi_dropout: float,
        psi: Sequence[int],
        heads: int,
        key_dim: int,
        attention_dropout: float,
    ) -> None:
        super().__init__()
        self.n_channels = n_channels
        self.time_dims, self.max_timescale = 2 * (time_dims // 2), max_timescale
        in_dim = self.time_dims + 1 + n_channels
        self.encode_static = (
            nn.Sequential(nn.Linear(n_static, phi[0]), nn.ReLU(), nn.Linear(phi[0], in_dim)) if n_static else None
        )
        self.phi = layers(in_dim, phi, phi_dropout)
        self.attention = SetAttention(in_dim, psi, heads, key_dim, attention_dropout)
        self.out_dim = heads * phi[-1]

    def forward(self, series: Series, times: Tensor, static: Tensor | None) -> Tensor:
        """Return (n, heads * width); 0 for a case without observation and static values."""
        seen, n = Observations.of(series, times), len(series)
        sensor = one_hot(seen.channel, self.n_channels).to(series.x.dtype)
        time = time_encoding(seen.time, self.max_timescale, self.time_dims)
        elements = torch.cat([time, seen.value[:, None], sensor], dim=-1)
        case = seen.case
        if self.encode_static is not None and static is not None:
            elements = torch.cat([elements, self.encode_static(static)])
            case = torch.cat([case, torch.arange(n, device=case.device)])
        weights = self.attention(elements, case, n)
        weighted = weights[:, :, None] * self.phi(elements)[:, None, :]
        return segment_sum(weighted.flatten(1), case, n)


class SeFT(IrregularMethod):
    """Attention over the set of a case's observed values (arXiv 1909.12064); static values are one element more."""

    class Params(IrregularMethod.Params):
        """Defaults where the published code has one; the paper searches most of them."""

        epochs: int = param(300, like="epochs")
        batch_size: int = param(
            128, like="batch_size", doc="cases per step; not specified in the paper, it is searched"
        )
        phi_layers: int = param(2, low=0, high=10, tune=True, doc="layers of the net of elements before its last")
        phi_width: int = param(128, low=1, high=2048, tune=True, doc="their size")
        phi_dropout: float = param(0.0, low=0.0, high=0.9, tune=True, doc="their dropout")
        latent: int = param(128, low=1, high=4096, tune=True, doc="size of an element after its net")
        psi_layers: int = param(2, low=0, high=10, doc="layers of the net that sums up a set for the attention")
        psi_width: int = param(64, low=1, high=2048, doc="their size")
        psi_latent: int = param(128, low=1, high=2048, doc="size of the sum of a set")
        heads: int = param(4, low=1, high=64, doc="heads of the attention")
        key_dim: int = param(64, low=1, high=2048, doc="size of a key")
        attention_dropout: float = param(0.3, low=0.0, high=0.9, tune=True, doc="elements that a head leaves out")
        rho_layers: int = param(2, low=0, high=10, tune=True, doc="hidden layers of the classifier")
        rho_width: int = param(128, low=1, high=2048, tune=True, doc="their size")
        rho_dropout: float = param(0.0, low=0.0, high=0.9, tune=True, doc="their dropout")
        time_dims: int = param(16, low=2, high=256, tune=True, doc="numbers that encode a time")
        max_timescale: float = param(100.0, low=1.0, high=1e6, log=True, tune=True, doc="largest time scale")

    span: ClassVar[float] = 48.0

    def make_net(self, shape: PanelShape) -> nn.Module:
        """Return the net from series to features."""
        p = self.params
        return SeFTEncoder(
            shape.n_channels,
            shape.n_static,
            time_dims=p.time_dims,
            max_timescale=p.max_timescale,
            phi=(*[p.phi_width] * p.phi_layers, p.latent),
            phi_dropout=p.phi_dropout,
            psi=(*[p.psi_width] * p.psi_layers, p.psi_latent),
            heads=p.heads,
            key_dim=p.key_dim,
            attention_dropout=p.attention_dropout,
        )

    @property
    def n_static(self) -> int:
        """The head reads none: they are in the set."""
        return 0

    def make_head(self, in_dim: int, out_dim: int) -> nn.Module:
        """Return the classifier."""
        p = self.params
        body = layers(in_dim, [p.rho_width] * p.rho_layers, p.rho_dropout)
        return nn.Sequential(body, nn.Linear(p.rho_width if p.rho_layers else in_dim, out_dim))

    def represent(self, batch: Batch) -> Tensor:
        """Return (n, heads * latent)."""
        features: Tensor = self.net(batch, self.times(batch), self.static(batch))
        return features
