"""Losses of ecg-text against plain loops, and what outlives a step: queue and momentum copies."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from tsbench.nn import update_average
from tsbench_ecgtext.losses import (
    GUARD,
    IGNORED,
    hard_negatives,
    itc_loss,
    itc_targets,
    itm_loss,
    mask_tokens,
    mlm_loss,
)
from tsbench_ecgtext.memory import Queue, momentum_copy


def unit(n, d, seed, grad=False):
    x = functional.normalize(
        torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64), dim=1
    )
    return x.requires_grad_(grad)


def empty(d=8):
    return (
        torch.zeros(0, d, dtype=torch.float64),
        torch.zeros(0, d, dtype=torch.float64),
        torch.zeros(0, dtype=torch.int64),
    )


def itc_by_loops(image, text, image_m, text_m, ids, queue, temperature, alpha):
    """ALBEF, algorithm in plain steps: one query at a time."""
    total = torch.zeros((), dtype=torch.float64)
    for query, query_m, keys in ((image, image_m, (text_m, queue[1])), (text, text_m, (image_m, queue[0]))):
        candidates, all_ids = [*keys[0], *keys[1]], [*ids.tolist(), *queue[2].tolist()]
        for i, own in enumerate(ids.tolist()):
            logits = torch.stack([query[i] @ one / temperature for one in candidates])
            soft = torch.softmax(torch.stack([query_m[i] @ one / temperature for one in candidates]), 0).detach()
            hits = torch.tensor([float(one == own) for one in all_ids], dtype=torch.float64)
            target = alpha * soft + (1 - alpha) * hits / hits.sum()
            total = total - (target * torch.log_softmax(logits, 0)).sum() / len(ids) / 2
    return total


@pytest.mark.parametrize("queued", [0, 7])
@pytest.mark.parametrize("alpha", [0.0, 0.4])
def test_contrast_and_its_gradients_are_those_of_plain_loops(queued, alpha):
    ids = torch.tensor([3, 5, 3, 9])
    queue = (unit(queued, 8, 5), unit(queued, 8, 6), torch.arange(queued) + 5) if queued else empty()
    grads, losses = [], []
    for loss in (lambda *args: itc_loss(*args)[0], itc_by_loops):
        image, text = unit(4, 8, 1, True), unit(4, 8, 2, True)
        temperature = torch.tensor(0.07, dtype=torch.float64, requires_grad=True)
        found = loss(image, text, unit(4, 8, 3), unit(4, 8, 4), ids, queue, temperature, alpha)
        grads.append(torch.autograd.grad(found, [image, text, temperature]))
        losses.append(found)
    torch.testing.assert_close(losses[0], losses[1])
    for one, other in zip(*grads, strict=True):
        torch.testing.assert_close(one, other)


def test_without_soft_labels_and_queue_it_is_info_nce_with_momentum_keys():
    image, text, image_m, text_m = (unit(6, 8, seed) for seed in range(4))
    found = itc_loss(image, text, image_m, text_m, torch.arange(6), empty(), 0.07, 0.0)[0]
    own = torch.arange(6)
    expected = functional.cross_entropy(image @ text_m.T / 0.07, own) + functional.cross_entropy(
        text @ image_m.T / 0.07, own
    )
    torch.testing.assert_close(found, expected / 2)


def test_equal_ids_share_the_target():
    targets = itc_targets(torch.tensor([1, 1, 2]), torch.tensor([1, 1, 2, 1]), torch.randn(3, 4), 0.0)
    assert torch.equal(targets[0], torch.tensor([1 / 3, 1 / 3, 0, 1 / 3]))
    assert torch.equal(targets[2], torch.tensor([0.0, 0, 1, 0]))
    pair = itc_targets(torch.tensor([7, 7]), torch.tensor([7, 7]), torch.randn(2, 2), 0.0)
    assert torch.equal(pair, torch.full((2, 2), 0.5))


def test_soft_labels_have_their_share():
    similarity = torch.randn(2, 3)
    targets = itc_targets(torch.tensor([0, 1]), torch.tensor([0, 1, 2]), similarity, 0.4)
    torch.testing.assert_close(targets, 0.4 * similarity.softmax(1) + 0.6 * torch.eye(2, 3))
    torch.testing.assert_close(targets.sum(1), torch.ones(2))


def test_hard_negatives_are_drawn_by_similarity_and_never_of_the_own_id():
    ids, rng = torch.tensor([1, 2, 3, 1]), torch.Generator().manual_seed(0)
    similarity = torch.tensor([[0.0, 3.0, 1.0, 9.0]] * 4)
    drawn = torch.stack([hard_negatives(similarity, ids, rng)[1] for _ in range(2000)])
    assert set(drawn[:, 0].tolist()) <= {1, 2} and set(drawn[:, 3].tolist()) <= {1, 2}
    weights = similarity[0].softmax(0) + GUARD
    assert (drawn[:, 0] == 1).double().mean() == pytest.approx(float(weights[1] / (weights[1] + weights[2])), abs=0.03)


def test_a_batch_of_one_id_has_no_negatives():
    queries, negatives = hard_negatives(torch.randn(3, 3), torch.tensor([4, 4, 4]), torch.Generator())
    assert len(queries) == len(negatives) == 0


def test_a_negative_whose_probability_rounds_to_nothing_can_still_be_drawn():
    similarity = torch.tensor([[500.0, 0.0], [0.0, 500.0]])
    queries, negatives = hard_negatives(similarity, torch.tensor([0, 1]), torch.Generator().manual_seed(0))
    assert queries.tolist() == [0, 1] and negatives.tolist() == [1, 0]


def test_matching_counts_the_first_as_pairs():
    logits = torch.randn(5, 2, dtype=torch.float64)
    scores = logits.log_softmax(1)
    by_hand = -(scores[0, 1] + scores[1, 1] + scores[2, 0] + scores[3, 0] + scores[4, 0]) / 5
    torch.testing.assert_close(itm_loss(logits, 2), by_hand)


def test_words_are_hidden_in_the_shares_of_bert():
    tokens = torch.randint(10, 1000, (200, 300))
    kept = torch.zeros_like(tokens, dtype=torch.bool)
    kept[:, 0] = True
    hidden, targets = mask_tokens(tokens, kept, 0.15, 4, 1000, 10, torch.Generator().manual_seed(0))
    chosen = targets != IGNORED
    assert not chosen[:, 0].any() and torch.equal(targets[chosen], tokens[chosen])
    assert torch.equal(hidden[~chosen], tokens[~chosen])
    assert chosen[:, 1:].double().mean() == pytest.approx(0.15, abs=0.01)
    masked, same = hidden[chosen] == 4, hidden[chosen] == tokens[chosen]
    assert masked.double().mean() == pytest.approx(0.8, abs=0.02)
    assert same.double().mean() == pytest.approx(0.1, abs=0.02)
    assert hidden[chosen][~masked].min() >= 10


def test_hidden_words_are_scored_by_a_mean_over_them():
    logits, targets = (
        torch.randn(2, 3, 5, dtype=torch.float64),
        torch.tensor([[IGNORED, 2, IGNORED], [0, IGNORED, IGNORED]]),
    )
    scores = logits.log_softmax(2)
    torch.testing.assert_close(mlm_loss(logits, targets), -(scores[0, 1, 2] + scores[1, 0, 0]) / 2)
    assert mlm_loss(logits, torch.full((2, 3), IGNORED)) == 0


def test_the_queue_is_empty_at_first_and_its_pointer_wraps():
    queue = Queue(5, 2, "cpu")
    assert [len(part) for part in queue.content()] == [0, 0, 0]
    for step in range(3):
        rows = torch.full((2, 2), float(step))
        queue.add(rows, -rows, torch.tensor([2 * step, 2 * step + 1]))
    image, text, ids = queue.content()
    assert queue.place == 1 and ids.tolist() == [5, 1, 2, 3, 4]
    assert image[:, 0].tolist() == [2, 0, 1, 1, 2] and torch.equal(text, -image)


def test_a_batch_larger_than_the_queue_leaves_its_end():
    queue = Queue(3, 1, "cpu")
    queue.add(torch.arange(5.0)[:, None], torch.arange(5.0)[:, None], torch.arange(5))
    assert sorted(queue.content()[2].tolist()) == [2, 3, 4]
    nothing = Queue(0, 1, "cpu")
    nothing.add(torch.ones(2, 1), torch.ones(2, 1), torch.arange(2))
    assert len(nothing.content()[2]) == 0


def test_what_is_queued_has_no_gradient():
    queue = Queue(4, 2, "cpu")
    queue.add(torch.ones(2, 2, requires_grad=True) * 2, torch.ones(2, 2), torch.arange(2))
    assert not queue.content()[0].requires_grad


def test_a_step_of_a_momentum_copy_keeps_995_parts_in_a_thousand():
    net = nn.Linear(3, 2)
    twin = momentum_copy(net)
    old = {name: value.clone() for name, value in twin.state_dict().items()}
    with torch.no_grad():
        for weight in net.parameters():
            weight.add_(torch.randn_like(weight))
    update_average(twin, net, 0.995)
    for name, value in twin.state_dict().items():
        torch.testing.assert_close(value, 0.995 * old[name] + 0.005 * net.state_dict()[name])
    assert not any(weight.requires_grad for weight in twin.parameters())
