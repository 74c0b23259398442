import math

import pytest
import torch
from irregular_series import example, fill, irregular

from tsbench_irregular.mtand import Autoencoder, MTANDEncoder, MultiTimeAttention, ReferenceStates

SIZES = {"hidden": 4, "embedding": 8, "heads": 2, "references": 5}


VALUES = {
    True: [
        [-0.6098355651, 0.2986472547, 0.3203439713, 0.4744977057],
        [-0.4195262194, 0.5386441350, 0.5979111791, -0.5427554250],
    ],
    False: [
        [0.9546657205, 0.1665552855, -0.5625970364, 0.6421540976],
        [0.9743649960, 0.6557031870, -0.8399463892, 0.9040933251],
    ],
}


@pytest.mark.parametrize("learnt", [True, False])
def test_the_values_of_the_published_code(learnt):
    """Weights by formula, given to enc_mtan_classif of github.com/reml-lab/mTAN; its GRU's last state."""
    series, times = example()
    features = fill(MTANDEncoder(3, **SIZES, learnt=learnt))(series, times)
    torch.testing.assert_close(features, torch.tensor(VALUES[learnt]), rtol=1e-5, atol=1e-5)


def test_the_latent_states_and_values_of_the_published_code():
    """The same of enc_mtan_rnn and dec_mtan_rnn, decoded from the means."""
    series, times = example()
    net = fill(Autoencoder(3, 2, 3, **SIZES, learnt=True))
    mean, log_variance = net.latent(series, times)
    values = net.decode(mean, times)
    for result, expected in (
        (mean[0, 0], [-3.3382177353, -2.6495597363]),
        (log_variance[0, 0], [-1.7827701569, -1.1524131298]),
        (values[0, 0], [-3.4069955349, -3.6127421856, -3.2391014099]),
    ):
        torch.testing.assert_close(result, torch.tensor(expected), rtol=1e-5, atol=1e-5)


def test_the_bound_is_that_of_the_distributions():
    series, times = example()
    net = fill(Autoencoder(3, 2, 3, **SIZES, learnt=True))
    mean, log_variance = net.latent(series, times)
    values, std = net.decode(mean, times), 0.5
    error, divergence = net.negative_bound(series, values, mean, log_variance, std).unbind(1)
    likelihood = torch.distributions.Normal(values.transpose(1, 2), std).log_prob(series.x) * series.mask
    posterior = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    prior = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    count = series.mask.sum(dim=(1, 2))
    torch.testing.assert_close(error, -likelihood.sum(dim=(1, 2)) / count)
    torch.testing.assert_close(divergence, torch.distributions.kl_divergence(posterior, prior).sum(dim=(1, 2)) / count)


def drawn(heads=2):
    torch.manual_seed(0)
    attention = MultiTimeAttention(8, heads)
    generator = torch.Generator().manual_seed(1)
    query, key = torch.randn(1, 4, 8, generator=generator), torch.randn(3, 7, 8, generator=generator)
    mask = torch.rand(3, 7, 3, generator=generator) < 0.5
    mask[0, :, 1] = False
    return attention, query, key, torch.randn(3, 7, 3, generator=generator) * mask, mask


def softmax_of_each_channel(attention, query, key, values, mask):
    heads = attention.heads
    q, k = (
        layer(x).view(len(x), -1, heads, 8 // heads).transpose(1, 2)
        for layer, x in ((attention.query, query), (attention.key, key))
    )
    scores = (q @ k.transpose(2, 3) / math.sqrt(8 // heads))[..., None].expand(-1, -1, -1, -1, values.shape[2])
    weights = scores.masked_fill(~mask[:, None, None], -1e9).softmax(dim=3)
    return (weights * values[:, None, None]).sum(dim=3)


def test_two_products_are_the_softmax_of_each_channel():
    attention, *given = drawn()
    torch.testing.assert_close(attention(*given), softmax_of_each_channel(attention, *given))


def test_all_observed_is_ordinary_attention():
    attention, query, key, values, mask = drawn(heads=1)
    ordinary = torch.nn.functional.scaled_dot_product_attention(
        attention.query(query).expand(3, -1, -1), attention.key(key), values
    )
    torch.testing.assert_close(attention(query, key, values, torch.ones_like(mask))[:, 0], ordinary)


def test_a_channel_that_was_seen_only_where_scores_are_far_below_others_is_still_read():
    attention, query, key, values, mask = drawn(heads=1)
    with torch.no_grad():
        attention.query.weight.mul_(1e3)
    mask = torch.zeros_like(mask)
    mask[:, 0, 0] = mask[:, :, 1] = True
    seen = attention(query, key, values.masked_fill(~mask, 0.0), mask)
    torch.testing.assert_close(seen[:, 0, :, 0], values[:, :1, 0].expand(-1, 4))
    assert (seen[..., 2] == 0).all()


def test_rows_without_an_observation_change_nothing():
    series, times = irregular(torch.Generator().manual_seed(0), 4, 3, 8)
    wide, wide_times = irregular(torch.Generator().manual_seed(0), 4, 3, 8, extra=5)
    torch.manual_seed(0)
    net = ReferenceStates(3, **SIZES, learnt=True)
    torch.testing.assert_close(net(wide, wide_times), net(series, times))
