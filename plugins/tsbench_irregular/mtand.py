"""mTAND: multi-time attention networks (arXiv 2101.10318)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from tsbench.data.series import Series

FLOOR = -60.0  # logits below the highest one by more count as if by this much: exp stays above 0 in float32


class TimeEmbedding(nn.Module):
    """Times (...,) in [0, 1] as vectors (..., size): learnt, [w t + b, sin(W t + B)], or fixed sines and cosines."""

    def __init__(self, size: int, learnt: bool, span: float = 48.0, frequency: float = 10.0) -> None:
        super().__init__()
        self.size, self.learnt, self.span, self.frequency = size, learnt, span, frequency
        if learnt:
            self.periodic, self.linear = nn.Linear(1, size - 1), nn.Linear(1, 1)

    def forward(self, times: Tensor) -> Tensor:
        """Return the embedding of each time."""
        t = times[..., None]
        if self.learnt:
            return torch.cat([self.linear(t), torch.sin(self.periodic(t))], dim=-1)
        rate = torch.exp(torch.arange(0, self.size, 2, device=t.device) * (-math.log(self.frequency) / self.size))
        phase = self.span * t * rate
        return torch.stack([phase.sin(), phase.cos()], dim=-1).flatten(-2)


class MultiTimeAttention(nn.Module):
    """Values of many channels at query times, each channel by a softmax over the times at which it was observed.

    With E = exp(scores), the softmax over a channel's own times is (E @ (mask * values)) / (E @ mask): two matrix
    products, and no score is repeated for each channel.
    """

    def __init__(self, embedding: int, heads: int, in_dim: int, out_dim: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key = nn.Linear(embedding, embedding), nn.Linear(embedding, embedding)
        self.out = nn.Linear(in_dim * heads, out_dim)

    def attend(self, query: Tensor, key: Tensor, values: Tensor, mask: Tensor) -> Tensor:
        """Return values at the queries, (n, heads, n_queries, c); 0 where a channel has none.

        query (n or 1, n_queries, e), key (n or 1, n_keys, e), values and mask (n, n_keys, c): 1 where to look.
        """
        q, k = (
            layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer, x in ((self.query, query), (self.key, key))
        )
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
        scores = scores.masked_fill(~(mask > 0).any(dim=-1)[:, None, None], -torch.inf)
        highest = scores.amax(dim=-1, keepdim=True).clamp(min=torch.finfo(scores.dtype).min)
        weight = (scores - highest.detach()).clamp(min=FLOOR).exp()
        mask = mask.to(values.dtype)[:, None]
        total = weight @ mask
        seen: Tensor = (weight @ (mask * values[:, None])) / total.masked_fill(total == 0, 1.0)
        return seen

    def forward(self, query: Tensor, key: Tensor, values: Tensor, mask: Tensor) -> Tensor:
        """Return what `attend` gives and which channels have a value at all, mapped: (n, n_queries, out_dim)."""
        seen = self.attend(query, key, values, mask)
        known = (mask > 0).any(dim=1).to(seen.dtype)[:, None, None].expand_as(seen)
        mapped: Tensor = self.out(torch.cat([seen, known], dim=-1).transpose(1, 2).flatten(2))
        return mapped


class MTANDEncoder(nn.Module):
    """mTAND-Enc: a series at reference times by multi-time attention, read by a GRU; its last state is the feature."""

    def __init__(self, n_channels: int, hidden: int, embedding: int, heads: int, references: int, learnt: bool) -> None:
        super().__init__()
        self.out_dim = hidden
        self.embed = TimeEmbedding(embedding, learnt)
        self.attention = MultiTimeAttention(embedding, heads, 2 * n_channels, hidden)
        self.gru = nn.GRU(hidden, hidden, batch_first=True)
        self.register_buffer("references", torch.linspace(0, 1, references), persistent=False)

    def forward(self, series: Series, times: Tensor) -> Tensor:
        """Return the GRU's states at the reference times, (n, references, hidden); times (n, t), 0 to 1."""
        query, key = self.embed(self.references)[None], self.embed(times)
        at_references = self.attention(query, key, series.x.transpose(1, 2), series.mask.transpose(1, 2))
        states: Tensor = self.gru(at_references)[0]
        return states
