import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from tsbench_aimts.losses import (
    adaptive_temperatures,
    augmentation_loss,
    geodesic_mixup,
    prototype_loss,
    series_image_loss,
)

TEMPERATURES = [
    [1.0, 1.002457, 1.002712, 1.0, 1.005052, 1.006727],
    [1.00215, 1.0, 1.002079, 1.002719, 1.0, 1.01],
    [1.004081, 1.003577, 1.0, 1.00283, 1.00646, 1.0],
    [1.0, 1.003628, 1.002194, 1.0, 1.004077, 1.007049],
    [1.005487, 1.0, 1.004662, 1.003795, 1.0, 1.003004],
    [1.004228, 1.007185, 1.0, 1.003797, 1.001738, 1.0],
]


def golden_views():
    """Projected views (3, 4, 8, 5) of two draws, and augmented series (3, 2, 1, 6) of two draws."""
    n = torch.arange(3 * 4 * 8 * 5, dtype=torch.float64).view(3, 4, 8, 5)
    m = torch.arange(12, dtype=torch.float64).view(2, 1, 6)
    k = torch.arange(3, dtype=torch.float64).view(3, 1, 1, 1)
    return torch.sin(0.1 * n), torch.cos(0.07 * n + 0.3), torch.sin(0.1 * m + k), torch.cos(0.2 * m + k)


def unit(*shape):
    return functional.normalize(torch.randn(*shape, dtype=torch.float64), dim=1)


def test_golden_prototype_loss():
    first, second, _, _ = golden_views()
    assert prototype_loss(first, second).item() == pytest.approx(2.01580345166815, abs=1e-9)


def test_golden_temperatures_and_augmentation_loss():
    first, second, x, y = golden_views()
    pooled = first.amax(2), second.amax(2)
    assert augmentation_loss(*pooled, torch.ones(6, 6)).item() == pytest.approx(0.9883831613621322, abs=1e-9)
    temperatures = adaptive_temperatures(x, y)
    torch.testing.assert_close(temperatures, torch.tensor(TEMPERATURES, dtype=torch.float64), atol=1e-6, rtol=0)
    assert augmentation_loss(*pooled, temperatures).item() == pytest.approx(0.9821048009035079, abs=1e-6)


def test_augmentation_loss_is_half_of_the_mean_over_the_views():
    first, second = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    total = 0.0
    for case in range(4):
        z = torch.cat([first[:, case], second[:, case]])
        for i in range(6):
            others = [j for j in range(6) if j != i]
            logits = torch.stack([z[i] @ z[j] for j in others])
            total -= functional.log_softmax(logits, 0)[others.index((i + 3) % 6)].item()
    got = augmentation_loss(first, second, torch.ones(6, 6, dtype=torch.float64)).item()
    assert got == pytest.approx(total / (4 * 3 * 4))


def test_the_positives_are_coldest_and_the_range_is_kept():
    views = torch.randn(2, 5, 4, 2, 30)
    temperatures = adaptive_temperatures(views[0], views[1], 0.2, 0.7)
    for offset in (0, 5, -5):
        torch.testing.assert_close(temperatures.diagonal(offset), torch.full_like(temperatures.diagonal(offset), 0.2))
    assert temperatures.max().item() == pytest.approx(0.7)


def test_one_augmentation_has_no_negatives():
    assert augmentation_loss(torch.randn(1, 4, 5), torch.randn(1, 4, 5), torch.ones(2, 2)) == 0


def test_one_case_has_no_other_prototypes():
    assert prototype_loss(torch.randn(3, 1, 4, 5), torch.randn(3, 1, 4, 5)) == 0


def test_golden_mixture():
    a, b = torch.tensor([[1.0, 0, 0]], dtype=torch.float64), torch.tensor([[0.6, 0.8, 0]], dtype=torch.float64)
    mixed = geodesic_mixup(a, b, torch.tensor([0.3], dtype=torch.float64))
    expected = torch.tensor([[0.7966241225134326, 0.6044749849495045, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(mixed, expected, atol=1e-9, rtol=0)


@given(st.integers(0, 1000), st.floats(0, 1))
def test_a_mixture_lies_on_the_arc_at_its_share(seed, share):
    torch.manual_seed(seed)
    a, b = unit(3, 4), unit(3, 4)
    mixed = geodesic_mixup(a, b, torch.full((3,), share, dtype=torch.float64))
    torch.testing.assert_close(mixed.norm(dim=1), torch.ones(3, dtype=torch.float64))
    whole = (a * b).sum(1).arccos()
    torch.testing.assert_close((mixed * b).sum(1).clamp(-1, 1).arccos(), share * whole, atol=1e-6, rtol=0)


@pytest.mark.parametrize("sign", [1, -1])
def test_parallel_embeddings_give_a_finite_loss_and_gradient(sign):
    u = torch.randn(4, 6, requires_grad=True)
    series_image_loss(u, sign * u.detach(), torch.full((4,), 0.3)).backward()
    assert torch.isfinite(u.grad).all()


def test_the_series_image_loss_written_out():
    u, v = unit(3, 4), unit(3, 4)
    share = torch.tensor([0.1, 0.5, 0.8], dtype=torch.float64)
    mixed = geodesic_mixup(u, v, share)
    plain = mixed_loss = 0.0
    for a, b in ((u, v), (v, u)):
        for i in range(3):
            own = math.exp(a[i] @ b[i] / 0.2)
            plain -= math.log(own / sum(math.exp(a[i] @ b[j] / 0.2) for j in range(3))) / 6
            negatives = sum(math.exp(a[i] @ mixed[j] / 0.2) for j in range(3) if j != i)
            mixed_loss -= math.log(own / (own + negatives)) / 6
    for weight, expected in ((0.0, plain), (1.0, mixed_loss), (0.25, 0.75 * plain + 0.25 * mixed_loss)):
        assert series_image_loss(3 * u, v, share, 0.2, weight).item() == pytest.approx(expected)
