"""Corruptions of series for robustness protocols, one file per kind; the core registers them as a plugin does."""

from tsbench.discovery.hookspecs import Register, hookimpl


@hookimpl
def tsbench_corruptions(register: Register) -> None:
    """Register the corruptions."""
    register("dropout", "tsbench.corruptions.dropout:Dropout", summary="Whole time points are missing.")
    register("noise", "tsbench.corruptions.noise:Noise", summary="Gaussian noise at a signal-to-noise ratio in dB.")
    register("sensors", "tsbench.corruptions.sensors:Sensors", summary="The most informative sensors are missing.")
    register("sensors-random", "tsbench.corruptions.sensors:RandomSensors", summary="Random sensors are missing.")
    register("samples", "tsbench.corruptions.samples:Samples", summary="Single observed values are missing.")
    register("samples-time", "tsbench.corruptions.samples:SampledTimes", summary="Random time points are missing.")
    register("samples-block", "tsbench.corruptions.samples:SampledBlock", summary="A block of time is missing.")
    register("mnar", "tsbench.corruptions.mnar:MnarLabel", summary="More is missing of later classes.")
    register("mnar-severity", "tsbench.corruptions.mnar:MnarSeverity", summary="More is missing of grave cases.")
