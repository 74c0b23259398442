"""Bins: means of what was observed, on a grid of whole multiples."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tsbench.data.panel import Panel
from tsbench.discovery.plugins import Plugins
from tsbench.errors import InvalidDataError
from tsbench.methods.applied import apply_transforms
from tsbench_spectral.grid import Window

PLUGINS = Plugins()
PLUGINS.load_entry_points()


def test_bins_are_means_of_the_observed_and_missing_where_empty():
    times = np.array([[0.2, 0.9, 1.0, 3.5, 3.6], [2.5, 2.6, 4.1, np.nan, np.nan]])
    X = np.array([[[1, 3, 5, np.nan, 8.0]], [[10, 20, np.nan, np.nan, np.nan]]])
    panel = Panel.build(X, times=times, lengths=[5, 3], time_unit="h")
    out = apply_transforms(panel, ["bin:1h"], PLUGINS)
    np.testing.assert_array_equal(out.X[:, 0], [[2, 5, np.nan, 8], [15, np.nan, np.nan, np.nan]])
    np.testing.assert_array_equal(out.times, [[0, 1, 2, 3], [2, 3, 4, np.nan]])
    assert out.lengths.tolist() == [4, 3] and out.sampling_rate == 1 / 3600


@given(
    gaps=st.lists(st.floats(1e-3, 400.0), min_size=1, max_size=60),
    width=st.sampled_from(["250ms", "10s", "1min"]),
    begin=st.sampled_from([0.0, -7.5, 1.7e9]),
)
@settings(max_examples=40, deadline=None)
def test_bins_are_those_of_a_plain_count(gaps, width, begin):
    times = begin + np.cumsum(gaps)
    values = np.random.default_rng(len(gaps)).normal(size=len(times)).astype(np.float32)
    seconds = {"250ms": 0.25, "10s": 10.0, "1min": 60.0}[width]
    out = apply_transforms(Panel.build(values[None, None], times=times[None]), [f"bin:{width}"], PLUGINS)
    below = np.ceil(times / seconds) - times / seconds
    assume(((below == 0) | (below > 1e-5)).all())  # what is nearer to an edge is on it, below
    place = np.floor(times / seconds).astype(int)
    assert out.n_timepoints == place[-1] - place[0] + 1
    np.testing.assert_allclose(out.times[0], np.arange(place[0], place[-1] + 1) * seconds)
    for k in range(out.n_timepoints):
        inside = values[place - place[0] == k].astype(np.float64)
        expected = inside.mean() if len(inside) else np.nan
        np.testing.assert_allclose(out.X[0, 0, k], expected, rtol=1e-5, atol=1e-6)


def test_what_is_sampled_evenly_is_binned_by_its_rate():
    panel = Panel.build(np.arange(10.0)[None, None], sampling_rate=4.0)
    out = apply_transforms(panel, ["bin:1s"], PLUGINS)
    assert out.X[0, 0].tolist() == [1.5, 5.5, 8.5] and out.times is None and out.sampling_rate == 1.0
    with pytest.raises(InvalidDataError, match="needs the sampling rate"):
        apply_transforms(Panel.build(np.ones((1, 1, 4))), ["bin:1s"], PLUGINS)


def test_edges_that_float_cannot_write_are_edges():
    panel = Panel.build(np.arange(7.0)[None, None], times=np.arange(7)[None] * 0.1)
    assert apply_transforms(panel, ["bin:100ms"], PLUGINS).X[0, 0].tolist() == list(range(7))


@given(
    rate_and_width=st.sampled_from(
        [(100, "50ms", 5), (250, "100ms", 25), (50, "1s", 50), (10, "300ms", 3), (1, "7s", 7)]
    ),
    begin=st.sampled_from([0.0, 1.68e9, 1.26e9, -2.1e9]),
    n=st.integers(1, 400),
)
@settings(max_examples=60, deadline=None)
def test_large_times_fall_into_the_bins_and_windows_of_small_ones(rate_and_width, begin, n):
    rate, width, points = rate_and_width
    times = begin + np.arange(n) / rate  # each begin is a whole multiple of each width
    uneven = np.append(times, times[-1] + 1000.0)  # a window by time, not by a count of points
    panel = Panel.build(np.arange(n, dtype=float)[None, None], times=times[None])
    out = apply_transforms(panel, [f"bin:{width}"], PLUGINS)
    starts = np.arange(0, n, points)
    expected = [np.arange(start, min(start + points, n)).mean() for start in starts]
    np.testing.assert_allclose(out.X[0, 0], expected, rtol=1e-6)
    np.testing.assert_allclose(out.times[0], times[starts], rtol=1e-15, atol=1e-9)
    cut = Window(Window.Params(size=width, overlap="0%"))._by_time(uneven, points / rate)
    assert cut == [(start, min(start + points, n)) for start in starts] + [(n, n + 1)] * (cut[-1][1] > n)


def test_a_grid_that_no_memory_holds_is_refused():
    panel = Panel.build(np.ones((1, 1, 2)), times=np.array([[0.0, 1e9]]))
    with pytest.raises(InvalidDataError, match="of memory"):
        apply_transforms(panel, ["bin:1ms"], PLUGINS)
