"""The parts of SeqImage beside its generator: the discriminator, the branch that sees pictures, the joint layers."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Literal, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from tsbench import Series
from tsbench_imaging.networks import image_network
from tsbench_seqimage.pictures import Pictures

WIDTHS = (128, 64, 16, 64, 128)
_SEEN = 32  # cases whose pictures are held at a time where no gradient is kept
Cell = Literal["gru", "lstm", "rnn"]
Fusion = Literal["mean", "concat", "attention"]
Layout = Literal["each", "super-grid"]
Activation = Literal["gelu", "relu"]


class Discriminator(nn.Module):
    """Five stacked recurrent layers that tell for each value whether it was observed.

    hinted : it is given a hint beside the values, as in GAIN.
    """

    def __init__(self, n_channels: int, cell: Cell = "gru", hinted: bool = False) -> None:
        super().__init__()
        made = {"gru": nn.GRU, "lstm": nn.LSTM, "rnn": nn.RNN}[cell]
        sizes = (n_channels * (2 if hinted else 1), *WIDTHS)
        self.layers = nn.ModuleList(made(a, b, batch_first=True) for a, b in pairwise(sizes))
        self.linear = nn.Linear(WIDTHS[-1], n_channels)

    def forward(self, x: Tensor, hint: Tensor | None = None) -> Tensor:
        """Map values (n, n_channels, n_timepoints) to logits of the same shape, above 0 where they seem observed."""
        h = (x if hint is None else torch.cat([x, hint], dim=1)).transpose(1, 2)
        for layer in self.layers:
            h = layer(h)[0]
        logits: Tensor = self.linear(h).transpose(1, 2)
        return logits


class ImageBranch(nn.Module):
    """Pictures of a case through one network, or through one for each map, and their features in one vector.

    fusion : of the maps' features: their mean, side by side, or a mean by learnt weights. layout : an image for each
    map, or all in one of the same size. frozen : the networks stay as they are.
    """

    def __init__(
        self,
        pictures: Pictures,
        encoder: str,
        weights: str | None = None,
        layout: Layout = "each",
        fusion: Fusion = "mean",
        share: bool = True,
        frozen: bool = False,
    ) -> None:
        super().__init__()
        self.pictures, self.layout, self.fusion, self.frozen = pictures, layout, fusion, frozen
        count = 1 if layout == "super-grid" else len(pictures.maps)
        self.networks = nn.ModuleList(
            image_network(encoder, weights, image_size=pictures.size, standardise=True, freeze=frozen)
            for _ in range(1 if share else count)
        )
        size = int(self.networks[0].num_features)  # type: ignore[arg-type]
        self.score = nn.Linear(size, 1) if fusion == "attention" else None
        self.out_dim = size * count if fusion == "concat" else size

    def train(self, mode: bool = True) -> Self:
        """Set the mode; frozen networks stay in that of evaluation."""
        super().train(mode)
        if self.frozen:
            self.networks.eval()
        return self

    def forward(self, series: Series, imputed: Tensor | None = None, given: Tensor | None = None) -> Tensor:
        """Return features (n, out_dim). given : pictures to see in place of those it draws."""
        size = len(series) if self.training and torch.is_grad_enabled() and not self.frozen else _SEEN
        parts = []
        for start in range(0, len(series), size):
            rows = slice(start, start + size)
            if given is not None:
                images = given[rows]
            else:
                images = self.images(select(series, rows), None if imputed is None else imputed[rows])
            with torch.set_grad_enabled(torch.is_grad_enabled() and (not self.frozen or given is not None)):
                parts.append(self._seen(images))
        return self._fused(torch.cat(parts))

    def images(self, series: Series, imputed: Tensor | None = None) -> Tensor:
        """Return what the networks see, (n, images, 3, size, size)."""
        images: Tensor = self.pictures(series, imputed)
        return super_grid(images)[:, None] if self.layout == "super-grid" else images

    def _seen(self, images: Tensor) -> Tensor:
        """Return the features of each image, (n, images, d)."""
        if len(self.networks) == 1:
            features: Tensor = self.networks[0](images.flatten(0, 1)).view(*images.shape[:2], -1)
            return features
        return torch.stack([net(one) for net, one in zip(self.networks, images.unbind(1), strict=True)], dim=1)

    def _fused(self, features: Tensor) -> Tensor:
        if self.score is not None:
            weights: Tensor = self.score(features).softmax(dim=1)
            return (weights * features).sum(dim=1)
        return features.mean(dim=1) if self.fusion == "mean" else features.flatten(1)


def select(series: Series, rows: slice) -> Series:
    """Return some cases of a Series, without what pictures do not need."""

    def take(tensor: Tensor | None) -> Tensor | None:
        return None if tensor is None else tensor[rows]

    return Series(series.x[rows], series.lengths[rows], take(series.observed), take(series.times), padded=series.padded)


def super_grid(images: Tensor) -> Tensor:
    """Return images (n, m, 3, s, s) in one of the same size, (n, 3, s, s): six of them in 2 rows of 3."""
    n, m, colours, size, _ = images.shape
    rows = max(1, math.isqrt(m))
    columns = -(-m // rows)
    blank = images.new_zeros(n, rows * columns - m, colours, size, size)
    cells = torch.cat([images, blank], dim=1).view(n, rows, columns, colours, size, size)
    whole = cells.permute(0, 3, 1, 4, 2, 5).reshape(n, colours, rows * size, columns * size)
    return interpolate(whole, (size, size), mode="bilinear", antialias=True)


def joint_layers(
    n_inputs: int, width: int, bottleneck: int, activation: Activation = "gelu", norm: bool = True
) -> nn.Sequential:
    """Return three linear layers, n_inputs to width, bottleneck, width, with LayerNorm and activation between."""
    layers: list[nn.Module] = []
    for n_in, n_out in ((n_inputs, width), (width, bottleneck)):
        layers += [nn.Linear(n_in, n_out), *([nn.LayerNorm(n_out)] if norm else [])]
        layers.append(nn.GELU() if activation == "gelu" else nn.ReLU())
    return nn.Sequential(*layers, nn.Linear(bottleneck, width))


def projection(n_inputs: int, size: int = 128) -> nn.Sequential:
    """Return the two layers before NT-Xent, n_inputs to size to size."""
    return nn.Sequential(nn.Linear(n_inputs, size), nn.ReLU(), nn.Linear(size, size))
