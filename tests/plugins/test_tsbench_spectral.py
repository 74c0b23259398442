import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import get_window

from tsbench.errors import InvalidDataError, MethodError, UsageError
from tsbench_spectral.augment import (
    SpectrogramBlur,
    SpectrogramJitter,
    TimeFlip,
    brightness_contrast,
    gaussian_blur,
    time_flip,
)
from tsbench_spectral.maps import MinMax, Spectrogram, automatic_n_fft, minmax, spectrogram

MAPS = [SpectrogramJitter(), SpectrogramBlur(), TimeFlip(), MinMax()]


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("length", "n_fft"),
    [(1, 2), (2, 2), (7, 2), (8, 4), (24, 8), (29, 8), (50, 16), (100, 32), (999, 32), (1000, 128), (20_000, 128)],
)
def test_automatic_window(length, n_fft):
    assert automatic_n_fft(length) == n_fft


@pytest.mark.parametrize(("length", "frames"), [(128, 17), (178, 23), (3000, 94), (2500, 79)])
def test_frame_counts_of_the_papers_datasets(length, frames):
    stft = Spectrogram()
    f = 17 if length < 1000 else 65
    assert stft.output_shape((3, 2, length)) == (3, 2, f, frames)
    assert stft(torch.randn(3, 2, length)).shape == (3, 2, f, frames)


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 3),
    c=st.integers(1, 4),
    length=st.one_of(st.integers(1, 70), st.sampled_from([999, 1000, 1501])),
    n_fft=st.sampled_from([None, 2, 3, 8, 64]),
    hop=st.sampled_from([None, 1, 5]),
)
def test_output_shape_is_exact(n, c, length, n_fft, hop):
    stft = Spectrogram(n_fft=n_fft, hop=hop)
    out = stft(torch.randn(n, c, length))
    assert tuple(out.shape) == stft.output_shape((n, c, length))
    assert torch.isfinite(out).all()
    assert (out >= 0).all()


def test_values_equal_a_direct_fourier_transform():
    x = np.random.default_rng(0).normal(size=50)
    window = get_window("hann", 16)
    padded = np.pad(x, 8, mode="reflect")
    expected = np.stack([np.abs(np.fft.rfft(padded[s : s + 16] * window)) for s in range(0, 51, 4)], axis=1)
    got = spectrogram(torch.tensor(x)[None, None], 16, 4, "magnitude")[0, 0].numpy()
    np.testing.assert_allclose(got, expected, atol=1e-12)
    for scaling, f in [("power", np.square), ("log1p", np.log1p), ("log", np.log)]:
        np.testing.assert_allclose(
            spectrogram(torch.tensor(x)[None, None], 16, 4, scaling)[0, 0], f(expected), atol=1e-12
        )


def test_a_sine_peaks_at_its_frequency():
    t = torch.arange(512) / 64.0
    out = spectrogram(torch.sin(2 * torch.pi * 10 * t)[None, None], 64, 16)
    assert (out[0, 0, :, 3:-3].argmax(dim=0) == 10).all()


@pytest.mark.parametrize("length", [1, 2, 7, 20_000])
@pytest.mark.parametrize("channels", [1, 64])
def test_extreme_sizes(length, channels):
    x = torch.randn(2, channels, length)
    x[:, 0] = 3.0
    out = minmax(Spectrogram()(x))
    assert torch.isfinite(out).all()
    assert out.min() == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scaling", ["log1p", "magnitude", "power", "log"])
@pytest.mark.parametrize("value", [1e30, 3e38, 1e-40, 0.0])
def test_huge_tiny_and_constant_values_stay_finite(dtype, scaling, value):
    x = value * torch.cat([torch.ones(1, 2, 100), torch.randn(1, 2, 100, generator=rng()).sign()]).to(dtype)
    out = spectrogram(x, 32, 8, scaling)
    assert out.dtype == dtype
    assert torch.isfinite(out).all()
    assert torch.isfinite(minmax(out)).all()


def test_huge_values_in_one_case_leave_the_others_alone():
    x = torch.randn(2, 1, 100)
    alone = spectrogram(x, 32, 8)
    x[0] *= 1e30
    assert torch.equal(spectrogram(x, 32, 8)[1], alone[1])
    torch.testing.assert_close(spectrogram(x, 32, 8, "magnitude")[0] / 1e30, alone[0].expm1(), rtol=1e-3, atol=1e-4)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=30))
def test_minmax_reaches_0_and_1(values):
    out = minmax(torch.tensor([values], dtype=torch.float32))
    assert torch.isfinite(out).all()
    assert out.min() == 0
    low, high = min(values), max(values)
    assert out.max() == (0 if high / 2 - low / 2 < 1e-37 and out.max() == 0 else 1)


def test_minmax_is_per_case_over_all_channels():
    x = torch.stack([torch.arange(12.0).view(2, 2, 3), torch.full((2, 2, 3), 7.0)])
    out = minmax(x)
    torch.testing.assert_close(out[0], x[0] / 11)
    assert (out[1] == 0).all()


@pytest.mark.parametrize("transform", MAPS, ids=lambda t: type(t).__name__)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(3, 1, 1, 1), (2, 64, 2, 2), (5, 2, 17, 13)])
def test_maps_keep_shape_dtype_range_and_are_seeded(transform, dtype, shape):
    x = torch.rand(shape, generator=rng(), dtype=dtype)
    original = x.clone()
    state = torch.get_rng_state()
    out = transform(x, rng(1))
    assert torch.equal(x, original)
    assert torch.equal(state, torch.get_rng_state())
    assert out.dtype == dtype
    assert tuple(out.shape) == transform.output_shape(shape) == shape
    assert out.min() >= 0
    assert out.max() <= 1 + 1e-6
    assert torch.equal(out, transform(x, rng(1)))


def test_jitter_is_drawn_per_case_and_alike_for_channels():
    x = (0.4 + 0.2 * torch.rand(1, 1, 9, 11, dtype=torch.float64)).expand(50, 3, 9, 11)
    bright = brightness_contrast(x, rng(), 0.4, 0.0)
    factor = bright / x
    assert (factor - factor[:, :1, :1, :1]).abs().max() < 1e-12
    assert len(factor[:, 0, 0, 0].unique()) == 50
    assert factor.min() >= 0.6
    assert factor.max() <= 1.4
    contrast = brightness_contrast(x, rng(), 0.0, 0.4)
    torch.testing.assert_close(contrast.mean(dim=(2, 3)), x.mean(dim=(2, 3)))
    spread = contrast.std(dim=(2, 3)) / x.std(dim=(2, 3))
    assert (spread - spread[:, :1]).abs().max() < 1e-12
    assert len(spread[:, 0].unique()) == 50
    assert torch.equal(brightness_contrast(x, rng(), 0.0, 0.0), x)


def test_jitter_is_brightness_then_contrast():
    x = 0.45 + 0.1 * torch.rand(4, 1, 3, 3, dtype=torch.float64)
    b = 1 + 0.3 * (2 * torch.rand(4, generator=rng(5), dtype=torch.float64) - 1)
    g = rng(5)
    torch.rand(4, generator=g, dtype=torch.float64)
    k = 1 + 0.2 * (2 * torch.rand(4, generator=g, dtype=torch.float64) - 1)
    bright = x * b.view(-1, 1, 1, 1)
    mean = bright.mean(dim=(2, 3), keepdim=True)
    expected = (bright - mean) * k.view(-1, 1, 1, 1) + mean
    torch.testing.assert_close(brightness_contrast(x, rng(5), 0.3, 0.2), expected)


def test_blur_of_an_impulse_is_the_gaussian_per_case():
    x = torch.zeros(40, 2, 9, 9, dtype=torch.float64)
    x[:, :, 4, 4] = 1.0
    out = gaussian_blur(x, rng(), 2, (0.5, 2.0))
    torch.testing.assert_close(out.sum(dim=(2, 3)), torch.ones(40, 2, dtype=torch.float64))
    assert torch.equal(out, out.transpose(2, 3).contiguous()) or (out - out.transpose(2, 3)).abs().max() < 1e-15
    sigma = (-0.5 / (out[:, 0, 4, 5] / out[:, 0, 4, 4]).log()).sqrt()
    assert sigma.min() >= 0.5
    assert sigma.max() <= 2.0
    assert len(sigma.unique()) == 40
    torch.testing.assert_close(out[:, 0, 4, 6] / out[:, 0, 4, 4], torch.exp(-2 / sigma**2))
    assert (out[:, :, 4, 7] == 0).all()


def test_blur_has_the_width_asked_for():
    x = torch.zeros(1, 1, 9, 9)
    x[0, 0, 4, 4] = 1.0
    taps = np.exp(-0.5 * (np.arange(-3, 4) / 2.5) ** 2)
    taps /= taps.sum()
    blurred = gaussian_blur(x, rng(), 3, (2.5, 2.5))[0, 0, 1:8, 1:8]
    np.testing.assert_allclose(blurred.numpy(), np.outer(taps, taps), rtol=1e-5)


def test_blur_keeps_a_constant_and_radius_0_changes_nothing():
    x = torch.rand(3, 2, 5, 4)
    torch.testing.assert_close(gaussian_blur(torch.full_like(x, 0.3), rng(), 2), torch.full_like(x, 0.3))
    assert torch.equal(gaussian_blur(x, rng(), 0), x)


def test_flip_reverses_frames_of_all_channels_or_none():
    x = torch.rand(200, 3, 4, 7)
    assert torch.equal(time_flip(x, rng(), 1.0), x.flip(3))
    assert torch.equal(time_flip(x, rng(), 0.0), x)
    whole = torch.full((200,), 7)
    assert torch.equal(time_flip(x, rng(), 0.5, whole), time_flip(x, rng(), 0.5))
    out = time_flip(x, rng(), 0.5)
    flipped = (out == x.flip(3)).flatten(1).all(dim=1)
    kept = (out == x).flatten(1).all(dim=1)
    assert (flipped ^ kept).all()
    assert 60 < flipped.sum() < 140


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_on_a_gpu():
    x = torch.randn(4, 2, 100, device="cuda")
    maps = minmax(Spectrogram()(x))
    torch.testing.assert_close(maps.cpu(), minmax(Spectrogram()(x.cpu())), rtol=1e-4, atol=1e-5)
    for transform in MAPS:
        assert transform(maps, torch.Generator("cuda").manual_seed(0)).device.type == "cuda"


@pytest.mark.parametrize("x", [torch.zeros(2, 10), torch.zeros(2, 2, 10).long(), torch.zeros(2, 2, 0)])
def test_other_input_is_refused(x):
    with pytest.raises(InvalidDataError, match="x must be float32 or float64, .*not empty, got torch"):
        spectrogram(x, 8, 4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((0, 4), "n_fft = 0"), ((8, 0), "hop = 0"), ((8, 4, "db"), "scaling = 'db': expected one of log1p, magnitude")],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(UsageError, match=message):
        spectrogram(torch.zeros(1, 1, 20), *arguments)


def test_a_missing_value_is_0_in_a_spectrogram():
    x = torch.randn(2, 3, 40)
    gaps = torch.rand(x.shape, generator=rng()) < 0.3
    stft = Spectrogram()
    torch.testing.assert_close(stft(x.masked_fill(gaps, float("nan"))), stft(x.masked_fill(gaps, 0.0)))


def test_a_missing_value_has_no_part_in_minmax():
    x = torch.tensor([[[2.0, float("nan"), 4.0, 3.0]], [[float("nan")] * 4], [[5.0, 5.0, float("nan"), 5.0]]])
    nan = float("nan")
    expected = torch.tensor([[[0.0, nan, 1.0, 0.5]], [[nan] * 4], [[0.0, 0.0, nan, 0.0]]])
    torch.testing.assert_close(MinMax()(x), expected, equal_nan=True)


@pytest.mark.parametrize("transform", [SpectrogramJitter(), SpectrogramBlur()])
def test_what_is_for_images_refuses_series(transform):
    with pytest.raises(MethodError, match=r"takes images \(n, c, F, T\).*got shape \(2, 3, 40\)"):
        transform(torch.randn(2, 3, 40))
    with pytest.raises(MethodError, match=r"stft takes series .* got shape \(1, 2, 3, 4\)"):
        Spectrogram()(torch.randn(1, 2, 3, 4))
