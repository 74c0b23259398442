from types import SimpleNamespace

import pytest
import torch
from irregular_series import example, fill

from tsbench.data.series import Series
from tsbench.errors import MethodError
from tsbench_irregular.mtgnn import LearntGraph, MTGNNEncoder

SIZES = SimpleNamespace(
    **{"residual_channels": 8, "conv_channels": 8, "skip_channels": 5, "end_channels": 6, "depth": 2, "keep": 0.05},
    **{"dropout": 0.3, "layers": 2, "neighbours": 2, "node_dim": 6, "saturation": 3.0},
)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (6, [[-0.5384614468, -0.5689886808, -0.7541130781], [-1.2381354570, -0.1251732856, -0.2581688762]]),
        (25, [[-0.4666532278, -0.3164914548, 0.5715844035], [-0.3822376430, -0.4277546704, -1.6333423853]]),
    ],
)
@pytest.mark.parametrize("one_matrix", [2048, 0])
def test_the_values_of_the_published_code(steps, expected, one_matrix, monkeypatch):
    """Weights by formula, given to gtnet of github.com/nnzhan/MTGNN without the noise that breaks its ties."""
    monkeypatch.setattr("tsbench_irregular.mtgnn.ONE_MATRIX", one_matrix)
    series, _ = example(steps=steps)
    net = fill(MTGNNEncoder(3, steps, SIZES))
    torch.testing.assert_close(net(series), torch.tensor(expected), rtol=1e-5, atol=1e-5)


def test_the_graph_keeps_the_strongest_edges_and_one_direction():
    torch.manual_seed(0)
    weights = LearntGraph(6, 2, 4, 3.0)()
    assert ((weights > 0).sum(dim=1) <= 2).all() and (weights > 0).any()
    assert ((weights == 0) | (weights.T == 0)).all()


def test_a_case_longer_than_the_net_is_refused_and_padding_is_not():
    net = fill(MTGNNEncoder(3, 6, SIZES))
    series, _ = example()
    pad = torch.nn.functional.pad
    wide = Series(pad(series.x, (0, 4)), series.lengths, pad(series.mask, (0, 4)))
    torch.testing.assert_close(net(wide), net(series))
    with pytest.raises(MethodError, match="a case has 10 steps, and the method was built for 6"):
        net(Series(wide.x, torch.tensor([10, 6])))
