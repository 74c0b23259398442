"""Corruptions of series for robustness protocols, one file per kind; the core registers them as a plugin does."""

from tsbench.discovery.hookspecs import Register, hookimpl


@hookimpl
def tsbench_corruptions(register: Register) -> None:
    """Register the corruptions."""
    register("dropout", "tsbench.corruptions.dropout:Dropout", summary="Whole time points are missing.")
    register("noise", "tsbench.corruptions.noise:Noise", summary="Gaussian noise at a signal-to-noise ratio in dB.")
