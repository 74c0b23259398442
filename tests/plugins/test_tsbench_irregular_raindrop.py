import math
from dataclasses import replace

import pytest
import torch
from irregular_series import example, fill, irregular

from tsbench_irregular.observations import Observations
from tsbench_irregular.raindrop import Propagation, RaindropEncoder, SelfMap, graph_spread

ONE_VALUE = {
    "paper": [[-0.7278794050, 0.2098251432], [-0.6803519726, 0.1680513769]],
    "paper-transformer": [[0.4893780351, -0.4771967828], [0.4893361628, -0.4771508276]],
    "legacy": [[-0.3456000686, -0.1479100883], [-0.3456261754, -0.1472782791]],
}
SIZES = {"size": 4, "time_dims": 4, "receiver": 3, "layers": 2, "pruned": 0.5, "key_dim": 5, "sensor_dim": 2}


def net(variant, channels=3, steps=6):
    torch.manual_seed(0)
    return RaindropEncoder(channels, steps, variant=variant, **SIZES, heads=2, dropout=0.0).eval()


def test_messages_as_the_paper_writes_them():
    series, times = example()
    layer = fill(Propagation(3, 4, 2, 3, 0.5))
    h = torch.relu(torch.randn(2, 6, 3, 4, generator=torch.Generator().manual_seed(0)))
    h = h * series.mask.transpose(1, 2)[..., None]
    encoded = torch.stack([times.sin(), times.cos()], dim=-1)
    edges = torch.rand(2, 3, 3, generator=torch.Generator().manual_seed(1))
    after, next_edges = layer(h, Observations.of(series, times), encoded, edges)
    D = layer.project.weight.T
    for i in range(2):
        attention = torch.zeros(6, 3, 3)
        for t in range(6):
            for u in range(3):
                for v in range(3):
                    receiver = torch.cat([layer.receiver[v], encoded[i, t]])
                    attention[t, u, v] = torch.relu(h[i, t, u] @ D @ receiver) * series.mask[i, u, t]
        updated = edges[i] * attention.sum(dim=0) / series.mask[i].sum(dim=-1).clamp(min=1)[:, None]
        kept = updated.flatten() >= updated.flatten().sort(descending=True).values[layer.kept - 1]
        updated = updated * kept.view(3, 3)
        torch.testing.assert_close(next_edges[i], updated)
        for t in range(6):
            for v in range(3):
                message = sum(
                    (h[i, t, u] @ layer.sends[u]) * attention[t, u, v] * edges[i, u, v] * kept.view(3, 3)[u, v]
                    for u in range(3)
                )
                torch.testing.assert_close(after[i, t, v], h[i, t, v] + torch.relu(message * layer.spreads[v]))


def test_half_of_the_edges_of_each_case_are_pruned():
    series, times = irregular(torch.Generator().manual_seed(0), 5, 4, 9)
    torch.manual_seed(0)
    built = RaindropEncoder(4, 9, variant="paper", **{**SIZES, "layers": 1}, heads=2, dropout=0.0)
    _, _, edges = built.observations(series, times)
    assert ((edges > 0).sum(dim=(1, 2)) <= 8).all() and (edges > 0).any()


@pytest.mark.parametrize(("variant", "talks"), [("paper", True), ("paper-transformer", True), ("legacy", False)])
def test_a_sensor_reaches_others_before_the_transformer_in_the_papers_network_alone(variant, talks):
    series, times = example(n=4, channels=5, steps=8)
    built = net(variant, channels=5, steps=8)
    moved = replace(series, x=series.x + 2.0 * (torch.arange(5) == 3)[:, None] * series.mask)
    before, after = (built.observations(one, times)[0] for one in (series, moved))
    changed = (before != after).any(dim=3).any(dim=1).any(dim=0)
    assert bool(changed[3])
    assert bool(changed[[0, 1, 2, 4]].any()) == talks


def test_the_released_layers_are_a_map_of_each_sensor():
    """The published code's messages are the receiver's own, and the weights of its edges sum to 1."""
    layer = fill(SelfMap(6, 4, 1))
    h = torch.randn(2, 6, 3, 4, generator=torch.Generator().manual_seed(0))
    result = layer(h, torch.tensor([6, 6]))
    for case in range(2):
        series = h[case].transpose(0, 1).flatten(1)
        edges = [[torch.relu(layer.layers[0](series[v])) / 3 for _ in range(3)] for v in range(3)]
        summed = torch.stack([sum(messages) for messages in edges])
        torch.testing.assert_close(result[case], summed.view(3, 6, 4).transpose(0, 1))


def test_one_value_of_each_variant():
    series, times = example()
    for variant, expected in ONE_VALUE.items():
        features, _ = fill(net(variant))(series, times)
        torch.testing.assert_close(features[:, :2], torch.tensor(expected), rtol=1e-4, atol=1e-5)


def test_the_regulariser_is_the_squared_distance_of_pairs():
    edges = torch.rand(4, 3, 3, generator=torch.Generator().manual_seed(0))
    pairs = sum((a - b).square().sum() for a in edges for b in edges)
    torch.testing.assert_close(graph_spread(edges), pairs / 9 / 3**2)
    assert float(graph_spread(edges[:1])) == 0


def test_every_weight_is_a_parameter_that_learns():
    series, times = example(n=4, channels=5, steps=8)
    for variant in ("paper", "paper-transformer", "legacy"):
        built = net(variant, channels=5, steps=8)
        features, edges = built(series, times)
        loss = features.square().sum() if edges is None else features.square().sum() + graph_spread(edges)
        loss.backward()
        still = [name for name, p in built.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
        assert still == []
        assert "embed" in dict(built.named_parameters())


def test_steps_weigh_by_attention_in_time():
    series, _ = example()
    built = net("paper")
    embedded = torch.randn(2, 6, 3, SIZES["size"], generator=torch.Generator().manual_seed(0))
    encoded = torch.randn(2, 6, SIZES["time_dims"], generator=torch.Generator().manual_seed(1))
    h = torch.cat([embedded, encoded[:, :, None].expand(-1, -1, 3, -1)], dim=-1)
    attention = built.summarise
    q, k = attention.query(h).transpose(1, 2), attention.key(h).transpose(1, 2)
    weights = (q @ k.transpose(2, 3) / math.sqrt(5) @ attention.steps).softmax(dim=-1)
    expected = attention.out((weights[..., None] * h.transpose(1, 2)).sum(dim=2))
    torch.testing.assert_close(attention(embedded, encoded, series), expected)
