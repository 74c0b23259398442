"""SeFT: set functions for time series (arXiv 1909.12064)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from tsbench.data.series import Series
from tsbench.nn import Dropout
from tsbench_irregular.observations import Observations, segment_mean, segment_softmax, segment_sum

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


class TimeEncoding(nn.Module):
    """Times (...,) as sines, then cosines, of `size` / 2 time scales from 1 to the largest in equal ratios."""

    scales: Tensor

    def __init__(self, size: int, largest: float) -> None:
        super().__init__()
        self.size = 2 * (size // 2)
        self.register_buffer("scales", largest ** torch.linspace(0, 1, self.size // 2), persistent=False)

    def forward(self, times: Tensor) -> Tensor:
        """Return (..., size)."""
        phase = times[..., None] / self.scales
        return torch.cat([phase.sin(), phase.cos()], dim=-1)


class SetAttention(nn.Module):
    """Weights of the elements of sets: each is compared with a learnt query, beside a summary of its whole set.

    The queries begin at 0, so that all elements of a set count alike.
    """

    def __init__(self, in_dim: int, widths: Sequence[int], heads: int, key_dim: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
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
        self.encode_time = TimeEncoding(time_dims, max_timescale)
        in_dim = self.encode_time.size + 1 + n_channels
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
        elements = torch.cat([self.encode_time(seen.time), seen.value[:, None], sensor], dim=-1)
        case = seen.case
        if self.encode_static is not None and static is not None:
            elements = torch.cat([elements, self.encode_static(static)])
            case = torch.cat([case, torch.arange(n, device=case.device)])
        weights = self.attention(elements, case, n)
        weighted = weights[:, :, None] * self.phi(elements)[:, None, :]
        return segment_sum(weighted.flatten(1), case, n)
