import math

import numpy as np
import pytest
import torch

from tsbench.data.batch import Batch
from tsbench.data.panel import Panel
from tsbench.learning.loop import fit
from tsbench.nn.weights import trainable_parameters
from tsbench.testing import noise, one_step
from tsbench_cpc.method import CPC


def build(panel, seed=0, **overrides):
    torch.manual_seed(seed)
    method = CPC.create(**overrides)
    method.build([panel.shape])
    return method.train(), Batch.from_panel(panel, "cpu")


def test_sizes():
    method, _ = build(noise(2, 9, 128))
    assert (method.n_steps, method.n_futures) == (18, 6)
    assert trainable_parameters([method.recurrent, method.predict]) == 3 * (2 * 128 * 128 + 2 * 128) + 6 * 129 * 128


def test_loss_is_written_out():
    """The candidates of a prediction are the true vectors of all cases (eq. 4)."""
    method, data = build(noise(), **{"encoder.dropout": 0.0})
    got = method.training_step(one_step(data, 3))
    z = method.encoder.forward_sequence(data.x)
    (t,) = method.draw_times(one_step(data, 3), method.n_steps, 1)
    state = torch.zeros(1, len(data), 128)
    for i in range(t + 1):
        _, state = method.recurrent(z[None, :, i], state)
    expected = 0.0
    for k in range(method.n_futures):
        rows = slice(k * 128, (k + 1) * 128)
        predicted = state[0] @ method.predict.weight[rows].T + method.predict.bias[rows]
        for i in range(len(data)):
            expected -= (z[:, t + 1 + k] @ predicted[i]).log_softmax(dim=0)[i] / len(data) / method.n_futures
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)


def test_loss_starts_near_log_n_and_falls():
    t = np.linspace(0, 6, 60)
    rng = np.random.default_rng(0)
    X = np.stack([np.sin(f * t + p)[None] for f, p in rng.uniform(1, 4, (32, 2))])
    torch.manual_seed(0)
    method = CPC.create(epochs=0, min_steps=25)
    panel = Panel.build(X)
    method.build([panel.shape])
    curve = [loss for _, loss in fit(method, [Batch.from_panel(panel, "cpu")], 0).curve]
    assert curve[0] == pytest.approx(math.log(32), rel=0.2)
    assert np.mean(curve[-5:]) < 0.8 * curve[0]


def test_gradient_reaches_every_weight():
    method, data = build(noise(8))
    method.training_step(one_step(data)).backward()
    for name, p in method.named_parameters():
        assert torch.isfinite(p.grad).all(), name
        assert p.grad.abs().max() > 0, name
