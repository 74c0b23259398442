import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from tsbench.data.panel import PanelShape
from tsbench.nn.weights import trainable_parameters
from tsbench_encoders.causal_cnn import CausalCNN, causal_convolution

SMALL = {"channels": 6, "depth": 4, "reduced": 9, "out": 7}


def encoder(n_channels=1, seed=0, **params):
    torch.manual_seed(seed)
    return CausalCNN(PanelShape(n_channels, 16), CausalCNN.Params(**params))


def plain(net, x):
    """The same net, written as in the paper: every tap, padding on both sides, the surplus on the right cut off."""

    def convolve(layer, x):
        padding = (layer.kernel_size[0] - 1) * layer.dilation[0]
        y = functional.conv1d(x, layer.weight, layer.bias, padding=padding, dilation=layer.dilation)
        return y[:, :, : x.shape[2]]

    for block in net.blocks:
        y = functional.leaky_relu(convolve(block.first, x), 0.01)
        y = functional.leaky_relu(convolve(block.second, y), 0.01)
        x = y + (x if block.residual is None else convolve(block.residual, x))
    return net.linear(functional.adaptive_max_pool1d(x, 1)[:, :, 0])


@pytest.mark.parametrize(("channels", "count"), [(1, 247_720), (6, 248_520), (9, 249_000), (12, 249_480)])
def test_weights_of_the_published_net(channels, count):
    net = encoder(channels)
    assert trainable_parameters([net]) == count
    assert net(torch.randn(2, channels, 5)).shape == (2, net.out_dim) == (2, 320)


@pytest.mark.parametrize("length", [1, 2, 3, 8, 9, 17, 40])
def test_equals_the_plain_net_with_its_gradients(length):
    net = encoder(3, **SMALL).double()
    results = []
    for forward in (net, lambda x: plain(net, x)):
        torch.manual_seed(1)
        x = torch.randn(4, 3, length, dtype=torch.float64, requires_grad=True)
        out = forward(x)
        results.append([out, *torch.autograd.grad(out.sin().sum(), [x, *net.parameters()])])
    for got, expected in zip(*results, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(("length", "dilation"), [(1, 1), (4, 4), (5, 4), (9, 4), (5, 64)])
def test_convolution_sees_the_past_only(length, dilation):
    torch.manual_seed(0)
    layer = nn.Conv1d(2, 3, 3, dilation=dilation)
    x = torch.randn(1, length, 2, requires_grad=True)
    for t in range(length):
        (gradient,) = torch.autograd.grad(causal_convolution(x, layer)[0, t].sum(), x)
        seen = set(gradient[0].abs().sum(dim=1).nonzero()[:, 0].tolist())
        assert seen == {t - k * dilation for k in range(3) if t >= k * dilation}


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.integers(0, 9))
@settings(max_examples=25, deadline=None)
def test_padded_cases_are_encoded_as_if_alone(lengths, garbage):
    net = encoder(2, **SMALL)
    cases = [torch.randn(1, 2, length) for length in lengths]
    padded = torch.cat([functional.pad(case, (0, 30 - case.shape[2]), value=garbage) for case in cases])
    got = net(padded, torch.tensor(lengths))
    torch.testing.assert_close(got, torch.cat([net(case) for case in cases]), rtol=1e-4, atol=1e-5)


def test_sequence_is_causal_and_of_the_output_size():
    net = encoder(2, **SMALL)
    x = torch.randn(3, 2, 20)
    sequence = net.forward_sequence(x)
    assert sequence.shape == (3, 20, 7)
    torch.testing.assert_close(net.forward_sequence(x[:, :, :8]), sequence[:, :8], rtol=1e-4, atol=1e-5)


def test_long_series_and_every_weight_trains():
    net = encoder(1)
    with torch.no_grad():
        assert net(torch.randn(1, 1, 20_000)).isfinite().all()
    net(torch.randn(2, 1, 3000)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in net.parameters())
