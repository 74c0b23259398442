import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tsbench_aimts.augment import slice_window, warp_time, warp_window

WARPS = [slice_window, warp_time, warp_window]


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("warp", WARPS)
@given(n=st.integers(1, 5), c=st.integers(1, 3), length=st.integers(1, 40), seed=st.integers(0, 1000))
def test_shape_range_and_generator(warp, n, c, length, seed):
    x = torch.randn(n, c, length, generator=rng(seed))
    warped = warp(x, rng(seed))
    assert warped.shape == x.shape
    assert (warped <= x.amax(2, keepdim=True) + 1e-6).all()
    assert (warped >= x.amin(2, keepdim=True) - 1e-6).all()
    assert torch.equal(warped, warp(x, rng(seed)))


@pytest.mark.parametrize("warp", WARPS)
@given(length=st.integers(2, 40), seed=st.integers(0, 1000))
def test_time_runs_forward_and_all_channels_alike(warp, length, seed):
    ramp = torch.arange(length, dtype=torch.float64)
    warped = warp(torch.stack([ramp, 1 - 2 * ramp])[None], rng(seed))
    assert (warped[0, 0].diff() >= -1e-9).all()
    torch.testing.assert_close(warped[0, 1], 1 - 2 * warped[0, 0])


@pytest.mark.parametrize("warp", WARPS)
def test_what_lies_beyond_the_length_neither_moves_nor_enters(warp):
    x = torch.rand(50, 1, 30)
    x[:, :, 12:] = 100.0
    warped = warp(x, rng(), lengths=torch.full((50,), 12))
    assert (warped[:, :, 12:] == 100).all()
    assert (warped[:, :, :12] <= 1).all()


@pytest.mark.parametrize("warp", WARPS)
def test_cases_are_drawn_apart(warp):
    warped = warp(torch.arange(50.0).expand(20, 1, 50), rng())
    assert len({tuple(row) for row in warped[:, 0].tolist()}) > 10


@pytest.mark.parametrize("warp", WARPS)
def test_a_missing_value_spoils_its_neighbourhood_only(warp):
    x = torch.arange(40.0).expand(30, 1, 40).clone()
    x[:, :, 20] = float("nan")
    warped = warp(x, rng())
    read = warp(torch.arange(40.0).expand(30, 1, 40), rng())
    beside = (read > 19) & (read < 21)
    assert torch.equal(warped.isnan(), beside)
    assert torch.equal(warped[~beside], read[~beside])


@given(st.integers(1, 30), st.integers(0, 1000))
def test_the_slice_is_that_of_interpolate(length, seed):
    x = torch.randn(4, 2, length, dtype=torch.float64)
    got = slice_window(x, rng(seed), 0.5)
    width = int(np.ceil(0.5 * length))
    candidates = [
        torch.nn.functional.interpolate(x[:, :, start : start + width], length, mode="linear")
        for start in range(length - width + 1)
    ]
    distance = torch.stack([(got - candidate).abs().amax((1, 2)) for candidate in candidates])
    assert distance.amin(0).max() < 1e-9


def test_the_whole_window_changes_nothing():
    x = torch.randn(3, 2, 25)
    assert torch.equal(slice_window(x, rng(), 1.0), x)


@pytest.mark.parametrize("ratio", [1.0, 10.0])
def test_speeds_keep_their_ratio_and_both_ends(ratio):
    x = torch.arange(101, dtype=torch.float64).expand(20, 1, 101)
    position = warp_time(x, rng(), n_changes=3, max_ratio=ratio)[:, 0]
    torch.testing.assert_close(position[:, [0, -1]], torch.tensor([[0.0, 100.0]], dtype=torch.float64).expand(20, 2))
    speed = position.diff(dim=1)
    torch.testing.assert_close(speed.amax(1) / speed.amin(1), torch.full((20,), ratio, dtype=torch.float64))


@pytest.mark.parametrize(("scale", "slope"), [(0.5, 2.0), (2.0, 0.5)])
def test_the_window_is_stretched_and_the_rest_keeps_its_pace(scale, slope):
    n = 200
    x = torch.arange(n, dtype=torch.float64).expand(20, 1, n)
    pace = warp_window(x, rng(), 0.3, (scale,))[:, 0].diff(dim=1)
    whole = (0.7 * n + 0.3 * n * scale) / n  # points of the stretched series for one point of the result
    inside = (pace - slope * whole).abs() < 1e-6
    outside = (pace - whole).abs() < 1e-6
    assert (inside | outside).double().mean() > 0.96
    torch.testing.assert_close(inside.sum(1) / n, torch.full((20,), 0.3 * scale / whole), atol=0.03, rtol=0)


def test_both_scales_are_drawn():
    x = torch.arange(100, dtype=torch.float64).expand(40, 1, 100)
    last = warp_window(x, rng(), 0.3, (0.5, 2.0))[:, 0].diff(dim=1).amax(1)
    assert 5 < (last > 1.5).sum() < 35
