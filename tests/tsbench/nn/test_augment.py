import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tsbench.data.series import Series
from tsbench.nn import jitter, mask_stretch, permute_segments, scale, segment_order, within


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


@settings(max_examples=40, deadline=None)
@given(lengths=st.lists(st.integers(1, 20), min_size=1, max_size=5), pieces=st.integers(1, 9), seed=st.integers(0, 99))
def test_permutation_leaves_padding_in_place(lengths, pieces, seed):
    x = torch.arange(20).float().expand(len(lengths), 2, 20)
    moved = permute_segments(x, rng(seed), pieces, torch.tensor(lengths))
    for case, length in enumerate(lengths):
        assert torch.equal(moved[case, :, length:], x[case, :, length:])
        assert torch.equal(moved[case].sort(dim=1).values, x[case])
        assert (moved[case, 0].diff() != 1).sum() <= min(pieces, length)  # one more at the border to the padding


def test_full_lengths_change_no_draw():
    x = torch.randn(6, 2, 30)
    assert torch.equal(permute_segments(x, rng(), 5), permute_segments(x, rng(), 5, torch.full((6,), 30)))


def test_as_many_pieces_are_cut_as_were_drawn():
    """Of two points, one or two pieces: half of the cases have two, half of those change places."""
    x = torch.arange(2).float().expand(20_000, 1, 2)
    assert (permute_segments(x, rng(), 2)[:, 0, 0] == 1).float().mean().item() == pytest.approx(0.25, abs=0.02)
    padded = torch.arange(20).float().expand(20_000, 1, 20)
    moved = permute_segments(padded, rng(), 2, torch.full((20_000,), 2))
    assert (moved[:, 0, 0] == 1).float().mean().item() == pytest.approx(0.25, abs=0.02)


def test_order_is_the_permutation():
    x = torch.randn(6, 2, 30)
    order = segment_order(x, rng(2), 5)
    assert torch.equal(permute_segments(x, rng(2), 5), torch.stack([x[i][:, order[i]] for i in range(6)]))


def test_mask_sets_one_stretch_to_zero():
    masked = mask_stretch(torch.ones(500, 2, 40), rng(), 0.25)
    assert torch.equal(masked[:, 0], masked[:, 1])
    widths = (masked[:, 0] == 0).sum(dim=1)
    assert set(widths.tolist()) == set(range(11))
    edges = torch.nn.functional.pad(masked[:, 0], (1, 1), value=1.0).diff(dim=1).abs().sum(dim=1)
    assert torch.equal(edges, 2.0 * (widths > 0))
    assert {0, 39} <= set((masked[:, 0] == 0).nonzero()[:, 1].tolist())
    assert torch.equal(mask_stretch(masked, rng(), 0.0), masked)


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


@pytest.mark.parametrize("augment", [jitter, scale, permute_segments, mask_stretch])
def test_same_generator_same_result_and_no_global_draws(augment):
    x = torch.randn(4, 2, 30, dtype=torch.float64)
    state = torch.get_rng_state()
    first = augment(x, rng(3))
    assert torch.equal(state, torch.get_rng_state())
    assert first.dtype == x.dtype
    assert torch.equal(first, augment(x, rng(3)))
    assert not torch.equal(first, augment(x, rng(4)))


def series(lengths=(30, 12, 5)):
    x = torch.randn(3, 2, 30)
    observed = within(torch.tensor(lengths), 30)[:, None].repeat(1, 2, 1)
    observed[0, 1, 4] = False
    return Series(x * observed, torch.tensor(lengths), observed, times=torch.arange(30.0).expand(3, -1))


@pytest.mark.parametrize("augment", [jitter, scale, permute_segments, mask_stretch])
def test_a_series_stays_a_series_whose_padding_and_gaps_are_0(augment):
    given, changed = series(), False
    for seed in range(5):
        out = augment(given, rng(seed))
        assert isinstance(out, Series) and (out.x[~out.observed] == 0).all()
        assert torch.equal(out.observed.sum(dim=2), given.observed.sum(dim=2))
        assert torch.equal(out.times, given.times) and torch.equal(out.lengths, given.lengths)
        changed |= not torch.equal(out.x, given.x)
        assert (out.observed[1, :, 12:] == 0).all() and (out.observed[2, :, 5:] == 0).all()
    assert changed


@pytest.mark.parametrize("augment", [jitter, scale, permute_segments, mask_stretch])
def test_a_whole_series_has_the_draws_of_its_values(augment):
    x = torch.randn(3, 2, 30)
    assert torch.equal(augment(Series.of(x), rng(1)).x, augment(x, rng(1)))


def test_a_stretch_lies_within_the_length_of_its_case():
    lengths = torch.tensor([40, 8]).repeat(400)
    masked = mask_stretch(torch.ones(800, 1, 40), rng(), 0.5, lengths)[:, 0]
    short = masked[1::2]
    assert (short[:, 8:] == 1).all()
    widths = (short == 0).sum(dim=1)
    assert set(widths.tolist()) == set(range(5))
    assert (short[:, 7] == 0).any() and (short[:, 0] == 0).any()
