"""The dilated convolutional encoder of TS2Vec (Yue et al., AAAI 2022, section 3.1 and appendix)."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from tsbench import BaseParams, Encoder, PanelShape, Series, param
from tsbench.nn import masked_max, only

_ROWS = 512  # time points of cases whose maximum is taken at a time: out_dim floats each stay in a core's cache


class DilatedCNN(Encoder):
    """Input projection, residual blocks of two dilated convolutions each, and one vector per time point.

    Block i is GELU, convolution, GELU, convolution (3 taps, dilation 2^i, same length) around a residual; the last
    block has out_dim channels and a residual of its own, then comes dropout. Any length from 1 on works.
    As in the published code points beyond a case's end have vectors too, which its last points see and which count in
    the maximum; with `padding = "ignored"` a case meets the zero padding at its own end.
    """

    class Params(BaseParams):
        """Sizes of TS2Vec (section 4.1 and appendix B)."""

        hidden: int = param(64, low=1, high=4096, tune=True, doc="channels of the input projection and the blocks")
        depth: int = param(10, low=0, high=20, doc="blocks before the last one, whose dilations double")
        out_dim: int = param(320, low=1, high=8192, doc="size of a time point's representation")
        dropout: float = param(0.1, low=0.0, high=0.9, doc="dropout of the representation")
        padding: Literal["counted", "ignored"] = param(
            "counted",
            doc="points beyond the end of a shorter case; counted: as in the published code",
            neutral="counted",
        )

    version = 1
    takes: ClassVar[Literal["series"]] = "series"

    def __init__(self, shape: PanelShape, params: Any) -> None:
        super().__init__(shape, params)
        self.out_dim = params.out_dim
        self.project = nn.Linear(shape.n_channels, params.hidden)
        sizes = [params.hidden] * (params.depth + 1) + [params.out_dim]
        last = params.depth
        self.blocks = nn.Sequential(
            *(_Block(sizes[i], sizes[i + 1], 2**i, own_residual=i == last) for i in range(last + 1))
        )
        self.dropout = nn.Dropout(params.dropout)

    @classmethod
    def ignores_padding(cls, params: Any) -> bool:
        """Say what the parameter says."""
        return bool(params.padding == "ignored")

    def forward(self, series: Series) -> Tensor:
        """Map (n, n_channels, n_timepoints) to (n, out_dim), the largest value over time."""
        return self.masked_maximum(series, None)

    def forward_sequence(self, series: Series) -> Tensor:
        """Map (n, n_channels, n_timepoints) to (n, n_timepoints, out_dim)."""
        return self.masked_sequence(series, None)

    def masked_sequence(self, series: Series, keep: Tensor | None, window: slice = slice(None)) -> Tensor:
        """Map a series to (n, n_timepoints, out_dim) with the projected input set to 0 where keep is False.

        keep : bool (n, n_timepoints), or None to keep every time point. window : time points to return.
        """
        latent, own, pointwise = self._local(series, keep)
        sequence: Tensor = self.dropout(pointwise(latent[window]))
        return only(sequence, None if own is None else own[window]).transpose(0, 1)

    def masked_maximum(self, series: Series, keep: Tensor | None) -> Tensor:
        """Return the largest value over time of `masked_sequence`, (n, out_dim)."""
        if torch.is_grad_enabled():
            return masked_max(self.masked_sequence(series, keep), self.own_steps(series, series.x.shape[2]))
        latent, own, pointwise = self._local(series, keep)
        size = max(1, _ROWS // max(1, len(series))) if latent.device.type == "cpu" else len(latent)
        largest = []
        for start in range(0, len(latent), size):
            part = slice(start, start + size)
            steps = self.dropout(pointwise(latent[part]))
            largest.append(only(steps, None if own is None else own[part], float("-inf")).amax(dim=0))
        return torch.stack(largest).amax(dim=0)

    def _local(self, series: Series, keep: Tensor | None) -> tuple[Tensor, Tensor | None, nn.Sequential]:
        """Return what the blocks with neighbours in time make of a series, and those that are to be applied to it.

        Between them which points are a case's own, None where all count. Both have time first.
        """
        latent = self.project(series.x.permute(2, 0, 1))  # time first: a shift in time is a slice of rows
        if keep is not None:
            latent = latent * keep.T[:, :, None]
        own = self.own_steps(series, len(latent))
        own = None if own is None else own.T
        n_local = sum(2**i < len(latent) for i in range(len(self.blocks)))
        for block in self.blocks[:n_local]:
            latent = block(latent, own)
        return latent, own, self.blocks[n_local:]


class _Block(nn.Module):
    """GELU - convolution - GELU - convolution, plus the input (or a linear map of it); (time, n, channels).

    Without a gradient to take nothing is kept: an input that is its own residual is overwritten by the output.
    """

    def __init__(self, n_in: int, n_out: int, dilation: int, own_residual: bool) -> None:
        super().__init__()
        self.first = _Convolution(n_in, n_out, dilation)
        self.second = _Convolution(n_out, n_out, dilation)
        self.residual = nn.Linear(n_in, n_out) if own_residual or n_in != n_out else None

    def forward(self, x: Tensor, own: Tensor | None = None) -> Tensor:
        """Apply the block; its convolutions see 0 where own (time, n) is False."""
        residual = x if self.residual is None else self.residual(x)
        hidden = self.first(only(functional.gelu(x), own))
        hidden = functional.gelu(hidden) if torch.is_grad_enabled() else torch.ops.aten.gelu_(hidden)
        out: Tensor = self.second(only(hidden, own), residual)
        return out


class _Convolution(nn.Module):
    """Convolution of 3 taps over time with zero padding, (time, n, n_in) to (time, n, n_out); starts as nn.Conv1d.

    Without a gradient to take the residual is overwritten by the output.
    """

    def __init__(self, n_in: int, n_out: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        bound = 1 / math.sqrt(3 * n_in)
        self.weight = nn.Parameter(torch.empty(3, n_in, n_out).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(n_out).uniform_(-bound, bound))

    def forward(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        n_timepoints, n, _ = x.shape
        rows = x.flatten(0, 1)
        weight: Tensor = self.weight
        shift = min(self.dilation * n, len(rows))
        mixed = torch.is_autocast_enabled(x.device.type)
        if not mixed and not torch.is_grad_enabled():
            sums = rows @ weight[1] if residual is None else residual.flatten(0, 1).addmm_(rows, weight[1])
            _add_outer_taps(sums.add_(self.bias), rows, weight, shift)
            return sums.view(n_timepoints, n, -1)
        start = self.bias.expand(len(rows), -1).clone() if residual is None else residual.flatten(0, 1) + self.bias
        if mixed:
            dtype = torch.get_autocast_dtype(x.device.type)
            rows, weight, start = rows.to(dtype), weight.to(dtype), start.to(dtype)
        out: Tensor = _AddTaps.apply(start, rows, weight, shift)
        return out.view(n_timepoints, n, -1)


def _add_outer_taps(out: Tensor, x: Tensor, weight: Tensor, shift: int) -> None:
    """Add the first and the last tap of `_AddTaps` to out."""
    if shift < len(x):
        out[shift:].addmm_(x[:-shift], weight[0])
        out[:-shift].addmm_(x[shift:], weight[2])


class _AddTaps(torch.autograd.Function):
    """out[r] += x[r - shift] W0 + x[r] W1 + x[r + shift] W2; the outer taps only where there is such a row.

    out : (rows, n_out), changed in place. x : (rows, n_in). weight : (3, n_in, n_out). 0 < shift <= rows; at a shift of
    all rows, a dilation of the length or more, the outer taps would see nothing but padding.
    """

    @staticmethod
    def forward(ctx: Any, out: Tensor, x: Tensor, weight: Tensor, shift: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.shift = shift
        ctx.mark_dirty(out)
        out.addmm_(x, weight[1])
        _add_outer_taps(out, x, weight, shift)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        x, weight = ctx.saved_tensors
        shift = ctx.shift
        grad_x = grad @ weight[1].T
        grad_weight = torch.empty_like(weight) if shift < len(x) else torch.zeros_like(weight)
        torch.mm(x.T, grad, out=grad_weight[1])
        if shift < len(x):
            grad_x[:-shift].addmm_(grad[shift:], weight[0].T)
            grad_x[shift:].addmm_(grad[:-shift], weight[2].T)
            torch.mm(x[:-shift].T, grad[shift:], out=grad_weight[0])
            torch.mm(x[shift:].T, grad[:-shift], out=grad_weight[2])
        return grad, grad_x, grad_weight, None
