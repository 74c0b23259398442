"""mTAND: multi-time attention networks (arXiv 2101.10318)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from tsbench import Batch, PanelShape, Series, Step, param
from tsbench_irregular.base import IrregularMethod, check_divides

WITHOUT_DIVERGENCE = 10  # epochs
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

    def __init__(self, embedding: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key = nn.Linear(embedding, embedding), nn.Linear(embedding, embedding)

    def forward(self, query: Tensor, key: Tensor, values: Tensor, mask: Tensor) -> Tensor:
        """Return values at the queries, (n, heads, n_queries, c); 0 where a channel has none.

        query (n or 1, n_queries, e), key (n or 1, n_keys, e), values and mask (n, n_keys, c), True where to look.
        """
        q, k = (
            layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer, x in ((self.query, query), (self.key, key))
        )
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
        scores = scores.masked_fill(~mask.any(dim=-1)[:, None, None], -torch.inf)
        highest = scores.amax(dim=-1, keepdim=True).clamp(min=torch.finfo(scores.dtype).min)
        weight = (scores - highest.detach()).clamp(min=FLOOR).exp()
        counted = mask.to(values.dtype)[:, None]
        total = weight @ counted
        seen: Tensor = (weight @ (counted * values[:, None])) / total.masked_fill(total == 0, 1.0)
        return seen


class ReferenceStates(nn.Module):
    """A series at reference times by multi-time attention, of values and of what is observed, read by a GRU."""

    references: Tensor

    def __init__(
        self,
        n_channels: int,
        *,
        hidden: int,
        embedding: int,
        heads: int,
        references: int,
        learnt: bool,
        bidirectional: bool = False,
    ) -> None:
        super().__init__()
        self.embed = TimeEmbedding(embedding, learnt)
        self.attention = MultiTimeAttention(embedding, heads)
        self.out = nn.Linear(2 * n_channels * heads, hidden)
        self.gru = nn.GRU(hidden, hidden, batch_first=True, bidirectional=bidirectional)
        self.register_buffer("references", torch.linspace(0, 1, references), persistent=False)

    def forward(self, series: Series, times: Tensor) -> Tensor:
        """Return the GRU's states at the reference times, (n, references, d); times (n, t) from 0 to 1."""
        mask = series.mask.transpose(1, 2)
        query, key = self.embed(self.references)[None], self.embed(times)
        seen = self.attention(query, key, series.x.transpose(1, 2), mask)
        known = mask.any(dim=1).to(seen.dtype)[:, None, None].expand_as(seen)  # the mask, attended to as the values are
        states: Tensor = self.gru(self.out(torch.cat([seen, known], dim=-1).transpose(1, 2).flatten(2)))[0]
        return states


class MTANDEncoder(nn.Module):
    """mTAND-Enc: the last state of the GRU over the reference times."""

    def __init__(self, n_channels: int, **sizes: Any) -> None:
        super().__init__()
        self.out_dim = sizes["hidden"]
        self.states = ReferenceStates(n_channels, **sizes)

    def forward(self, series: Series, times: Tensor) -> Tensor:
        """Return (n, hidden); times (n, t) from 0 to 1."""
        states: Tensor = self.states(series, times)
        return states[:, -1]


class Autoencoder(nn.Module):
    """mTAND-Full: Gaussian latent states at the reference times, which a decoder turns into values at any times."""

    def __init__(self, n_channels: int, latent: int, decoded: int, **sizes: Any) -> None:
        super().__init__()
        self.encode = ReferenceStates(n_channels, bidirectional=True, **sizes)
        self.to_latent = nn.Sequential(nn.Linear(2 * sizes["hidden"], 50), nn.ReLU(), nn.Linear(50, 2 * latent))
        self.embed = TimeEmbedding(sizes["embedding"], sizes["learnt"])
        self.gru = nn.GRU(latent, decoded, batch_first=True, bidirectional=True)
        self.attention = MultiTimeAttention(sizes["embedding"], sizes["heads"])
        self.out = nn.Linear(2 * decoded * sizes["heads"], 2 * decoded)
        self.to_values = nn.Sequential(nn.Linear(2 * decoded, 50), nn.ReLU(), nn.Linear(50, n_channels))
        self.read = nn.GRU(latent, sizes["hidden"], batch_first=True)
        self.out_dim = sizes["hidden"]

    def features(self, latent: Tensor) -> Tensor:
        """Return the last state of a GRU over latent states, (n, hidden)."""
        _, state = self.read(latent)
        last: Tensor = state[0]
        return last

    def forward(self, series: Series, times: Tensor) -> Tensor:
        """Return the features of the mean latent states, (n, hidden)."""
        return self.features(self.latent(series, times)[0])

    def latent(self, series: Series, times: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of the latent states, (n, references, latent) each."""
        mean, log_variance = self.to_latent(self.encode(series, times)).chunk(2, dim=-1)
        return mean, log_variance

    def decode(self, latent: Tensor, times: Tensor) -> Tensor:
        """Return values (n, t, c) at times (n, t)."""
        states, _ = self.gru(latent)
        query, key = self.embed(times), self.embed(self.encode.references)[None]
        read = self.attention(query, key, states, torch.ones_like(states, dtype=torch.bool))
        values: Tensor = self.to_values(self.out(read.transpose(1, 2).flatten(2)))
        return values

    def negative_bound(self, series: Series, values: Tensor, mean: Tensor, log_variance: Tensor, std: float) -> Tensor:
        """Return minus the evidence bound of each case over its count of observed values, (n, 2): error, divergence.

        values (n, t, c) are decoded from one draw of the latent states; std is that of the noise on observed values.
        """
        mask = series.mask
        error = 0.5 * (math.log(2 * math.pi * std**2) + (series.x - values.transpose(1, 2)).square() / std**2)
        divergence = 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(dim=(1, 2))
        count = mask.sum(dim=(1, 2)).clamp(min=1)
        return torch.stack([(error * mask).sum(dim=(1, 2)) / count, divergence / count], dim=1)


class MTAND(IrregularMethod):
    """mTAND-Enc: attention over times to reference times, a GRU over them, three linear layers (arXiv 2101.10318)."""

    class Params(IrregularMethod.Params):
        """The published command for PhysioNet."""

        epochs: int = param(200, like="epochs")
        batch_size: int = param(128, like="batch_size")
        lr: float = param(1e-4, like="lr")
        hidden: int = param(128, low=1, high=4096, tune=True, doc="size of the GRU")
        embedding: int = param(128, low=2, high=4096, doc="size of an embedded time")
        heads: int = param(1, low=1, high=64, doc="heads of the attention over times")
        references: int = param(128, low=1, high=4096, doc="reference times")
        times: Literal["learnt", "fixed"] = param("learnt", doc="embedding of times; fixed: sines and cosines")
        mlp: int = param(300, low=1, high=4096, doc="size of the two hidden layers of the classifier")

    def sizes(self) -> dict[str, Any]:
        """Return the arguments of `ReferenceStates`."""
        p = self.params
        check_divides(p.heads, p.embedding, "embedding")
        sizes = {name: getattr(p, name) for name in ("hidden", "embedding", "heads", "references")}
        return {**sizes, "learnt": p.times == "learnt"}

    def make_net(self, shape: PanelShape) -> nn.Module:
        """Return the net from series to features."""
        return MTANDEncoder(shape.n_channels, **self.sizes())

    def make_head(self, in_dim: int, out_dim: int) -> nn.Module:
        """Return the classifier."""
        width = self.params.mlp
        return nn.Sequential(
            nn.Linear(in_dim, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, out_dim)
        )


class MTANDFull(MTAND):
    """mTAND-Full: latent states at reference times, from which values at any time are decoded."""

    class Params(MTAND.Params):
        """The published command for PhysioNet."""

        epochs: int = param(300, like="epochs")
        batch_size: int = param(50, like="batch_size")
        hidden: int = param(256, like="hidden", doc="size of the GRUs of encoder and classifier")
        latent: int = param(20, low=1, high=1024, tune=True, doc="size of a latent state")
        decoded: int = param(50, low=1, high=4096, doc="size of the decoder's GRU, each way")
        alpha: float = param(100.0, low=0.0, high=1e6, stage="training", doc="weight of the cross entropy")
        noise: float = param(
            0.1,
            low=1e-3,
            high=10.0,
            stage="training",
            doc="deviation of observed values from decoded ones; published: 0.01 of values between 0 and 1",
        )

    def make_net(self, shape: PanelShape) -> nn.Module:
        """Return the autoencoder with the GRU of its classifier."""
        return Autoencoder(shape.n_channels, self.params.latent, self.params.decoded, **self.sizes())

    def training_step(self, step: Step) -> Tensor | Mapping[str, Tensor]:
        """Return the parts of the evidence bound and the loss of the decision, with their weights.

        The divergence counts from the tenth epoch on, by 1 - 0.99^(epochs since), as in the published code.
        """
        batch, times = step.batch, self.times(step.batch)
        mean, log_variance = self.net.latent(batch, times)
        noise = torch.randn(mean.shape, generator=step.rng, device=mean.device)
        drawn = mean + noise * (0.5 * log_variance).exp()
        bound = self.net.negative_bound(batch, self.net.decode(drawn, times), mean, log_variance, self.params.noise)
        error, divergence = bound.mean(dim=0)
        return {
            "error": error,
            "divergence": (1 - 0.99 ** max(0, step.epoch + 1 - WITHOUT_DIVERGENCE)) * divergence,
            "decision": self.params.alpha * self.decision_loss(self.net.features(drawn), batch),
        }

    def reconstruct(self, batch: Batch) -> Tensor:
        """Return prepared series (n, n_channels, n_timepoints) with gaps as the mean latent states decode them.

        They are 0 beyond the end of a case.
        """
        times = self.times(batch)
        values: Tensor = self.net.decode(self.net.latent(batch, times)[0], times)
        return batch.filled(values.transpose(1, 2))
