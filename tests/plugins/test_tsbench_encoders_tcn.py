import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tsbench.data.panel import PanelShape
from tsbench.errors import UsageError
from tsbench.methods.params import resolve
from tsbench.nn.weights import trainable_parameters
from tsbench_encoders.tcn import TCN
from tsbench_tstcc.method import TSTCC


def tcn(channels=2, length=30, **params):
    return TCN(PanelShape(channels, length), TCN.Params(**params))


def by_layers(encoder):
    """The same encoder from torch's layers, sharing its weights and BatchNorm statistics."""
    first, dropout, second, third = encoder.blocks
    layers = []
    for block, *after in ((first, dropout), (second,), (third,)):
        layers += [block.convolution, block.norm, nn.ReLU(), nn.MaxPool1d(2, 2, 1), *after]
    return nn.Sequential(*layers)


@pytest.mark.parametrize(
    ("length", "params", "n_steps"),
    [
        (128, {}, 18),
        (178, {}, 24),
        (3000, {}, 127),
        (5120, {"kernel": 32, "stride": 4}, 162),
        (150, {}, 21),
        (24, {}, 5),
        (251, {}, 34),
        (427, {}, 56),
        (1460, {}, 185),
        (100, {}, 15),
        (2500, {"kernel": 8, "stride": 1}, 315),
    ],
)
def test_steps_of_the_datasets(length, params, n_steps):
    encoder = tcn(1, length, **params).eval()
    assert encoder.n_steps(length) == n_steps
    with torch.no_grad():
        assert encoder.forward_sequence(torch.zeros(1, 1, length)).shape == (1, n_steps, 128)
        assert encoder(torch.zeros(3, 1, length)).shape == (3, 128)


@pytest.mark.parametrize(("channels", "length", "count"), [(9, 128, 84_672), (1, 178, 82_624), (1, 3000, 83_168)])
def test_parameter_counts_of_the_published_code(channels, length, count):
    assert trainable_parameters([tcn(channels, length)]) == count


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 5),
    channels=st.integers(1, 3),
    length=st.integers(1, 40),
    kernel=st.integers(1, 9),
    stride=st.integers(1, 4),
)
def test_training_equals_torchs_layers(n, channels, length, kernel, stride):
    """Output, gradients and running statistics, with BatchNorm weights of both signs."""
    torch.manual_seed(n + 10 * length)
    encoder = tcn(channels, length, kernel=kernel, stride=stride, dropout=0.0, out=7).double().train()
    for block in (encoder.blocks[0], encoder.blocks[2], encoder.blocks[3]):
        block.norm.weight.data.normal_()
        block.norm.bias.data.normal_()
    expected = copy.deepcopy(encoder)
    layers = by_layers(expected)
    x = torch.randn(n, channels, length, dtype=torch.float64)
    if n * ((length + 2 * (kernel // 2) - kernel) // stride + 1) < 2:
        return  # torch refuses to normalise one value
    a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
    got, want = encoder.forward_sequence(a), layers(b).transpose(1, 2)
    torch.testing.assert_close(got, want)
    weight = torch.randn_like(want)
    (got * weight).sum().backward()
    (want * weight).sum().backward()
    torch.testing.assert_close(a.grad, b.grad)
    for one, other in zip(encoder.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)
    for one, other in zip(encoder.buffers(), expected.buffers(), strict=True):
        torch.testing.assert_close(one, other)


def test_evaluation_equals_torchs_layers():
    encoder = tcn()
    encoder.forward_sequence(torch.randn(20, 2, 30))  # moves the statistics
    encoder.eval()
    x = torch.randn(4, 2, 30)
    layers = by_layers(encoder).eval()
    torch.testing.assert_close(encoder.forward_sequence(x), layers(x).transpose(1, 2))
    torch.testing.assert_close(encoder(x), layers(x).mean(dim=2))
    assert torch.equal(encoder(x), encoder(x))


def test_dropout_is_drawn_after_the_first_block():
    encoder = tcn(dropout=0.5).train()
    x = torch.randn(64, 2, 30)
    first = encoder.blocks[0](x.transpose(1, 2))
    dropped = encoder.blocks[1](first)
    zeros = (dropped == 0).float().mean() - (first == 0).float().mean()
    assert zeros.item() == pytest.approx(0.5 * (first > 0).float().mean().item(), abs=0.03)
    kept = dropped != 0
    torch.testing.assert_close(dropped[kept], 2 * first[kept])


@pytest.mark.parametrize("length", [1, 2, 3, 20_000])
def test_any_length(length):
    encoder = tcn(1, length).eval()
    with torch.no_grad():
        out = encoder.forward_sequence(torch.randn(2, 1, length))
    assert out.shape == (2, encoder.n_steps(length), 128)
    assert out.shape[1] >= 2
    assert torch.isfinite(out).all()


def test_mixed_precision_takes_torchs_layers():
    encoder = tcn().train()
    with torch.autocast("cpu", torch.bfloat16):
        out = encoder(torch.randn(4, 2, 30))
    out.float().sum().backward()
    assert torch.isfinite(encoder.blocks[0].convolution.weight.grad).all()


def test_bad_parameters_are_refused():
    with pytest.raises(UsageError, match=r"encoder\.stride"):
        resolve(TSTCC.Params, {"encoder.stride": 0}, lambda kind, name: TCN, "ts-tcc")
