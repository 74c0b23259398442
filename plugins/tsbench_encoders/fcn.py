"""FCN: the fully convolutional network of Wang, Yan and Oates (2017)."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor, nn

from tsbench import Encoder, PanelShape, Series
from tsbench.nn import masked_mean, masked_norm, only


class FCN(Encoder):
    """Three blocks of convolution, BatchNorm and ReLU, then the mean over time (Wang et al. 2017, section II.B).

    128 filters of 8 points, 256 of 5, 128 of 3; the length is kept by zero padding, so any length from 1 on works.
    A case meets that padding at its own end, and statistics and mean are those of its own time points.
    """

    takes: ClassVar[Literal["series"]] = "series"

    def __init__(self, shape: PanelShape, params: object) -> None:
        super().__init__(shape, params)
        self.blocks = nn.Sequential(*_block(shape.n_channels, 128, 8), *_block(128, 256, 5), *_block(256, 128, 3))
        self.out_dim = 128

    def forward(self, series: Series) -> Tensor:
        """Map (n, n_channels, n_timepoints) to (n, 128)."""
        return masked_mean(self.forward_sequence(series), series.inside)

    def forward_sequence(self, series: Series) -> Tensor:
        """Map (n, n_channels, n_timepoints) to (n, n_timepoints, 128)."""
        inside = series.inside
        if inside is None:
            sequence: Tensor = self.blocks(series.x).transpose(1, 2)
            return sequence
        steps = only(series.x.transpose(1, 2), inside)
        for layer in self.blocks:
            if isinstance(layer, nn.BatchNorm1d):
                steps = masked_norm(layer, steps, inside)
            else:
                steps = layer(steps.transpose(1, 2)).transpose(1, 2)
        return steps


def _block(n_in: int, n_out: int, size: int) -> list[nn.Module]:
    before = (size - 1) // 2
    padding = nn.ConstantPad1d((before, size - 1 - before), 0.0)
    return [padding, nn.Conv1d(n_in, n_out, size), nn.BatchNorm1d(n_out), nn.ReLU(inplace=True)]
