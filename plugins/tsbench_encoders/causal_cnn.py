"""The causal dilated convolutional net of T-Loss (Franceschi et al., NeurIPS 2019, arXiv 1901.10738, section 4)."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from tsbench import BaseParams, Encoder, PanelShape, Series, param
from tsbench.nn import only


class CausalCNN(Encoder):
    """Residual blocks of weight-normalised causal convolutions, the maximum over time, and a linear layer.

    `depth` blocks of `channels` and one of `reduced` channels; block i has dilation 2^i. Each has two convolutions,
    each followed by a leaky ReLU, beside an identity or, where the width changes, a convolution of size 1.
    No output sees a later time point, so that the maximum over the own steps of a padded series is exactly that of the
    series alone. Any length from 1 on works.
    """

    takes: ClassVar[Literal["series"]] = "series"

    class Params(BaseParams):
        """Defaults of the published code; the paper's text swaps `reduced` and `out`."""

        channels: int = param(40, low=1, high=4096, doc="channels of all blocks but the last")
        depth: int = param(10, low=1, high=20, doc="blocks before the last")
        reduced: int = param(160, low=1, high=8192, doc="channels of the last block, before the maximum over time")
        out: int = param(320, low=1, high=8192, doc="size of the representation")
        kernel: int = param(3, low=1, high=64, doc="points of a convolution")

    def __init__(self, shape: PanelShape, params: Params) -> None:
        super().__init__(shape, params)
        widths = [shape.n_channels, *[params.channels] * params.depth, params.reduced]
        self.blocks = nn.Sequential(
            *[CausalBlock(widths[i], widths[i + 1], params.kernel, 2**i) for i in range(params.depth + 1)]
        )
        self.linear = nn.Linear(params.reduced, params.out)
        self.out_dim = params.out

    def forward(self, series: Series) -> Tensor:
        """Map (n, n_channels, n_timepoints) to (n, out)."""
        steps = only(self.blocks(series.x.transpose(1, 2)), series.inside, float("-inf"))
        features: Tensor = self.linear(steps.max(dim=1).values)
        return features

    def forward_sequence(self, series: Series) -> Tensor:
        """Map (n, n_channels, n_timepoints) to (n, n_timepoints, out): the linear layer at every step."""
        return only(self.linear(self.blocks(series.x.transpose(1, 2))), series.inside)


class CausalBlock(nn.Module):
    """Two causal convolutions beside a residual connection; (n, n_timepoints, n_in) -> (n, n_timepoints, n_out)."""

    def __init__(self, n_in: int, n_out: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.first = weight_norm(nn.Conv1d(n_in, n_out, kernel, dilation=dilation))
        self.second = weight_norm(nn.Conv1d(n_out, n_out, kernel, dilation=dilation))
        self.residual = nn.Conv1d(n_in, n_out, 1) if n_in != n_out else None

    def forward(self, x: Tensor) -> Tensor:
        """Map x (n, n_timepoints, n_in) to (n, n_timepoints, n_out)."""
        y = functional.leaky_relu(causal_convolution(x, self.first), inplace=True)
        y = functional.leaky_relu(causal_convolution(y, self.second), inplace=True)
        return y + (x if self.residual is None else causal_convolution(x, self.residual))


def causal_convolution(x: Tensor, layer: nn.Conv1d) -> Tensor:
    """Apply a convolution to x (n, n_timepoints, n_in) padded by zeros before its start: (n, n_timepoints, n_out).

    As one matrix product over the taps that can see data: tap k reaches k * dilation steps back, beyond the start of
    a series no longer than that. The taps left out would be multiplied by padding alone.
    """
    length, dilation, weight = x.shape[1], layer.dilation[0], layer.weight
    reach = min(weight.shape[2] - 1, (length - 1) // dilation)
    if reach:
        padded = functional.pad(x, (0, 0, reach * dilation, 0))
        x = torch.cat([padded[:, i * dilation : i * dilation + length] for i in range(reach + 1)], dim=2)
    taps = weight[:, :, weight.shape[2] - 1 - reach :]
    return functional.linear(x, taps.transpose(1, 2).flatten(1), layer.bias)
