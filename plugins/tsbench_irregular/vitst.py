"""ViTST: series as pictures of line graphs, seen by a network of images (arXiv 2303.12799)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from tsbench import Batch, PanelShape, Pictured, Series, param, weights
from tsbench.nn import Dropout, to_width
from tsbench_imaging.layout import channels_of_cells
from tsbench_imaging.lines import PALETTE, channel_limits, line_plot, warn_undrawn
from tsbench_imaging.networks import PRETRAINED_ON, ImageNetworkParams, image_network
from tsbench_irregular.base import IrregularMethod, chunks


class LineImages(nn.Module):
    """A line graph of each sensor in a cell of its own, on white: its observed points, joined, each with a star.

    Cells are in a square grid, row by row, sensors that were observed most in the training part first. Bottom and top
    of a cell are the sensor's extreme values there; what lies outside is drawn at the edge. A sensor that a case lacks,
    or that the training part lacks, has an empty cell. Before `fit`, limits and times are each case's own.
    """

    limits: Tensor
    order: Tensor

    def __init__(self, n_channels: int, n_steps: int, cell: int, linewidth: float, marker_size: float) -> None:
        super().__init__()
        self.n_steps = n_steps  # at how many a line begins to be drawn more finely depends on the steps, padding or not
        self.cell, self.linewidth, self.marker_size = cell, linewidth, marker_size
        self.register_buffer("limits", torch.full((n_channels, 2), torch.nan))
        self.register_buffer("order", torch.arange(n_channels))

    def fit(self, parts: Iterable[Series]) -> None:
        """Take the limits and the order of the sensors from the training cases, given in parts."""
        limits, counts = [], torch.zeros_like(self.order)
        for part in parts:
            limits.append(channel_limits(part.x.masked_fill(~part.mask, torch.nan)))
            counts = counts + part.mask.sum(dim=(0, 2))
        self.limits.copy_(channel_limits(torch.stack(limits)))
        self.order.copy_(counts.argsort(descending=True, stable=True))

    @property
    def fitted(self) -> bool:
        """Say whether limits and times are those of training cases."""
        return not bool(self.limits.isnan().all())

    @torch.no_grad()
    def forward(self, series: Series, times: Tensor, span: float) -> Tensor:
        """Return images (n, 3, side, side) in [0, 1] of times (n, t) from 0 to span."""
        limits, lengths, x = self.limits[self.order], series.lengths, series.x[:, self.order]
        fitted = self.fitted
        colours = torch.tensor(PALETTE, device="cpu")[self.order.cpu() % len(PALETTE)] / 255
        return line_plot(
            to_width(x.clamp(limits[:, :1], limits[:, 1:]) if fitted else x, lengths, self.n_steps),
            self.cell,
            limits=limits if fitted else None,
            times=to_width(times, lengths, self.n_steps),
            time_limits=(0.0, span) if fitted else None,
            observed=to_width(series.mask[:, self.order], lengths, self.n_steps),
            connect=True,
            linewidth=self.linewidth,
            markersize=self.marker_size,
            colors=colours,
        )


class SeenImages(nn.Module):
    """Pictures of series as features of a network of images."""

    def __init__(self, drawing: LineImages, network: nn.Module) -> None:
        super().__init__()
        self.drawing, self.network = drawing, network
        self.out_dim = int(network.num_features)  # type: ignore[arg-type]

    def forward(self, batch: Batch, times: Tensor) -> Tensor:
        """Return (n, out_dim); times (n, t) from 0 to 1. Pictures that a batch brings are seen in place of its own."""
        given = batch.extra.get("pictures")
        features: Tensor = self.network(self.drawing(batch, times, 1.0) if given is None else given[:, 0])
        return features


class ViTST(IrregularMethod):
    """A picture of line graphs, one cell per sensor, seen by a network of images (arXiv 2303.12799).

    The text side is left out: its sentence of static values needs a language model's weights, and what it says is in
    the static values, which join the picture's features as numbers.
    """

    class Params(ImageNetworkParams, IrregularMethod.Params):
        """The paper's recipe for P12."""

        epochs: int = param(4, like="epochs")
        batch_size: int = param(192, like="batch_size", doc="cases per step; published: 48, four of them a step")
        lr: float = param(2e-5, like="lr")
        image_encoder: str = param(
            "swin_base_patch4_window7_224.ms_in22k",
            doc="network of images: a model of timm, imagenet-lite0, tiny-swin or small-cnn",
        )
        image_weights: str | None = weights(
            None,
            words=("pretrained",),
            pretrained_on=PRETRAINED_ON,
            doc="its weights: none (random), pretrained (downloaded) or a file; the paper's: pretrained",
        )
        cell_size: int = param(64, low=8, high=1024, doc="pixels of a sensor's cell, each way")
        linewidth: float = param(1.0, low=0.1, high=20.0, doc="width of a line, points; 0.5 for PAM in the paper")
        marker_size: float = param(2.0, low=0.0, high=20.0, doc="size of a star, points; 1 for PAM in the paper")
        standardise: bool = param(
            True, doc="give the network colours as its weights were trained on; not so in the published code"
        )
        hidden: int = param(512, low=1, high=8192, doc="hidden units of the classifier")
        dropout: float = param(0.1, low=0.0, high=0.9, doc="dropout before the classifier's last layer")
        optimizer: Literal["own", "adam", "adamw", "sgd"] = param("adamw", like="optimizer")
        schedule: Literal["constant", "cosine"] = param(
            "cosine",
            like="schedule",
            doc="learning rate over a stage; cosine: down to 0; linear in the paper, after a rise",
        )

    encode_elements: ClassVar[int] = 200_000  # values of cases, whose pictures are far larger

    def make_net(self, shape: PanelShape) -> nn.Module:
        """Return the drawing and the network that sees it."""
        p, self.most_steps = self.params, shape.n_timepoints
        side = p.cell_size * (math.isqrt(shape.n_channels - 1) + 1)
        network = image_network(p.image_encoder, p.image_weights, image_size=side, standardise=p.standardise)
        drawing = LineImages(shape.n_channels, shape.n_timepoints, p.cell_size, p.linewidth, p.marker_size)
        return SeenImages(drawing, network)

    def make_head(self, in_dim: int, out_dim: int) -> nn.Module:
        """Return the classifier."""
        p = self.params
        return nn.Sequential(
            nn.Linear(in_dim, p.hidden, bias=False), nn.Tanh(), Dropout(p.dropout), nn.Linear(p.hidden, out_dim)
        )

    def represent(self, batch: Batch) -> Tensor:
        """Return the features of each case's picture (n, out_dim), in which no static value is."""
        if not self.training and self.net.drawing.fitted:  # in training no time is later than the latest
            warn_undrawn("ViTST", self.times(batch), batch.mask, self.span)
        return super().represent(batch)

    def pictures(self, batch: Batch) -> Pictured:
        """Return the picture that the network sees."""
        pixels: Tensor = self.net.drawing(batch, self.times(batch), 1.0)
        channels = channels_of_cells(self.net.drawing.order, self.params.cell_size)
        return Pictured(pixels[:, None], ("line graphs",), channels[None])

    def on_fit_start(self, data: Sequence[Batch]) -> None:
        """Take the limits of each sensor and the order of the cells."""
        super().on_fit_start(data)
        self.net.drawing.fit(chunks(data))
