import math

import pytest
import torch
from irregular_series import example, fill, irregular

from tsbench_irregular.mtand import MTANDEncoder, MultiTimeAttention


@pytest.mark.parametrize(
    ("learnt", "expected"),
    [
        (
            True,
            [
                [0.8900608420, 0.3384973705, -0.2768982053, 0.5696445107],
                [0.9113211632, 0.7747114897, -0.8018814921, 0.8338162899],
            ],
        ),
        (
            False,
            [
                [-0.5237795115, -0.0254123434, -0.4498620033, -0.3757656813],
                [-0.7248343229, -0.0102252401, 0.2273145169, -0.3324291110],
            ],
        ),
    ],
)
def test_the_values_of_the_published_code(learnt, expected):
    """Weights by formula, given to enc_mtan_classif of github.com/reml-lab/mTAN; its GRU's last state."""
    series, times = example()
    states = fill(MTANDEncoder(3, 4, 8, 2, 5, learnt))(series, times)
    assert states.shape == (2, 5, 4)
    torch.testing.assert_close(states[:, -1], torch.tensor(expected), rtol=1e-5, atol=1e-5)


def drawn(heads=2):
    torch.manual_seed(0)
    attention = MultiTimeAttention(8, heads, 6, 5)
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
    torch.testing.assert_close(attention.attend(*given), softmax_of_each_channel(attention, *given))


def test_all_observed_is_ordinary_attention():
    attention, query, key, values, mask = drawn(heads=1)
    ordinary = torch.nn.functional.scaled_dot_product_attention(
        attention.query(query).expand(3, -1, -1), attention.key(key), values
    )
    torch.testing.assert_close(attention.attend(query, key, values, torch.ones_like(mask))[:, 0], ordinary)


def test_a_channel_that_was_seen_only_where_scores_are_far_below_others_is_still_read():
    attention, query, key, values, mask = drawn(heads=1)
    with torch.no_grad():
        attention.query.weight.mul_(1e3)
    mask = torch.zeros_like(mask)
    mask[:, 0, 0] = mask[:, :, 1] = True
    seen = attention.attend(query, key, values.masked_fill(~mask, 0.0), mask)
    torch.testing.assert_close(seen[:, 0, :, 0], values[:, :1, 0].expand(-1, 4))
    assert (seen[..., 2] == 0).all()


def test_rows_without_an_observation_change_nothing():
    series, times = irregular(torch.Generator().manual_seed(0), 4, 3, 8)
    wide, wide_times = irregular(torch.Generator().manual_seed(0), 4, 3, 8, extra=5)
    torch.manual_seed(0)
    net = MTANDEncoder(3, 4, 8, 1, 6, True)
    torch.testing.assert_close(net(wide, wide_times), net(series, times))
