"""The three encodings against pyts, the golden values of their definitions, missing values and bad input."""

import subprocess
import sys
import warnings
from itertools import pairwise

import numba.typed
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

with pytest.MonkeyPatch.context() as patch:
    # importing pyts compiles for half a minute; as plain Python, with plain lists, it computes the same
    patch.setattr(numba.config, "DISABLE_JIT", 1)
    patch.setattr(numba.typed, "List", list)
    from pyts.approximation import _paa
    from pyts.image import GramianAngularField, MarkovTransitionField
    from pyts.image import RecurrencePlot as PytsRecurrencePlot

from tsbench.errors import InvalidDataError, TsbenchWarning, UsageError
from tsbench_imaging import gramian_angular_field, markov_transition_field, recurrence_plot
from tsbench_imaging.percentiles import distance_percentile, matrix_percentile

_paa._paa = numba.njit(_paa._paa)  # numpy's mean adds in another order, and angles near 0 magnify that
ENCODINGS = [gramian_angular_field, markov_transition_field, recurrence_plot]
ignore_equal_quantiles = pytest.mark.filterwarnings("ignore:n_bins:tsbench.errors.TsbenchWarning")


@st.composite
def a_series(draw):
    """Two rows (float64) of walks, tied values, constants, huge offsets or amplitudes."""
    n = draw(st.integers(2, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = draw(st.sampled_from(["walk", "ties", "constant", "offset", "tiny", "huge", "drawn"]))
    if kind == "drawn":
        values = st.floats(-1e6, 1e6, allow_subnormal=False)
        return np.array(draw(st.lists(st.lists(values, min_size=n, max_size=n), min_size=2, max_size=2)))
    x = rng.normal(size=(2, n)).cumsum(axis=1)
    if kind == "ties":
        x = rng.integers(0, 3, (2, n)).astype(float)
    made = {"constant": x * 0 + 3.7, "offset": np.round(x, 1) + 1e6, "tiny": x * 1e-9, "huge": x * 1e12}
    return made.get(kind, x)


def both(X, dtype):
    """Return the tensor in dtype and the same values as float64 for pyts."""
    x = torch.tensor(X, dtype=dtype)[:, None]
    return x, x[:, 0].double().numpy()


def pyts(estimator, X):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.transform(X)


def assert_close(got, expected):
    """1e-9 for float64 and 1e-5 for float32, relative to the largest value where that is above 1."""
    tolerance = (1e-9 if got.dtype == torch.float64 else 1e-5) * max(1, np.abs(expected).max())
    np.testing.assert_allclose(got[:, 0].double().numpy(), expected, rtol=0, atol=tolerance)


dtypes = st.sampled_from([torch.float64, torch.float32])


@settings(max_examples=60, deadline=None)
@given(
    X=a_series(),
    dtype=dtypes,
    method=st.sampled_from(["summation", "s", "difference", "d"]),
    sample_range=st.sampled_from([(-1.0, 1.0), (0.0, 1.0), (-0.5, 0.25)]),
    overlapping=st.booleans(),
    data=st.data(),
)
def test_gramian_angular_field_equals_pyts(X, dtype, method, sample_range, overlapping, data):
    size = data.draw(st.one_of(st.integers(1, X.shape[1]), st.sampled_from([1.0, 0.5, 0.01])))
    x, X = both(X, dtype)
    got = gramian_angular_field(x, size, sample_range, method, overlapping)
    assert_close(got, pyts(GramianAngularField(size, sample_range, method, overlapping), X))


@ignore_equal_quantiles
@settings(max_examples=60, deadline=None)
@given(
    X=a_series(),
    dtype=dtypes,
    strategy=st.sampled_from(["quantile", "uniform", "normal"]),
    overlapping=st.booleans(),
    data=st.data(),
)
def test_markov_transition_field_equals_pyts(X, dtype, strategy, overlapping, data):
    size = data.draw(st.one_of(st.integers(1, X.shape[1]), st.sampled_from([1.0, 0.5])))
    n_bins = data.draw(st.integers(2, min(12, X.shape[1])))
    x, X = both(X, dtype)
    got = markov_transition_field(x, size, n_bins, strategy, overlapping)
    assert_close(got, pyts(MarkovTransitionField(size, n_bins, strategy, overlapping), X))


@settings(max_examples=80, deadline=None)
@given(
    X=a_series(),
    dtype=dtypes,
    dimension=st.sampled_from([1, 2, 3, 0.1, 0.3]),
    time_delay=st.sampled_from([1, 2, 0.1]),
    threshold=st.sampled_from([None, "point", "distance", 1, 0.3]),
    percentage=st.one_of(st.sampled_from([0, 10, 100]), st.floats(0, 100)),
    data=st.data(),
)
def test_recurrence_plot_equals_pyts_and_its_average(X, dtype, dimension, time_delay, threshold, percentage, data):
    x, X = both(X, dtype)
    try:
        expected = pyts(PytsRecurrencePlot(dimension, time_delay, threshold, percentage), X)
    except ValueError:
        with pytest.raises(UsageError, match="dimension|time_delay"):
            recurrence_plot(x, None, dimension, time_delay, threshold, percentage)
        return
    got = recurrence_plot(x, None, dimension, time_delay, threshold, percentage)
    if threshold is None:
        assert_close(got, expected)
    else:
        np.testing.assert_array_equal(got[:, 0], expected)
    n = expected.shape[1]
    side = data.draw(st.integers(1, n))
    cuts = np.linspace(0, n, side + 1).astype(int)
    cells = list(pairwise(cuts))
    averages = [[expected[:, a:b, c:d].mean((1, 2)) for c, d in cells] for a, b in cells]
    small = recurrence_plot(x, side, dimension, time_delay, threshold, percentage)
    assert_close(small, np.array(averages).transpose(2, 0, 1))


def test_percentiles_beyond_what_is_held_are_the_same(monkeypatch):
    X = np.round(np.random.default_rng(0).normal(size=(3, 60)), 1)
    monkeypatch.setattr("tsbench_imaging.recurrence._HELD_IN_FULL", 0)
    monkeypatch.setattr("tsbench_imaging.recurrence._STREAMED", 2000)
    for percentage in (0.5, 33.3, 100):
        expected = PytsRecurrencePlot(2, 3, "point", percentage).transform(X)
        got = recurrence_plot(torch.tensor(X)[:, None], None, 2, 3, "point", percentage)
        np.testing.assert_array_equal(got[:, 0], expected)


@pytest.mark.parametrize("decimals", [1, 15])
def test_percentiles_of_all_distances_are_those_of_numpy(decimals):
    x = np.round(np.random.default_rng(0).normal(size=(3, 300)).cumsum(axis=1), decimals)
    distances = np.abs(x[:, :, None] - x[:, None]).reshape(3, -1)
    for percentage in (0.0, 0.2, 1 / 3, 10.0, 99.9, 100.0):
        expected = np.percentile(distances, percentage, axis=1)
        assert np.array_equal(distance_percentile(torch.tensor(x), percentage), expected)
        full = torch.tensor(distances).view(3, 300, 300)
        assert np.array_equal(matrix_percentile(full, percentage), expected)


@pytest.mark.parametrize("threshold", [None, 0.5])
def test_blocks_of_rows_change_nothing(monkeypatch, threshold):
    x = noise(50)
    expected = recurrence_plot(x, 17, 2, 3, threshold)
    monkeypatch.setattr("tsbench_imaging.recurrence.block_elements", lambda device: 700)
    assert torch.equal(recurrence_plot(x, 17, 2, 3, threshold), expected)


def test_markov_field_of_a_ramp():
    x = torch.arange(8.0)[None, None]
    W = torch.tensor([[0.5, 0.5, 0, 0], [0, 0.5, 0.5, 0], [0, 0, 0.5, 0.5], [0, 0, 0, 1]])
    expected = W.repeat_interleave(2, 0).repeat_interleave(2, 1)
    assert torch.equal(markov_transition_field(x, 1.0, 4)[0, 0], expected)


def noise(n=60, seed=0):
    return torch.tensor(np.random.default_rng(seed).normal(size=(2, 3, n)))


def gasf(x):
    return gramian_angular_field(x, 1.0)


def gadf(x):
    return gramian_angular_field(x, 1.0, method="d")


def mtf(x):
    return markov_transition_field(x, 1.0, n_bins=4)


def binary(x):
    return recurrence_plot(x, threshold="point")


def test_invariances():
    x = noise()
    for encode in (gasf, gadf, mtf, binary):
        torch.testing.assert_close(encode(2.5 * x + 7), encode(x), rtol=0, atol=1e-7)
    torch.testing.assert_close(recurrence_plot(x + 7), recurrence_plot(x))
    assert (recurrence_plot(2 * x) - recurrence_plot(x)).abs().max() > 0.1
    for encode, sign in ((gasf, 1), (gadf, -1), (mtf, 1), (binary, 1), (recurrence_plot, 1)):
        torch.testing.assert_close(encode(-x), sign * encode(x), rtol=0, atol=1e-7)
    torch.testing.assert_close(mtf(x.exp()), mtf(x))
    for encode in (gasf, gadf, binary):
        assert (encode(x.exp()) - encode(x)).abs().max() > 0.1
        torch.testing.assert_close(encode(x.flip(2)), encode(x).flip(2, 3), rtol=0, atol=1e-7)
    assert (mtf(x.flip(2)) - mtf(x).flip(2, 3)).abs().max() > 0.05
    for encode in (gasf, gadf, binary):
        torch.testing.assert_close(encode(x.roll(5, 2)), encode(x).roll((5, 5), (2, 3)), rtol=0, atol=1e-7)


def test_symmetries_and_constants():
    x = noise()
    torch.testing.assert_close(gasf(x), gasf(x).mT)
    torch.testing.assert_close(gadf(x), -gadf(x).mT, rtol=0, atol=1e-15)
    assert gadf(x).diagonal(dim1=2, dim2=3).abs().max() < 1e-15
    assert recurrence_plot(x).diagonal(dim1=2, dim2=3).abs().max() == 0
    constant = torch.full((1, 1, 20), 4.2)
    assert (gasf(constant) == 1).all()
    assert (gadf(constant) == 0).all()
    with pytest.warns(TsbenchWarning, match="n_bins = 4: quantiles coincide in 1 of 1 series"):
        assert (mtf(constant) == 1).all()
    assert (binary(constant) == 0).all()
    assert (recurrence_plot(constant, threshold=0.1) == 1).all()
    share = recurrence_plot(noise(100), threshold="point").mean(dim=(2, 3))
    torch.testing.assert_close(share, torch.full_like(share, 0.1), rtol=0, atol=1e-3)


def test_huge_offset_in_float32():
    x, X = both(1e4 + np.random.default_rng(0).normal(size=(4, 200)), torch.float32)
    assert_close(gasf(x), GramianAngularField(1.0).transform(X))
    assert_close(markov_transition_field(x, 50), MarkovTransitionField(50).transform(X))
    assert_close(recurrence_plot(x), PytsRecurrencePlot().transform(X))
    thresholded = {"dimension": 2, "threshold": "point"}
    np.testing.assert_array_equal(
        recurrence_plot(x, **thresholded)[:, 0], PytsRecurrencePlot(**thresholded).transform(X)
    )


@pytest.mark.parametrize("encode", ENCODINGS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_dtype_out_and_input_are_kept(encode, dtype):
    x = noise().to(dtype)
    before = x.clone()
    image = encode(x, 31)
    assert image.dtype == dtype
    torch.testing.assert_close(image, encode(x.float(), 31).to(dtype), rtol=0, atol=1e-5)
    out = torch.full_like(image, 9)
    assert encode(x, 31, out=out) is out
    assert torch.equal(out, image)
    assert torch.equal(x, before)
    assert encode(x[:0], 31).shape == (0, 3, 31, 31)
    torch.testing.assert_close(encode(x[1:2, 1:2], 31), image[1:2, 1:2], rtol=0, atol=1e-6)
    with pytest.raises(UsageError, match="out: expected a contiguous"):
        encode(x, 30, out=out)


@pytest.mark.parametrize("encode", [gramian_angular_field, markov_transition_field])
def test_a_lower_precision_of_products_changes_nothing(encode):
    x = noise().float()
    expected = encode(x, 31)
    before = torch.backends.mkldnn.matmul.fp32_precision
    torch.backends.mkldnn.matmul.fp32_precision = "bf16"
    try:
        torch.testing.assert_close(encode(x, 31), expected, rtol=0, atol=1e-6)
    finally:
        torch.backends.mkldnn.matmul.fp32_precision = before


@pytest.mark.parametrize("encode", ENCODINGS)
def test_missing_values(encode):
    x = noise(20)
    x[0, 0, :3] = x[0, 0, 7:9] = x[1, 2, 19] = torch.nan
    filled = x.clone()
    filled[0, 0, :3] = x[0, 0].nanmean()
    filled[0, 0, 7:9] = x[0, 0, 6]
    filled[1, 2, 19] = x[1, 2, 18]
    full = encode(filled, 20)
    torch.testing.assert_close(encode(x, 20), full)
    weights = (~x.isnan()).double()
    torch.testing.assert_close(encode(x, 20, missing="mask"), full * weights[..., None] * weights[..., None, :])
    pooled = weights.unflatten(2, (10, 2)).mean(3)
    small = encode(filled, 10) * pooled[..., None] * pooled[..., None, :]
    torch.testing.assert_close(encode(x, 10, missing="mask"), small)
    with pytest.raises(InvalidDataError, match="case 0, channel 0, time point 0 is NaN, and missing = 'refuse'"):
        encode(x, 20, missing="refuse")


def test_trajectories_with_a_missing_value_are_masked():
    x = noise(20)
    x[0, 0, 7] = torch.nan
    whole, masked = (recurrence_plot(x, None, 3, 2, missing=missing)[0, 0] for missing in ("fill", "mask"))
    hit = torch.zeros(16, dtype=torch.bool)
    hit[[3, 5, 7]] = True  # trajectory i is points i, i + 2 and i + 4
    hit = hit[:, None] | hit
    assert (masked[hit] == 0).all()
    assert torch.equal(masked[~hit], whole[~hit])
    share = recurrence_plot(x, 1, 3, 2, threshold=1e9, missing="mask")[0, 0].item()
    assert share == pytest.approx((13 / 16) ** 2)


def test_blank_series_are_not_warned_of():
    x = noise(20)
    x[1, 2] = torch.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (markov_transition_field(x, 20, missing="mask")[1, 2] == 0).all()
    x[0, 1] = 3.0
    with pytest.warns(TsbenchWarning, match="coincide in 1 of 6 series .* case 0, channel 1"):
        markov_transition_field(x, 20, missing="mask")


@ignore_equal_quantiles
@pytest.mark.parametrize("encode", ENCODINGS)
def test_series_with_hardly_a_value(encode):
    x = noise(20)
    x[1, 2] = torch.nan
    with pytest.raises(InvalidDataError, match="case 1, channel 2 has 0 of 20 values observed"):
        encode(x, 20)
    assert (encode(x, 20, missing="mask")[1, 2] == 0).all()
    x[1, 2, 5] = 3.0
    assert torch.equal(encode(x, 20)[1, 2], encode(torch.full((1, 1, 20), 3.0).double(), 20)[0, 0])
    assert (encode(x, 20, missing="mask")[1, 2] == 0).all()
    assert torch.isfinite(encode(x, 20)).all()


@pytest.mark.parametrize("encode", ENCODINGS)
@pytest.mark.parametrize(
    ("size", "message"),
    [
        (21, "image_size = 21: an integer must be from 1 to 20"),
        (0, "image_size = 0: an integer must be from 1 to 20"),
        (1.5, r"image_size = 1.5: a float is a fraction .* must be in \(0, 1\]"),
        (0.0, "image_size = 0.0"),
        (True, "image_size = True: expected an integer or a float"),
    ],
)
def test_bad_sizes(encode, size, message):
    with pytest.raises(UsageError, match=message):
        encode(noise(20), size)


@pytest.mark.parametrize("encode", ENCODINGS)
def test_bad_series(encode):
    for x in (torch.zeros(2, 3), torch.zeros(2, 3, 5, dtype=torch.int64)):
        with pytest.raises(InvalidDataError, match="expected a floating-point tensor"):
            encode(x, 1)
    with pytest.raises(InvalidDataError, match="expected a floating-point tensor .* got ndarray"):
        encode(np.zeros((2, 3, 5)), 1)
    for x in (torch.zeros(2, 3, 0), torch.zeros(2, 0, 5)):
        with pytest.raises(InvalidDataError, match="at least 1 channel and 1 time point"):
            encode(x, 1)
    with pytest.raises(InvalidDataError, match="case 0, channel 0, time point 2 is infinite"):
        encode(torch.tensor([[[0, 1, torch.inf]]]), 1)
    with pytest.raises(UsageError, match="missing = 'drop': expected"):
        encode(noise(), 1, missing="drop")


@pytest.mark.parametrize(
    ("encode", "parameters", "error", "message"),
    [
        (gramian_angular_field, {"sample_range": None}, InvalidDataError, "needs values from -1 to 1, and x has"),
        (gramian_angular_field, {"sample_range": (0.5, 0.5)}, UsageError, r"sample_range = \(0.5, 0.5\)"),
        (gramian_angular_field, {"method": "x"}, UsageError, "method = 'x'"),
        (markov_transition_field, {"n_bins": 1}, UsageError, "n_bins = 1: expected an integer from 2 to 20"),
        (markov_transition_field, {"n_bins": 21}, UsageError, "n_bins = 21: expected an integer from 2 to 20"),
        (markov_transition_field, {"strategy": "x"}, UsageError, "strategy = 'x'"),
        (recurrence_plot, {"threshold": 0}, UsageError, "threshold = 0: expected"),
        (recurrence_plot, {"percentage": 101}, UsageError, "percentage = 101: expected"),
        (recurrence_plot, {"dimension": 0}, UsageError, "dimension = 0"),
        (recurrence_plot, {"time_delay": 21}, UsageError, "time_delay = 21"),
    ],
)
def test_bad_parameters(encode, parameters, error, message):
    with pytest.raises(error, match=message):
        encode(2 * noise(20), 10, **parameters)


def test_a_single_time_point_has_no_transition():
    with pytest.raises(UsageError, match="n_bins = 8: expected series of at least 2 time points"):
        markov_transition_field(torch.zeros(1, 1, 1), 1)


def test_unscaled_field_equals_pyts():
    X = np.random.default_rng(0).uniform(-1, 1, (3, 30))
    assert_close(gramian_angular_field(torch.tensor(X)[:, None], 7, None), GramianAngularField(7, None).transform(X))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_on_a_gpu(dtype):
    x = noise().to(dtype)
    x[0, 0, 10:15] = torch.nan
    close_to = {"rtol": 0, "atol": 1e-5 if dtype == torch.float32 else 1e-9}
    for encode in (gramian_angular_field, markov_transition_field, recurrence_plot):
        for size in (60, 23):
            torch.testing.assert_close(encode(x.cuda(), size).cpu(), encode(x, size), **close_to)
    for threshold in ("point", "distance", 0.7):
        for dimension in (1, 2):
            expected = recurrence_plot(x, None, dimension, 1, threshold)
            differing = recurrence_plot(x.cuda(), None, dimension, 1, threshold).cpu() != expected
            assert differing.double().mean() < 1e-3  # a distance may round to the other side


LONG = """
import resource, torch
import tsbench_imaging as t
x = torch.randn(8, 1, 4000)
t.gramian_angular_field(x[:, :, :300]), t.markov_transition_field(x[:, :, :300])
t.recurrence_plot(x[:, :, :300], 224, threshold="point")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
t.gramian_angular_field(x), t.markov_transition_field(x), t.recurrence_plot(x, 224)
t.recurrence_plot(x, 224, threshold="point")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the unit of ru_maxrss is that of Linux")
def test_long_series_take_little_memory():
    """A batch of 8 x 4,000 points to 224: one full plot in float64 would be 128 MB."""
    run = subprocess.run([sys.executable, "-c", LONG], capture_output=True, text=True, check=True)
    assert int(run.stdout) < 2**17 * 0.75  # KiB
