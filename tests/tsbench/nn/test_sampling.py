import torch
from hypothesis import given
from hypothesis import strategies as st

from tsbench.nn.sampling import balanced, uniform


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 1000))
def test_uniform_covers_its_range(low, span, seed):
    rng = torch.Generator().manual_seed(seed)
    drawn = uniform(torch.full((2000,), low), torch.full((2000,), low + span), rng)
    assert drawn.min() >= low
    assert drawn.max() <= low + span
    if span < 10:
        assert drawn.unique().tolist() == list(range(low, low + span + 1))


def test_uniform_shares_one_draw():
    rng = torch.Generator().manual_seed(0)
    assert len(uniform(torch.zeros(50, dtype=torch.int64), torch.full((50,), 99), rng, 1).unique()) == 1


def test_uniform_reaches_every_number_of_a_long_range():
    rng = torch.Generator().manual_seed(0)
    drawn = uniform(torch.zeros(1000, dtype=torch.int64), torch.full((1000,), 2**40), rng)
    assert abs((drawn % 2).double().mean().item() - 0.5) < 0.1


@given(st.integers(1, 40), st.integers(0, 1000))
def test_a_balanced_batch_has_as_many_of_each_class_that_there_is(size, seed):
    y = torch.tensor([0] * 30 + [2] * 2 + [3] * 5)
    index = balanced(y, 5, size, torch.Generator().manual_seed(seed))
    counts = torch.bincount(y[index], minlength=5)
    assert len(index) == size and counts[1] == counts[4] == 0
    present = counts[[0, 2, 3]]
    assert present.max() - present.min() <= 1


def test_a_balanced_batch_draws_from_all_cases_of_a_class():
    y = torch.tensor([1] * 8 + [0] * 8)
    index = balanced(y, 2, 2000, torch.Generator().manual_seed(0))
    assert torch.bincount(index, minlength=16).min() > 80
