import math
from dataclasses import replace

import torch
from irregular_series import example, fill
from torch.nn.functional import relu

from tsbench.data.series import Series
from tsbench_irregular.seft import SeFTEncoder


def net(n_static=2, **sizes):
    given = {"time_dims": 4, "max_timescale": 100.0, "phi": (6, 5), "phi_dropout": 0.0, "psi": (4, 3), "heads": 2}
    return SeFTEncoder(3, n_static, **{**given, "key_dim": 4, "attention_dropout": 0.0, **sizes})


def by_hand(net, series, times, static, case):
    """Return the features of a case as the paper writes them, one element at a time."""
    elements = [net.encode_static(static[case])] if static is not None else []
    for channel in range(3):
        for step in range(series.x.shape[2]):
            if series.mask[case, channel, step]:
                t = times[case, step]
                encoded = [t.sin(), (t / 100).sin(), t.cos(), (t / 100).cos()]
                one_hot = [float(channel == other) for other in range(3)]
                elements.append(torch.tensor([*encoded, series.x[case, channel, step], *one_hot]))
    if not elements:
        return torch.zeros(net.out_dim)
    summary = net.attention.rho(torch.stack([net.attention.psi(one) for one in elements]).mean(dim=0))
    heads = []
    for head, query in enumerate(net.attention.query):
        key = net.attention.key.view(-1, *net.attention.query.shape)[:, head]
        scores = [torch.cat([one, summary]) @ key @ query / math.sqrt(len(query)) for one in elements]
        weights = torch.stack(scores).softmax(dim=0)
        heads.append(sum(weight * net.phi(one) for weight, one in zip(weights, elements, strict=True)))
    return torch.cat(heads)


def test_the_formulas_of_the_paper_one_element_at_a_time():
    series, times = example()
    static = torch.tensor([[0.5, -1.0], [2.0, 0.0]])
    built = fill(net())
    expected = torch.stack([by_hand(built, series, times, static, case) for case in range(2)])
    torch.testing.assert_close(built(series, times, static), expected)


def test_one_value_of_it():
    series, times = example()
    features = fill(net(n_static=0))(series, times, None)
    expected = [[0.2343774736, 0.1987130791, 0.2297683209], [0.2836652100, 0.2319453704, 0.2819201648]]
    torch.testing.assert_close(features[:, [3, 4, 8]], torch.tensor(expected), rtol=1e-5, atol=1e-6)


def test_the_order_of_observations_does_not_matter():
    series, times = example()
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    shuffled = Series(series.x[:, :, order], series.lengths, series.mask[:, :, order])
    built = fill(net(n_static=0))
    torch.testing.assert_close(built(shuffled, times[:, order], None), built(series, times, None), rtol=1e-6, atol=1e-6)


def test_a_case_of_one_observation_and_one_of_none():
    series, times = example()
    observed = torch.zeros_like(series.mask)
    observed[0, 2, 3] = True
    sparse = replace(series, x=series.x.masked_fill(~observed, 0.0), observed=observed)
    built, static = fill(net()), torch.ones(2, 2)
    none = built(sparse, times, static)
    assert torch.isfinite(none).all()
    torch.testing.assert_close(none[1], relu(built.phi(built.encode_static(static[1]))).repeat(2))
    without = fill(net(n_static=0))(sparse, times, None)
    assert (without[1] == 0).all() and (without[0] != 0).any()


def test_all_observations_count_alike_before_training():
    torch.manual_seed(0)
    built = net()
    weights = built.attention(torch.randn(5, 8), torch.tensor([0, 0, 1, 1, 1]), 2)
    torch.testing.assert_close(weights, torch.tensor([1 / 2, 1 / 2, 1 / 3, 1 / 3, 1 / 3])[:, None].expand(5, 2))


def test_dropped_elements_get_no_weight_and_a_set_is_never_empty():
    torch.manual_seed(0)
    attention = net(attention_dropout=0.5).attention
    weights = attention(torch.randn(40, 8), torch.arange(40) // 20, 2)
    assert 0.2 < (weights == 0).float().mean() < 0.8
    alone = attention(torch.randn(6, 8), torch.arange(6), 6)
    torch.testing.assert_close(alone, torch.ones(6, 2))
