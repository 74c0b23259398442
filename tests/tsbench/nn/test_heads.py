import copy

import pytest
import torch

from tsbench.nn import Dropout, project_each, projection_head, recompute_statistics, update_average


def head_of(*sizes):
    """A head in float64 whose BatchNorm changes scale and place."""
    torch.manual_seed(0)
    head = projection_head(*sizes).double()
    with torch.no_grad():
        head[1].weight.uniform_(0.5, 2)
        head[1].bias.normal_()
    return head


def test_projection_head_sizes():
    head = projection_head(10, 20, 5)
    assert head(torch.randn(4, 10)).shape == (4, 5)
    assert sum(p.numel() for p in head.parameters()) == 10 * 20 + 20 + 2 * 20 + 20 * 5 + 5


def test_dropout_comes_last_and_only_where_asked():
    torch.manual_seed(0)
    plain = projection_head(10, 20, 5)
    torch.manual_seed(0)
    head, x = projection_head(10, 20, 5, dropout=0.5), torch.randn(50, 10)
    kept, expected = head(x), plain(x)
    assert isinstance(head[-1], Dropout) and len(head) == len(plain) + 1
    dropped = kept == 0
    assert 0.3 < dropped.double().mean() < 0.7
    torch.testing.assert_close(kept[~dropped], 2 * expected[~dropped])


@pytest.mark.parametrize("training", [True, False])
def test_projecting_each_equals_a_call_per_entry_of_the_middle_axes(training):
    head = head_of(4, 6, 3)
    x = torch.randn(7, 2, 3, 4, dtype=torch.float64)
    one_by_one = copy.deepcopy(head)
    expected = torch.stack([torch.stack([one_by_one(x[:, v, k]) for k in range(3)], 1) for v in range(2)], 1)
    before = copy.deepcopy(head[1].running_mean)
    torch.testing.assert_close(project_each(head.train(training), x), expected)
    assert torch.equal(head[1].running_mean, before)


def test_recomputed_statistics_are_those_of_all_inputs():
    head = head_of(4, 6, 3)
    x = torch.randn(9, 4, dtype=torch.float64) + 5
    recompute_statistics(head, x)
    hidden = head[0](x)
    normal = (hidden - hidden.mean(0)) / (hidden.var(0) + head[1].eps).sqrt() * head[1].weight + head[1].bias
    torch.testing.assert_close(head.eval()(x), head[3](normal.relu()))


@pytest.mark.parametrize("tau", [0.0, 0.7, 1.0])
def test_moving_average(tau):
    torch.manual_seed(0)
    online, target = projection_head(4, 6, 3).double(), projection_head(4, 6, 3).double()
    online(torch.randn(8, 4, dtype=torch.float64))  # moves the BatchNorm statistics of online
    before = copy.deepcopy(target)
    update_average(target, online, tau)
    for new, old, other in zip(target.parameters(), before.parameters(), online.parameters(), strict=True):
        torch.testing.assert_close(new, tau * old + (1 - tau) * other, rtol=0, atol=1e-15)
    for kept, other in zip(target.buffers(), online.buffers(), strict=True):
        assert torch.equal(kept, other)
    assert not torch.equal(target[1].running_mean, before[1].running_mean)
    if tau == 1.0:
        assert all(torch.equal(a, b) for a, b in zip(target.parameters(), before.parameters(), strict=True))
