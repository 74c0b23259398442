"""Golden values of TS2Vec's loss; inputs as in test_losses.py."""

import math

import pytest
import torch
from torch.nn import functional

from tsbench.nn import hierarchical, hierarchical_loss, pair_loss

# Loss by (cases, time points, channels): instance, temporal, hierarchical, hierarchical with temporal unit 1
GOLDEN = {
    (4, 8, 5): (2.6459233989539213, 3.579194670135848, 2.2964834621093515, 1.8490841283423705),
    (3, 7, 4): (1.17016591081245, 2.779465827414233, 1.3614969597647875, 0.8982526551957486),
    (2, 1, 3): (1.5194340785771048, 0.0, 0.7597170392885524, 0.7597170392885524),
    (1, 6, 3): (0.0, 2.795610022415449, 0.7815397564042913, 0.3156047526683832),
    (2, 24, 3): (1.6013637422041924, 4.141762981593956, 1.9942287308620141, 1.5800524327026184),
}


def wave(shape):
    n = torch.arange(math.prod(shape), dtype=torch.float64).view(shape)
    return torch.sin(0.1 * n), torch.cos(0.07 * n + 0.3)


def written_out(a, b):
    """The contrastive loss of pairs, vector by vector."""
    total = a.new_zeros(())
    m = a.shape[1]
    for x, y in zip(a, b, strict=True):
        z = torch.cat([x, y])
        for i in range(2 * m):
            others = [j for j in range(2 * m) if j != i]
            logits = torch.stack([z[i] @ z[j] for j in others])
            total = total - functional.log_softmax(logits, 0)[others.index((i + m) % (2 * m))]
    return total / (2 * m * len(a))


@pytest.mark.parametrize("shape", GOLDEN)
def test_golden_losses(shape):
    a, b = wave(shape)
    instance, temporal, hierarchical, from_unit_1 = GOLDEN[shape]
    assert pair_loss(a.transpose(0, 1), b.transpose(0, 1)).item() == pytest.approx(instance, abs=1e-9)
    assert pair_loss(a, b).item() == pytest.approx(temporal, abs=1e-9)
    assert hierarchical_loss(a, b).item() == pytest.approx(hierarchical, abs=1e-9)
    assert hierarchical_loss(a, b, temporal_unit=1).item() == pytest.approx(from_unit_1, abs=1e-9)


@pytest.mark.parametrize("elements", [1, 2**18])
def test_the_gradient_is_that_of_the_loss_written_out_whatever_the_chunk(elements, monkeypatch):
    monkeypatch.setitem(hierarchical._ELEMENTS, "cpu", elements)
    a, b = (torch.randn(3, 4, 2, dtype=torch.float64, requires_grad=True) for _ in range(2))
    got, expected = pair_loss(a, b), written_out(a, b)
    torch.testing.assert_close(got, expected)
    ours, theirs = torch.autograd.grad(3 * got, (a, b)), torch.autograd.grad(3 * expected, (a, b))
    torch.testing.assert_close(ours, theirs)


def test_the_gradient_through_the_scales():
    a, b = (torch.randn(2, 7, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(lambda a, b: hierarchical_loss(a, b, 0.3), (a, b))


def test_large_similarities_stay_finite():
    a, b = (100 * torch.randn(2, 5, 320) for _ in range(2))
    assert torch.isfinite(hierarchical_loss(a, b))
