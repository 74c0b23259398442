"""Time series as images: Gramian angular fields, Markov transition fields, recurrence plots, line plots, spectra.

Names are loaded on first use, so that importing the plugin imports no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tsbench import hookimpl
from tsbench.discovery.hookspecs import Register

_HOMES = {
    "gramian_angular_field": "tsbench_imaging.gaf",
    "markov_transition_field": "tsbench_imaging.mtf",
    "recurrence_plot": "tsbench_imaging.recurrence",
    "line_plot": "tsbench_imaging.lines",
    "frequency_spectrum": "tsbench_imaging.spectrum",
}
__all__ = sorted([*_HOMES, "tsbench_transforms"])

if TYPE_CHECKING:
    from tsbench_imaging.gaf import gramian_angular_field as gramian_angular_field
    from tsbench_imaging.lines import line_plot as line_plot
    from tsbench_imaging.mtf import markov_transition_field as markov_transition_field
    from tsbench_imaging.recurrence import recurrence_plot as recurrence_plot
    from tsbench_imaging.spectrum import frequency_spectrum as frequency_spectrum


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tsbench_imaging' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value  # a module of the same name would hide the function from now on
    return value


def __dir__() -> list[str]:
    return __all__


@hookimpl
def tsbench_transforms(register: Register) -> None:
    """Register the transforms."""
    gaf = "arXiv:1506.00327"
    register("gasf", "tsbench_imaging.transforms:GASF", summary="Gramian angular summation field.", paper=gaf)
    register("gadf", "tsbench_imaging.transforms:GADF", summary="Gramian angular difference field.", paper=gaf)
    register("mtf", "tsbench_imaging.transforms:MTF", summary="Markov transition field.", paper=gaf)
    register(
        "recurrence-plot",
        "tsbench_imaging.transforms:RecurrencePlot",
        summary="Distances between trajectories, or which are recurrent.",
        paper="doi:10.1209/0295-5075/4/9/004",
    )
    register("line-plot", "tsbench_imaging.lines:LinePlot", summary="Line plot of every channel.")
    register("frequency-spectrum", "tsbench_imaging.spectrum:FrequencySpectrum", summary="Spectrum of every channel.")
