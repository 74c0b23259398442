"""Spectrograms and their augmentations (tsbench_spectral.maps, tsbench_spectral.augment)."""

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
