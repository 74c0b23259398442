import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from tsbench.data.panel import PanelShape
from tsbench_encoders.dilated_cnn import DilatedCNN

SMALL = {"hidden": 4, "depth": 4, "out_dim": 6}


def make(channels=2, length=20, seed=0, **params):
    torch.manual_seed(seed)
    return DilatedCNN(PanelShape(channels, length), DilatedCNN.Params(**params)).eval()


def written_out(encoder, x):
    """The same net by torch's own dilated convolution, channels first."""

    def convolve(layer, z):
        weight = layer.weight.permute(2, 1, 0)
        return functional.conv1d(z, weight, layer.bias, padding=layer.dilation, dilation=layer.dilation)

    z = encoder.project(x.transpose(1, 2)).transpose(1, 2)
    for i, block in enumerate(encoder.blocks):
        assert block.first.dilation == block.second.dilation == 2**i
        residual = z if block.residual is None else block.residual(z.transpose(1, 2)).transpose(1, 2)
        z = convolve(block.second, functional.gelu(convolve(block.first, functional.gelu(z)))) + residual
    return z.transpose(1, 2)


@pytest.mark.parametrize(
    ("channels", "weights"), [(1, 637_248), (2, 637_312), (6, 637_568), (9, 637_760), (12, 637_952)]
)
def test_number_of_weights(channels, weights):
    assert sum(p.numel() for p in make(channels).parameters()) == weights


@pytest.mark.parametrize("length", [1, 2, 7, 16, 17, 40])
def test_output_and_gradients_are_those_of_dilated_convolutions(length):
    encoder = make(2, length, **SMALL).double()
    x = torch.randn(3, 2, length, dtype=torch.float64)
    weights = list(encoder.parameters())
    direction = torch.randn(3, length, 6, dtype=torch.float64)
    got, expected = encoder.forward_sequence(x), written_out(encoder, x)
    torch.testing.assert_close(got, expected)
    ours, theirs = (torch.autograd.grad(out, weights, direction) for out in (got, expected))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b)


def test_the_gradient_reaches_the_input():
    encoder = make(1, 9, **SMALL).double()
    x = torch.randn(2, 1, 9, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(encoder.forward_sequence, x)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 40), st.data())
def test_a_window_is_a_part_of_the_whole(length, data):
    start = data.draw(st.integers(0, length - 1))
    stop = data.draw(st.integers(start + 1, length))
    encoder, x = make(2, length, **SMALL).double(), torch.randn(3, 2, length, dtype=torch.float64)
    part = encoder.masked_sequence(x, None, slice(start, stop))
    torch.testing.assert_close(part, encoder.forward_sequence(x)[:, start:stop])


def test_what_is_not_kept_is_not_seen():
    encoder, x = make(**SMALL), torch.randn(3, 2, 20)
    keep = torch.rand(3, 20) < 0.5
    other = torch.where(keep[:, None], x, torch.randn_like(x))
    got = encoder.masked_sequence(x, keep)
    torch.testing.assert_close(got, encoder.masked_sequence(other, keep))
    assert not torch.allclose(got, encoder.masked_sequence(x * keep[:, None], None))  # the bias is masked too
    torch.testing.assert_close(encoder.masked_sequence(x, torch.ones_like(keep)), encoder.forward_sequence(x))


def test_a_case_becomes_its_largest_values():
    encoder, x = make(**SMALL), torch.randn(3, 2, 20)
    torch.testing.assert_close(encoder(x), encoder.forward_sequence(x).max(dim=1).values)
    assert encoder.out_dim == 6


def test_starts_with_the_spread_of_conv1d():
    weight = make().blocks[-1].second.weight
    bound = 1 / (3 * 320) ** 0.5
    assert 0.99 * bound < weight.abs().max() <= bound
    assert weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.01)


def test_dropout_is_of_the_representation_and_for_training_only():
    encoder, x = make(dropout=0.5, **SMALL), torch.randn(3, 2, 20)
    torch.testing.assert_close(encoder(x), encoder(x))
    dropped = encoder.train().forward_sequence(x) == 0
    assert 0.3 < dropped.float().mean() < 0.7


def test_mixed_precision_is_close():
    encoder, x = make(**SMALL), torch.randn(3, 2, 20)
    with torch.autocast("cpu", torch.bfloat16):
        got = encoder.forward_sequence(x)
        got.float().sum().backward()
    torch.testing.assert_close(got.float(), encoder.forward_sequence(x), rtol=0.1, atol=0.1)
    assert all(torch.isfinite(p.grad).all() and p.grad.dtype == torch.float32 for p in encoder.parameters())


@pytest.mark.parametrize("length", [1, 7, 17, 40])
@pytest.mark.parametrize("n", [1, 3, 600])
def test_without_a_gradient_the_same_comes_out(length, n):
    encoder = make(2, length, **SMALL).double()
    x, keep = torch.randn(n, 2, length, dtype=torch.float64), torch.rand(n, length) < 0.5
    before = x.clone()
    sequence = encoder.masked_sequence(x, keep)
    with torch.no_grad():
        torch.testing.assert_close(encoder.masked_sequence(x, keep), sequence)
        torch.testing.assert_close(encoder.masked_maximum(x, keep), sequence.amax(dim=1))
    torch.testing.assert_close(encoder.masked_maximum(x, keep), sequence.amax(dim=1))
    assert torch.equal(x, before)
