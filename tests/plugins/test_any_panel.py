"""Every registered method, encoder, transform and probe on data of every kind; tsbench.testing says what may come."""

import re

import numpy as np
import pytest

from tsbench.testing import check_encoder, check_method, check_probe, check_transform
from tsbench.testing.checks import with_given
from tsbench.testing.generated import DEEP

PLUGINS, _ = with_given()
# Of a family the member that its summary names; those with a short name of their own only where time allows.
ENTRIES = [entry for entry in PLUGINS["methods"] if DEEP or not entry.alias]
METHODS = [e.name if e.name[-1] != ":" else re.search(rf"{e.name}\w+", e.summary)[0] for e in ENTRIES]
WRAPPED = {entry.name for entry in PLUGINS["methods"] if entry.alias} | {name for name in METHODS if ":" in name}
pytestmark = pytest.mark.filterwarnings("ignore::tsbench.errors.TsbenchWarning")  # a warning is an answer


@pytest.mark.parametrize("method", METHODS)
def test_a_method_and_its_untrained_twin_give_a_result_or_refuse(method):
    check_method(method, refusals_of_libraries if method in WRAPPED else None)


def refusals_of_libraries(data):
    """Other libraries are made for complete series of a usual size, and say so in their own words."""
    largest = np.nanmax(np.abs(data.panel.X), initial=0.0)
    usual = data.panel.n_timepoints >= 10 and not np.isnan(data.panel.X).any() and 1e-3 < largest < 1e4
    return {r"'s \w+ cannot be fitted": not usual, "hc2 gave NaN scores": True}  # the latter on any few cases


@pytest.mark.parametrize("probe", PLUGINS["probes"].names())
def test_a_probe_gives_a_result_or_refuses(probe):
    check_probe(probe)


@pytest.mark.parametrize("encoder", PLUGINS["encoders"].names())
def test_an_encoder_gives_finite_vectors(encoder):
    check_encoder(encoder)


@pytest.mark.parametrize("transform", PLUGINS["transforms"].names())
def test_a_transform_is_finite_or_refused(transform):
    by_the_clock = transform in ("bandpass", "bin", "notch", "resample", "window")
    reasons = {"needs the sampling rate|needs an even grid|makes cases": by_the_clock}
    check_transform(transform, lambda x: reasons, keeps_cases=transform != "bin")
