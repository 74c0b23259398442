import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tsbench.nn import jitter, permute_segments, scale


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 6), c=st.integers(1, 3), length=st.integers(1, 40), pieces=st.integers(1, 9), seed=st.integers()
)
def test_permutation_is_a_shuffle_of_pieces(n, c, length, pieces, seed):
    x = torch.arange(length).float().expand(n, c, length) + 1000 * torch.arange(c)[None, :, None]
    moved = permute_segments(x, rng(seed % 2**31), pieces)
    assert torch.equal(moved.sort(dim=2).values, x)
    assert torch.equal(moved - moved[:, :1], x - x[:, :1])  # all channels are cut alike
    jumps = (moved[:, 0].diff(dim=1) != 1).sum(dim=1)
    assert jumps.max() <= min(pieces, length) - 1


def test_permutation_differs_between_cases_and_reaches_the_maximum():
    x = torch.arange(50).float().expand(200, 1, 50)
    jumps = (permute_segments(x, rng(), 5)[:, 0].diff(dim=1) != 1).sum(dim=1)
    assert set(jumps.tolist()) == {0, 1, 2, 3, 4}


def test_draws_are_per_case():
    x = torch.ones(64, 3, 20)
    scaled = scale(x, rng(), 0.5)
    assert len(scaled[:, :, 0].unique()) == 64 * 3
    assert torch.equal(scaled, scaled[:, :, :1].expand_as(x))
    noise = jitter(x, rng(), 0.3) - x
    assert len(noise.unique()) > 0.9 * noise.numel()
    assert noise.std() == pytest.approx(0.3, rel=0.05)
    assert scaled.mean() == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize("augment", [jitter, scale, permute_segments])
def test_same_generator_same_result_and_no_global_draws(augment):
    x = torch.randn(4, 2, 30, dtype=torch.float64)
    state = torch.get_rng_state()
    first = augment(x, rng(3))
    assert torch.equal(state, torch.get_rng_state())
    assert first.dtype == x.dtype
    assert torch.equal(first, augment(x, rng(3)))
    assert not torch.equal(first, augment(x, rng(4)))
