"""Irregular series step by step: time since the last observation, and nets whose state decays with it.

Che et al. 2018 (GRU-D, arXiv 1606.01865) and Cao et al. 2018 (BRITS, arXiv 1805.10572).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from tsbench.data.series import Series
from tsbench.nn.masks import flip_steps
from tsbench.nn.recurrence import CellKind, Filling, recur


def times_of(series: Series) -> Tensor:
    """Return the times (n, n_timepoints) of cases; those without have a step of 1 between points."""
    if series.times is not None:
        return series.times
    return torch.arange(series.x.shape[-1], device=series.x.device, dtype=series.x.dtype).expand(len(series), -1)


def time_gaps(mask: Tensor, times: Tensor) -> Tensor:
    """Return the time since each channel was last observed before a step, or since the first step; (n, C, T).

    mask : bool (n, C, T). times : (n, T). It is delta_1 = 0, delta_t = s_t - s_{t-1} + (1 - m_{t-1}) delta_{t-1}.
    """
    seen = last_observed(mask).clamp(min=0)
    before = torch.cat([seen.new_zeros(*seen.shape[:-1], 1), seen[..., :-1]], dim=-1)
    return times.unsqueeze(1) - times.unsqueeze(1).expand(mask.shape).gather(-1, before)


def last_observed(mask: Tensor) -> Tensor:
    """Return the last step up to each one that was observed, int64 of the shape of mask; -1 where none was yet."""
    steps = torch.arange(mask.shape[-1], device=mask.device)
    return torch.where(mask, steps, -1).cummax(dim=-1).values


def carried(x: Tensor, mask: Tensor, before: Tensor) -> Tensor:
    """Return the last value of each channel that was observed up to a step, (n, C, T).

    before : (C,), what stands for it where none was yet.
    """
    seen = last_observed(mask)
    return torch.where(seen >= 0, x.gather(-1, seen.clamp(min=0)), before.to(x.dtype)[:, None])


@dataclass(frozen=True)
class Steps:
    """Cases step by step in k directions, forward and perhaps backward; up to the end of the longest.

    x, mask, gaps : (k, T, n, C); 0 where missing, 1 where observed, time since the last observation in the direction.
    A case that is read backward begins at its own end. lengths : (n,). width : of the cases' time axis.
    """

    x: Tensor
    mask: Tensor
    gaps: Tensor
    lengths: Tensor
    width: int

    @classmethod
    def of(cls, series: Series, directions: int = 2, unit: float | Tensor = 1.0) -> Steps:
        """Return the steps of cases; unit : in which times are counted."""
        longest = int(series.lengths.max()) if series.padded else series.x.shape[-1]
        inside, lengths = series.inside, series.lengths
        x, mask, times = series.x, series.mask, times_of(series)
        if inside is not None:  # whatever stands beyond the end of a case, none reads it
            mask, times = mask & inside[:, None], times.masked_fill(~inside, 0.0)
        ways = [(x, mask, times)]
        if directions == 2:
            ways.append((_flip(x, lengths), _flip(mask, lengths), -_flip(times[:, None], lengths)[:, 0]))
        gaps = torch.stack([time_gaps(there, when) / unit for _, there, when in ways])
        if inside is not None:
            gaps = gaps.masked_fill(~inside[:, None], 0.0)
        parts = torch.stack([one for one, _, _ in ways]), torch.stack([one for _, one, _ in ways]).to(x.dtype), gaps
        values, there, since = (part[..., :longest].permute(0, 3, 1, 2).contiguous() for part in parts)
        return cls(values, there, since, lengths, x.shape[-1])

    def forward_in_time(self, y: Tensor) -> Tensor:
        """Return what was made of the steps, (k, T, n, d), with the second direction turned back: (k, n, d, T)."""
        turned = y.permute(0, 2, 3, 1)
        return torch.stack([turned[0], *(_flip(one, self.lengths) for one in turned[1:])])

    def last(self, y: Tensor) -> Tensor:
        """Return what was made of the last step of each case in each direction, (n, k * d), of (k, T, n, d)."""
        found = y[:, self.lengths - 1, torch.arange(len(self.lengths), device=y.device)]
        return found.transpose(0, 1).flatten(1)


def _flip(x: Tensor, lengths: Tensor) -> Tensor:
    return flip_steps(x.transpose(1, 2), lengths).transpose(1, 2)


class Decayed(NamedTuple):
    """What `DecayRNN` gives, (k, T, n, ...).

    states : of the top layer, (k, T, n, H). estimates, regressed : of every value, from the state and from the other
    channels. combined : what fills the gaps. Where it fills none there are states alone, and regressed only where it
    regresses.
    """

    states: Tensor
    estimates: Tensor | None = None
    regressed: Tensor | None = None
    combined: Tensor | None = None


class DecayRNN(nn.Module):
    """A GRU or LSTM whose state decays with the time since each channel was observed, by exp(-max(0, W gap + b)).

    fills : missing values are estimated from the decayed state, in each step, and go into the cell; else x is taken as
    it is. The cell reads [x; mask]. regresses : a second estimate is made of the other channels' values at the step,
    and mixed with the first by a weight that the gap and the mask decide (BRITS). Each layer has a decay of its own,
    and each direction weights of its own; the estimates are read from the top layer. decaying : how many of the lowest
    layers decay, None for all.
    """

    def __init__(
        self,
        n_channels: int,
        hidden: int,
        *,
        cell: CellKind = "gru",
        layers: int = 1,
        directions: int = 2,
        fills: bool = False,
        regresses: bool = False,
        decaying: int | None = None,
    ) -> None:
        super().__init__()
        self.cell: CellKind = cell
        n_gates, c, k = (3 if cell == "gru" else 4) * hidden, n_channels, directions
        self.decay_weight, self.decay_bias = _linear(hidden, (layers if decaying is None else decaying, k), c, hidden)
        self.input_weight, self.input_bias = _linear(hidden, (k,), 2 * c, n_gates)
        self.hidden_weight, self.hidden_bias = _linear(hidden, (layers, k), hidden, n_gates)
        if layers > 1:
            self.deep_weight, self.deep_bias = _linear(hidden, (layers - 1, k), hidden, n_gates)
        if fills:
            self.read_weight, self.read_bias = _linear(hidden, (k,), hidden, c)
        if regresses:
            self.regress_weight, self.regress_bias = _linear(c, (k,), c, c)
            self.gap_weight, self.gap_bias = (nn.Parameter(_uniform((k, 1, 1, c), c)) for _ in range(2))
            self.mix_weight, self.mix_bias = _linear(2 * c, (k,), 2 * c, c)
        self.layers, self.fills, self.regresses = layers, fills, regresses

    def forward(self, steps: Steps) -> Decayed:
        """Read the steps in the directions it was made for."""
        x, mask, gaps = steps.x, steps.mask, steps.gaps
        decay = self.decay(gaps)
        inputs = torch.cat([x * mask if self.fills else x, mask], dim=-1)
        deep, deep_bias = (self.deep_weight, self.deep_bias) if self.layers > 1 else (None, None)
        filling = self._filling(mask, gaps) if self.fills else None
        given = inputs, self.input_weight, self.input_bias, decay
        found = recur(self.cell, *given, self.hidden_weight, self.hidden_bias, deep, deep_bias, filling)
        combined = found.estimates
        if filling is not None and filling.mix is not None:
            combined = torch.lerp(found.estimates, found.regressed, filling.mix)  # type: ignore[arg-type]
        return Decayed(found.states[-1], found.estimates, found.regressed, combined)

    def decay(self, gaps: Tensor) -> Tensor:
        """Map gaps (k, T, n, C) to the decays of the states, (layers, k, T, n, H) in (0, 1]."""
        decay = torch.exp(-torch.relu(_each(gaps, self.decay_weight, self.decay_bias)))
        others = self.layers - len(decay)
        return torch.cat([decay, torch.ones_like(decay[:1]).expand(others, *decay.shape[1:])]) if others else decay

    def _filling(self, mask: Tensor, gaps: Tensor) -> Filling:
        filling = Filling(1 - mask, self.read_weight, self.read_bias)
        if not self.regresses:
            return filling
        others = self.regress_weight * (1 - torch.eye(mask.shape[-1], device=mask.device, dtype=mask.dtype))
        by_gap = torch.exp(-torch.relu(gaps * self.gap_weight + self.gap_bias))
        mix = torch.sigmoid(_each(torch.cat([by_gap, mask], dim=-1), self.mix_weight, self.mix_bias)).to(mask.dtype)
        return filling._replace(regress=others, regress_bias=self.regress_bias, mix=mix)


def _uniform(shape: tuple[int, ...], size: int) -> Tensor:
    """Draw weights from -1 / sqrt(size) to 1 / sqrt(size)."""
    bound = 1 / math.sqrt(size)
    return torch.empty(shape).uniform_(-bound, bound)


def _linear(size: int, lead: tuple[int, ...], n_in: int, n_out: int) -> tuple[nn.Parameter, nn.Parameter]:
    """Return weights (..., n_in, n_out) and biases (..., 1, n_out) of linear maps, drawn for a size."""
    return nn.Parameter(_uniform((*lead, n_in, n_out), size)), nn.Parameter(_uniform((*lead, 1, n_out), size))


def _each(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Map (k, T, n, i) by weights (..., k, i, j) and biases (..., k, 1, j), a matrix each: (..., k, T, n, j)."""
    k, n_steps, n, _ = x.shape
    inputs = x.flatten(1, 2).expand(*weight.shape[:-2], -1, -1).flatten(0, -3)
    flat = torch.baddbmm(bias.flatten(0, -3), inputs, weight.flatten(0, -3))
    return flat.view(*weight.shape[:-3], k, n_steps, n, -1)
