import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tsbench.data.panel import Panel
from tsbench.discovery.plugins import Plugins
from tsbench.errors import InvalidCaseError, InvalidDataError, MethodError, UsageError
from tsbench.methods.applied import apply_transforms, parse_transform, spelled

PLUGIN = """
import numpy as np
import torch

from tsbench import BaseParams, Series, Transform, hookimpl, param

class Every(Transform):
    "Keep every n-th time point."
    class Params(BaseParams):
        n: int = param(2, low=1, doc="step")
    def __call__(self, x, rng=None):
        return x[:, :, :: self.params.n]

class Difference(Transform):
    def __call__(self, x, rng=None):
        return x[..., 2:] - x[..., :-2]
    def output_shape(self, shape):
        return (*shape[:-1], shape[-1] - 2)
    def positions(self, n_timepoints):
        return np.arange(2, n_timepoints)

class Pairs(Transform):
    def __call__(self, x, rng=None):
        return x.unflatten(2, (-1, 2)).mean(dim=3)

class Steps(Transform):
    def __call__(self, x, rng=None):
        return x.diff(dim=2)

class LastHalf(Transform):
    takes = "series"
    def __call__(self, series, rng=None):
        half = series.x.shape[2] // 2
        lengths = (series.lengths // 2).clamp(min=1)
        index = (series.lengths - lengths)[:, None] + torch.arange(half)
        index = index.clamp(max=series.x.shape[2] - 1)
        return Series(series.x.gather(2, index[:, None]), lengths, times=series.times.gather(1, index))

class Lies(Every):
    def output_shape(self, shape):
        return shape

class SaysNothing(Every):
    def output_shape(self, shape):
        pass

class Backwards(Every):
    def positions(self, n_timepoints):
        return np.arange(0, n_timepoints, 2)[::-1]

class Bare(Transform):
    takes = "series"
    def __call__(self, series, rng=None):
        return series.x

class Fill(Transform):
    def __call__(self, x, rng=None):
        return x.nan_to_num(5.0)

class Flip(Transform):
    def __call__(self, x, rng=None):
        return x.flip(2)

@hookimpl
def tsbench_transforms(register):
    register("fill", Fill)
    register("flip", Flip)
    register("every", Every)
    register("difference", Difference)
    register("last-half", LastHalf)
    register("pairs", Pairs)
    register("steps", Steps)
    register("lies", Lies)
    register("says-nothing", SaysNothing)
    register("backwards", Backwards)
    register("bare", Bare)
"""


@pytest.fixture
def found(tmp_path):
    (tmp_path / "t.py").write_text(PLUGIN)
    plugins = Plugins()
    plugins.load_entry_points()
    plugins.load_file(tmp_path / "t.py")
    return plugins


def test_transforms_apply_in_order_and_lengths_follow(panel, found):
    out = apply_transforms(panel, ["every:n=3", "every"], found)
    assert out.n_timepoints == 2
    assert out.lengths.tolist() == np.ceil(np.ceil(panel.lengths * 4 / 10) * 2 / 4).astype(int).tolist()
    np.testing.assert_array_equal(out.X, panel.X[:, :, ::3][:, :, ::2])
    assert apply_transforms(panel, [], found) is panel
    assert apply_transforms(panel, ["every:n=1"], found).lengths.tolist() == panel.lengths.tolist()


def test_refusals(found):
    with pytest.raises(UsageError, match="transform every has no parameter 'm'"):
        parse_transform("every:m=3", found)
    with pytest.raises(UsageError, match="greater than or equal to 1"):
        parse_transform("every:n=0", found)
    with pytest.raises(UsageError, match="unknown transform 'evry'; did you mean 'every'"):
        parse_transform("evry", found)
    with pytest.raises(MethodError, match="stft gave shape"):
        apply_transforms(Panel.build(np.ones((2, 1, 64))), ["stft"], found)


def with_times(lengths=(10, 7, 3), rate=100.0):
    """Return cases whose values are their times, which begin in 2023 and have steps of 10 s."""
    times = 1.7e9 + 1e5 * np.arange(3)[:, None] + 10.0 * np.arange(10)
    beyond = np.arange(10) >= np.array(lengths)[:, None]
    X = np.where(beyond, np.nan, times - times[:, :1])[:, None]
    times[beyond] = np.nan
    return Panel.build(X, lengths=list(lengths), times=times, sampling_rate=rate)


@pytest.mark.parametrize(("n", "rate"), [(2, 50.0), (3, 100 / 3), (10, 10.0)])
def test_times_and_rate_follow_a_transform_that_drops_points(found, n, rate):
    panel = with_times((10, 10, 10))
    out = apply_transforms(panel, [f"every:n={n}"], found)
    np.testing.assert_array_equal(out.times, panel.times[:, ::n])
    assert out.sampling_rate == pytest.approx(rate)
    assert out.times.dtype == np.float64


@given(lengths=st.lists(st.integers(1, 10), min_size=3, max_size=3), n=st.integers(1, 10))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_value_keeps_its_time(found, lengths, n):
    """The values of a case are its times: so they are after the transform, and on a regular grid beyond its end."""
    out = apply_transforms(with_times(lengths), [f"every:n={n}"], found)
    inside = np.arange(out.n_timepoints) < out.lengths[:, None]
    assert np.isfinite(out.times[inside]).all() and np.isnan(out.times[~inside]).all()
    since = out.times - out.times[:, :1]
    seen = ~np.isnan(out.X[:, 0])
    np.testing.assert_array_equal(since[seen], out.X[:, 0][seen])
    for case, times in enumerate(out.times):
        assert (np.diff(times[: out.lengths[case]]) >= 0).all()


def test_means_lie_in_the_middle_and_what_does_not_tell_is_spread_evenly(found):
    panel = with_times((10, 10, 10))
    out = apply_transforms(panel, ["pairs"], found)
    np.testing.assert_allclose(out.times - panel.times[:, :1], np.tile(5 + 20.0 * np.arange(5), (3, 1)))
    out = apply_transforms(panel, ["steps"], found)
    np.testing.assert_allclose(out.times - panel.times[:, :1], np.tile(10 * 10 / 9 * np.arange(9), (3, 1)), rtol=1e-6)
    assert out.sampling_rate == pytest.approx(90.0)


def test_positions_say_where_the_points_are(found):
    out = apply_transforms(with_times(), ["difference"], found)
    assert out.lengths.tolist() == [8, 5, 1]
    assert out.sampling_rate == 100.0
    np.testing.assert_array_equal(out.times[0], with_times().times[0, 2:])
    np.testing.assert_array_equal(out.X[1, 0, :5], 20.0)


def test_a_transform_of_series_says_what_becomes_of_lengths_and_times(found):
    panel = with_times()
    out = apply_transforms(panel, ["last-half"], found)
    assert out.lengths.tolist() == [5, 3, 1]
    assert out.times[1, :3].tolist() == panel.times[1, 4:7].tolist()
    assert out.X[1, 0, :3].tolist() == [40, 50, 60]
    assert np.isnan(out.X[1, 0, 3:]).all()


def test_a_time_axis_is_reversed_within_the_length_of_a_case(found):
    panel = with_times()
    times = panel.times.copy()
    times[1, 2:] += 5.0  # a step of 15 s between the second point and the third
    out = apply_transforms(replace(panel, times=times), ["time-flip:probability=1"], found)
    assert out.lengths.tolist() == [10, 7, 3]
    assert out.X[2, 0, :3].tolist() == [20, 10, 0]
    assert np.isnan(out.X[2, 0, 3:]).all()
    assert np.diff(out.times[1, :7]).tolist() == [10, 10, 10, 10, 15, 10]
    assert out.times[1, 0] == times[1, 0]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lies", r"transform lies gave shape \(3, 1, 5\), but its output_shape says \(3, 1, 10\): correct one"),
        ("says-nothing", "transform says-nothing, output_shape returned NoneType, expected tuple"),
        ("backwards", "transform backwards gave 5 time points: its positions are not as many, or do not increase"),
        ("bare", "transform bare returned Tensor, expected Series"),
        ("flip", r"transform flip moved values of 2 of 3 cases beyond their end; with takes = 'series'"),
    ],
)
def test_what_a_transform_says_wrongly_is_refused_at_once(found, name, message):
    with pytest.raises(MethodError, match=message):
        apply_transforms(with_times(), [name], found)


def test_what_a_transform_puts_beyond_the_end_of_a_case_is_no_value(panel, found):
    out = apply_transforms(panel, ["fill"], found)
    beyond = np.arange(panel.n_timepoints) >= panel.lengths[:, None]
    np.testing.assert_array_equal(out.X, np.where(beyond[:, None], np.nan, np.nan_to_num(panel.X, nan=5.0)))


@pytest.mark.parametrize(
    ("texts", "one"),
    [
        (["resample", "resample:100hz", "resample:rate=100.0HZ", "resample:0.1kHz"], "resample:100hz"),
        (["window:10s:50%", "window:overlap=0.5:size=10.0s", "window:10000ms:.5"], "window:10s:50%"),
        (["window:10s", "window:10s:0%", "window", "window:size=10s"], "window:10s"),
        (["window:128", "window:0128"], "window:128"),
        (["notch:quality=20", "notch:50hz:20.0"], "notch:50hz:20"),
        (["bandpass:0.5-40hz", "bandpass:0.50-40Hz", "bandpass:.5hz-0.04khz", "bandpass"], "bandpass:0.5-40hz"),
        (["window:10s:33.3%", "window:10s:0.333"], "window:10s:0.333"),
        (["bin:1h", "bin:60min", "bin:3600s", "bin"], "bin:1h"),
    ],
)
def test_what_means_the_same_has_one_spelling(installed, texts, one):
    assert {spelled(text, installed) for text in texts} == {one}
    assert {str(parse_transform(text, installed).params) for text in [*texts, one]} == {
        str(parse_transform(one, installed).params)
    }


@given(size=st.floats(0.001, 1e6), unit=st.sampled_from(["ms", "s", "min", "h"]), overlap=st.floats(0, 0.999))
def test_a_spelling_changes_no_value(installed, size, unit, overlap):
    text = f"window:{size:f}{unit}:{overlap:f}"
    assert parse_transform(spelled(text, installed), installed).params == parse_transform(text, installed).params
    assert spelled(spelled(text, installed), installed) == spelled(text, installed)


def test_a_case_is_called_as_its_panel_calls_it(installed):
    panel = with_times()
    panel.times[1, 4:] += 0.5
    named = replace(panel, meta={"record": np.array(["mon", "tue", "wed"])})
    for one, name in ((panel, "1"), (named, "tue")):
        with pytest.raises(
            InvalidDataError, match=rf"^notch:20hz needs an even grid: case {name} has a step of 10\.5 s"
        ):
            apply_transforms(one, ["notch:20hz"], installed)


def test_an_error_of_a_case_goes_from_process_to_process():
    error = pickle.loads(pickle.dumps(InvalidCaseError("no grid: ", 3, " has none")))
    assert (str(error), error.case, str(error.named("mon"))) == (
        "no grid: case 3 has none",
        3,
        "no grid: case mon has none",
    )
