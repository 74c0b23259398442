"""Golden values of the losses. Inputs n = 0, 1, 2 ... in row-major order: sin(0.1 n) and cos(0.07 n + 0.3)."""

import math

import pytest
import torch

from tsbench.nn import class_weights, focal_loss, info_nce, nt_xent, regression_loss


@pytest.fixture
def views():
    n = torch.arange(24, dtype=torch.float64).view(4, 6)
    return torch.sin(0.1 * n), torch.cos(0.07 * n + 0.3)


@pytest.mark.parametrize(
    ("temperature", "expected"), [(0.2, 3.031126954034791), (0.5, 2.2788135955927427), (1.0, 2.064379530482787)]
)
def test_nt_xent_golden(views, temperature, expected):
    assert nt_xent(*views, temperature).item() == pytest.approx(expected, abs=1e-12)
    assert nt_xent(*reversed(views), temperature).item() == pytest.approx(expected, abs=1e-12)


def test_nt_xent_of_one_case_is_zero():
    assert nt_xent(torch.randn(1, 3), torch.randn(1, 3)).item() == 0.0


def test_info_nce_golden():
    """Three steps of four cases; anchored at the truth (TS-TCC) and at the prediction (CPC)."""
    n = torch.arange(72, dtype=torch.float64).view(3, 4, 6)
    predictions, truth = torch.sin(0.1 * n), torch.cos(0.07 * n + 0.3)
    assert info_nce(truth, predictions).item() == pytest.approx(1.9665580886758833, abs=1e-12)
    assert info_nce(predictions, truth).item() == pytest.approx(1.615117611548832, abs=1e-12)


def test_info_nce_limits():
    v = torch.randn(5, 3)
    assert info_nce(v[:1], v[:1]).item() == 0.0
    assert info_nce(torch.zeros(5, 3), v).item() == pytest.approx(math.log(5))
    assert info_nce(100 * torch.eye(4), torch.eye(4)).item() < 1e-6


def test_regression_loss_golden(views):
    a, b = views
    assert regression_loss(a, b).mean().item() == pytest.approx(1.0525765012873525, abs=1e-12)
    assert (regression_loss(a, b) + regression_loss(b, a)).mean().item() == pytest.approx(2.105153002574705, abs=1e-12)


def test_regression_loss_range_and_shape():
    v = torch.randn(5, 3, 7, dtype=torch.float64)
    assert regression_loss(v, 4 * v).shape == (5, 3)
    assert regression_loss(v, 4 * v).abs().max() < 1e-12
    assert (regression_loss(v, -v) - 4).abs().max() < 1e-12
    assert torch.isfinite(regression_loss(torch.zeros(2, 3), torch.zeros(2, 3))).all()


def test_focal_loss_is_cross_entropy_without_its_exponent_and_golden_with():
    scores, y = torch.tensor([[0.0, math.log(3)], [0.0, 0.0]]), torch.tensor([1, 0])
    torch.testing.assert_close(focal_loss(scores, y, 0.0), torch.nn.functional.cross_entropy(scores, y))
    expected = -(0.25**2 * math.log(0.75) + 0.5**2 * math.log(0.5)) / 2
    assert focal_loss(scores, y, 2.0).item() == pytest.approx(expected)
    weighted = -(3 * 0.25**2 * math.log(0.75) + 0.5**2 * math.log(0.5)) / 2
    assert focal_loss(scores, y, 2.0, torch.tensor([1.0, 3.0])).item() == pytest.approx(weighted)


def test_weights_make_all_classes_that_have_cases_count_alike():
    y = torch.tensor([0, 0, 0, 0, 0, 3, 3, 1])
    weight = class_weights(y, 5)
    assert weight.tolist() == pytest.approx([8 / 15, 8 / 3, 0, 8 / 6, 0])
    assert float(weight[y].sum()) == pytest.approx(len(y))
