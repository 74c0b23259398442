import numpy as np
import pytest
import torch
from scipy.signal import get_window, lombscargle

from tsbench.errors import InvalidDataError, UsageError
from tsbench_imaging.lines import channel_limits
from tsbench_imaging.spectrum import FrequencySpectrum, frequency_spectrum, lomb_scargle, spectrum_values


def test_values_equal_a_direct_fourier_transform():
    x = np.random.default_rng(0).normal(3.0, 2.0, size=(2, 2, 50))
    expected = np.log1p(np.abs(np.fft.rfft((x - x.mean(-1, keepdims=True)) * get_window("hann", 50))))
    np.testing.assert_allclose(spectrum_values(torch.tensor(x)).numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_lomb_scargle_is_that_of_scipy(seed):
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(10, 60, size=(3, 80)))
    x = rng.normal(size=(3, 2, 80)) + np.sin(times)[:, None]
    x[rng.random(x.shape) < 0.3] = np.nan
    x -= np.nanmean(x, -1, keepdims=True)
    frequencies = np.linspace(0.01, 1.5, 40)
    y, seen = torch.tensor(x).nan_to_num(0.0), ~torch.tensor(x).isnan()
    got = lomb_scargle(y, seen, torch.tensor(times), torch.tensor(frequencies).expand(3, 40)).numpy()
    values = spectrum_values(torch.tensor(x), "lomb", times=torch.tensor(times), frequencies=torch.tensor(frequencies))
    for case, channel in np.ndindex(3, 2):
        keep = ~np.isnan(x[case, channel])
        power = lombscargle(times[case, keep], x[case, channel, keep], 2 * np.pi * frequencies)
        np.testing.assert_allclose(got[case, channel], power, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(values[case, channel], np.log1p(np.sqrt(keep.sum() * power)), rtol=1e-6, atol=1e-8)


def test_lomb_of_a_regular_series_is_its_fourier_transform():
    x = torch.randn(2, 3, 61, dtype=torch.float64)
    expected = torch.fft.rfft(x - x.mean(-1, keepdim=True)).abs().log1p()[..., 1:]
    torch.testing.assert_close(spectrum_values(x, "lomb"), expected)


def test_lomb_finds_a_sine_whose_samples_are_irregular():
    times = torch.rand(1, 120, generator=torch.Generator().manual_seed(0), dtype=torch.float64).sort().values * 40
    frequencies = torch.linspace(0.05, 2, 40)
    values = spectrum_values((2 * np.pi * 0.8 * times).sin()[:, None], "lomb", times=times, frequencies=frequencies)
    assert frequencies[values[0, 0].argmax()] == pytest.approx(0.8)


def test_missing_values_are_the_mean_or_interpolated():
    x = torch.randn(1, 1, 40, dtype=torch.float64)
    holes = x.clone()
    holes[..., 5:8] = holes[..., 37:] = torch.nan
    zero = (holes - holes.nanmean()).nan_to_num(0.0)
    torch.testing.assert_close(spectrum_values(holes), spectrum_values(zero - zero.mean()), atol=0.6, rtol=0)
    filled = holes[0, 0].numpy().copy()
    known = ~np.isnan(filled)
    filled = np.interp(np.arange(40), np.flatnonzero(known), filled[known])
    expected = spectrum_values(torch.tensor(filled)[None, None])
    torch.testing.assert_close(spectrum_values(holes, missing="interpolate"), expected)
    assert not torch.allclose(spectrum_values(holes), expected)


def test_a_channel_with_nothing_to_show_is_blank():
    x = torch.randn(1, 2, 30)
    x[0, 0] = torch.nan
    for spectrum in ("fft", "lomb"):
        assert spectrum_values(x, spectrum)[0, 0].isnan().all()
        image = frequency_spectrum(x, 32, spectrum=spectrum, layout="channels")
        assert (image[0, 0] == 0).all()
        assert image[0, 1].any()


def test_a_sine_is_a_peak_at_its_frequency():
    t = torch.arange(128) / 128
    image = frequency_spectrum((2 * torch.pi * 32 * t).sin()[None, None], 64, layout="channels")[0, 0]
    assert image[:8].sum(dim=0).argmax() in (31, 32)  # half of the highest frequency: mid width, at the top


def test_given_limits_keep_the_scale():
    x = torch.randn(6, 1, 64)
    limits = channel_limits(spectrum_values(x))
    loud, soft = (frequency_spectrum(x * scale, limits=limits, layout="channels") for scale in (1.0, 0.2))
    height = torch.linspace(1, 0, 64)[:, None]
    assert (soft * height).sum() / soft.sum() < (loud * height).sum() / loud.sum()
    assert torch.allclose(frequency_spectrum(x), frequency_spectrum(x, limits=channel_limits_of_each(x)), atol=1e-6)


def channel_limits_of_each(x):
    return torch.stack([channel_limits(spectrum_values(case[None])) for case in x])


def test_the_transform_says_its_shape():
    x = torch.randn(2, 5, 30)
    for options, shape in (({}, (2, 3, 192, 192)), ({"layout": "channels", "spectrum": "lomb"}, (2, 5, 64, 64))):
        transform = FrequencySpectrum(**options)
        assert transform.output_shape((2, 5, 30)) == tuple(transform(x).shape) == shape
        assert torch.isfinite(transform(x)).all()


@pytest.mark.parametrize("length", [1, 2, 3])
@pytest.mark.parametrize("spectrum", ["fft", "lomb"])
def test_short_series(length, spectrum):
    image = frequency_spectrum(torch.randn(2, 1, length), 16, spectrum=spectrum)
    assert torch.isfinite(image).all()


def test_wrong_arguments_are_named():
    x = torch.randn(1, 1, 20)
    with pytest.raises(UsageError, match="spectrum = 'wavelet': expected 'fft' or 'lomb'"):
        frequency_spectrum(x, spectrum="wavelet")
    with pytest.raises(UsageError, match="for spectrum='lomb'"):
        frequency_spectrum(x, times=torch.zeros(1, 20))
    with pytest.raises(UsageError, match="times must be"):
        frequency_spectrum(x, spectrum="lomb", times=torch.zeros(1, 9))
    with pytest.raises(UsageError, match="missing = 'mean': expected 'zero' or 'interpolate'"):
        frequency_spectrum(x, missing="mean")


def test_other_input_is_refused():
    for x in (torch.zeros(2, 10), torch.zeros(2, 2, 10, dtype=torch.int64)):
        with pytest.raises(InvalidDataError, match="n_cases, n_channels, n_timepoints"):
            frequency_spectrum(x)
    with pytest.raises(InvalidDataError, match="at least 1 channel and 1 time point"):
        frequency_spectrum(torch.zeros(2, 2, 0))
    with pytest.raises(InvalidDataError, match="case 0, channel 0, time point 1 is infinite"):
        frequency_spectrum(torch.tensor([[[0.0, torch.inf, 1.0]]]))
    assert frequency_spectrum(torch.zeros(0, 2, 10), 8).shape == (0, 3, 16, 16)
