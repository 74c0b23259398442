"""The two ways to draw, compiled for a CPU and for a whole batch in torch, draw the same."""

import os
import subprocess
import sys

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tsbench_imaging.pen import make_pen
from tsbench_imaging.positions import columns_of, observed_first, rows_of
from tsbench_imaging.rasterise import rasterise


@st.composite
def series(draw):
    """(n, c, n_timepoints): noise, walks, steps and constants, with gaps, beyond the limits, short and long."""
    n, c, length = draw(st.integers(1, 3)), draw(st.integers(1, 5)), draw(st.integers(1, 400))
    rng = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    x = torch.randn(n, c, length, generator=rng, dtype=draw(st.sampled_from([torch.float32, torch.float64])))
    kind = draw(st.sampled_from(["noise", "walk", "steps", "constant"]))
    x = {"noise": x, "walk": x.cumsum(-1), "steps": x.sign(), "constant": x * 0 + 3.7}[kind]
    return x.masked_fill(torch.rand(x.shape, generator=rng) < draw(st.sampled_from([0.0, 0.1, 0.5, 1.0])), torch.nan)


@settings(max_examples=150, deadline=None)
@given(
    x=series(),
    size=st.sampled_from([64, 224, 1, (9, 30)]),
    linewidth=st.sampled_from([0.0, 0.5, 1.0, 5.0]),
    marker=st.sampled_from(["*", "o", "none"]),
    markersize=st.sampled_from([1.0, 2.0, 6.0]),
    limits=st.sampled_from([None, (-0.5, 1.0)]),
    irregular=st.booleans(),
    connect=st.booleans(),
)
def test_both_ways_draw_the_same(x, size, linewidth, marker, markersize, limits, irregular, connect):
    n, c, length = x.shape
    pen = make_pen(size, length, linewidth, marker, markersize)
    y = rows_of(x, None if limits is None else x.new_tensor(limits).expand(c, 2), pen)
    times = torch.rand(n, length, generator=torch.Generator().manual_seed(0)).cumsum(1).round(decimals=1)
    column = columns_of(y, times if irregular else None, (0.0, length / 3) if irregular else None, pen)
    if connect:
        y, column = observed_first(y, column)
    side = 3
    compiled_plots, batch = (torch.ones(n, 2, side * pen.height, side * pen.width) for _ in range(2))
    inks = torch.linspace(-1, -0.1, 2 * c).view(c, 2) / pen.slices
    rasterise(y, column, pen, 1.0, inks, compiled_plots, None)
    rasterise(y, column, pen, 1.0, inks, batch, torch.empty(n * c * pen.paper))
    torch.testing.assert_close(compiled_plots, batch, rtol=0, atol=1e-6)


def test_importing_the_drawing_neither_imports_nor_runs_the_compiler():
    code = "import sys, tsbench_imaging.lines, tsbench_imaging.spectrum; assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ)
