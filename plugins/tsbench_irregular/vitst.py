"""ViTST: series as pictures of line graphs, seen by a network of images (arXiv 2303.12799)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tsbench.data.series import Series
from tsbench_imaging.lines import PALETTE, channel_limits, line_plot


class LineImages(nn.Module):
    """A line graph of each sensor in a cell of its own, on white: its observed points, joined, each with a star.

    Cells are in a square grid, row by row, sensors that were observed most in the training part first. Bottom and top
    of a cell are the sensor's extreme values there; what lies outside is drawn at the edge. A sensor that a case lacks,
    or that the training part lacks, has an empty cell.
    """

    def __init__(self, n_channels: int, cell: int, linewidth: float, marker_size: float) -> None:
        super().__init__()
        self.cell, self.linewidth, self.marker_size = cell, linewidth, marker_size
        self.register_buffer("limits", torch.full((n_channels, 2), torch.nan))
        self.register_buffer("order", torch.arange(n_channels))

    def fit(self, series: Series) -> None:
        """Take the limits and the order of the sensors from the training cases."""
        self.limits = channel_limits(series.x.masked_fill(~series.mask, torch.nan))
        self.order = series.mask.sum(dim=(0, 2)).argsort(descending=True, stable=True)

    @torch.no_grad()
    def forward(self, series: Series, times: Tensor, span: float) -> Tensor:
        """Return images (n, 3, side, side) in [0, 1] of times (n, t) from 0 to span."""
        limits = self.limits[self.order]
        colours = torch.tensor(PALETTE, device="cpu")[self.order.cpu() % len(PALETTE)] / 255
        return line_plot(
            series.x[:, self.order].clamp(limits[:, :1], limits[:, 1:]),
            self.cell,
            limits=limits,
            times=times,
            time_limits=(0.0, span),
            observed=series.mask[:, self.order],
            connect=True,
            linewidth=self.linewidth,
            markersize=self.marker_size,
            colors=colours,
        )
