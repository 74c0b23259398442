"""TFRNN: recurrent nets over time and over frequency, pooled at several scales (TRLS, arXiv 2401.05431, section 2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from tsbench import BaseParams, Encoder, PanelShape, Series, param
from tsbench.errors import MethodError
from tsbench.nn import masked_mean, only, within

MAX_TIED_FRAMES = 4096  # weights of the frequency net grow with the square: 134 million per LSTM block here


class TFR(Encoder):
    """Maps a time-frequency map x (n, f, t), or a raw series as f = channels, to a multi-scale representation.

    Blocks -> H = linear map of each frame to `hidden` (a convolution of kernel size 1) -> D_1 = H, D_i = max pooling
    of D_(i-1) over time with kernel and stride 2 (eq. 4) -> R_i = mean of D_i over time. Pooling drops an odd last
    frame and stops at length 1, so that any number of scales works: those beyond `n_distinct_scales` repeat the last.

    The frequency net reads each frequency as a vector of t frames, which ties the weights to the frame count built
    for: a longer x is cropped at the end, a shorter one padded with zeros, which are pooled like other frames. With
    `frequency = off` any length is taken, and a padded case is pooled over its own frames.
    """

    takes: ClassVar[Literal["series"]] = "series"

    class Params(BaseParams):
        """Parameters of the encoder."""

        cell: Literal["lstm", "gru", "rnn", "tcn"] = param("lstm", tune=True, doc="sequence net (Table 5)")
        blocks: int = param(3, low=1, high=32, doc="TFRblocks, section 2")
        dropout: float = param(
            0.0,
            low=0.0,
            high=0.9,
            doc="dropout on the output of the nets of a block; section 3.1 has 0.2, which as an argument of a "
            "recurrent net of one layer does nothing",
        )
        frequency: Literal["tied", "off"] = param(
            "tied", doc="off: no net over frequency; not specified in the paper, for long raw series"
        )
        merge: Literal["sum", "concat", "serial"] = param(
            "sum", doc="how the nets over time and frequency combine; not specified in the paper"
        )
        residual: bool = param(
            True,
            doc="add a block's input to its output: without it cases differ too little to train on; "
            "not specified in the paper",
        )
        layernorm: bool = param(False, doc="normalise a block's output over f; not specified in the paper")
        hidden: int = param(128, low=1, high=8192, tune=True, doc="f_h, size of a scale; not specified in the paper")
        scales: int = param(5, low=1, high=64, tune=True, doc="K, number of scales, section 3.1 and Table 2")
        representation: Literal["concat", "mean", "first"] = param(
            "concat", doc="how the scales become one vector; not specified in the paper"
        )

    def __init__(self, shape: PanelShape, params: Params) -> None:
        super().__init__(shape, params)
        f, t = shape.n_channels, shape.n_timepoints
        if params.frequency == "tied" and t > MAX_TIED_FRAMES:
            raise MethodError(
                f"encoder tfr cannot tie its frequency net to {t} frames (at most {MAX_TIED_FRAMES}); "
                "set its parameter 'frequency' to 'off' or give it a spectrogram"
            )
        self.blocks = nn.Sequential(*[TFRBlock(f, t, params) for _ in range(params.blocks)])
        self.lift = nn.Linear(f, params.hidden)
        self.n_scales: int = params.scales
        self.n_distinct_scales = min(params.scales, t.bit_length())
        self.scale_dim: int = params.hidden
        self.out_dim = params.hidden * (params.scales if params.representation == "concat" else 1)

    @classmethod
    def ignores_padding(cls, params: Any) -> bool:
        """Say whether no net reads a frequency as a vector of all frames."""
        return bool(params.frequency == "off")

    def forward(self, series: Series) -> Tensor:
        """Map (n, f, t) to (n, out_dim)."""
        scales = self.scales(series)
        if self.params.representation == "concat":
            return scales.flatten(1)
        return scales.mean(dim=1) if self.params.representation == "mean" else scales[:, 0]

    def forward_sequence(self, series: Series) -> Tensor:
        """Map (n, f, t) to H, (n, t, hidden); t is the frame count built for unless `frequency` is off."""
        frames = self._frames(series.x).transpose(0, 1)
        return only(frames, self.own_steps(series, frames.shape[1]))

    def scales(self, series: Series) -> Tensor:
        """Map (n, f, t) to R_1 ... R_K, (n, scales, hidden)."""
        pooled, own = self._frames(series.x), self.own_steps(series, series.x.shape[2])
        if own is not None:
            return self._scales_of_padded(pooled.transpose(0, 1), series.lengths)
        means = [pooled.mean(dim=0)]
        for _ in range(self.n_scales - 1):
            even = len(pooled) // 2 * 2
            if even:
                pooled = torch.maximum(pooled[0:even:2], pooled[1:even:2])
            means.append(pooled.mean(dim=0))
        return torch.stack(means, dim=1)

    def _scales_of_padded(self, pooled: Tensor, lengths: Tensor) -> Tensor:
        """Return the scales of frames (n, t, hidden) of which `lengths` (n,) are a case's own."""
        own = within(lengths, pooled.shape[1])
        means = [masked_mean(pooled, own)]
        for _ in range(self.n_scales - 1):
            even = pooled.shape[1] // 2 * 2
            if even:
                pooled = only(pooled, own, float("-inf"))  # beside the one frame of a case that is not pooled further
                pooled = torch.maximum(pooled[:, 0:even:2], pooled[:, 1:even:2])
                lengths = (lengths // 2).clamp(min=1)
                own = within(lengths, pooled.shape[1])
            means.append(masked_mean(pooled, own))
        return torch.stack(means, dim=1)

    def _frames(self, x: Tensor) -> Tensor:
        """Return H as (t, n, hidden): sequence first is what the recurrent kernels want."""
        if self.params.frequency == "tied" and x.shape[2] != self.shape.n_timepoints:
            x = functional.pad(x, (0, self.shape.n_timepoints - x.shape[2]))  # a negative pad crops
        frames: Tensor = self.lift(self.blocks(x.permute(2, 0, 1)))
        return frames


class TFRBlock(nn.Module):
    """TFRblock: one net over time, another over frequency; (t, n, f) -> (t, n, f).

    With f frequencies and t frames the two LSTMs have 8 f^2 + 8 f + 8 t^2 + 8 t weights.
    """

    def __init__(self, f: int, t: int, params: TFR.Params) -> None:
        super().__init__()
        self.merge = params.merge
        self.residual = params.residual
        self.time = _cell(params.cell, f)
        self.frequency = _cell(params.cell, t) if params.frequency == "tied" else None
        self.mix = nn.Linear(2 * f, f) if params.merge == "concat" and self.frequency is not None else None
        self.norm = nn.LayerNorm(f) if params.layernorm else nn.Identity()
        self.dropout = nn.Dropout(params.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (t, n, f) to the same shape."""
        y = self.time(x)[0]
        if self.frequency is not None:
            read = y if self.merge == "serial" else x
            across = self.frequency(read.permute(2, 1, 0))[0].permute(2, 1, 0)
            if self.merge == "serial":
                y = across
            else:
                y = y + across if self.mix is None else self.mix(torch.cat([y, across], dim=-1))
        y = self.dropout(y)
        if self.residual:
            y = y + x
        normal: Tensor = self.norm(y)
        return normal


class LSTM(nn.LSTM):
    """torch.nn.LSTM of one layer, faster on CPU when the hidden size is not a multiple of 8.

    The CPU kernel computes the gates eight units at a time and what is left over one by one, many times slower. So
    the weights are padded with zero units for the call: such a unit stays 0 (cell input tanh(0), zero initial state)
    and feeds nothing, hence neither the outputs nor the gradients of the true units change.
    """

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:  # type: ignore[override]
        """Map x (n_steps, n, input_size) to the hidden states (n_steps, n, hidden_size) and the last states."""
        h, rest = self.hidden_size, self.hidden_size % 8
        if rest < 4 or x.device.type != "cpu" or torch.is_autocast_enabled("cpu"):
            return super().forward(x)
        extra = 8 - rest
        w_ih, w_hh, b_ih, b_hh = self.all_weights[0]
        weights = [
            functional.pad(w_ih.view(4, h, -1), (0, 0, 0, extra)).flatten(0, 1),
            functional.pad(w_hh.view(4, h, h), (0, extra, 0, extra)).flatten(0, 1),
            functional.pad(b_ih.view(4, h), (0, extra)).flatten(),
            functional.pad(b_hh.view(4, h), (0, extra)).flatten(),
        ]
        zero = x.new_zeros(1, x.shape[1], h + extra)
        out, last_h, last_c = torch.lstm(x, (zero, zero), weights, True, 1, 0.0, self.training, False, False)
        return out[..., :h], (last_h[..., :h], last_c[..., :h])


class CausalConvolutions(nn.Module):
    """Two causal convolutions of 3 points, dilation 1 and 2; called like torch.nn.LSTM on (n_steps, n, size)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(size, size, 3)
        self.second = nn.Conv1d(size, size, 3, dilation=2)

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        """Map x (n_steps, n, size) to (the same shape, None)."""
        y = x.permute(1, 2, 0)
        y = functional.relu(self.first(functional.pad(y, (2, 0))))
        y = self.second(functional.pad(y, (4, 0)))
        return y.permute(2, 0, 1), None


def _cell(name: str, size: int) -> nn.Module:
    if name == "tcn":
        return CausalConvolutions(size)
    recurrent: dict[str, Callable[[int, int], nn.Module]] = {"lstm": LSTM, "gru": nn.GRU, "rnn": nn.RNN}
    return recurrent[name](size, size)
