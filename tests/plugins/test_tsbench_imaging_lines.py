import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from skimage.metrics import structural_similarity

from tsbench.errors import InvalidDataError, UsageError
from tsbench_imaging.lines import PALETTE, LinePlot, channel_limits, line_plot

BLACK = [(0.0, 0.0, 0.0)]


def matplotlib_plot(x, size, limits=None, color_of=lambda i: np.array(PALETTE[i]) / 255, t=None, **style):
    """Draw x (n_channels, n_timepoints) as AimTS does: a grid of axes without frame or margin; RGB in [0, 1]."""
    side = int(np.ceil(np.sqrt(len(x))))
    figure = Figure(figsize=(side * size / 100, side * size / 100), dpi=100)
    canvas = FigureCanvasAgg(figure)
    style = {"linewidth": 1, "marker": "*", "markersize": 1, **style}
    for channel, values in enumerate(x):
        left, bottom = channel % side / side, 1 - (channel // side + 1) / side
        axes = figure.add_axes((left, bottom, 1 / side, 1 / side))
        axes.axis("off")
        low, high = (np.nanmin(values), np.nanmax(values)) if limits is None else limits[channel]
        axes.set_ylim(*((low - 0.5, high + 0.5) if low == high else (low, high)))
        axes.set_xlim(0, x.shape[1])
        axes.plot(np.arange(x.shape[1]) if t is None else t, values, "-", color=color_of(channel), **style)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3] / 255


def series(kind, length, seed=0):
    rng, t = np.random.default_rng(seed), np.arange(length)
    walk = rng.normal(size=length).cumsum()
    holes = rng.random(length) < 0.1
    holes[length // 5 : length // 3] = True
    return {
        "sine": np.sin(6 * np.pi * t / length),
        "walk": walk,
        "noise": rng.normal(size=length),
        "spikes": np.where(rng.random(length) < 0.05, 5.0, 0.0) + 0.02 * rng.normal(size=length),
        "steps": np.sign(np.sin(8 * np.pi * t / length)),
        "constant": np.full(length, 2.0),
        "gaps": np.where(holes, np.nan, walk),
        "noise with gaps": np.where(rng.random(length) < 0.3, np.nan, rng.normal(size=length)),
    }[kind]


KINDS = ["sine", "walk", "noise", "spikes", "steps", "constant", "gaps", "noise with gaps"]


def similarity(drawn, expected):
    return structural_similarity(drawn.permute(1, 2, 0).numpy(), expected, channel_axis=2, data_range=1.0)


def tensor(x):
    return torch.tensor(np.atleast_2d(x)[None], dtype=torch.float32)


@pytest.mark.parametrize("length", [50, 150, 500])
@pytest.mark.parametrize("size", [64, 224])
def test_looks_as_matplotlib_draws_it(size, length):
    for kind in KINDS:
        x = series(kind, length)[None]
        # hundreds of line ends, which are square in matplotlib and round here
        enough = 0.93 if (size, length, kind) == (64, 500, "noise with gaps") else 0.95
        assert similarity(line_plot(tensor(x), size)[0], matplotlib_plot(x, size)) >= enough, kind


@pytest.mark.parametrize(
    "style", [{"marker": "none"}, {"linewidth": 2.0, "marker": "o", "markersize": 3.0}, {"markersize": 2.0}]
)
def test_other_pens_look_as_matplotlib_draws_them(style):
    for kind in KINDS:
        x = series(kind, 60)[None]
        assert similarity(line_plot(tensor(x), 64, **style)[0], matplotlib_plot(x, 64, **style)) >= 0.95, kind


def test_channels_lie_in_a_square_grid_in_their_colours():
    x = np.stack([series(kind, 60) for kind in KINDS[:5]])
    drawn = line_plot(tensor(x), 48)
    assert drawn.shape == (1, 3, 144, 144)
    assert similarity(drawn[0], matplotlib_plot(x, 48)) >= 0.95
    assert (drawn[:, :, 48:96, 96:] == 1).all()  # the sixth cell
    assert (drawn[:, :, 96:] == 1).all()
    grey = line_plot(tensor(x), 48, layout="channels")
    torch.testing.assert_close(grey[0, 0], 1 - drawn[0, 0, :48, :48])  # green has no red
    torch.testing.assert_close(grey[0, 4], 1 - drawn[0, 2, 48:96, 48:96])  # chartreuse has no blue


def test_given_limits_are_those_of_matplotlib():
    train = torch.randn(20, 2, 80, generator=torch.Generator().manual_seed(0))
    x, limits = train[:1] / 2, channel_limits(train)
    expected = matplotlib_plot(x[0].numpy(), 64, limits=limits.numpy())
    assert similarity(line_plot(x, 64, limits=limits)[0], expected) >= 0.95
    assert torch.equal(line_plot(x, 64, limits=limits[None]), line_plot(x, 64, limits=limits))
    assert similarity(line_plot(x, 64)[0], expected) < 0.95


def test_a_constant_channel_is_a_line_at_mid_height():
    ink = line_plot(torch.full((1, 1, 50), 7.0), 64, marker="none", layout="channels")[0, 0]
    assert (ink.argmax(dim=0)[:60] == 32).all()
    torch.testing.assert_close(ink.sum(dim=0)[:60], torch.full((60,), 100 / 72), atol=0.01, rtol=0)


def test_line_ends_are_round():
    x = np.full((1, 64), np.nan)
    x[0, 24:41] = 0.0
    style = {"linewidth": 20.0, "marker": "none"}
    ours = line_plot(tensor(x), 64, layout="channels", **style)[0, 0].double().numpy()
    ends = {}
    for cap in ("round", "projecting"):  # the second is matplotlib's default
        theirs = 1 - matplotlib_plot(x, 64, color_of=lambda i: "black", solid_capstyle=cap, **style).mean(axis=-1)
        ends[cap] = np.abs(ours - theirs).sum() / (20 * 100 / 72) ** 2
    assert ends["round"] < 0.02
    assert ends["projecting"] == pytest.approx(1 - np.pi / 4, abs=0.02)  # two squares' halves less a disk


def test_a_gap_breaks_the_line_and_connect_bridges_it():
    x = series("walk", 100)
    x[30:60] = np.nan
    assert (line_plot(tensor(x), 64, layout="channels")[0, 0][:, 22:37] == 0).all()
    kept = ~np.isnan(x)
    expected = matplotlib_plot(x[None, kept], 64, t=np.arange(100)[kept] * kept.sum() / 100)
    assert similarity(line_plot(tensor(x), 64, connect=True)[0], expected) >= 0.95


def test_missing_may_be_said_in_three_ways():
    x = torch.randn(3, 2, 40)
    lengths = torch.tensor([40, 25, 9])
    observed = torch.arange(40) < lengths[:, None, None]
    observed = observed.expand(3, 2, 40)
    expected = line_plot(x.masked_fill(~observed, torch.nan))
    assert torch.equal(line_plot(x, lengths=lengths), expected)
    assert torch.equal(line_plot(x, observed=observed), expected)


def test_a_regular_grid_given_as_times_is_the_same_plot():
    x = torch.randn(4, 2, 70)
    x[1, 0, 10:20] = x[2, 1, 60:] = torch.nan
    times = torch.arange(70.0).expand(4, 70)
    for connect in (False, True):
        same = line_plot(x, times=5 + 3 * times, time_limits=(5.0, 215.0), connect=connect)
        torch.testing.assert_close(same, line_plot(x, connect=connect), atol=0.01, rtol=0)


def test_irregular_times_look_as_matplotlib_draws_them():
    rng = np.random.default_rng(3)
    times = np.sort(rng.uniform(0, 80, 80))
    x = np.sin(times / 5)[None]
    drawn = line_plot(tensor(x), 64, times=torch.tensor(times)[None], time_limits=(0.0, 80.0))
    assert similarity(drawn[0], matplotlib_plot(x, 64, t=times)) >= 0.95


def test_channels_and_cases_do_not_touch_each_other():
    x = torch.randn(5, 4, 90)
    whole = line_plot(x, 32)
    assert torch.equal(line_plot(x[2:3], 32), whole[2:3])
    x[0, 1] = torch.nan
    changed = line_plot(x, 32) != whole
    assert changed[0, :, :32, 32:].any()
    changed[0, :, :32, 32:] = False
    assert not changed.any()


def test_chunks_and_out_change_nothing(monkeypatch):
    import sys

    x = torch.randn(20, 2, 50)
    whole = line_plot(x, 32)
    monkeypatch.setitem(sys.modules["tsbench_imaging.lines"]._CHUNK, "cpu", 20_000)
    out = torch.zeros_like(whole)
    assert line_plot(x, 32, out=out) is out
    assert torch.equal(out, whole)


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 80)),
    size=st.sampled_from([1, 2, 17, (9, 30)]),
    missing=st.sampled_from([0.0, 0.3, 1.0]),
    scale=st.sampled_from([0.0, 1e-30, 1.0, 1e38]),
    connect=st.booleans(),
    linewidth=st.sampled_from([0.0, 1.0, 5.0]),
    marker=st.sampled_from(["*", "o", "none"]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_any_series_gives_an_image(shape, size, missing, scale, connect, linewidth, marker, dtype):
    rng = torch.Generator().manual_seed(0)
    x = (2 * torch.rand(shape, generator=rng, dtype=dtype) - 1) * scale
    x[torch.rand(shape, generator=rng) < missing] = torch.nan
    before = x.clone()
    drawn = line_plot(x, size, connect=connect, linewidth=linewidth, marker=marker)
    assert drawn.dtype == dtype
    assert torch.equal(x.nan_to_num(9.0), before.nan_to_num(9.0))
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    assert missing < 1 or (drawn == 1).all()


def test_the_transform_says_its_shape_and_takes_limits():
    x = torch.randn(2, 5, 30)
    plot = LinePlot(image_size=20)
    assert plot.output_shape((2, 5, 30)) == tuple(plot(x).shape) == (2, 3, 60, 60)
    grey = LinePlot(image_size=20, layout="channels")
    assert grey.output_shape((2, 5, 30)) == tuple(grey(x).shape) == (2, 5, 20, 20)
    plot.limits = torch.tensor([[-9.0, 9.0]]).expand(5, 2)
    assert torch.equal(plot(x), line_plot(x, 20, limits=plot.limits))
    assert not torch.equal(plot(x), line_plot(x, 20))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image_size": 0}, "image_size = 0: expected pixels"),
        ({"image_size": 2.5}, "image_size = 2.5: expected pixels"),
        ({"image_size": (4, 0)}, r"image_size = \(4, 0\): expected pixels"),
        ({"linewidth": -1.0}, "linewidth = -1.0: expected"),
        ({"markersize": torch.nan}, "markersize = nan: expected"),
        ({"limits": [[0.0, torch.inf]] * 2}, "limits must be finite"),
        ({"lengths": torch.tensor([3])}, r"lengths must be \(2,\)"),
        ({"observed": torch.ones(2, 2, 9) > 0}, r"observed must be \(2, 2, 10\)"),
        ({"marker": "x"}, "marker 'x'"),
        ({"layout": "row"}, "layout 'row'"),
        ({"limits": torch.zeros(3, 2)}, "limits"),
        ({"times": torch.zeros(2, 9)}, "times must be"),
        ({"time_limits": (1.0, 1.0)}, "time_limits must ascend"),
        ({"colors": [1.0, 0.0]}, "colors"),
        ({"out": torch.zeros(1)}, "out has shape"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(UsageError, match=message):
        line_plot(torch.zeros(2, 2, 10), **arguments)


def test_other_input_is_refused():
    for x in (torch.zeros(2, 10), torch.zeros(2, 2, 10, dtype=torch.int64), np.zeros((2, 2, 10))):
        with pytest.raises(InvalidDataError, match="n_cases, n_channels, n_timepoints"):
            line_plot(x)
    with pytest.raises(InvalidDataError, match="at least 1 channel and 1 time point"):
        line_plot(torch.zeros(2, 2, 0))
    with pytest.raises(InvalidDataError, match="case 1, channel 0, time point 2 is infinite"):
        line_plot(torch.tensor([[[0.0, 1.0, 2.0]], [[0.0, 2.0, -torch.inf]]]))
    with pytest.raises(InvalidDataError, match="case 1 .* descend"):
        line_plot(torch.zeros(2, 1, 3), times=torch.tensor([[0.0, 1.0, 2.0], [0.0, 2.0, 1.0]]))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_on_a_gpu():
    x = torch.randn(5, 3, 200)
    x[1, 1, 20:30] = torch.nan
    torch.testing.assert_close(line_plot(x.cuda()).cpu(), line_plot(x), atol=1e-3, rtol=0)
