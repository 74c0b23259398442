"""The nets of Transformer, Trans-mean, GRU-D and BRITS beside their equations."""

import math
from types import SimpleNamespace

import pytest
import torch

from tests.plugins.test_tsbench_irregular import built, irregular, learner
from tsbench import Batch, Series
from tsbench.data.series import within
from tsbench.errors import UsageError
from tsbench.nn import Steps
from tsbench_irregular.brits import BRITSNet, consistency_loss, estimation_loss, imputed
from tsbench_irregular.gru_d import GRUDNet
from tsbench_irregular.transformer import TransformerNet, time_encoding

# --- Transformer


def test_the_time_encoding_by_hand():
    found = time_encoding(torch.tensor([0.0, 2.0]), longest=4, size=4)  # scales 1 and 4
    expected = [[0, 0, 1, 1], [math.sin(2), math.sin(0.5), math.cos(2), math.cos(0.5)]]
    torch.testing.assert_close(found, torch.tensor(expected))


@pytest.mark.parametrize("legacy", [False, True])
def test_the_mean_is_over_a_case_s_own_steps_and_the_published_one_misses_the_last(legacy):
    net = TransformerNet(1, 4, layers=1, heads=1, ffn=2, dropout=0.0, legacy=legacy)
    seen = {}
    net.encoder.forward = lambda x, src_key_padding_mask: (seen.update(mask=src_key_padding_mask), x)[1]
    torch.nn.init.ones_(net.values.weight)
    torch.nn.init.zeros_(net.values.bias)
    series = Series(torch.tensor([[[1.0, 2.0, 4.0, 9.0]], [[5.0, 9.0, 9.0, 9.0]]]), torch.tensor([3, 1]))
    value = net(series, torch.zeros(2, 4))[:, -1]
    assert value.tolist() == pytest.approx([3 / 3, 5.0] if legacy else [7 / 3, 5.0])
    assert (~seen["mask"]).sum(dim=1).tolist() == ([2, 1] if legacy else [3, 1])


def test_equal_times_without_values_are_decided_alike():
    panel = irregular()
    method, batch = built("transformer", panel), Batch.from_panel(panel, "cpu")
    same = batch.select(torch.zeros(3, dtype=torch.int64))
    scores = method.decide(same.with_values(torch.zeros_like(same.x)))
    torch.testing.assert_close(scores, scores[:1].expand(3, -1))


def test_values_and_static_values_begin_at_almost_nothing():
    method = built("transformer", irregular())
    for weight in (method.net.values.weight, method.head.static.weight):
        assert 0 < float(weight.detach().abs().max()) <= 1e-10


def test_heads_must_divide_the_width():
    with pytest.raises(UsageError, match=r"heads = 5 does not divide the 2 channels \+ 16"):
        learner("transformer", heads=5).fit(irregular())


def test_trans_mean_is_transformer_on_values_that_are_larger_where_few_were_observed():
    panel = irregular(30)
    plain, filled = built("transformer", panel), built("trans-mean", panel)
    filled.load_state_dict(plain.state_dict(), strict=False)
    with torch.no_grad():
        for method in (plain, filled):
            method.net.values.weight.copy_(torch.eye(2))
    batch = Batch.from_panel(panel, "cpu")
    steps = float(batch.lengths.sum())
    x, mask = batch.x.double(), batch.mask
    share = mask.sum(dim=(0, 2)) / steps
    mean = x.sum(dim=(0, 2)) / mask.sum(dim=(0, 2))
    std = ((((x - mean[:, None]) * mask) ** 2).sum(dim=(0, 2)) / mask.sum(dim=(0, 2))).sqrt()
    scaled = ((x - mean[:, None]) / std[:, None] / share.sqrt()[:, None] * mask).float()
    torch.testing.assert_close(
        filled.represent(batch), plain.represent(batch.with_values(scaled)), rtol=1e-4, atol=1e-5
    )


# --- GRU-D


def series(x, mask, times):
    x, mask = torch.tensor([x]), torch.tensor([mask], dtype=torch.bool)
    return Series(x * mask, torch.tensor([x.shape[-1]]), mask, torch.tensor([times]))


def read_by(net, given, unit=1.0):
    """Return what the GRU is given in place of the values, (T, C)."""
    seen = {}

    def rnn(steps):
        seen["x"] = steps.x[0, :, 0].detach()
        return SimpleNamespace(states=steps.x)

    net.rnn.forward = rnn
    net.eval()(given, unit)
    return seen["x"]


def test_missing_values_decay_from_the_last_to_the_mean_by_hand():
    net = GRUDNet(1, 3, 0.0)
    with torch.no_grad():
        net.gap_weight.fill_(0.5)
        net.gap_bias.fill_(-0.25)
        net.mean.fill_(10.0)
    given = series([[0.0, 4.0, 0.0, 0.0]], [[0, 1, 0, 0]], [0.0, 1.0, 2.0, 5.0])
    gaps = [0.0, 1.0, 1.0, 4.0]
    decay = [math.exp(-max(0.0, 0.5 * gap - 0.25)) for gap in gaps]
    expected = [10.0, 4.0, decay[2] * 4 + (1 - decay[2]) * 10, decay[3] * 4 + (1 - decay[3]) * 10]
    assert read_by(net, given)[:, 0].tolist() == pytest.approx(expected)
    halves = read_by(net, given, unit=2.0)[:, 0].tolist()
    assert halves[3] == pytest.approx(10 - 6 * math.exp(-0.75))
    later = series([[0.0, 4.0, 0.0, 0.0]], [[0, 1, 0, 0]], [0.0, 1.0, 2.0, 1e6])
    assert read_by(net, later)[3, 0] == 10.0


def test_without_any_value_gaps_and_means_alone_decide():
    torch.manual_seed(0)
    net = GRUDNet(2, 3, 0.0).eval()
    empty = [[0, 0, 0], [0, 0, 0]]
    one, other = (series(x, empty, [0.0, 1.0, 3.0]) for x in ([[1.0, 2, 3], [4, 5, 6]], [[7.0, 8, 9], [0, 1, 2]]))
    assert torch.equal(net(one), net(other))
    net.mean.fill_(1.0)
    assert not torch.allclose(net(one), net(series([[1.0, 2, 3]] * 2, empty, [0.0, 9.0, 30.0])))


# --- BRITS


def palindrome(last=6.0):
    """Return one case that reads alike in both directions, unless its last time is another; its middle is missing."""
    x = torch.tensor([[[1.0, 2.0, 0.0, 2.0, 1.0], [4.0, 3.0, 0.0, 3.0, 4.0]]])
    return Series(x, torch.tensor([5]), x != 0, torch.tensor([[0.0, 1.0, 3.0, 5.0, last]]))


def shared(n_channels=2, hidden=3):
    torch.manual_seed(0)
    net = BRITSNet(n_channels, hidden)
    with torch.no_grad():
        for name, weight in net.rnn.named_parameters():
            ways = weight.unbind(1 if weight.dim() == 4 and name.split("_")[0] in ("decay", "hidden") else 0)
            ways[1].copy_(ways[0])
        net.rnn.decay_weight.abs_()  # so that a longer gap does decay more
    return net


def test_directions_that_share_weights_agree_on_a_palindrome():
    with torch.no_grad():
        steps, found = shared()(palindrome())
        torch.testing.assert_close(found.combined[0], found.combined[1])
        assert float(consistency_loss(steps, found, None)) == pytest.approx(0, abs=1e-7)
        assert float(consistency_loss(*shared()(palindrome(last=9.0)), None)) > 1e-5


def test_three_steps_of_one_channel_by_hand():
    """W_read h + 1 estimates; the regression sees no other channel, so z is its bias 2; the mix is sigmoid(0) = 1/2."""
    net = BRITSNet(1, 1)
    with torch.no_grad():
        for weight in net.parameters():
            weight.zero_()
        net.rnn.read_weight.fill_(2.0)
        net.rnn.read_bias.fill_(1.0)
        net.rnn.regress_weight.fill_(100.0)  # a channel does not speak for itself
        net.rnn.regress_bias.fill_(2.0)
        net.rnn.decay_weight.fill_(1.0)
        net.rnn.input_weight[:, 0, 3] = 1.0  # the value goes to g: c' = f c + i tanh(value), all gates 1/2
    steps, found = net(series([[0.6, 0.0, -0.3]], [[1, 0, 1]], [0.0, 1.0, 1.5]))
    cell = 0.5 * math.tanh(0.6)
    h = 0.5 * math.tanh(cell) * math.exp(-1.0)
    first = [1.0, 2 * h + 1]
    fill = (first[1] + 2) / 2
    cell = 0.5 * cell + 0.5 * math.tanh(fill)
    first.append(2 * 0.5 * math.tanh(cell) * math.exp(-1.5) + 1)
    assert found.estimates[0, :, 0, 0].tolist() == pytest.approx(first)
    assert found.combined[0, :, 0, 0].tolist() == pytest.approx([(one + 2) / 2 for one in first])
    errors = [abs(first[0] - 0.6), abs(2 - 0.6), abs((first[0] + 2) / 2 - 0.6)]
    errors += [abs(first[2] + 0.3), abs(2 + 0.3), abs((first[2] + 2) / 2 + 0.3)]
    one_way = Steps(*(part[:1] for part in (steps.x, steps.mask, steps.gaps)), steps.lengths, steps.width)
    halves = type(found)(*(part[:1] for part in found))
    assert float(estimation_loss(one_way, halves).detach()) == pytest.approx(sum(errors) / 9)


def test_imputed_values_follow_what_was_observed():
    given = palindrome()
    x = given.x.clone().requires_grad_()
    imputed(*shared()(given.with_values(x)))[0, 0, 2].backward()
    assert (x.grad[given.mask] != 0).any() and (x.grad[~given.mask] == 0).all()


def test_what_is_reconstructed_keeps_what_was_observed_and_the_ends():
    panel = irregular()
    method, batch = built("brits", panel), Batch.from_panel(panel, "cpu")
    found = method.reconstruct(batch)
    inside = within(batch.lengths, batch.x.shape[-1])[:, None].expand_as(batch.x)
    assert found.shape == batch.x.shape and found.isfinite().all()
    assert torch.equal(found[batch.mask], batch.x[batch.mask])
    assert (found[~inside] == 0).all() and (found[inside & ~batch.mask] != 0).all()
    alone = method.reconstruct(batch.select(slice(1, 2)))
    torch.testing.assert_close(alone, found[1:2], rtol=1e-4, atol=1e-6)


def test_the_probabilities_of_both_directions_are_averaged():
    panel = irregular()
    method, batch = built("brits", panel), Batch.from_panel(panel, "cpu")
    states = method.represent(batch).chunk(2, dim=1)
    parts = [
        head(torch.cat([half, batch.static], dim=1)).softmax(dim=1)
        for head, half in zip(method.head, states, strict=True)
    ]
    torch.testing.assert_close(method.decide(batch).exp(), sum(parts) / 2)
