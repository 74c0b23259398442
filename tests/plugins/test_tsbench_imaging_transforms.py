"""Layouts, colour maps, and the encodings as transforms (no pyts needed)."""

import subprocess
import sys

import matplotlib
import numpy as np
import pytest
import torch

import tsbench_imaging
from tsbench.errors import UsageError
from tsbench.methods.params import validate
from tsbench_imaging.layout import arrange, arranged_shape, colour, resize
from tsbench_imaging.transforms import GADF, GASF, MTF, RecurrencePlot


def test_importing_the_plugin_imports_no_torch():
    code = "import sys, tsbench_imaging; assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="no attribute 'x'"):
        tsbench_imaging.x  # noqa: B018


@pytest.mark.parametrize("cls", [GASF, GADF, MTF, RecurrencePlot])
@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("layout", ["concat", "triple", "grid", "tiles"])
@pytest.mark.parametrize("size", [None, 11])
@pytest.mark.parametrize("colormap", [None, "viridis"])
def test_output_shape_is_exact(cls, channels, layout, size, colormap):
    transform = cls(image_size=7, layout=layout, size=size, colormap=colormap)
    shape = (2, channels, 30)
    if layout == "triple" and channels == 5:
        with pytest.raises(UsageError, match="takes 1 or 3 channels, got 5"):
            transform.output_shape(shape)
        return
    out = transform(torch.randn(shape))
    assert tuple(out.shape) == transform.output_shape(shape)
    assert out.dtype == torch.float32
    assert torch.isfinite(out).all()


def test_parameters_as_text():
    assert validate(GASF.Params, {"image_size": "1.0"}, "gasf").image_size == 1.0
    assert isinstance(validate(GASF.Params, {"image_size": "1.0"}, "gasf").image_size, float)
    assert isinstance(validate(GASF.Params, {"image_size": "1"}, "gasf").image_size, int)
    assert validate(GASF.Params, {"sample_range": "0,1"}, "gasf").sample_range == (0, 1)
    assert validate(GASF.Params, {"sample_range": "none"}, "gasf").sample_range is None
    assert validate(RecurrencePlot.Params, {"threshold": "0.5"}, "rp").threshold == 0.5
    assert validate(RecurrencePlot.Params, {"threshold": "point"}, "rp").threshold == "point"
    assert RecurrencePlot(dimension=3, time_delay=2).output_shape((1, 1, 20)) == (1, 1, 16, 16)


def test_grid_and_tiles_place_cells_row_by_row():
    cells = torch.arange(1.0, 6).view(1, 5, 1, 1).expand(1, 5, 2, 2)
    grid = arrange(cells, "grid")
    assert grid.shape == (1, 1, 4, 6)
    assert grid[0, 0, ::2, ::2].tolist() == [[1, 2, 3], [4, 5, 0]]
    tiles = arrange(cells, "tiles", 7)
    assert torch.equal(tiles[:, :, :4, :6], grid)
    assert (tiles[:, :, 4:] == 0).all()
    assert (tiles[:, :, :, 6:] == 0).all()


def test_triple_repeats_one_channel():
    x = torch.rand(2, 1, 4, 4)
    assert torch.equal(arrange(x, "triple"), x.expand(2, 3, 4, 4))
    assert torch.equal(arrange(x.expand(2, 3, 4, 4), "triple"), x.expand(2, 3, 4, 4))


def test_resize_keeps_constants_and_dtype():
    for dtype in (torch.float16, torch.float64):
        out = resize(torch.full((1, 2, 9, 9), 0.5, dtype=dtype), 4, 6)
        assert out.dtype == dtype
        torch.testing.assert_close(out, torch.full((1, 2, 4, 6), 0.5, dtype=dtype))


def test_colours_are_those_of_matplotlib():
    x = torch.linspace(-1.2, 1.2, 600, dtype=torch.float64).view(1, 2, 15, 20)
    expected = matplotlib.colormaps["viridis"]((x.numpy() + 1) / 2)[0, ..., :3]
    got = colour(x, "viridis", -1.0, 1.0).view(2, 3, 15, 20).permute(0, 2, 3, 1)
    np.testing.assert_allclose(got, expected, atol=1e-12)
    assert (colour(x.abs(), "gray", 0.0, None).amax(dim=(2, 3)) == 1).all()
    with pytest.raises(UsageError, match="matplotlib has no such map"):
        colour(x, "nothing")


def test_bad_layouts():
    with pytest.raises(UsageError, match="9 tiles side by side need at least 3"):
        arranged_shape(9, 5, 5, "tiles", 2)
    with pytest.raises(UsageError, match="layout = 'x'"):
        arranged_shape(1, 5, 5, "x", None)
    with pytest.raises(UsageError, match="size = 0"):
        arranged_shape(1, 5, 5, "grid", 0)
