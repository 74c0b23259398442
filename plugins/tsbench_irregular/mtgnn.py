"""MTGNN: graph neural network over sensors with dilated convolutions in time (arXiv 2005.11650), as a classifier."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, layer_norm, pad

from tsbench import Batch, PanelShape, Series, param
from tsbench.nn import Dropout, to_width
from tsbench_irregular.base import IrregularMethod, check_divides

KERNELS = (2, 3, 6, 7)
ONE_MATRIX = 2048  # channels times nodes up to which a matrix of their square is faster than hop by hop


class LearntGraph(nn.Module):
    """A directed graph of nodes from two embeddings of each, the k strongest edges of each node kept."""

    def __init__(self, n_nodes: int, neighbours: int, size: int, saturation: float) -> None:
        super().__init__()
        self.neighbours, self.saturation = min(neighbours, n_nodes), saturation
        self.source, self.target = nn.Embedding(n_nodes, size), nn.Embedding(n_nodes, size)
        self.from_source, self.from_target = nn.Linear(size, size), nn.Linear(size, size)

    def forward(self) -> Tensor:
        """Return the weights (n_nodes, n_nodes) of the edges, 0 where there is none."""
        source = torch.tanh(self.saturation * self.from_source(self.source.weight))
        target = torch.tanh(self.saturation * self.from_target(self.target.weight))
        weights = torch.relu(torch.tanh(self.saturation * (source @ target.T - target @ source.T)))
        kept = weights.topk(self.neighbours, dim=1).indices
        return weights * torch.zeros_like(weights).scatter(1, kept, 1.0)


class MixHop(nn.Module):
    """Features of nodes, of their neighbours and of theirs, mixed by a linear map."""

    def __init__(self, in_dim: int, out_dim: int, depth: int, keep: float) -> None:
        super().__init__()
        self.depth, self.keep = depth, keep
        self.mix: Any = nn.Conv2d((depth + 1) * in_dim, out_dim, 1)

    def forward(self, graph: Tensor) -> tuple[Tensor, Tensor]:
        """Return the hops (depth + 1, n_nodes, n_nodes) along the graph, and the weights (out, depth + 1, in)."""
        own = torch.eye(len(graph), device=graph.device)
        graph = graph + own
        graph = graph / graph.sum(dim=1, keepdim=True)
        hops = [own]
        for _ in range(self.depth):
            hops.append(self.keep * own + (1 - self.keep) * (graph @ hops[-1]))
        return torch.stack(hops), self.mix.weight.view(-1, self.depth + 1, self.mix.in_channels // (self.depth + 1))


class GatedInception(nn.Module):
    """Convolutions in time of four widths side by side, without padding, through tanh, and others as their gates.

    All are computed as one convolution of the largest width, several times as fast as each by itself.
    """

    def __init__(self, in_dim: int, out_dim: int, dilation: int) -> None:
        super().__init__()
        self.dilation = (1, dilation)
        self.filters, self.gates = (
            nn.ModuleList(nn.Conv2d(in_dim, out_dim // len(KERNELS), (1, width)) for width in KERNELS) for _ in range(2)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, out_dim, n_nodes, shorter), each width ending at the same step."""
        branches = [*self.filters, *self.gates]
        weight = torch.cat([pad(branch.weight, (KERNELS[-1] - branch.weight.shape[-1], 0)) for branch in branches])
        values = conv2d(x, weight, torch.cat([branch.bias for branch in branches]), dilation=self.dilation)
        filtered, gate = values.chunk(2, dim=1)
        return torch.tanh(filtered) * torch.sigmoid(gate)


class Layer(nn.Module):
    """A gated convolution in time, its skip connection, and the graph convolution along both directions of edges."""

    def __init__(self, p: Any, dilation: int, n_steps: int) -> None:
        super().__init__()
        self.convolve = GatedInception(p.residual_channels, p.conv_channels, dilation)
        self.skip = nn.Conv2d(p.conv_channels, p.skip_channels, (1, n_steps))
        self.along = MixHop(p.conv_channels, p.residual_channels, p.depth, p.keep)
        self.against = MixHop(p.conv_channels, p.residual_channels, p.depth, p.keep)
        self.dropout = Dropout(p.dropout)

    def forward(self, x: Tensor, graph: Tensor) -> tuple[Tensor, Tensor]:
        """Return what goes on to the next layer, and what is added to the skip connections."""
        y = self.dropout(self.convolve(x))
        skipped = self.skip(y)
        y = self.mixed(y, graph) + x[..., -y.shape[-1] :]
        return layer_norm(y, y.shape[1:]), skipped

    def mixed(self, x: Tensor, graph: Tensor) -> Tensor:
        """Return both graph convolutions of x (n, channels, n_nodes, t): linear, and so one matrix if that is small."""
        along, against = self.along(graph), self.against(graph.T)
        hops, weight = torch.cat([along[0], against[0]]), torch.cat([along[1], against[1]], dim=1)
        if x.shape[1] * x.shape[2] <= ONE_MATRIX:
            matrix = torch.einsum("okc,kvw->ovcw", weight, hops).flatten(2).flatten(0, 1)
            mixed = (matrix.expand(len(x), -1, -1) @ x.flatten(1, 2)).view(len(x), -1, *x.shape[2:])
        else:
            mixed = torch.einsum("okc,nckvt->novt", weight, torch.einsum("kvw,ncwt->nckvt", hops, x))
        bias: Tensor = self.along.mix.bias + self.against.mix.bias
        return mixed + bias[:, None, None]


class MTGNNEncoder(nn.Module):
    """The network of the paper with one number per node at its end; a node is a sensor with value and mask.

    Its last convolutions span all steps, so that it is made for series of n_steps: shorter ones have zeros behind them,
    and steps are counted, times are not read.
    """

    def __init__(self, n_nodes: int, n_steps: int, p: Any) -> None:
        super().__init__()
        self.n_steps = n_steps
        reach = (KERNELS[-1] - 1) * (2**p.layers - 1) + 1
        self.width = max(n_steps, reach)
        self.graph = LearntGraph(n_nodes, p.neighbours, p.node_dim, p.saturation)
        self.start = nn.Conv2d(2, p.residual_channels, 1)
        self.first_skip = nn.Conv2d(2, p.skip_channels, (1, self.width))
        left = [self.width - (KERNELS[-1] - 1) * (2 ** (i + 1) - 1) for i in range(p.layers)]
        self.layers = nn.ModuleList(Layer(p, 2**i, steps) for i, steps in enumerate(left))
        self.last_skip = nn.Conv2d(p.residual_channels, p.skip_channels, (1, left[-1]))
        self.end = nn.Sequential(
            nn.ReLU(), nn.Conv2d(p.skip_channels, p.end_channels, 1), nn.ReLU(), nn.Conv2d(p.end_channels, 1, 1)
        )
        self.dropout = Dropout(p.dropout)
        self.out_dim = n_nodes

    def forward(self, series: Series) -> Tensor:
        """Return (n, n_nodes)."""
        x = torch.stack([series.x, series.mask.to(series.x.dtype)], dim=1)
        x = pad(to_width(x, series.lengths, self.n_steps), (self.width - self.n_steps, 0))
        graph, skip = self.graph(), self.first_skip(self.dropout(x))
        x = self.start(x)
        for layer in self.layers:
            x, skipped = layer(x, graph)
            skip = skip + skipped
        out: Tensor = self.end(skip + self.last_skip(x))
        return out[:, 0, :, 0]


class MTGNN(IrregularMethod):
    """Graph and dilated convolutions over a grid of steps, one number per sensor, a linear map (arXiv 2005.11650)."""

    class Params(IrregularMethod.Params):
        """The published code as Raindrop's table ran it, but for nodes: sensors here, sensors and masks there."""

        epochs: int = param(20, like="epochs")
        batch_size: int = param(32, like="batch_size")
        lr: float = param(1e-4, like="lr")
        plateau: int | None = param(1, like="plateau")
        layers: int = param(5, low=1, high=10, tune=True, doc="layers, each with twice the dilation of the one before")
        conv_channels: int = param(16, low=4, high=512, doc="channels after a convolution in time, a multiple of 4")
        residual_channels: int = param(16, low=1, high=512, doc="channels between layers")
        skip_channels: int = param(32, low=1, high=1024, doc="channels of skip connections")
        end_channels: int = param(64, low=1, high=1024, doc="channels before the last convolution")
        depth: int = param(2, low=1, high=10, doc="hops of a graph convolution")
        keep: float = param(0.05, low=0.0, high=1.0, doc="share of a node's own state in each hop")
        neighbours: int = param(20, low=1, high=1000, doc="edges from each node that are kept")
        node_dim: int = param(40, low=1, high=1024, doc="size of a node's embedding")
        saturation: float = param(3.0, low=0.1, high=100.0, doc="factor within tanh when the graph is made")
        dropout: float = param(0.3, low=0.0, high=0.9, tune=True, doc="dropout")

    reads: ClassVar[frozenset[str]] = frozenset({"static"})

    def make_net(self, shape: PanelShape) -> nn.Module:
        """Return the net from series to features."""
        check_divides(len(KERNELS), self.params.conv_channels, "conv_channels")
        self.most_steps = shape.n_timepoints
        return MTGNNEncoder(shape.n_channels, shape.n_timepoints, self.params)

    def represent(self, batch: Batch) -> Tensor:
        """Return one number for each sensor, (n, n_channels)."""
        features: Tensor = self.net(batch)
        return features
