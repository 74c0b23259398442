"""Raindrop: messages between sensors on a graph of each case (arXiv 2110.05357)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from tsbench import Batch, PanelShape, Series, Step, param
from tsbench.nn import Dropout, only, to_width
from tsbench_irregular.base import IrregularMethod, check_divides
from tsbench_irregular.observations import Observations, segment_mean, segment_sum
from tsbench_irregular.transformer import StaticHead, time_encoding


class Propagation(nn.Module):
    """One layer of messages (section 3.3): each observed value goes to all sensors, at the time it was seen.

    From sensor u to v goes relu(sum over u of (h_u . w_u) a_uv e_uv w_v): the attention a_uv = relu(h_u D [r_v, p])
    knows the receiver and the encoded time p, the edge's weight e_uv is the case's. An observed sensor keeps its own
    embedding beside what it gets.
    """

    def __init__(self, n_channels: int, size: int, time_dims: int, receiver: int, pruned: float) -> None:
        super().__init__()
        self.kept = max(1, round((1 - pruned) * n_channels**2))
        self.project = nn.Linear(size, receiver + time_dims, bias=False)
        self.receiver, self.sends, self.spreads = (
            nn.Parameter(nn.init.xavier_uniform_(torch.empty(n_channels, width))) for width in (receiver, size, size)
        )

    def forward(self, h: Tensor, seen: Observations, encoded: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
        """Return the embeddings and the edges of the next layer.

        h (n, t, c, size), encoded (n, t, time_dims), edges (n, c, c) from row to column. A next edge is this one times
        the mean attention over the sender's values; the weakest of a case are 0, and carry no message of this layer.
        """
        n, n_steps, n_channels, _ = h.shape
        own = h[seen.case, seen.step, seen.channel]
        key = self.project(own)
        size = self.receiver.shape[1]
        at_time = (key[:, size:] * encoded[seen.case, seen.step]).sum(-1, keepdim=True)
        attention = torch.relu(key[:, :size] @ self.receiver.T + at_time)
        mean = segment_mean(attention, seen.case * n_channels + seen.channel, n * n_channels)
        updated = edges * mean.view(n, n_channels, n_channels)
        strongest = updated.flatten(1).topk(self.kept, dim=1).indices
        kept = torch.zeros_like(updated).flatten(1).scatter(1, strongest, 1.0).view_as(updated)
        sent = (own * self.sends[seen.channel]).sum(-1, keepdim=True)
        message = sent * attention * (edges * kept)[seen.case, seen.channel]
        received = segment_sum(message, seen.case * n_steps + seen.step, n * n_steps).view(n, n_steps, n_channels, 1)
        return h + torch.relu(received * self.spreads), updated * kept


class Graph(nn.Module):
    """Embeddings of all sensors at all steps after layers of messages, on a graph that begins complete."""

    def __init__(self, n_channels: int, size: int, time_dims: int, receiver: int, layers: int, pruned: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Propagation(n_channels, size, time_dims, receiver, pruned) for _ in range(layers))

    def forward(self, h: Tensor, seen: Observations, encoded: Tensor) -> tuple[Tensor, Tensor]:
        """Return the embeddings (n, t, c, size) and the last edges (n, c, c)."""
        edges = h.new_ones(len(h), h.shape[2], h.shape[2])
        for layer in self.layers:
            h, edges = layer(h, seen, encoded, edges)
        return h, edges


class SelfMap(nn.Module):
    """What the released layers compute: relu(W h + b) of each sensor's whole series, no sensor of any other.

    The released code takes the receiver's own embedding as the message and equal weights that sum to 1 over senders.
    """

    def __init__(self, n_steps: int, size: int, layers: int) -> None:
        super().__init__()
        self.n_steps = n_steps
        self.layers = nn.ModuleList(nn.Linear(n_steps * size, n_steps * size) for _ in range(layers))

    def forward(self, h: Tensor, lengths: Tensor) -> Tensor:
        """Return embeddings (n, t, c, size)."""
        n, n_steps, n_channels, size = h.shape
        whole = to_width(h.permute(0, 2, 3, 1), lengths, self.n_steps).transpose(2, 3).flatten(2)
        for layer in self.layers:
            whole = torch.relu(layer(whole))
        steps = whole.view(n, n_channels, self.n_steps, size).transpose(2, 3)
        return to_width(steps, lengths, n_steps).permute(0, 3, 1, 2)


class SensorAttention(nn.Module):
    """Each sensor's steps summed up by weights softmax(Q (K^T s) / sqrt(d)), section 3.4; then mapped.

    Embeddings and encoded times are joined for no single step: what is linear in them is taken of their sums.
    """

    def __init__(self, in_dim: int, n_steps: int, key_dim: int, out_dim: int) -> None:
        super().__init__()
        self.query, self.key = nn.Linear(in_dim, key_dim, bias=False), nn.Linear(in_dim, key_dim, bias=False)
        self.steps = nn.Parameter(torch.full((n_steps,), 1.0 / n_steps))
        self.out = nn.Linear(in_dim, out_dim, bias=False)

    def forward(self, h: Tensor, encoded: Tensor, series: Series) -> Tensor:
        """Return (n, c, out_dim) of embeddings h (n, t, c, size) and encoded times (n, t, d), of in_dim together."""
        steps = to_width(self.steps[None].expand(len(h), -1), series.lengths, h.shape[1])
        if series.inside is not None:
            steps = steps * series.inside
        summary = self.key(_joined((h * steps[..., None, None]).sum(1), (steps[:, None] @ encoded)))
        towards = summary @ self.query.weight / math.sqrt(summary.shape[-1])
        own, at_time = towards[..., : h.shape[-1]], towards[..., h.shape[-1] :]
        scores = (h * own[:, None]).sum(-1) + encoded @ at_time.transpose(1, 2)
        weights = torch.softmax(only(scores, series.inside, -torch.inf), dim=1)
        sensors: Tensor = self.out(_joined((h * weights[..., None]).sum(1), weights.transpose(1, 2) @ encoded))
        return sensors


def _joined(sensors: Tensor, times: Tensor) -> Tensor:
    """Return what is known of sensors (n, c, size) and of times (n, c or 1, d) side by side."""
    return torch.cat([sensors, times.expand(-1, sensors.shape[1], -1)], dim=-1)


class RaindropEncoder(nn.Module):
    """Embedded observations, messages between sensors, and a summary over time.

    variant : "paper" for messages and attention over each sensor's steps; "paper-transformer" for messages and the
        Transformer over steps of the released code; "legacy" for all of the released code, where sensors meet in
        the Transformer alone.
    """

    def __init__(
        self,
        n_channels: int,
        n_steps: int,
        *,
        variant: str,
        size: int,
        time_dims: int,
        receiver: int,
        layers: int,
        pruned: float,
        key_dim: int,
        sensor_dim: int,
        heads: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.embed = nn.Parameter(nn.init.xavier_uniform_(torch.empty(1, n_channels * size)))
        self.dropout = Dropout(dropout)
        time_dims = 2 * (time_dims // 2)
        self.time_dims, self.longest = time_dims, n_steps
        self.pass_on: SelfMap | Graph = (
            SelfMap(n_steps, size, layers)
            if variant == "legacy"
            else Graph(n_channels, size, time_dims, receiver, layers, pruned)
        )
        if variant == "paper":
            self.out_dim = n_channels * sensor_dim
            self.summarise = SensorAttention(size + time_dims, n_steps, key_dim, sensor_dim)
        else:
            width = n_channels * size
            self.out_dim = width + time_dims
            layer = nn.TransformerEncoderLayer(self.out_dim, heads, 2 * width, dropout, batch_first=True)
            self.transformer = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.variant = variant

    def observations(self, series: Series, times: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return embeddings (n, t, c, size) after the messages, encoded times (n, t, d), and the edges (n, c, c)."""
        n_channels = series.x.shape[1]
        h = torch.relu(series.x.transpose(1, 2)[..., None] * self.embed.view(n_channels, -1))
        h, encoded = self.dropout(h), time_encoding(times, self.longest, self.time_dims)
        if isinstance(self.pass_on, SelfMap):
            return self.pass_on(h, series.lengths), encoded, None
        h, edges = self.pass_on(h, Observations.of(series, times), encoded)
        return h, encoded, edges

    def forward(self, series: Series, times: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return features (n, out_dim) and the last edges (n, c, c), None of "legacy"."""
        h, encoded, edges = self.observations(series, times)
        if self.variant == "paper":
            return self.summarise(h, encoded, series).flatten(1), edges
        steps = torch.cat([h.flatten(2), encoded], dim=-1)
        inside = series.inside
        steps = only(self.transformer(steps, src_key_padding_mask=None if inside is None else ~inside), inside)
        return steps.sum(dim=1) / (series.lengths[:, None] + 1), edges


def graph_spread(edges: Tensor) -> Tensor:
    """Return the paper's regulariser, the mean squared distance of two cases' edges (n, c, c), over all edges.

    Sum over pairs of cases of |e_i - e_j|^2, over (n - 1)^2 and the number of edges; 0 for a single case.
    """
    n = len(edges)
    if n < 2:
        return edges.sum() * 0.0
    spread = (edges - edges.mean(dim=0)).square().sum() * 2 * n
    return spread / ((n - 1) ** 2 * edges[0].numel())


class Raindrop(IrregularMethod):
    """Messages between sensors on a learnt graph of each case, and attention over time (arXiv 2110.05357)."""

    class Params(IrregularMethod.Params):
        """The published code; where it computes nothing of what the paper says, sizes are ours and say so."""

        epochs: int = param(20, like="epochs")
        batch_size: int = param(128, like="batch_size")
        lr: float = param(1e-4, like="lr")
        plateau: int | None = param(1, like="plateau")
        variant: Literal["paper", "paper-transformer", "legacy"] = param(
            "paper",
            tune=True,
            doc="legacy: the published code, no messages; paper-transformer: its Transformer after messages",
        )
        size: int = param(4, low=1, high=256, tune=True, doc="size of an embedded observation")
        time_dims: int = param(16, low=2, high=256, doc="numbers that encode a time")
        receiver: int = param(16, low=1, high=256, doc="size of a receiver's weights in the attention")
        layers: int = param(2, low=1, high=10, tune=True, doc="layers of messages, and of the Transformer")
        pruned: float = param(0.5, low=0.0, high=0.99, tune=True, doc="share of a case's edges that a layer leaves out")
        regulariser: float = param(
            0.02, low=0.0, high=1e3, stage="training", doc="weight of the distance between the graphs of two cases"
        )
        key_dim: int = param(20, low=1, high=512, doc="size of a key over time; not in the published code")
        sensor_dim: int = param(16, low=1, high=512, tune=True, doc="features of a sensor; not in the published code")
        heads: int = param(2, low=1, high=64, doc="heads of the Transformer")
        dropout: float = param(0.2, low=0.0, high=0.9, tune=True, doc="dropout")

    span: ClassVar[float] = 48.0

    def make_net(self, shape: PanelShape) -> nn.Module:
        """Return the net from series to features."""
        p = self.params
        if p.variant != "paper":
            check_divides(p.heads, shape.n_channels * p.size + 2 * (p.time_dims // 2), "channels x size + time_dims")
        names = ("variant", "size", "time_dims", "receiver", "layers", "pruned", "key_dim", "sensor_dim")
        sizes = {name: getattr(p, name) for name in (*names, "heads", "dropout")}
        self.most_steps = shape.n_timepoints if p.variant == "legacy" else None
        return RaindropEncoder(shape.n_channels, shape.n_timepoints, **sizes)

    def make_head(self, in_dim: int, out_dim: int) -> nn.Module:
        """Return the classifier."""
        return StaticHead(in_dim - self.n_static, self.n_static, self.shape.n_channels, out_dim)

    def represent(self, batch: Batch) -> Tensor:
        """Return the features (n, out_dim)."""
        features: Tensor = self.net(batch, self.times(batch))[0]
        return features

    def training_step(self, step: Step) -> Tensor | Mapping[str, Tensor]:
        """Return the loss of the decision, and of the graphs with its weight."""
        features, edges = self.net(step.batch, self.times(step.batch))
        losses = {"decision": self.decision_loss(features, step.batch)}
        if edges is not None and self.params.regulariser > 0:
            losses["graphs"] = self.params.regulariser * graph_spread(edges)
        return losses
