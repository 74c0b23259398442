import pytest
import torch
from torch import nn

from tsbench.data.panel import PanelShape
from tsbench.nn.weights import trainable_parameters
from tsbench_encoders.gru import BiGRU


def encoder(channels, **params):
    torch.manual_seed(0)
    return BiGRU(PanelShape(channels, 50), BiGRU.Params(**params))


def torch_bidirectional(net):
    """torch's own bidirectional GRU with the same weights."""
    both = nn.GRU(net.shape.n_channels, net.params.hidden, bidirectional=True)
    names = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]
    weights = {name: getattr(net.past, name) for name in names}
    weights |= {f"{name}_reverse": getattr(net.future, name) for name in names}
    both.load_state_dict(weights)
    return both


@pytest.mark.parametrize(("channels", "count"), [(3, 65_010), (561, 399_810)])
def test_weights_of_the_published_net(channels, count):
    assert trainable_parameters([encoder(channels, out=10)]) == count


@pytest.mark.parametrize("length", [1, 2, 7])
def test_default_is_the_last_output_of_a_bidirectional_gru(length):
    net = encoder(3, hidden=5, out=4).double()
    both = torch_bidirectional(net).double()
    x = torch.randn(6, 3, length, dtype=torch.float64)
    outputs, _ = both(x.permute(2, 0, 1))
    torch.testing.assert_close(net(x), net.linear(outputs[-1]), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(net.forward_sequence(x), net.linear(outputs).transpose(0, 1), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("length", [1, 2, 7])
def test_final_states(length):
    net = encoder(3, hidden=5, out=4, last="state").double()
    x = torch.randn(6, 3, length, dtype=torch.float64)
    _, (past, future) = torch_bidirectional(net).double()(x.permute(2, 0, 1))
    torch.testing.assert_close(net(x), net.linear(torch.cat([past, future], dim=1)), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("last", ["output", "state"])
def test_every_weight_trains(last):
    net = encoder(2, hidden=5, out=4, last=last)
    net(torch.randn(3, 2, 6)).square().sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    still = {name for name, p in net.named_parameters() if p.grad.abs().max() == 0}
    assert still == ({"future.weight_hh_l0"} if last == "output" else set())  # one step has no state before it
