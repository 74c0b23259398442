import pytest
import torch

from tsbench.data.batch import Batch
from tsbench.data.panel import PanelShape
from tsbench.errors import MethodError, UsageError
from tsbench.methods.encoder import Encoder
from tsbench.methods.params import BaseParams, resolve
from tsbench.methods.ssl import SSLMethod


class Sum(Encoder):
    out_dim = 1

    def forward(self, x):
        return x.sum((1, 2))[:, None]


class Method(SSLMethod):
    encode_elements = 10

    def build(self, shapes):
        self.encoder = self.make_encoder(shapes)
        self.chunks = []

    def training_step(self, step):
        return None

    def prepare(self, batch):
        self.chunks.append((len(batch), self.training, torch.is_grad_enabled()))
        return batch


def make(shapes):
    method = Method(resolve(Method.Params, {}, lambda kind, name: Sum, "m"))
    method.build(shapes)
    return method


def test_encoding_works_in_chunks_in_eval_mode_without_gradient_and_restores_the_mode():
    method = make([PanelShape(2, 2)])
    method.train()
    x = torch.arange(28.0).reshape(7, 2, 2)
    features = method.encode(Batch(x, torch.full((7,), 2)))
    assert features[:, 0].tolist() == x.sum((1, 2)).tolist()
    assert method.chunks == [(2, False, False)] * 3 + [(1, False, False)]
    assert method.training


def test_one_encoder_for_several_sources_takes_the_longest_and_needs_equal_channels():
    assert make([PanelShape(2, 3), PanelShape(2, 9)]).encoder.shape.n_timepoints == 9
    with pytest.raises(UsageError, match=r"needs sources of equal channels, got \[1, 2\]"):
        make([PanelShape(1, 3), PanelShape(2, 3)])


def test_an_encoder_without_a_sequence_says_so():
    with pytest.raises(MethodError, match="encoder Sum gives no sequence"):
        Sum(PanelShape(1, 1), BaseParams()).forward_sequence(torch.ones(1, 1, 1))


def test_create_takes_parameters_as_on_the_command_line():
    from tsbench_trls.method import TRLS

    method = TRLS.create(**{"encoder.cell": "gru", "lr": "1e-3"})
    assert method.params.lr == 1e-3
    assert method.components["encoder"].params.cell == "gru"
