import numpy as np
import pytest
import torch
from torch import nn

from tsbench.data.panel import PanelShape
from tsbench.errors import MethodError
from tsbench.nn.weights import trainable_parameters
from tsbench_encoders.fcn import FCN
from tsbench_encoders.tfr import LSTM, TFR, TFRBlock

CELLS = ["lstm", "gru", "rnn", "tcn"]


def tfr(f, t, **params):
    return TFR(PanelShape(f, t), TFR.Params(**params))


@pytest.mark.parametrize(
    ("t", "f", "count"), [(17, 153, 190_944), (23, 17, 6_864), (94, 65, 105_760), (79, 130, 186_800)]
)
def test_block_weights_for_the_papers_datasets(t, f, count):
    """Two LSTMs with both bias vectors: 8 f^2 + 8 f + 8 t^2 + 8 t."""
    assert trainable_parameters([TFRBlock(f, t, TFR.Params())]) == count
    assert trainable_parameters([tfr(f, t)]) == 3 * count + f * 128 + 128


@pytest.mark.parametrize("steps", [1, 5])
@pytest.mark.parametrize("size", [1, 4, 6, 7, 8, 13])
def test_lstm_equals_torch(size, steps):
    torch.manual_seed(0)
    ours, reference = LSTM(size, size).double(), nn.LSTM(size, size).double()
    reference.load_state_dict(ours.state_dict())
    results = []
    for module in (ours, reference):
        x = torch.linspace(-2, 2, steps * 3 * size, dtype=torch.float64).view(steps, 3, size).requires_grad_()
        out, (h, c) = module(x)
        (out.sin().sum() + h.square().sum() + c.cos().sum()).backward()
        results.append([out, h, c, x.grad, *(p.grad for p in module.parameters())])
    for got, expected in zip(*results, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("residual", [True, False])
def test_sum_block_is_time_net_plus_frequency_net(residual):
    torch.manual_seed(0)
    block = TFRBlock(5, 7, TFR.Params(dropout=0.0, residual=residual))
    x = torch.randn(7, 3, 5)
    over_time = block.time(x)[0]
    over_frequency = torch.stack([block.frequency(x[:, i].t()[:, None])[0][:, 0].t() for i in range(3)], dim=1)
    torch.testing.assert_close(block(x), over_time + over_frequency + (x if residual else 0))


def test_serial_block_reads_frequencies_after_time():
    torch.manual_seed(0)
    block = TFRBlock(5, 7, TFR.Params(dropout=0.0, residual=False, merge="serial"))
    x = torch.randn(7, 3, 5)
    expected = block.frequency(block.time(x)[0].permute(2, 1, 0))[0].permute(2, 1, 0)
    torch.testing.assert_close(block(x), expected)


@pytest.mark.parametrize("merge", ["sum", "concat", "serial"])
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("extras", [{}, {"residual": False, "layernorm": True}, {"frequency": "off"}])
def test_every_cell_and_merge_trains(cell, merge, extras):
    torch.manual_seed(0)
    encoder = tfr(5, 9, cell=cell, merge=merge, blocks=2, hidden=8, **extras)
    out = encoder(torch.randn(4, 5, 9))
    assert out.shape == (4, encoder.out_dim) == (4, 40)
    out.square().sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in encoder.parameters())
    assert all(p.grad.abs().max() > 0 for name, p in encoder.named_parameters() if "blocks.0" in name)


@pytest.mark.parametrize("t", [1, 2, 7, 79])
@pytest.mark.parametrize("k", [1, 3, 5, 7, 9, 11])
def test_any_number_of_scales(k, t):
    torch.manual_seed(0)
    encoder = tfr(4, t, scales=k, hidden=6).eval()
    x = torch.randn(3, 4, t)
    pooled = encoder.forward_sequence(x).transpose(1, 2)
    assert pooled.shape == (3, 6, t)
    scales = encoder.scales(x)
    assert scales.shape == (3, k, 6)
    for i in range(k):
        if i and pooled.shape[2] > 1:
            pooled = nn.functional.max_pool1d(pooled, 2)
        torch.testing.assert_close(scales[:, i], pooled.mean(dim=2))
    assert pooled.shape[2] == max(1, t >> (k - 1))


def test_scale_lengths_of_the_papers_datasets():
    """17-8-4-2-1 frames and so on: K = 5 fits all four."""
    assert [[t >> i for i in range(5)] for t in (17, 23, 94, 79)] == [
        [17, 8, 4, 2, 1],
        [23, 11, 5, 2, 1],
        [94, 47, 23, 11, 5],
        [79, 39, 19, 9, 4],
    ]


def test_representations():
    torch.manual_seed(0)
    encoders = {kind: tfr(4, 8, representation=kind, hidden=6).eval() for kind in ("concat", "mean", "first")}
    for encoder in encoders.values():
        encoder.load_state_dict(encoders["concat"].state_dict())
    x = torch.randn(2, 4, 8)
    scales = encoders["concat"].scales(x)
    torch.testing.assert_close(encoders["concat"](x), scales.reshape(2, 30))
    torch.testing.assert_close(encoders["mean"](x), scales.mean(dim=1))
    torch.testing.assert_close(encoders["first"](x), scales[:, 0])
    assert [encoders[kind].out_dim for kind in ("concat", "mean", "first")] == [30, 6, 6]


def test_other_frame_counts_are_cropped_or_padded():
    encoder = tfr(4, 8, hidden=6).eval()
    x = torch.randn(2, 4, 8)
    torch.testing.assert_close(encoder(torch.cat([x, torch.randn(2, 4, 5)], dim=2)), encoder(x))
    padded = x.clone()
    padded[:, :, 6:] = 0
    torch.testing.assert_close(encoder(x[:, :, :6]), encoder(padded))


def test_without_a_frequency_net_any_length_is_taken():
    encoder = tfr(2, 20_000, frequency="off", cell="tcn", hidden=4, blocks=1)
    assert encoder.forward_sequence(torch.randn(1, 2, 20_000)).shape == (1, 20_000, 4)
    assert encoder.forward_sequence(torch.randn(1, 2, 3)).shape == (1, 3, 4)


def test_too_many_frames_are_refused_before_memory_is_taken():
    with pytest.raises(MethodError, match="20000 frames"):
        tfr(1, 20_000)


def test_dropout_acts_in_training_only():
    encoder = tfr(4, 8, dropout=0.2)
    x = torch.randn(2, 4, 8)
    assert not torch.equal(encoder(x), encoder(x))
    encoder.eval()
    assert torch.equal(encoder(x), encoder(x))


def test_cases_do_not_influence_each_other():
    encoder = tfr(4, 8).eval()
    x = torch.randn(5, 4, 8)
    torch.testing.assert_close(encoder(x)[2:3], encoder(x[2:3]))


@pytest.mark.parametrize(("channels", "count"), [(1, 264_704), (6, 264_704 + 5 * 8 * 128)])
def test_fcn_weights(channels, count):
    """264,704 for one channel: the size of the published net without its classifier."""
    assert trainable_parameters([FCN(PanelShape(channels, 10), FCN.Params())]) == count


@pytest.mark.parametrize("length", [1, 2, 7, 100])
def test_fcn_takes_any_length(length):
    encoder = FCN(PanelShape(3, length), FCN.Params())
    x = torch.randn(4, 3, length)
    assert encoder(x).shape == (4, encoder.out_dim)
    encoder.eval()
    sequence = encoder.forward_sequence(x)
    assert sequence.shape == (4, length, 128)
    torch.testing.assert_close(sequence.mean(dim=1), encoder(x))


def test_fcn_first_convolution_is_centred():
    encoder = FCN(PanelShape(1, 9), FCN.Params())
    x = torch.zeros(1, 1, 9)
    x[0, 0, 4] = 1.0
    touched = (encoder.blocks[1](encoder.blocks[0](x)) - encoder.blocks[1].bias[:, None]).abs().sum(dim=(0, 1)) > 1e-9
    assert np.flatnonzero(touched.detach().numpy()).tolist() == list(range(9))[0:8]
