"""The loops with their hand-written gradient, in torch and compiled, beside the same equations in autograd."""

import pytest
import torch

from tsbench.nn import recurrence
from tsbench.nn.recurrence import Filling, recur

T, N, H, C, N_IN, K = 4, 3, 5, 2, 3, 2


def plain(cell, given, weight, bias, decay, hidden, hidden_bias, deep, deep_bias, filling):
    """The equations, a step and a layer at a time."""
    layers = len(decay)
    h, c = [torch.zeros_like(decay[0, :, 0])] * layers, [torch.zeros_like(decay[0, :, 0])] * layers
    states, estimates, regressed = [], [], []
    for t in range(given.shape[1]):
        decayed = [decay[layer, :, t] * h[layer] for layer in range(layers)]
        inputs = given[:, t]
        if filling is not None:
            known, missing = inputs[..., :C], filling.missing[:, t]
            estimate = decayed[-1] @ filling.read + filling.read_bias
            estimates.append(estimate)
            if filling.regress is not None:
                regressed.append((known + missing * estimate) @ filling.regress + filling.regress_bias)
                estimate = filling.mix[:, t] * regressed[-1] + (1 - filling.mix[:, t]) * estimate
            inputs = torch.cat([known + missing * estimate, inputs[..., C:]], dim=-1)
        inputs = inputs @ weight + bias
        for layer in range(layers):
            if layer:
                inputs = h[layer - 1] @ deep[layer - 1] + deep_bias[layer - 1]
            part = decayed[layer] @ hidden[layer] + hidden_bias[layer]
            if cell == "gru":
                r, z = torch.sigmoid((inputs + part)[..., : 2 * H]).chunk(2, dim=-1)
                n = torch.tanh(inputs[..., 2 * H :] + r * part[..., 2 * H :])
                new = (1 - z) * n + z * decayed[layer]
            else:
                i, f, o, g = (inputs + part).chunk(4, dim=-1)
                c = [*c[:layer], f.sigmoid() * c[layer] + i.sigmoid() * g.tanh(), *c[layer + 1 :]]
                new = o.sigmoid() * c[layer].tanh()
            h = [*h[:layer], new, *h[layer + 1 :]]
        states.append(torch.stack(h))
    return [torch.stack(states, dim=2), *(torch.stack(one, dim=1) for one in (estimates, regressed) if one)]


def arguments(cell, layers, filling, dtype=torch.float64):
    gates = (3 if cell == "gru" else 4) * H

    def draw(*shape):
        return torch.randn(shape, dtype=dtype, requires_grad=True)

    def share(*shape):
        return torch.rand(shape, dtype=dtype, requires_grad=True)

    deep = (draw(layers - 1, K, H, gates), draw(layers - 1, K, 1, gates)) if layers > 1 else (None, None)
    made = None
    if filling:
        missing = (torch.rand(K, T, N, C) < 0.5).to(dtype)
        made = Filling(missing, draw(K, H, C), draw(K, 1, C))
    if filling == "both":
        made = made._replace(regress=draw(K, C, C), regress_bias=draw(K, 1, C), mix=share(K, T, N, C))
    hidden = draw(layers, K, H, gates), draw(layers, K, 1, gates)
    return draw(K, T, N, N_IN), draw(K, N_IN, gates), draw(K, 1, gates), share(layers, K, T, N, H), *hidden, *deep, made


def flat(arguments):
    return [one for one in (*arguments[:-1], *(arguments[-1] or ())) if one is not None]


LOOPS = {"torch, a step at a time": (torch.float64, 1), "torch": (torch.float64, 10**9), "compiled": (torch.float32, 0)}


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("filling", [None, "state", "both"])
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_values_and_gradients_are_those_of_the_equations(cell, layers, filling, loop, monkeypatch):
    dtype, block = LOOPS[loop]
    monkeypatch.setattr(recurrence, "BLOCK", block)
    torch.manual_seed(0)
    given = arguments(cell, layers, filling, dtype)
    ours, theirs = [one for one in recur(cell, *given) if one is not None], plain(cell, *given)
    assert len(ours) == len(theirs)
    torch.testing.assert_close(ours, theirs)
    weights, inputs = [torch.randn_like(one) for one in ours], [one for one in flat(given) if one.requires_grad]
    sums = [sum((a * b).sum() for a, b in zip(found, weights, strict=True)) for found in (ours, theirs)]
    grads = [torch.autograd.grad(one, inputs, allow_unused=True) for one in sums]
    for one, other in zip(*grads, strict=True):
        assert (one is None) == (other is None)
        torch.testing.assert_close(one, other, **({"rtol": 1e-5, "atol": 1e-5} if dtype == torch.float32 else {}))


def test_one_layer_without_decay_is_torch_s_gru_and_lstm():
    torch.manual_seed(0)
    for cell, net in (("gru", torch.nn.GRU(C, H)), ("lstm", torch.nn.LSTM(C, H))):
        order = (
            slice(None) if cell == "gru" else torch.tensor([*range(2 * H), *range(3 * H, 4 * H), *range(2 * H, 3 * H)])
        )
        weight_ih, weight_hh, bias_ih, bias_hh = (p.detach()[order] for p in net.parameters())
        x = torch.randn(T, N, C)
        given = x[None], weight_ih.T[None], bias_ih[None, None], torch.ones(1, 1, T, N, H)
        states = recur(cell, *given, weight_hh.T[None, None], bias_hh[None, None, None]).states
        torch.testing.assert_close(states[0, 0], net(x)[0])


def test_under_autocast_it_computes_in_the_precision_of_its_weights():
    torch.manual_seed(0)
    given = arguments("gru", 1, "both", torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = recur("gru", *given)
        loss = mixed.states.square().mean()
    loss.backward()
    assert mixed.states.dtype == torch.float32
    assert torch.equal(mixed.states, recur("gru", *given).states)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_compiled_functions_keep_nan_and_saturate(cell):
    torch.manual_seed(0)
    given = list(arguments(cell, 1, None, torch.float32))
    with torch.no_grad():
        given[0][0, 2, 1, 0] = torch.nan
        found = recur(cell, *given).states[0, 0]
        assert found[2:, 1].isnan().all() and found[:2].isfinite().all() and found[:, [0, 2]].isfinite().all()
        given[0].nan_to_num_().mul_(1e30)
        assert recur(cell, *given).states.abs().max() <= 1


def test_the_order_in_memory_changes_no_compiled_gradient():
    torch.manual_seed(0)
    given, found = arguments("gru", 1, "both", torch.float32), []
    weights = torch.randn(N, K, C, T)
    for turned in (False, True):
        mixed = [one.detach() for one in flat(given)]
        if turned:
            mixed = [one.mT.contiguous().mT for one in mixed]
        *first, missing, read, read_bias, regress, regress_bias, mix = (one.requires_grad_() for one in mixed)
        filling = Filling(missing.detach(), read, read_bias, regress, regress_bias, mix)
        made = recur("gru", *first, filling=filling)
        if turned:  # the gradients come in another order too
            loss = sum((one.permute(2, 0, 3, 1) * weights).sum() for one in made[1:])
        else:
            loss = sum((one * weights.permute(1, 3, 0, 2).contiguous()).sum() for one in made[1:])
        found.append(
            torch.autograd.grad(loss + made.states.sum(), [*first, read, read_bias, regress, regress_bias, mix])
        )
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)
