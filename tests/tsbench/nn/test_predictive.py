import pytest
import torch
from torch import nn

from tsbench.data.batch import Batch
from tsbench.data.panel import PanelShape
from tsbench.errors import MethodError
from tsbench.methods.encoder import Encoder
from tsbench.methods.params import BaseParams, Component, Settings
from tsbench.methods.ssl import Step
from tsbench.nn import PredictiveMethod


class Halving(Encoder):
    """Every second point of a linear map of the channels."""

    def __init__(self, shape, params):
        super().__init__(shape, params)
        self.linear, self.norm, self.out_dim = nn.Linear(shape.n_channels, 3), nn.BatchNorm1d(3), 3

    def forward(self, x):
        return self.forward_sequence(x).mean(dim=1)

    def forward_sequence(self, x):
        return self.norm(self.linear(x.transpose(1, 2)).transpose(1, 2)).transpose(1, 2)[:, ::2]


class Last(PredictiveMethod):
    def build(self, shapes):
        self.build_encoder(shapes)

    def training_step(self, step):
        return None


def make(*lengths, **params):
    method = Last(Settings(Last.Params(**params), {"encoder": Component("halving", Halving, BaseParams())}))
    method.build([PanelShape(2, length) for length in lengths])
    return method


def batch(n, length):
    return Batch(torch.randn(n, 2, length), torch.full((n,), length))


@pytest.mark.parametrize(
    ("lengths", "wanted", "n_steps", "n_futures"),
    [
        ((20,), None, 10, 3),
        ((3,), None, 2, 1),
        ((100,), None, 50, 6),
        ((20,), 7, 10, 7),
        ((20,), 99, 10, 9),
        ((20, 8), None, 10, 1),
        ((8, 20), 99, 10, 3),
    ],
)
def test_steps_and_futures_are_measured(lengths, wanted, n_steps, n_futures):
    method = make(*lengths, future_steps=wanted)
    assert (method.n_steps, method.step_dim, method.n_futures) == (n_steps, 3, n_futures)
    assert method.encoder.training
    assert method.encoder.norm.num_batches_tracked == 0  # measuring left no trace


def test_one_step_is_refused():
    with pytest.raises(
        MethodError, match="Last has nothing to predict: the encoder makes one step of series of 2 time"
    ):
        make(20, 2)


def test_times_leave_room_for_the_futures():
    method = make(20)
    data = batch(2, 20)
    step = Step(data, data, torch.Generator().manual_seed(0), 0, 0, 0, lambda *_: None)
    assert set(method.draw_times(step, 10, 500)) == set(range(7))
    single = Step(batch(1, 20), data, step.rng, 0, 0, 0, lambda *_: None)
    with pytest.raises(MethodError, match="Last needs at least 2 training cases"):
        method.draw_times(single, 10, 1)


@pytest.mark.parametrize(("how", "size"), [("flatten", 30), ("mean", 3), ("max", 3)])
def test_representation_has_one_size_for_every_length(how, size):
    method = make(20, representation=how).eval()
    for length in (1, 9, 20, 33):
        data = batch(4, length)
        sequence = method.encoder.forward_sequence(data.x)
        features = method.represent(data)
        assert features.shape == (4, size)
        if how == "flatten":
            kept = min(30, 3 * sequence.shape[1])
            assert torch.equal(features[:, :kept], sequence.flatten(1)[:, :kept])
            assert (features[:, kept:] == 0).all()
        else:
            assert torch.equal(features, sequence.mean(1) if how == "mean" else sequence.amax(1))


def test_one_adam_over_all_weights():
    method = make(20)
    group = method.optimizers()["main"].param_groups[0]
    assert (group["lr"], group["betas"], group["weight_decay"]) == (3e-4, (0.9, 0.99), 3e-4)
    assert len(group["params"]) == len(list(method.parameters()))
