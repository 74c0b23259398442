"""Records of irregularly sampled observations, put side by side: one axis of its own times for each case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tsbench_clinical.cache import Space


class Series(NamedTuple):
    """One record: times float64 (T,) in hours, rising; values float (T, n_sensors), NaN where not observed."""

    times: npt.NDArray[np.float64]
    values: npt.NDArray[Any]


def stack(series: Sequence[Series], space: Space) -> dict[str, Any]:
    """Return X, times (hours) and lengths for Panel.build; what lies beyond a record's length is NaN."""
    lengths = np.array([len(one.times) for one in series], dtype=np.int32)
    width = int(lengths.max())
    X = space.empty((len(series), series[0].values.shape[1], width))
    times = np.full((len(series), width), np.nan)
    for case, one in enumerate(series):
        X[case, :, : len(one.times)] = one.values.T
        times[case, : len(one.times)] = one.times
    return {"X": X, "times": times, "lengths": lengths, "time_unit": "h"}
