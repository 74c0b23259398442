import pytest
import torch

from tsbench.nn import Dropout


@pytest.mark.parametrize("p", [0.1, 0.35, 0.5])
def test_share_and_scale(p):
    torch.manual_seed(0)
    x = torch.ones(200, 500, dtype=torch.float64, requires_grad=True)
    y = Dropout(p)(x)
    assert y.dtype == x.dtype
    assert (y == 0).double().mean().item() == pytest.approx(p, abs=5 * (p * (1 - p) / x.numel()) ** 0.5)
    torch.testing.assert_close(y[y != 0], torch.full_like(y[y != 0], 1 / (1 - p)))
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())


def test_does_nothing_in_evaluation_or_for_p_0():
    x = torch.randn(5, 4)
    assert torch.equal(Dropout(0.5).eval()(x), x)
    before = torch.get_rng_state()
    assert torch.equal(Dropout(0.0)(x), x)
    assert torch.equal(torch.get_rng_state(), before)
