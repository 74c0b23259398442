"""The sampling rate of series, as they state it or as their times show it."""

from __future__ import annotations

import numpy as np

from tsbench.data.series import Series
from tsbench.errors import InvalidDataError

UNEVEN = 1e-3  # of a step, by which steps of one rate may differ, beside what rounding makes of large times


def sampling_rate(series: Series, stated: float | None, name: str) -> float:
    """Return the rate in Hz at which all cases are sampled.

    stated : what the user says of it, where the data does not. name : of what needs it, in messages. Raises
    InvalidDataError where nothing tells it, what tells it disagrees, or the steps between time points differ.
    """
    known = {"the dataset": series.sampling_rate, "its times": _of_times(series, name), "sampling_rate=": stated}
    rates = {whose: rate for whose, rate in known.items() if rate is not None}
    if not rates:
        raise InvalidDataError(
            f"{name} needs the sampling rate, which the dataset does not state: add sampling_rate=, as in "
            f"{name}:sampling_rate=250hz, or a column of times to the data"
        )
    rate = next(iter(rates.values()))
    if any(abs(other - rate) > 2 * UNEVEN * rate for other in rates.values()):
        raise InvalidDataError(f"{name}: {' but '.join(f'{whose} says {r:g} Hz' for whose, r in rates.items())}")
    return rate


def _of_times(series: Series, name: str) -> float | None:
    """Return the rate that times have; raises InvalidDataError where their steps differ."""
    if series.times is None or series.times.shape[1] < 2:
        return None
    times, lengths = series.times.double().cpu().numpy(), series.lengths.cpu().numpy()
    steps = np.diff(times, axis=1)
    inside = np.arange(1, times.shape[1]) < lengths[:, None]
    if not inside.any():
        return None
    step = float(np.median(steps[inside]))
    rounded = 4 * np.spacing(np.abs(np.where(inside, times[:, 1:], 0.0)).max())
    uneven = np.argwhere(inside & ~(np.abs(steps - step) <= UNEVEN * step + rounded))
    if len(uneven):
        case, point = uneven[0]
        raise InvalidDataError(
            f"{name} needs an even grid: case {case} has a step of {steps[case, point] * series.time_unit:g} s at time "
            f"point {point + 1}, where most are {step * series.time_unit:g} s; bring the series to a grid first, with "
            f"bin:{max(step * series.time_unit, 1e-3):g}s, say"
        )
    return 1.0 / (step * series.time_unit)
