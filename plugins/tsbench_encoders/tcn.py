"""The three-block convolutional encoder of TS-TCC (Eldele et al., IJCAI 2021, arXiv 2106.14112)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, TypeVar

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from tsbench import BaseParams, Encoder, PanelShape, Series, param
from tsbench.nn import Dropout, masked_mean, masked_norm, only, within

LONG = 2000
Count = TypeVar("Count", int, Tensor)


class TCN(Encoder):
    """Three blocks of convolution, BatchNorm, ReLU and max pooling (size and stride 2); dropout after the first.

    "TCN" is what TRLS (arXiv 2401.05431, Table 4) calls it; nothing in it is causal. Each block halves the length, so
    that L points become `n_steps(L)`, at least 2. Any length from 1 on works.
    A case meets the padding of the convolutions at its own end, and statistics and mean are those of its own steps.
    """

    takes: ClassVar[Literal["series"]] = "series"

    class Params(BaseParams):
        """Sizes of the published code, whose kernel and stride depend on the data set."""

        kernel: int | None = param(
            None, low=1, high=1024, doc="points of the first convolution; none: 8, or 25 from 2000 time points on"
        )
        stride: int | None = param(
            None, low=1, high=1024, doc="stride of the first convolution; none: 1, or 3 from 2000 time points on"
        )
        out: int = param(128, low=1, high=8192, tune=True, doc="channels of the last block")
        dropout: float = param(0.35, low=0.0, high=0.9, doc="dropout after the first block")

    def __init__(self, shape: PanelShape, params: Params) -> None:
        super().__init__(shape, params)
        long = shape.n_timepoints >= LONG
        self.kernel: int = params.kernel or (25 if long else 8)
        self.stride: int = params.stride or (3 if long else 1)
        self.blocks = nn.Sequential(
            _Block(shape.n_channels, 32, self.kernel, self.stride),
            Dropout(params.dropout),
            _Block(32, 64, 8),
            _Block(64, params.out, 8),
        )
        self.out_dim = params.out

    def n_steps(self, n_timepoints: Count) -> Count:
        """Return how many steps a series of n_timepoints becomes."""
        length = (n_timepoints + 2 * (self.kernel // 2) - self.kernel) // self.stride + 1
        for grows in (0, 1, 1):  # a kernel of 8 padded by 4 on both sides adds a point
            length = (length + grows) // 2 + 1
        return length

    def step_lengths(self, lengths: Tensor) -> Tensor:
        """Return `n_steps` of each."""
        return self.n_steps(lengths)

    def forward(self, series: Series) -> Tensor:
        """Map (n, n_channels, n_timepoints) to (n, out), the mean over the steps."""
        sequence = self.forward_sequence(series)
        return masked_mean(sequence, self.own_steps(series, sequence.shape[1]))

    def forward_sequence(self, series: Series) -> Tensor:
        """Map (n, n_channels, n_timepoints) to (n, n_steps(n_timepoints), out)."""
        steps, lengths = only(series.x.transpose(1, 2), series.inside).contiguous(), series.lengths
        if not series.padded:
            sequence: Tensor = self.blocks(steps)
            return sequence
        for layer in self.blocks:
            if isinstance(layer, _Block):
                steps, lengths = layer.forward_padded(steps, lengths)
            else:
                steps = layer(steps)
        return steps


class _Block(nn.Module):
    """Convolution, BatchNorm, ReLU, max pooling; (n, n_timepoints, n_in) -> (n, n_timepoints // 2 + 1, n_out)."""

    def __init__(self, n_in: int, n_out: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(n_in, n_out, kernel, stride, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm1d(n_out)

    def forward(self, x: Tensor) -> Tensor:
        if self.training and x.device.type == "cpu" and not torch.is_autocast_enabled("cpu"):
            return self._fused(x)
        y = self._convolve(x, self.convolution.weight).transpose(1, 2)
        return functional.max_pool1d(self.norm(y).relu(), 2, 2, 1).transpose(1, 2)

    def forward_padded(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the same for cases of these lengths (n,), beyond which x is 0; return the new lengths too."""
        layer = self.convolution
        y = self._convolve(x, layer.weight)
        lengths = (lengths + 2 * int(layer.padding[0]) - layer.kernel_size[0]) // layer.stride[0] + 1
        normal = masked_norm(self.norm, y, within(lengths, y.shape[1])).relu().transpose(1, 2)
        return functional.max_pool1d(normal, 2, 2, 1).transpose(1, 2), lengths // 2 + 1

    def _convolve(self, x: Tensor, weight: Tensor) -> Tensor:
        stride, padding = self.convolution.stride[0], int(self.convolution.padding[0])
        if x.shape[2] == 1:  # a product of windows and filters is faster for one channel
            windows = functional.pad(x[:, :, 0], (padding, padding)).unfold(1, weight.shape[2], stride)
            return functional.linear(windows, weight[:, 0])
        image = x.transpose(1, 2)[:, :, None]  # channels last, which the CPU's kernels like best
        y = functional.conv2d(image, weight[:, :, None], stride=(1, stride), padding=(0, padding))
        return y[:, :, 0].transpose(1, 2).contiguous()

    def _fused(self, x: Tensor) -> Tensor:
        """Compute the same with the batch's statistics, in fewer passes over memory."""
        norm = self.norm
        # A channel with negative weight is turned over, together with its filter, so that the maximum may be taken
        # before weight and bias are applied.
        sign = torch.where(norm.weight < 0, -1.0, 1.0).to(x.dtype)
        y = self._convolve(x, self.convolution.weight * sign[:, None, None])
        normalised: tuple[Tensor, Tensor, Tensor] = _NormPool.apply(y, norm.weight * sign, norm.bias, norm.eps)
        pooled, mean, variance = normalised
        with torch.no_grad():
            count = y.shape[0] * y.shape[1]
            assert norm.running_mean is not None and norm.running_var is not None
            assert norm.momentum is not None and norm.num_batches_tracked is not None
            norm.running_mean.lerp_(mean * sign, norm.momentum)
            norm.running_var.lerp_(variance * (count / max(1, count - 1)), norm.momentum)
            norm.num_batches_tracked.add_(1)
        return pooled


class _NormPool(torch.autograd.Function):
    """BatchNorm by batch statistics, max pooling over (2i - 1, 2i) and ReLU, for weights that are not negative.

    y (n, steps, c), weight and bias (c,) -> (n, steps // 2 + 1, c), and the mean and variance (c,) of y.
    """

    @staticmethod
    def forward(ctx: Any, y: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        mean = y.mean(dim=(0, 1))
        centred = y - mean
        rows = centred.flatten(0, 1)
        variance = torch.linalg.vecdot(rows, rows, dim=0) / len(rows)
        scale = (variance + eps).rsqrt()
        left, right, inner = _pairs(centred)
        largest = y.new_empty(y.shape[0], y.shape[1] // 2 + 1, y.shape[2])
        largest[:, 0] = centred[:, 0]
        torch.maximum(left, right, out=largest[:, 1 : 1 + inner])
        if y.shape[1] % 2 == 0:
            largest[:, -1] = centred[:, -1]
        pooled = torch.addcmul(bias, largest, weight * scale).relu_()
        ctx.save_for_backward(centred, largest, pooled, weight, scale)
        ctx.mark_non_differentiable(mean, variance)
        return pooled, mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, *_: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        centred, largest, pooled, weight, scale = ctx.saved_tensors
        n, steps = centred.shape[:2]
        grad = grad * (pooled > 0)
        grad_bias = grad.sum(dim=(0, 1))
        grad_weight = torch.linalg.vecdot(grad.flatten(0, 1), largest.flatten(0, 1), dim=0) * scale
        slope = weight * scale
        share = slope / (n * steps)
        grad_y = torch.addcmul(-share * grad_bias, centred, -share * scale * grad_weight)
        grad.mul_(slope)
        left, right, inner = _pairs(centred)
        middle = grad[:, 1 : 1 + inner]
        of_left = middle * (left >= right)
        to_left, to_right = _pairs(grad_y)[:2]
        to_left += of_left
        to_right += middle.sub_(of_left)
        grad_y[:, 0] += grad[:, 0]
        if steps % 2 == 0:
            grad_y[:, -1] += grad[:, -1]
        return grad_y, grad_weight, grad_bias, None


def _pairs(x: Tensor) -> tuple[Tensor, Tensor, int]:
    """Return views of the steps 1, 3 ... and 2, 4 ... of x (n, steps, c) that make pairs, and how many there are."""
    inner = (x.shape[1] - 1) // 2
    return x[:, 1 : 2 * inner : 2], x[:, 2 : 2 * inner + 1 : 2], inner
