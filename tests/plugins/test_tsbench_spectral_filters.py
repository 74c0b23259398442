"""Filters and resampling: as scipy has them on each case alone, whatever its padding."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, signal

from tsbench.data.panel import Panel
from tsbench.data.rate import sampling_rate
from tsbench.discovery.plugins import Plugins
from tsbench.errors import InvalidDataError, UsageError
from tsbench.methods.applied import apply_transforms, parse_transform, series_of

PLUGINS = Plugins()
PLUGINS.load_entry_points()
RATE = 250.0


def panel(lengths=(400, 61, 7, 1), rate=RATE, level=0.0, seed=0, width=400):
    rng = np.random.default_rng(seed)
    X = rng.normal(level, 1, (len(lengths), 2, width)).astype(np.float32)
    X[np.broadcast_to((np.arange(width) >= np.array(lengths)[:, None])[:, None], X.shape)] = np.nan
    return Panel.build(X, lengths=lengths, sampling_rate=rate)


def of_each(made, expected):
    """Compare each case up to its length with what scipy makes of it alone."""

    def check(one):
        out = apply_transforms(one, [made], PLUGINS)
        for case, length in enumerate(one.lengths):
            alone = expected(one.X[case, :, :length].astype(np.float64))
            np.testing.assert_allclose(out.X[case, :, : alone.shape[-1]], alone, rtol=2e-6, atol=1e-6)
            assert out.lengths[case] == alone.shape[-1] and np.isnan(out.X[case, :, alone.shape[-1] :]).all()
        return out

    return check


def test_notch_is_filtfilt_of_iirnotch():
    b, a = signal.iirnotch(50, 30, fs=RATE)
    of_each("notch:50hz", lambda x: signal.filtfilt(b, a, x, padlen=min(9, x.shape[-1] - 1)))(panel())
    long = panel((400, 300))
    of_each("notch:50hz", lambda x: signal.filtfilt(b, a, x))(long)
    time = np.arange(1000) / RATE
    hum, slow = np.sin(2 * np.pi * 50 * time), np.sin(2 * np.pi * 3 * time)
    out = apply_transforms(Panel.build((hum + slow)[None, None], sampling_rate=RATE), ["notch:50hz"], PLUGINS)
    assert np.abs(out.X[0, 0, 200:800] - slow[200:800]).max() < 0.02


def test_bandpass_is_sosfiltfilt_of_butter():
    sos = signal.butter(4, [0.5, 40], "bandpass", fs=RATE, output="sos")
    of_each("bandpass:0.5-40hz", lambda x: signal.sosfiltfilt(sos, x))(panel((400, 61)))
    sos = signal.butter(2, [5, 40], "bandpass", fs=RATE, output="sos")
    of_each("bandpass:5hz-0.04khz:2", lambda x: signal.sosfiltfilt(sos, x, padlen=min(15, x.shape[-1] - 1)))(panel())


@pytest.mark.parametrize("points", [1, 2, 5, 8, 1000])
def test_a_moving_average_is_the_mean_of_the_points_there_are(points):
    def expected(x):
        ones = np.ones_like(x)
        origin = 0  # scipy has the further point of an even number before the centre, too
        sums = [ndimage.correlate1d(y, np.ones(points), axis=-1, mode="constant", origin=origin) for y in (x, ones)]
        return sums[0] / sums[1]

    of_each(f"moving-average:{points}", expected)(panel((40, 17, 1), width=40))


def test_a_moving_average_keeps_what_varies_on_a_large_level():
    out = apply_transforms(panel((400,), level=1e5), ["moving-average:3"], PLUGINS)
    x = panel((400,), level=1e5).X.astype(np.float64)
    np.testing.assert_allclose(out.X[0, :, 1:-1], (x[0, :, :-2] + x[0, :, 1:-1] + x[0, :, 2:]) / 3, atol=0.01)


@pytest.mark.parametrize(("rate", "up", "down"), [("100hz", 2, 5), ("500hz", 2, 1), ("360hz", 36, 25), ("1hz", 1, 250)])
def test_resample_is_resample_poly(rate, up, down):
    def expected(x):
        return signal.resample_poly(x, up, down, axis=-1, padtype="line") if x.shape[-1] > 1 else x

    # A case of one point has one at any rate but a higher one, which repeats it.
    lengths = (400, 61, 7) if up > down else (400, 61, 7, 1)
    out = of_each(f"resample:{rate}", expected)(panel(lengths, level=3))
    assert out.sampling_rate == float(rate[:-2]) and out.times is None


def test_times_follow_the_new_rate_from_where_a_case_begins():
    times = np.array([[5.0], [1.7e9]]) + np.arange(400) / RATE
    one = replace(panel((400, 200)), times=np.where(np.arange(400) < [[400], [200]], times, np.nan), sampling_rate=None)
    out = apply_transforms(one, ["resample:100hz"], PLUGINS)
    assert out.lengths.tolist() == [160, 80] and out.sampling_rate == 100.0
    np.testing.assert_allclose(out.times[0], 5 + np.arange(160) / 100)
    np.testing.assert_allclose(out.times[1, :80], 1.7e9 + np.arange(80) / 100, rtol=0, atol=1e-6)
    assert np.isnan(out.times[1, 80:]).all()


def test_hours_are_hours():
    times = np.arange(0, 48.0)[None]
    one = Panel.build(np.random.default_rng(0).normal(size=(1, 1, 48)), times=times, time_unit="h")
    out = apply_transforms(one, ["resample:0.0005555555555555556hz"], PLUGINS)  # every half hour
    np.testing.assert_allclose(out.times[0], np.arange(96) / 2)
    with pytest.raises(InvalidDataError, match=r"notch:50hz: 50 Hz is not below half the sampling rate of 0.000277778"):
        apply_transforms(one, ["notch:50hz"], PLUGINS)


@given(lengths=st.lists(st.integers(1, 60), min_size=1, max_size=4), more=st.integers(0, 40), seed=st.integers(0, 99))
@settings(max_examples=8, deadline=None)
def test_padding_and_company_change_nothing(lengths, more, seed):
    width = max(lengths)
    one = panel(lengths, width=width, seed=seed)
    one.X[np.random.default_rng(seed).random(one.X.shape) < 0.1] = np.nan
    wide = replace(one, X=np.pad(one.X, [(0, 0), (0, 0), (0, more)], constant_values=np.nan))
    for made in ("notch:50hz", "bandpass:0.5-40hz", "moving-average:4", "resample:100hz", "resample:360hz", "bin:10ms"):
        transform = parse_transform(made, PLUGINS)
        there, padded = (transform(series_of(panel)) for panel in (one, wide))
        n = there.x.shape[-1]
        assert torch.equal(there.x, padded.x[..., :n]) and torch.equal(there.mask, padded.mask[..., :n]), made
        assert torch.equal(there.lengths, padded.lengths) and not padded.mask[..., n:].any()
        for case, length in enumerate(lengths):
            alone = transform(series_of(Panel.build(one.X[case : case + 1, :, :length], sampling_rate=RATE)))
            own = alone.x.shape[-1]
            assert torch.equal(alone.x[0], there.x[case, :, :own]) and int(alone.lengths[0]) == own, made


def test_a_gap_is_bridged_for_the_filter_and_missing_again():
    one = panel((100,), width=100)
    one.X[0, 0, 40:44] = one.X[0, 1, :3] = np.nan
    filled = one.X.astype(np.float64)
    filled[0, 0, 40:44] = np.interp(range(40, 44), [39, 44], one.X[0, 0, [39, 44]])
    filled[0, 1, :3] = one.X[0, 1, 3]
    b, a = signal.iirnotch(50, 30, fs=RATE)
    out = apply_transforms(one, ["notch:50hz"], PLUGINS)
    expected = np.where(np.isnan(one.X), np.nan, signal.filtfilt(b, a, filled, axis=-1))
    np.testing.assert_allclose(out.X, expected, rtol=1e-5, atol=1e-6)


def test_a_new_point_is_missing_where_one_beside_it_is():
    one = panel((100,), width=100)
    one.X[0, 0, 10] = np.nan
    out = apply_transforms(one, ["resample:500hz"], PLUGINS)
    assert np.flatnonzero(np.isnan(out.X[0, 0])).tolist() == [19, 20, 21] and not np.isnan(out.X[0, 1]).any()


def test_a_channel_without_values_stays_without():
    one = panel((100,), width=100)
    one.X[0, 0] = np.nan
    for made in ("notch:50hz", "bandpass:0.5-40hz", "moving-average:4", "resample:100hz"):
        out = apply_transforms(one, [made], PLUGINS)
        assert np.isnan(out.X[0, 0]).all() and np.isfinite(out.X[0, 1]).all(), made


@given(
    rate=st.sampled_from([50, 100, 125, 128, 256, 360, 500, 1000]), n=st.integers(2, 300), level=st.floats(-1e3, 1e3)
)
@settings(max_examples=10, deadline=None)
def test_a_level_stays_one_and_lengths_are_those_of_the_ratio(rate, n, level):
    one = Panel.build(np.full((1, 1, n), level), sampling_rate=RATE)
    out = apply_transforms(one, [f"resample:{rate}hz"], PLUGINS)
    assert out.lengths.tolist() == [int(np.ceil(n * Fraction(rate, 250)))] == [out.n_timepoints]
    np.testing.assert_allclose(out.X, level, rtol=2e-3, atol=1e-5)  # the filter passes 0 Hz to within that


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ("notch:125hz", "125 Hz is not below half the sampling rate of 250 Hz"),
        ("notch:300hz", "300 Hz is not below half"),
        ("bandpass:1-125hz", "125 Hz is not below half"),
        ("resample:33.3331hz", "250 Hz to 33.3331 Hz is no ratio"),
        ("notch:50hz:30:100hz", "the dataset says 250 Hz but sampling_rate= says 100 Hz"),
    ],
)
def test_what_the_rate_does_not_allow_is_refused(made, message):
    with pytest.raises(InvalidDataError, match=message):
        apply_transforms(panel(), [made], PLUGINS)


def test_an_unknown_rate_is_refused_and_can_be_stated():
    unknown = replace(panel(), sampling_rate=None)
    with pytest.raises(InvalidDataError, match=r"notch:50hz needs the sampling rate.*notch:50hz:sampling_rate=250hz"):
        apply_transforms(unknown, ["notch:50hz"], PLUGINS)
    stated = apply_transforms(unknown, ["notch:50hz:sampling_rate=250hz"], PLUGINS)
    np.testing.assert_array_equal(stated.X, apply_transforms(panel(), ["notch:50hz"], PLUGINS).X)


def test_uneven_times_are_refused_with_the_case_and_what_to_do():
    times = np.cumsum(np.ones((2, 10)), axis=1)
    times[1, 5:] += 0.5
    one = Panel.build(np.ones((2, 1, 10)), times=times)
    with pytest.raises(InvalidDataError, match=r"case 1 has a step of 1.5 s at time point 5.*bin:1s"):
        apply_transforms(one, ["bandpass:0.1-0.2hz"], PLUGINS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("notch:50", "'50' has no unit; write a frequency such as 50hz or 1khz"),
        ("notch:0hz", "'0hz' must be above 0"),
        ("notch:-5hz", "'-5hz' is not a frequency"),
        ("notch:50s", "'50s' is not a frequency"),
        ("notch:nanhz", "is not a frequency"),
        ("bandpass:40-0.5hz", "ends at or below where it begins"),
        ("bandpass:40hz", "is not a band"),
        ("bandpass:0-40hz", "must be above 0"),
        ("moving-average:0", "greater than or equal to 1"),
        ("moving-average:2.5", "valid integer"),
        ("resample:", "is not a frequency"),
        ("resample:100hz:1hz:2hz", "'2hz' is a value too many"),
        ("resample:100hz:rate=50hz", "'rate' is given twice"),
        ("bin:1x", "'1x' is not a duration such as 250ms"),
        ("bin:60", "'60' has no unit"),
        ("window:10s:100%", "'100%' is not a share from 0 to below 1"),
        ("window:10s:-5%", "is not a share"),
        ("window:0", "must be above 0|has no unit"),
        ("window:1.5", "'1.5' has no unit"),
    ],
)
def test_bad_settings_are_one_line(text, message):
    with pytest.raises(UsageError, match=message) as caught:
        parse_transform(text, PLUGINS)
    assert "\n" not in str(caught.value) and text.partition(":")[0] in str(caught.value)


@pytest.mark.parametrize("begin", [1.68e9, -2.1e9])
@pytest.mark.parametrize("rate", [1, 50, 250, 360, 1000])
@pytest.mark.parametrize("n", [40, 400])
def test_seconds_since_1970_are_resampled_as_those_from_0(begin, rate, n):
    values = np.random.default_rng(n).normal(size=(2, 1, n))
    small, large = (
        apply_transforms(
            Panel.build(values, times=np.tile(first + np.arange(n) / rate, (2, 1))), ["resample:20hz"], PLUGINS
        )
        for first in (0.0, begin)
    )
    np.testing.assert_array_equal(large.X, small.X)
    np.testing.assert_allclose(large.times - begin, small.times, atol=4 * np.spacing(abs(begin)))


@given(
    rate=st.sampled_from([0.1, 1 / 3, 12.5, 125, 128, 256, 999.5]), begin=st.floats(-2e9, 2e9), n=st.integers(30, 90)
)
@settings(max_examples=40, deadline=None)
def test_the_rate_of_large_times_is_the_simplest_that_they_may_have(rate, begin, n):
    times = begin + np.arange(n) / rate
    found = sampling_rate(series_of(Panel.build(np.ones((1, 1, n)), times=times[None])), None, "it")
    assert found == pytest.approx(rate, rel=1e-8)
