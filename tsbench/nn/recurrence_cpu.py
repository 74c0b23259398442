"""The loops of `recurrence`, compiled for the CPU.

At the sizes of clinical nets starting an operation of torch takes longer than its arithmetic. Each direction is run by
itself, so that what a step reads and writes stays in the cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg.cython_blas  # noqa: F401  # numba's matrix products are its
import torch
from threadpoolctl import threadpool_limits

from tsbench.nn.compiled import compiled

Array = npt.NDArray[np.float32]

threadpool_limits(torch.get_num_threads(), user_api="blas")  # of what was loaded above

# numpy's types keep numba from computing in 64 bits
_HALF, _ONE, _FAR = np.float32(0.5), np.float32(1), np.float32(7.90531)
_P = tuple(
    np.float32(one)
    for one in (
        -2.76076848e-16,
        2.0001879e-13,
        -8.60467152e-11,
        5.12229709e-8,
        1.48572236e-5,
        6.37261929e-4,
        4.89352456e-3,
    )
)
_Q = tuple(np.float32(one) for one in (1.19825839e-6, 1.18534706e-4, 2.26843463e-3, 4.89352519e-3))


@compiled
def forward(
    inputs: Array,
    weight: Array,
    bias: Array,
    decay: Array,
    hidden: Array,
    hidden_bias: Array,
    deep: Array,
    deep_bias: Array,
    fill: Any,
    states: Array,
    kept: Array,
    hh: Array,
    estimates: Array,
    regressed: Array,
) -> None:
    """Write states, kept, hh and estimates as `recurrence` has them; what it has as None is an array of size 0."""
    layers, k, n_steps, n, size = decay.shape
    gru, fills = weight.shape[2] == 3 * size, fill.read.size > 0
    hd, none = np.empty((layers, n, size), np.float32), np.zeros((n, size), np.float32)
    given, sums = np.empty(inputs.shape[2:], np.float32), np.empty(hh.shape[3:], np.float32)
    for way in range(k):
        for t in range(n_steps):
            for layer in range(layers):
                _multiply(decay[layer, way, t], states[layer, way, t - 1] if t else none, hd[layer])
                np.dot(hd[layer], hidden[layer, way], hh[layer, way, t])
            given[:] = inputs[way, t]
            if fills:
                _estimate(fill, way, t, hd[layers - 1], given, estimates, regressed)
                _fill(fill, way, t, estimates, regressed, given)
            np.dot(given, weight[way], sums)
            _add_bias(bias[way, 0], sums)
            for layer in range(layers):
                if layer:
                    np.dot(states[layer - 1, way, t], deep[layer - 1, way], sums)
                    _add_bias(deep_bias[layer - 1, way, 0], sums)
                parts, out, second = hh[layer, way, t], states[layer, way, t], kept[layer, way, t]
                _add_bias(hidden_bias[layer, way, 0], parts)
                if gru:
                    _gru(sums, parts, hd[layer], out, second)
                else:
                    _lstm(sums, parts, kept[layer, way, t - 1] if t else none, out, second)


@compiled
def backward(
    inputs: Array,
    decay: Array,
    weight_back: Array,
    hidden_back: Array,
    deep_back: Array,
    fill: Any,
    states: Array,
    kept: Array,
    hh: Array,
    estimates: Array,
    regressed: Array,
    d_states: Array,
    d_estimates: Array,
    d_regressed: Array,
    d_filled: Array,
    d_inputs: Array,
    d_weight: Array,
    d_bias: Array,
    d_decay: Array,
    d_hidden: Array,
    d_hidden_bias: Array,
    d_deep: Array,
    d_deep_bias: Array,
    d_read: Array,
) -> None:
    """Write d_filled, d_inputs and d_decay; add to the other gradients behind d_states.

    weight_back, hidden_back, deep_back : (..., G, I) and (..., G, H), the weights the other way round.
    """
    layers, k, n_steps, _, size = decay.shape
    gru, fills = hh.shape[4] == 3 * size, fill.read.size > 0
    dh, dc, d_hd = np.empty_like(d_states[:, 0, 0]), np.empty_like(d_states[:, 0, 0]), np.empty_like(d_states[:, 0, 0])
    hd, none, direct, product = np.empty_like(dh[0]), np.zeros_like(dh[0]), np.empty_like(dh[0]), np.empty_like(dh[0])
    d_gates, parts, given = np.empty_like(hh[0, 0, 0]), np.empty_like(hh[0, 0, 0]), np.empty_like(inputs[0, 0])
    of_weight, of_hidden, of_read = np.empty_like(d_weight[0]), np.empty_like(d_hidden[0, 0]), np.empty_like(d_read[0])
    for way in range(k):
        dh[:], dc[:] = d_states[:, way, n_steps - 1], 0
        for t in range(n_steps - 1, -1, -1):
            for layer in range(layers - 1, -1, -1):
                before, d_parts = states[layer, way, t - 1] if t else none, parts
                gates, second = hh[layer, way, t], kept[layer, way, t]
                _multiply(decay[layer, way, t], before, hd)
                if gru:
                    _gru_back(gates, second, hd, dh[layer], d_gates, d_parts, direct)
                else:
                    d_parts = d_gates  # the state meets the inputs in all gates
                    cell = kept[layer, way, t - 1] if t else none
                    _lstm_back(gates, second, cell, dh[layer], dc[layer], d_gates)
                if layer:
                    np.dot(d_gates, deep_back[layer - 1, way], product)
                    _add(product, dh[layer - 1])
                    np.dot(states[layer - 1, way, t].T, d_gates, of_hidden)
                    _add(of_hidden, d_deep[layer - 1, way])
                    _add_total(d_gates, d_deep_bias[layer - 1, way, 0])
                np.dot(hd.T, d_parts, of_hidden)
                _add(of_hidden, d_hidden[layer, way])
                _add_total(d_parts, d_hidden_bias[layer, way, 0])
                np.dot(d_parts, hidden_back[layer, way], d_hd[layer])
                if gru:
                    _add(direct, d_hd[layer])
            given[:] = inputs[way, t]
            if fills:
                _fill(fill, way, t, estimates, regressed, given)
            np.dot(given.T, d_gates, of_weight)
            _add(of_weight, d_weight[way])
            _add_total(d_gates, d_bias[way, 0])
            np.dot(d_gates, weight_back[way], d_inputs[way, t])
            if fills:
                _fill_back(fill, way, t, d_inputs, d_estimates, d_regressed, d_filled)
                np.dot(d_estimates[way, t], fill.read[way].T, product)
                _add(product, d_hd[layers - 1])
                _multiply(decay[layers - 1, way, t], states[layers - 1, way, t - 1] if t else none, hd)
                np.dot(hd.T, d_estimates[way, t], of_read)
                _add(of_read, d_read[way])
            for layer in range(layers):
                _multiply(d_hd[layer], states[layer, way, t - 1] if t else none, d_decay[layer, way, t])
                if t:
                    _multiply(d_hd[layer], decay[layer, way, t], dh[layer])
                    _add(d_states[layer, way, t - 1], dh[layer])


@compiled
def _estimate(fill: Any, way: int, t: int, hd: Array, given: Array, estimates: Array, regressed: Array) -> None:
    """Write the estimates of a step; given : its inputs, 0 in gaps."""
    first = estimates[way, t]
    np.dot(hd, fill.read[way], first)
    _add_bias(fill.read_bias[way, 0], first)
    if fill.regress.size:
        second = regressed[way, t]
        np.dot(given[:, : first.shape[1]] + fill.missing[way, t] * first, fill.regress[way], second)
        _add_bias(fill.regress_bias[way, 0], second)


@compiled
def _fill(fill: Any, way: int, t: int, estimates: Array, regressed: Array, given: Array) -> None:
    """Fill the gaps among the first inputs of a step."""
    first, missing = estimates[way, t], fill.missing[way, t]
    mixes = fill.regress.size > 0
    for i in range(len(given)):
        row, one, gap = given[i, : first.shape[1]], first[i], missing[i]
        if mixes:
            other, share = regressed[way, t, i], fill.mix[way, t, i]
            for j in range(len(row)):
                row[j] += gap[j] * (one[j] + share[j] * (other[j] - one[j]))
        else:
            for j in range(len(row)):
                row[j] += gap[j] * one[j]


@compiled
def _fill_back(
    fill: Any, way: int, t: int, d_inputs: Array, d_estimates: Array, d_regressed: Array, d_filled: Array
) -> None:
    """Take the gradient of what filled the gaps of a step on to both estimates."""
    filled, d_first, missing = d_filled[way, t], d_estimates[way, t], fill.missing[way, t]
    _multiply(d_inputs[way, t], missing, filled)
    _add(filled, d_first)
    if fill.regress.size:
        d_second, d_values = d_regressed[way, t], np.empty_like(filled)
        share = filled * fill.mix[way, t]
        _add(share, d_second)
        np.dot(d_second, fill.regress[way].T, d_values)
        d_first += d_values * missing - share


@compiled
def _gru(gi: Array, hh: Array, h: Array, out: Array, kept: Array) -> None:
    """Step a GRU as `recurrence` has it; hh holds its bias."""
    size = h.shape[1]
    for i in range(len(h)):
        rz, r, z, part = hh[i, : 2 * size], hh[i, :size], hh[i, size : 2 * size], hh[i, 2 * size :]
        given, last, before, state, new = gi[i], gi[i, 2 * size :], h[i], out[i], kept[i]
        for j in range(2 * size):
            rz[j] = _sigmoid(given[j] + rz[j])
        for j in range(size):
            new[j] = _tanh(last[j] + r[j] * part[j])
        for j in range(size):
            state[j] = new[j] + z[j] * (before[j] - new[j])


@compiled
def _gru_back(hh: Array, kept: Array, h: Array, dh: Array, d_inputs: Array, d_parts: Array, direct: Array) -> None:
    """Write the gradients of both sides of the gates, and of the state as far as it passes none."""
    size = h.shape[1]
    for i in range(len(h)):
        r, z, part = hh[i, :size], hh[i, size : 2 * size], hh[i, 2 * size :]
        at_r, at_z, at_n = d_inputs[i, :size], d_inputs[i, size : 2 * size], d_inputs[i, 2 * size :]
        n, before, d, past = kept[i], h[i], dh[i], direct[i]
        for j in range(size):
            at_n[j] = d[j] * (_ONE - z[j]) * (_ONE - n[j] * n[j])
        for j in range(size):
            at_r[j] = at_n[j] * part[j] * r[j] * (_ONE - r[j])
        for j in range(size):
            past[j] = d[j] * z[j]
        for j in range(size):
            at_z[j] = past[j] * (_ONE - z[j]) * (before[j] - n[j])
        d_parts[i, : 2 * size] = d_inputs[i, : 2 * size]
        last = d_parts[i, 2 * size :]
        for j in range(size):
            last[j] = at_n[j] * r[j]


@compiled
def _lstm(gi: Array, hh: Array, previous: Array, out: Array, kept: Array) -> None:
    """Step an LSTM as `recurrence` has it; hh holds its bias."""
    size = out.shape[1]
    for i in range(len(out)):
        ifo, in_gate, forget, out_gate = (
            hh[i, : 3 * size],
            hh[i, :size],
            hh[i, size : 2 * size],
            hh[i, 2 * size : 3 * size],
        )
        g, given, last, state, cell, before = hh[i, 3 * size :], gi[i], gi[i, 3 * size :], out[i], kept[i], previous[i]
        for j in range(3 * size):
            ifo[j] = _sigmoid(given[j] + ifo[j])
        for j in range(size):
            g[j] = _tanh(last[j] + g[j])
        for j in range(size):
            cell[j] = forget[j] * before[j] + in_gate[j] * g[j]
        for j in range(size):
            state[j] = out_gate[j] * _tanh(cell[j])


@compiled
def _lstm_back(hh: Array, kept: Array, previous: Array, dh: Array, dc: Array, d_inputs: Array) -> None:
    """Write the gradient of the gates; take that of the cell a step back."""
    size = dh.shape[1]
    tanh = np.empty(size, np.float32)
    for i in range(len(dh)):
        in_gate, forget, out_gate, g = (
            hh[i, :size],
            hh[i, size : 2 * size],
            hh[i, 2 * size : 3 * size],
            hh[i, 3 * size :],
        )
        at_in, at_forget = d_inputs[i, :size], d_inputs[i, size : 2 * size]
        at_out, at_g = d_inputs[i, 2 * size : 3 * size], d_inputs[i, 3 * size :]
        cell, before, d, d_cell = kept[i], previous[i], dh[i], dc[i]
        for j in range(size):
            tanh[j] = _tanh(cell[j])
        for j in range(size):
            d_cell[j] += d[j] * out_gate[j] * (_ONE - tanh[j] * tanh[j])
        for j in range(size):
            at_out[j] = d[j] * tanh[j] * out_gate[j] * (_ONE - out_gate[j])
        for j in range(size):
            at_in[j] = d_cell[j] * g[j] * in_gate[j] * (_ONE - in_gate[j])
        for j in range(size):
            at_g[j] = d_cell[j] * in_gate[j] * (_ONE - g[j] * g[j])
        for j in range(size):
            at_forget[j] = d_cell[j] * before[j] * forget[j] * (_ONE - forget[j])
        for j in range(size):
            d_cell[j] *= forget[j]


@compiled
def _tanh(x: np.float32) -> np.float32:
    """Return tanh to 3e-7: a quotient of polynomials, which a processor computes for many numbers at once."""
    x = _FAR if x > _FAR else -_FAR if x < -_FAR else x
    s = x * x
    p = ((((((_P[0] * s + _P[1]) * s + _P[2]) * s + _P[3]) * s + _P[4]) * s + _P[5]) * s + _P[6]) * x
    return p / (((_Q[0] * s + _Q[1]) * s + _Q[2]) * s + _Q[3])


@compiled
def _sigmoid(x: np.float32) -> np.float32:
    return _HALF + _HALF * _tanh(_HALF * x)


@compiled
def _multiply(a: Array, b: Array, out: Array) -> None:
    for i in range(len(out)):
        one, other, made = a[i], b[i], out[i]
        for j in range(len(made)):
            made[j] = one[j] * other[j]


@compiled
def _add(x: Array, out: Array) -> None:
    for i in range(len(out)):
        one, made = x[i], out[i]
        for j in range(len(made)):
            made[j] += one[j]


@compiled
def _add_bias(bias: Array, out: Array) -> None:
    for i in range(len(out)):
        made = out[i]
        for j in range(len(made)):
            made[j] += bias[j]


@compiled
def _add_total(x: Array, out: Array) -> None:
    for i in range(len(x)):
        one = x[i]
        for j in range(len(out)):
            out[j] += one[j]
