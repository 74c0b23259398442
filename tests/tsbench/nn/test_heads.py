import copy

import pytest
import torch

from tsbench.nn import projection_head, update_average


def test_projection_head_sizes():
    head = projection_head(10, 20, 5)
    assert head(torch.randn(4, 10)).shape == (4, 5)
    assert sum(p.numel() for p in head.parameters()) == 10 * 20 + 20 + 2 * 20 + 20 * 5 + 5


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
