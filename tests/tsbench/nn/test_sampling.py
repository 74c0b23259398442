import torch
from hypothesis import given
from hypothesis import strategies as st

from tsbench.nn.sampling import uniform


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
