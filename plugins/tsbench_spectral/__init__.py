"""Spectrograms and their augmentations, filters, and what changes the time axis.

Modules maps, augment, filters and grid.
"""

from tsbench import hookimpl
from tsbench.discovery.hookspecs import Register


@hookimpl
def tsbench_transforms(register: Register) -> None:
    """Register the transforms."""
    register("stft", "tsbench_spectral.maps:Spectrogram", summary="Short-time Fourier magnitude, (n, c, F, T).")
    register("minmax", "tsbench_spectral.maps:MinMax", summary="Scale each case to [0, 1].")
    register(
        "spectrogram-jitter", "tsbench_spectral.augment:SpectrogramJitter", summary="Random brightness and contrast."
    )
    register("spectrogram-blur", "tsbench_spectral.augment:SpectrogramBlur", summary="Gaussian blur of random width.")
    register("time-flip", "tsbench_spectral.augment:TimeFlip", summary="Reverse the time axis with a probability.")
    register("resample", "tsbench_spectral.filters:Resample", summary="Another sampling rate: resample:100hz.")
    register("notch", "tsbench_spectral.filters:Notch", summary="One frequency removed: notch:50hz.")
    register("bandpass", "tsbench_spectral.filters:Bandpass", summary="A band of frequencies kept: bandpass:0.5-40hz.")
    register("moving-average", "tsbench_spectral.filters:MovingAverage", summary="Mean of N points: moving-average:5.")
    register("bin", "tsbench_spectral.grid:Bin", summary="Observations at any times to a grid of means: bin:1h.")
    register("window", "tsbench_spectral.grid:Window", summary="Recordings to cases: DATASET+window=10s:50%.")
