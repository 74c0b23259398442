"""Recurrent nets whose state decays between steps and whose missing inputs they fill themselves: loop and gradient.

A stock RNN kernel can do neither, and a loop of autograd operations costs several times the arithmetic. The gradient is
written by hand. On a CPU the loops are compiled (`recurrence_cpu`); elsewhere directions and layers are one batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

CellKind = Literal["gru", "lstm"]
_sigmoid_back, _tanh_back = torch.ops.aten.sigmoid_backward.grad_input, torch.ops.aten.tanh_backward.grad_input
BLOCK = 2**18  # numbers of gates whose derivatives are taken at a time: they should stay in the cache


class Filling(NamedTuple):
    """How the first C inputs are filled from the state where they are missing; k directions.

    missing : (k, T, n, C), 1 where a value is missing, which is 0 among the inputs, else 0.
    read, read_bias : (k, H, C), (k, 1, C), from the decayed state of the top layer to an estimate.
    regress, regress_bias : (k, C, C), (k, 1, C), from known values and estimates to a second estimate; mix :
        (k, T, n, C), its share of the filling. None for the first estimate alone.
    """

    missing: Tensor
    read: Tensor
    read_bias: Tensor
    regress: Tensor | None = None
    regress_bias: Tensor | None = None
    mix: Tensor | None = None


GAPS = "433334"  # dimensions of the fields of `Filling`


class Recurred(NamedTuple):
    """What the steps gave: states (layers, k, T, n, H), and the estimates (k, T, n, C) where gaps were filled."""

    states: Tensor
    estimates: Tensor | None = None
    regressed: Tensor | None = None


def recur(
    cell: CellKind,
    inputs: Tensor,
    weight: Tensor,
    bias: Tensor,
    decay: Tensor,
    hidden: Tensor,
    hidden_bias: Tensor,
    deep: Tensor | None = None,
    deep_bias: Tensor | None = None,
    filling: Filling | None = None,
) -> Recurred:
    """Run T steps of n cases from a state of zeros: in each the state is multiplied with its decay, then cells step.

    inputs : (k, T, n, I). weight, bias : (k, I, G), (k, 1, G), from these to the gates of the first layer; G = 3 H for
        "gru" (r, z, n as torch has them), 4 H for "lstm" (i, f, o, g). decay : (layers, k, T, n, H). hidden,
        hidden_bias : (layers, k, H, G), (layers, k, 1, G), from the decayed state. deep, deep_bias :
        (layers - 1, k, H, G), (layers - 1, k, 1, G), from the layer below; None for one layer.

    The gradient reaches all but `missing`; it cannot be differentiated again.
    """
    fill = [None] * len(Filling._fields) if filling is None else filling
    tensors = [inputs, weight, bias, decay, hidden, hidden_bias, deep, deep_bias, *fill]
    with torch.autocast(inputs.device.type, enabled=False):
        same = [None if one is None else one.to(hidden.dtype).contiguous() for one in tensors]
        return Recurred(*_Recur.apply(_CELLS[cell], *same))


class _GRU:
    """h' = n + z (h - n) with n = tanh(input + r * hidden part).

    hh comes as the hidden parts of (r, z, n), and is left as (r, z, hidden part of n); kept : n.
    """

    shares_gates = False  # n takes input and state apart

    @staticmethod
    def step(gi: Tensor, hh: Tensor, h: Tensor, out: Tensor, kept: Tensor, previous: Tensor | None) -> None:
        """Write the state and what is kept."""
        size = h.shape[-1]
        rz = hh[..., : 2 * size].add_(gi[..., : 2 * size]).sigmoid_()
        torch.addcmul(gi[..., 2 * size :], rz[..., :size], hh[..., 2 * size :], out=kept).tanh_()
        torch.lerp(kept, h, rz[..., size:], out=out)

    def block(self, hh: Tensor, kept: Tensor, decayed: Tensor, previous: Tensor) -> None:
        """Take the derivatives of a block of steps (layers, k, steps, n, ...)."""
        r, z, part = hh.chunk(3, dim=-1)
        at_input = hh.new_empty(*hh.shape[:-1], 3, r.shape[-1])
        at_hidden = torch.empty_like(at_input)
        at_r, at_z, at_n = at_input.unbind(-2)
        _tanh_back(1 - z, kept, grad_input=at_n)
        _sigmoid_back(at_n * part, r, grad_input=at_r)
        _sigmoid_back(decayed - kept, z, grad_input=at_z)
        at_hidden[..., :2, :] = at_input[..., :2, :]
        torch.mul(at_n, r, out=at_hidden[..., 2, :])
        self.at_input, self.at_hidden = at_input.unbind(2), at_hidden.unbind(2)
        self.z = z.unbind(2)

    def back(self, t: int, layer: int, dh: Tensor, dgi: Tensor, dhh: Tensor, dh_direct: Tensor) -> None:
        """Write the gradients of what a step was given, of the state as far as it passes no gate."""
        wide, shape = dh.unsqueeze(-2), (*dh.shape[:-1], 3, dh.shape[-1])
        torch.mul(wide, self.at_input[t][layer], out=dgi.view(shape))
        torch.mul(wide, self.at_hidden[t][layer], out=dhh.view(shape))
        torch.mul(dh, self.z[t][layer], out=dh_direct)


class _LSTM:
    """c' = f c + i g, h' = o tanh(c'). hh comes as the hidden parts of (i, f, o, g), is left as these; kept : c'."""

    shares_gates = True

    def __init__(self) -> None:
        self.dc: dict[int, Tensor] = {}

    @staticmethod
    def step(gi: Tensor, hh: Tensor, h: Tensor, out: Tensor, kept: Tensor, previous: Tensor | None) -> None:
        """Write the state and what is kept."""
        size = h.shape[-1]
        hh.add_(gi)[..., : 3 * size].sigmoid_()
        i, f, o, g = hh.chunk(4, dim=-1)
        torch.mul(i, g.tanh_(), out=kept)
        if previous is not None:
            kept.addcmul_(f, previous)
        torch.tanh(kept, out=out).mul_(o)

    def block(self, hh: Tensor, kept: Tensor, decayed: Tensor, previous: Tensor) -> None:
        """Take the derivatives of a block of steps (layers, k, steps, n, ...)."""
        i, f, o, g = hh.chunk(4, dim=-1)
        tanh = kept.tanh()
        gates = torch.zeros_like(hh).unflatten(-1, (4, -1))  # type: ignore[no-untyped-call]
        _sigmoid_back(g, i, grad_input=gates[..., 0, :])
        _sigmoid_back(previous, f, grad_input=gates[..., 1, :])
        _tanh_back(i, g, grad_input=gates[..., 3, :])
        self.at_gates = gates.unbind(2)
        self.at_cell = _tanh_back(o, tanh, grad_input=torch.empty_like(tanh)).unbind(2)
        self.at_o = _sigmoid_back(tanh, o, grad_input=torch.empty_like(tanh)).unbind(2)
        self.f = f.unbind(2)

    def back(self, t: int, layer: int, dh: Tensor, dgi: Tensor, dhh: Tensor, dh_direct: Tensor) -> None:
        """Write the gradients of what a step was given; the state passes gates alone."""
        size = dh.shape[-1]
        dc = self.dc.setdefault(layer, torch.zeros_like(dh)).addcmul_(dh, self.at_cell[t][layer])
        torch.mul(dc.unsqueeze(-2), self.at_gates[t][layer], out=dgi.view(*dh.shape[:-1], 4, size))
        torch.mul(dh, self.at_o[t][layer], out=dgi[..., 2 * size : 3 * size])
        dc.mul_(self.f[t][layer])


_CELLS: dict[str, Any] = {"gru": _GRU, "lstm": _LSTM}


class _Recur(torch.autograd.Function):
    """The loop. What is multiplied with the states of all layers and directions is one batch of matrices."""

    @staticmethod
    def forward(ctx: Any, cell: Any, *tensors: Any) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Return what `recur` does; tensors : its arguments in their order, then those of `Filling`."""
        inputs, weight, _, decay, hidden, _, deep, _, *filling = tensors
        fill = Filling(*filling)
        states, kept = torch.empty_like(decay), torch.empty_like(decay)
        hh = decay.new_empty(*decay.shape[:-1], weight.shape[-1])
        estimates = None if fill.read is None else torch.empty_like(fill.missing)
        regressed = None if fill.regress is None else torch.empty_like(fill.missing)
        made = states, kept, hh, estimates, regressed
        ctx.cell = cell
        ctx.save_for_backward(inputs, weight, decay, hidden, deep, *made, *filling)
        if _compiles(decay):
            from tsbench.nn import recurrence_cpu  # numba is imported, and compiles, where it is needed

            given = [*_arrays("43354444", *tensors[:8]), Filling(*_arrays(GAPS, *filling))]
            given += _arrays("55544", *made)
            recurrence_cpu.forward(*given)
        else:
            _loop(cell, tensors[:8], fill, made)
        return states, estimates, regressed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Any) -> Any:
        """Return the gradients of all that `forward` was given."""
        return _Backward(ctx.cell(), ctx.saved_tensors, *grads).run()


def _loop(cell: Any, tensors: Sequence[Tensor], fill: Any, made: tuple[Any, ...]) -> None:
    """Write what the steps give, in torch."""
    inputs, weight, bias, decay, hidden, hidden_bias, deep, deep_bias = tensors
    states, kept, hh, estimates, regressed = made
    layers = len(decay)
    gates = torch.baddbmm(bias, inputs.flatten(1, 2), weight).view(*inputs.shape[:3], -1)
    by_step = [one.unbind(2) for one in (states, decay, kept, hh)]
    if estimates is not None:
        n_filled = fill.missing.shape[-1]
        known, feed = inputs[..., :n_filled], weight[:, :n_filled]
        gaps: list[Any] = [
            None if one is None else one.unbind(1) for one in (known, fill.missing, fill.mix, estimates, regressed)
        ]
    weight, bias = hidden.flatten(0, 1), hidden_bias.flatten(0, 1)
    h, c = torch.zeros_like(states[:, :, 0]), None
    for t, (out, by, second, parts, gi) in enumerate(zip(*by_step, gates.unbind(1), strict=True)):
        hd = by * h
        torch.baddbmm(bias, hd.flatten(0, 1), weight, out=parts.flatten(0, 1))
        if estimates is not None:
            now: list[Any] = [None if one is None else one[t] for one in gaps]
            value, missing, mix, estimate, regression = now
            filled = torch.baddbmm(fill.read_bias, hd[-1], fill.read, out=estimate)
            if regression is not None:
                torch.baddbmm(fill.regress_bias, torch.addcmul(value, missing, filled), fill.regress, out=regression)
                filled = torch.lerp(filled, regression, mix)
            gi = torch.baddbmm(gi, filled * missing, feed)
        for layer in range(layers):
            if layer:
                gi = torch.baddbmm(deep_bias[layer - 1], out[layer - 1], deep[layer - 1])
            cell.step(gi, parts[layer], hd[layer], out[layer], second[layer], None if c is None else c[layer])
        h, c = out, second


class _Backward:
    def __init__(self, cell: Any, saved: Any, d_states: Tensor, d_estimates: Any, d_regressed: Any) -> None:
        self.inputs, self.weight, self.decay, self.hidden, self.deep, self.states, self.kept, self.hh, *rest = saved
        self.estimates, self.regressed, *filling = rest
        self.cell, self.d_states = cell, d_states.contiguous()
        self.fill: Any = Filling(*filling)
        self.d_inputs = torch.empty_like(self.inputs)
        self.d_weight, self.d_bias = torch.zeros_like(self.weight), torch.zeros_like(self.weight[:, :1])
        self.d_filled = None if self.estimates is None else torch.empty_like(self.estimates)
        self.d_estimates: Any = None if self.estimates is None else _copied(d_estimates)
        self.d_regressed: Any = None if self.regressed is None else _copied(d_regressed)
        self.d_decay = torch.empty_like(self.decay)
        self.d_hidden, self.d_hidden_bias = torch.zeros_like(self.hidden), torch.zeros_like(self.hidden[:, :, :1])
        self.d_read: Any = None if self.estimates is None else torch.zeros_like(self.fill.read)
        self.d_deep: Any = None if self.deep is None else torch.zeros_like(self.deep)
        self.d_deep_bias: Any = None if self.deep is None else torch.zeros_like(self.deep[:, :, :1])

    def run(self) -> tuple[Any, ...]:
        """Return the gradients in the order of what `_Recur.forward` takes."""
        if _compiles(self.decay):
            self._compiled()
        else:
            self._loop()
        rest = self._of_filling()  # which adds to that of the inputs
        of_inputs, of_hidden = (self.d_inputs, self.d_weight, self.d_bias), (self.d_hidden, self.d_hidden_bias)
        return None, *of_inputs, self.d_decay, *of_hidden, self.d_deep, self.d_deep_bias, *rest

    def _compiled(self) -> None:
        from tsbench.nn import recurrence_cpu

        back = [None if one is None else one.transpose(-2, -1) for one in (self.weight, self.hidden, self.deep)]
        given = [
            *_arrays("45344", self.inputs, self.decay, *back),
            Filling(*_arrays(GAPS, *self.fill)),
            *_arrays("55544", self.states, self.kept, self.hh, self.estimates, self.regressed),
            *_arrays("544", self.d_states, self.d_estimates, self.d_regressed),
            *_arrays("44335", self.d_filled, self.d_inputs, self.d_weight, self.d_bias, self.d_decay),
            *_arrays("4444", self.d_hidden, self.d_hidden_bias, self.d_deep, self.d_deep_bias),
            *_arrays("3", self.d_read),
        ]
        recurrence_cpu.backward(*given)

    def _loop(self) -> None:
        self.d_gates = torch.empty_like(self.hh[0])
        dh = self.d_states[:, :, -1].clone()
        for steps in self._blocks():
            dh = self._block(steps, dh, None if self.d_filled is None else self.d_filled[:, steps])
        given = self.inputs
        if self.estimates is not None:
            known, others = given.tensor_split([self.estimates.shape[-1]], dim=-1)
            given = torch.cat([torch.addcmul(known, self._filled(), self.fill.missing), others], dim=-1)
        self.d_weight, self.d_bias = _over(given, self.d_gates), _total(self.d_gates)
        torch.matmul(self.d_gates, self.weight.transpose(1, 2).unsqueeze(1), out=self.d_inputs)

    def _blocks(self) -> Iterator[slice]:
        n_steps = self.hh.shape[2]
        width = max(1, BLOCK * n_steps // self.hh.numel())
        for end in range(n_steps, 0, -width):
            yield slice(max(0, end - width), end)

    def _block(self, steps: slice, dh: Tensor, d_filled: Tensor | None) -> Tensor:
        """Go back through a block of steps; return the gradient of the state before it."""
        cell, layers = self.cell, len(self.hidden)
        before = _before(self.states, steps)
        decayed = self.decay[:, :, steps] * before
        cell.block(self.hh[:, :, steps], self.kept[:, :, steps], decayed, _before(self.kept, steps))
        dgi = self.d_gates[None, :, steps] if layers == 1 else torch.empty_like(self.hh[:, :, steps])
        dhh = dgi if cell.shares_gates else torch.empty_like(dgi)
        back = self.hidden.transpose(2, 3).flatten(0, 1)
        deep_back = None if self.deep is None else self.deep.transpose(2, 3)
        direct = torch.zeros_like(dh)
        d_decayed = torch.empty_like(decayed)
        d_inputs, d_parts, d_states = dgi.unbind(2), dhh.unbind(2), d_decayed.unbind(2)
        for t in range(len(d_inputs) - 1, -1, -1):
            for layer in range(layers - 1, -1, -1):
                cell.back(t, layer, dh[layer], d_inputs[t][layer], d_parts[t][layer], direct[layer])
                if deep_back is not None and layer:
                    dh[layer - 1].baddbmm_(d_inputs[t][layer], deep_back[layer - 1])
            d_hd, step = d_states[t], steps.start + t
            torch.baddbmm(direct.flatten(0, 1), d_parts[t].flatten(0, 1), back, out=d_hd.flatten(0, 1))
            if d_filled is not None:
                d_hd[-1].add_(self._fill_back(step, d_inputs[t][0], d_filled[:, t]))
            if step:
                dh = torch.addcmul(self.d_states[:, :, step - 1], d_hd, self.decay[:, :, step])
        if layers > 1:
            self.d_gates[:, steps] = dgi[0]
        torch.mul(d_decayed, before, out=self.d_decay[:, :, steps])
        self.d_hidden += _over(decayed, dhh)
        self.d_hidden_bias += dhh.sum(dim=(2, 3)).unsqueeze(2)
        if self.deep is not None:
            self.d_deep += _over(self.states[:-1, :, steps], dgi[1:])
            self.d_deep_bias += dgi[1:].sum(dim=(2, 3)).unsqueeze(2)
        if self.d_read is not None:
            self.d_read += _over(decayed[-1], self.d_estimates[:, steps])
        return dh

    def _fill_back(self, step: int, d_gates: Tensor, d_filled: Tensor) -> Tensor:
        """Take the gradient of what filled the gaps on to both estimates; return that of the top layer's state."""
        fill, d_first = self.fill, self.d_estimates[:, step]
        missing = fill.missing[:, step]
        feed = self.weight[:, : missing.shape[-1]]
        d_filled.copy_(torch.bmm(d_gates, feed.transpose(1, 2)).mul_(missing))
        d_first.add_(d_filled)
        if self.d_regressed is not None:
            share = d_filled * fill.mix[:, step]
            d_second = self.d_regressed[:, step].add_(share)
            d_first.sub_(share).addcmul_(torch.bmm(d_second, fill.regress.transpose(1, 2)), missing)
        return torch.bmm(d_first, fill.read.transpose(1, 2))

    def _filled(self) -> Tensor:
        fill = self.fill
        return self.estimates if self.regressed is None else torch.lerp(self.estimates, self.regressed, fill.mix)

    def _of_filling(self) -> list[Any]:
        """Return the gradients of `Filling`."""
        fill, grads = self.fill, dict[str, Any].fromkeys(Filling._fields)
        if self.d_filled is not None:
            grads["read"], grads["read_bias"] = self.d_read, _total(self.d_estimates)
        if self.d_regressed is not None:
            known, d_known = (one[..., : fill.missing.shape[-1]] for one in (self.inputs, self.d_inputs))
            d_known += torch.matmul(self.d_regressed, fill.regress.transpose(1, 2).unsqueeze(1))
            inputs = torch.addcmul(known, fill.missing, self.estimates)
            grads["regress"], grads["regress_bias"] = _over(inputs, self.d_regressed), _total(self.d_regressed)
            grads["mix"] = self.d_filled * (self.regressed - self.estimates)
        return list(grads.values())


def _copied(x: Tensor) -> Tensor:
    return x.clone(memory_format=torch.contiguous_format)  # which the compiled loops write to


def _compiles(x: Tensor) -> bool:
    """Tell whether the loops run compiled; accelerators and other precisions have those of torch."""
    return x.device.type == "cpu" and x.dtype == torch.float32


def _arrays(dims: str, *tensors: Tensor | None) -> list[Any]:
    """Return what the compiled loops take; dims : a digit each, the dimensions of an empty array in place of None."""
    pairs = zip(dims, tensors, strict=True)
    return [np.empty((0,) * int(n), np.float32) if one is None else one.contiguous().numpy() for n, one in pairs]


def _before(x: Tensor, steps: slice) -> Tensor:
    """Return (layers, k, T, n, ...) at the steps before some, 0 before the first."""
    found = x[:, :, max(0, steps.start - 1) : steps.stop - 1]
    return found if steps.start else torch.cat([torch.zeros_like(x[:, :, :1]), found], dim=2)


def _over(a: Tensor, b: Tensor) -> Tensor:
    """Return the sum over steps and cases of the outer products of (..., T, n, i) and (..., T, n, j), (..., i, j)."""
    return a.flatten(-3, -2).transpose(-1, -2) @ b.flatten(-3, -2)


def _total(x: Tensor) -> Tensor:
    """Return the sum over steps and cases of (k, T, n, C), (k, 1, C)."""
    return x.sum(dim=(1, 2)).unsqueeze(1)
