import math

import pytest
import torch
from torch.nn.functional import normalize

from tsbench.nn import info_nce, nt_xent
from tsbench_seqimage.losses import (
    adversarial_loss,
    balanced_accuracy,
    cluster_loss,
    discriminator_loss,
    margin_contrast,
    occupancy_entropy,
    spherical_k_means,
)

CLASSES = torch.tensor([0, 0, 1, 1, 2])


def rows(seed=0, n=5, d=7, dtype=torch.float64):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def test_nt_xent_of_two_orthogonal_pairs():
    pairs = torch.eye(2, dtype=torch.float64)
    assert nt_xent(pairs, pairs, 1.0).item() == pytest.approx(-math.log(math.e / (math.e + 2)))


FIXED = rows(2)


@pytest.mark.parametrize(
    "loss",
    [
        lambda a, b: nt_xent(a, b, 0.5),
        lambda a, b: margin_contrast(a, b, CLASSES, 0.3, 0.5),
        lambda a, b: margin_contrast(a, b, CLASSES, 0.3, 0.5, drop_same=True),
        lambda a, b: cluster_loss(a + b, normalize(FIXED[:2], dim=1), torch.tensor([0, 1, 1, 0, 1])),
        lambda a, b: discriminator_loss(a + b, FIXED > 0, FIXED > -1),
        lambda a, b: adversarial_loss(a + b, FIXED > 0),
        lambda a, b: adversarial_loss(a + b, FIXED > 0, saturating=True),
    ],
)
def test_gradients_are_those_of_finite_differences(loss):
    assert torch.autograd.gradcheck(loss, (rows(0).requires_grad_(), rows(1).requires_grad_()))


def test_without_a_margin_it_is_info_nce_in_both_directions():
    a, b = rows(0), rows(1)
    unit = [normalize(x, dim=1) / math.sqrt(0.3) for x in (a, b)]
    expected = (info_nce(unit[0], unit[1]) + info_nce(unit[1], unit[0])) / 2
    torch.testing.assert_close(margin_contrast(a, b, CLASSES, 0.0, 0.3), expected)


def test_the_loss_grows_with_the_margin_unless_all_are_of_one_class():
    found = [margin_contrast(rows(0), rows(1), CLASSES, m).item() for m in (0.0, 0.1, 0.2, 0.4, 1.0)]
    assert found == sorted(set(found))
    same = [margin_contrast(rows(0), rows(1), torch.zeros(5), m).item() for m in (0.0, 1.0)]
    assert same[0] == same[1]


def test_dropped_cases_of_the_same_class_are_no_negatives():
    a, b = rows(0), rows(1)
    assert margin_contrast(a, b, torch.zeros(5), drop_same=True).item() == 0
    b_other = b.clone()
    b_other[1] = 9.0  # of the class of case 0
    first = [margin_contrast(a[:2], x[:2], CLASSES[:2], drop_same=True).item() for x in (b, b_other)]
    assert first[0] == first[1] == 0


def test_a_discriminator_that_guesses_has_the_loss_of_a_coin():
    observed = torch.rand(3, 2, 9) > 0.5
    inside = torch.ones_like(observed)
    assert discriminator_loss(torch.zeros(3, 2, 9), observed, inside).item() == pytest.approx(math.log(2))
    right = torch.where(observed, 50.0, -50.0)
    assert discriminator_loss(right, observed, inside).item() == pytest.approx(0, abs=1e-6)
    assert adversarial_loss(-right, ~observed).item() == pytest.approx(0, abs=1e-6)
    assert balanced_accuracy(right, observed, inside) == 1


def test_what_lies_beyond_a_case_does_not_count():
    observed, inside = torch.tensor([[[True, False, False]]]), torch.tensor([[[True, True, False]]])
    losses = [discriminator_loss(torch.tensor([[[1.0, 2.0, far]]]), observed, inside).item() for far in (-100.0, 100.0)]
    assert losses[0] == losses[1]
    assert balanced_accuracy(torch.tensor([[[1.0, -1.0, 9.0]]]), observed, inside) == 1


def test_nothing_missing_is_nothing_to_deceive_with():
    logits = torch.randn(2, 1, 4, requires_grad=True)
    loss = adversarial_loss(logits, torch.zeros(2, 1, 4, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0 and (logits.grad == 0).all()
    assert math.isnan(balanced_accuracy(logits, torch.ones(2, 1, 4, dtype=torch.bool), torch.ones(2, 1, 4, dtype=bool)))


def test_one_cluster_costs_nothing_and_centroids_get_no_gradient():
    features, centroids = rows().requires_grad_(), normalize(rows(1)[:1], dim=1).requires_grad_()
    assert cluster_loss(features, centroids, torch.zeros(5, dtype=torch.long)).item() == 0
    two = normalize(rows(1)[:2], dim=1).requires_grad_()
    cluster_loss(features, two, torch.tensor([0, 1, 0, 1, 0])).backward()
    assert two.grad is None and features.grad.abs().sum() > 0


def test_k_means_finds_what_lies_apart_and_draws_nothing():
    directions = torch.eye(3).repeat_interleave(10, dim=0)
    points = (directions + 0.05 * rows(0, 30, 3, torch.float32)) * torch.linspace(0.1, 9, 30)[:, None]
    centroids, assigned = spherical_k_means(points, 3)
    torch.testing.assert_close(centroids.norm(dim=1), torch.ones(3))
    assert [len(set(part.tolist())) for part in assigned.split(10)] == [1, 1, 1] and len(set(assigned.tolist())) == 3
    torch.testing.assert_close(spherical_k_means(points, 3)[0], centroids)


@pytest.mark.parametrize(("n", "k", "found"), [(5, 9, 5), (1, 3, 1), (6, 1, 1)])
def test_k_means_of_few_cases(n, k, found):
    centroids, assigned = spherical_k_means(rows(0, n, 4, torch.float32), k)
    assert centroids.shape == (found, 4) and assigned.shape == (n,) and int(assigned.max()) < found


def test_k_means_of_cases_that_are_all_alike():
    centroids, assigned = spherical_k_means(torch.ones(6, 4), 3)
    assert torch.isfinite(centroids).all() and assigned.shape == (6,)


def test_occupancy_is_1_where_clusters_are_of_one_size():
    assert occupancy_entropy(torch.tensor([0, 1, 2, 0, 1, 2]), 3) == pytest.approx(1)
    assert occupancy_entropy(torch.zeros(6, dtype=torch.long), 3) == 0
    assert occupancy_entropy(torch.zeros(6, dtype=torch.long), 1) == 1


def test_either_form_of_the_adversarial_loss_falls_as_imputed_values_pass_for_observed_ones():
    missing = torch.ones(1, 1, 1, dtype=torch.bool)
    for p in (0.1, 0.5, 0.9):
        logits = torch.tensor([[[p]]]).logit()
        assert adversarial_loss(logits, missing).item() == pytest.approx(-math.log(p), rel=1e-5)
        assert adversarial_loss(logits, missing, saturating=True).item() == pytest.approx(math.log(1 - p), rel=1e-5)
