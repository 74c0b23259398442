"""Transformer and Trans-mean, as the baselines of Raindrop (arXiv 2110.05357) have them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from tsbench import Batch, PanelShape, Series, param
from tsbench.errors import UsageError
from tsbench.nn import Dropout, within
from tsbench_irregular.base import IrregularMethod, channel_moments

TIME_SIZE = 16
TINY = 1e-10  # up to which the weights of values and static values are drawn


def time_encoding(times: Tensor, longest: int, size: int = TIME_SIZE) -> Tensor:
    """Return sines, then cosines, of times (...), (..., size): over size / 2 scales, from 1 to the longest's steps."""
    scales = torch.tensor(float(longest), device=times.device) ** torch.linspace(0, 1, size // 2, device=times.device)
    phase = times.unsqueeze(-1) / scales.to(times.dtype)
    return torch.cat([phase.sin(), phase.cos()], dim=-1)


class TransformerNet(nn.Module):
    """An encoder over steps, each of them a time encoding beside a linear map of all channels' values; their mean.

    legacy : the published code takes the last step of each case for padding: it is neither attended to nor in the sum,
    which is divided by the number of steps all the same. Of a case of one step the step counts.
    """

    def __init__(
        self, n_channels: int, longest: int, *, layers: int, heads: int, ffn: int, dropout: float, legacy: bool
    ) -> None:
        super().__init__()
        self.longest, self.legacy = longest, legacy
        self.out_dim = n_channels + TIME_SIZE
        self.values = nn.Linear(n_channels, n_channels)
        nn.init.uniform_(self.values.weight, -TINY, TINY)
        self.dropout = Dropout(dropout)
        layer = nn.TransformerEncoderLayer(self.out_dim, heads, ffn, dropout, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)

    def forward(self, series: Series, times: Tensor) -> Tensor:
        """Return (n, n_channels + 16); times (n, n_timepoints)."""
        steps = self.dropout(
            torch.cat([time_encoding(times, self.longest), self.values(series.x.transpose(1, 2))], dim=-1)
        )
        lengths = (series.lengths - 1).clamp(min=1) if self.legacy else series.lengths
        counts = within(lengths, steps.shape[1])
        found = self.encoder(steps, src_key_padding_mask=~counts)
        total: Tensor = found.masked_fill(~counts.unsqueeze(-1), 0.0).sum(dim=1)
        return total / series.lengths.unsqueeze(1)


class Transformer(IrregularMethod):
    """A Transformer over steps with real times; missing values are 0, their channel's mean.

    Where the published code masks the last step of each case, `legacy` does too. Static values go through a linear map
    to as many numbers as there are channels, and a head of two layers decides.
    """

    class Params(IrregularMethod.Params):
        """The published script for P12 and P19."""

        plateau: int | None = param(1, like="plateau")
        layers: int = param(1, low=1, high=64, tune=True, doc="layers of the encoder")
        heads: int = param(1, low=1, high=64, doc="heads of its attention; they divide the number of channels + 16")
        ffn: int = param(72, low=1, high=65_536, tune=True, doc="hidden units of its feed-forward nets")
        dropout: float = param(0.3, low=0.0, high=0.95, tune=True, stage="training", doc="dropout in inputs and layers")
        legacy: bool = param(False, doc="take the last step of each case for padding, as the published code does")

    span: ClassVar[float] = 48.0

    def make_net(self, shape: PanelShape) -> nn.Module:
        """Return the net; raises UsageError where the heads do not divide its width."""
        p = self.params
        width = shape.n_channels + TIME_SIZE
        if width % p.heads:
            raise UsageError(f"heads = {p.heads} does not divide the {shape.n_channels} channels + {TIME_SIZE}")
        return TransformerNet(
            shape.n_channels,
            shape.n_timepoints,
            layers=p.layers,
            heads=p.heads,
            ffn=p.ffn,
            dropout=p.dropout,
            legacy=p.legacy,
        )

    def make_head(self, in_dim: int, out_dim: int) -> nn.Module:
        """Return the head."""
        return StaticHead(in_dim - self.n_static, self.n_static, self.shape.n_channels, out_dim)


class StaticHead(nn.Module):
    """Two layers on features beside a linear map of the static values, which stand behind the features."""

    def __init__(self, in_dim: int, n_static: int, static_size: int, out_dim: int) -> None:
        super().__init__()
        self.in_dim = in_dim
        self.static = nn.Linear(n_static, static_size) if n_static else None
        if self.static is not None:
            nn.init.uniform_(self.static.weight, -TINY, TINY)
        width = in_dim + (static_size if n_static else 0)
        self.decide = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, out_dim))

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, in_dim + n_static) to scores (n, out_dim)."""
        if self.static is not None:
            x = torch.cat([x[:, : self.in_dim], self.static(x[:, self.in_dim :])], dim=1)
        scores: Tensor = self.decide(x)
        return scores


class TransMean(Transformer):
    """Transformer on values whose gaps are filled with the training mean before they are standardised.

    A gap is 0 then, as it is for Transformer; but mean and deviation are those of the filled steps, so that what was
    observed is larger by about the square root of one over the share of it.
    """

    mean: Tensor
    std: Tensor

    def build(self, shapes: Sequence[PanelShape]) -> None:
        """Make room for the statistics of the filled training cases."""
        super().build(shapes)
        self.register_buffer("mean", torch.zeros(self.shape.n_channels))
        self.register_buffer("std", torch.ones(self.shape.n_channels))

    def on_fit_start(self, data: Sequence[Batch]) -> None:
        """Take mean and deviation of each channel as they are when its gaps are filled."""
        super().on_fit_start(data)
        mean, variance, count = channel_moments(data)
        steps = sum(int(source.lengths.sum()) for source in data)
        std = (variance * count / steps).sqrt()
        self.mean.copy_(mean)
        self.std.copy_(torch.where(std > 0, std, torch.ones_like(std)))

    def represent(self, batch: Batch) -> Tensor:
        """Return the features of the filled and standardised cases."""
        centred = (batch.x - self.mean[:, None]) / self.std[:, None]
        return super().represent(batch.with_values(centred * batch.mask))
