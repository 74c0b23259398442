"""BRITS and GRU-D beside the numbers of PyPOTS 1.5 (`BackboneBRITS`, `BackboneGRUD`) for the same weights and series.

Both were made once from weights by the formula of `wave`, in the order in which PyPOTS registers them.
"""

import math

import numpy as np
import pytest
import torch

from tsbench import Batch, Panel
from tsbench_irregular.brits import BRITSNet, consistency_loss, estimation_loss, imputed
from tsbench_irregular.gru_d import GRUDNet

CHANNELS, HIDDEN, STEPS = 2, 3, 4
MASK = np.array([[[1, 0, 0, 1], [0, 1, 0, 1]], [[0, 1, 0, 0], [1, 1, 1, 0]]], dtype=bool)


def wave(phase, *shape):
    return (0.5 * torch.sin(1.7 * torch.arange(math.prod(shape), dtype=torch.float32) + phase)).reshape(shape)


def series():
    """Two cases with gaps, at steps of one."""
    x = (2 * wave(0.3, 2, STEPS, CHANNELS)).mT.numpy()
    return Batch.from_panel(Panel.build(np.where(MASK, x, np.nan)), "cpu")


def of_both(kind, phase, *shape):
    """A weight or bias of both directions as torch has them, (out, in) or (out,), made (2, in, out) or (2, 1, out)."""
    both = torch.stack([wave(phase, *shape), wave(phase + 20, *shape)])
    if shape[0] == 4 * HIDDEN:  # torch has an LSTM's gates as i, f, g, o, we as i, f, o, g
        both = torch.cat([both[:, : 2 * HIDDEN], both[:, 3 * HIDDEN :], both[:, 2 * HIDDEN : 3 * HIDDEN]], dim=1)
    return both.mT if kind == "weight" else both[:, None]


@torch.no_grad()
def brits():
    net, gates = BRITSNet(CHANNELS, HIDDEN), 4 * HIDDEN
    rnn = net.rnn
    for parameter, kind, phase, *shape in (
        (rnn.input_weight, "weight", 1, gates, 2 * CHANNELS),
        (rnn.hidden_weight, "weight", 2, gates, HIDDEN),
        (rnn.input_bias, "bias", 3, gates),
        (rnn.hidden_bias, "bias", 4, gates),
        (rnn.decay_weight, "weight", 5, HIDDEN, CHANNELS),
        (rnn.decay_bias, "bias", 6, HIDDEN),
        (rnn.gap_bias, "bias", 8, CHANNELS),
        (rnn.read_weight, "weight", 9, CHANNELS, HIDDEN),
        (rnn.read_bias, "bias", 10, CHANNELS),
        (rnn.regress_weight, "weight", 11, CHANNELS, CHANNELS),
        (rnn.regress_bias, "bias", 12, CHANNELS),
        (rnn.mix_weight, "weight", 13, CHANNELS, 2 * CHANNELS),
        (rnn.mix_bias, "bias", 14, CHANNELS),
    ):
        parameter.copy_(of_both(kind, phase, *shape).reshape(parameter.shape))
    diagonal = [wave(phase, CHANNELS, CHANNELS).diagonal() for phase in (7, 27)]
    rnn.gap_weight.copy_(torch.stack(diagonal).reshape(rnn.gap_weight.shape))
    return net


def test_brits_fills_gaps_as_pypots_does():
    net, batch = brits(), series()
    steps, found = net(batch)
    filled = torch.where(batch.mask, batch.x, imputed(steps, found)).mT
    expected = [
        [0.29552022, 0.22795630, -0.26669562, -0.77276415, -0.11390781, 0.18927176, -0.87969619, -0.35822856],
        [-0.11041545, 0.10775328, -0.99977446, 0.14987721, -0.19567001, -0.39755532, -0.10734055, 0.17626318],
    ]
    torch.testing.assert_close(filled.flatten(1), torch.tensor(expected), rtol=0, atol=1e-6)
    # PyPOTS turns its backward state around with the series
    states = [[0.22139248, 0.14360790, -0.20054112, 0.19178362, -0.21447179, -0.22023991]]
    states += [[0.29361320, 0.14006785, -0.33167297, 0.17973365, -0.34279674, -0.32200915]]
    torch.testing.assert_close(steps.last(found.states), torch.tensor(states), rtol=0, atol=1e-6)
    # Its loss is a mean over the observed values of a step, its weight of the directions' difference is 0.1
    assert estimation_loss(steps, found).item() == pytest.approx(1.08189547, abs=1e-6)
    assert 0.1 * consistency_loss(steps, found, None).item() == pytest.approx(0.01030753, abs=1e-6)


def test_gru_d_ends_in_the_state_of_pypots():
    """PyPOTS gives the cell the decayed state once more as an input, whose weights are 0 here."""
    net, batch = GRUDNet(CHANNELS, HIDDEN, 0.0), series()
    gates = 3 * HIDDEN
    inputs = wave(41, gates, 2 * CHANNELS + HIDDEN)
    with torch.no_grad():
        net.rnn.input_weight[0] = torch.cat([inputs[:, :CHANNELS], inputs[:, CHANNELS + HIDDEN :]], dim=1).T
        net.rnn.hidden_weight[0, 0] = wave(42, gates, HIDDEN).T
        net.rnn.input_bias[0, 0], net.rnn.hidden_bias[0, 0, 0] = wave(43, gates), wave(44, gates)
        net.rnn.decay_weight[0, 0], net.rnn.decay_bias[0, 0, 0] = wave(45, HIDDEN, CHANNELS).T, wave(46, HIDDEN)
        net.gap_weight.copy_(wave(47, CHANNELS, CHANNELS).diagonal())
        net.gap_bias.copy_(wave(48, CHANNELS))
        net.mean.copy_(torch.tensor([0.1, -0.2]))
    expected = [[0.51882708, 0.14886883, 0.29698110], [0.10826796, -0.18231048, 0.37894461]]
    torch.testing.assert_close(net(batch), torch.tensor(expected), rtol=0, atol=1e-6)
