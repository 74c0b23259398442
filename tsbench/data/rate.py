"""The sampling rate of series, as they state it or as their times show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsbench.data.grid import FINE, UNEVEN, simplest_rate
from tsbench.data.panel import Array
from tsbench.errors import InvalidCaseError, InvalidDataError

if TYPE_CHECKING:
    from tsbench.data.series import Series


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
    if not all(agree(rate, other) for other in rates.values()):
        raise InvalidDataError(f"{name}: {' but '.join(f'{whose} says {r:g} Hz' for whose, r in rates.items())}")
    return rate


def agree(rate: float, other: float) -> bool:
    """Say whether two rates in Hz are one, but for how even steps are."""
    return abs(other - rate) <= 2 * UNEVEN * rate


def _of_times(series: Series, name: str) -> float | None:
    """Return the rate that times have; raises InvalidDataError where their steps differ."""
    if series.times is None:
        return None
    found = _steps(series.times.double().cpu().numpy(), series.lengths.cpu().numpy())
    if found is None:
        return None
    steps, step = found.steps, found.usual
    if len(found.uneven):
        case, point = found.uneven[0]
        raise InvalidCaseError(
            f"{name} needs an even grid: ",
            int(case),
            f" has a step of {steps[case, point] * series.time_unit:g} s at time point {point + 1}, where most are "
            f"{step * series.time_unit:g} s; bring the series to a grid first, with "
            f"bin:{max(step * series.time_unit, 1e-3):g}s, say",
        )
    return found.rate(series.time_unit)


class _Steps(NamedTuple):
    """Steps (n, t - 1) between time points, the usual one, and which (k, 2) are not it: case and point.

    inside : (n, t - 1), which are steps of a case. rounded : how far rounding may take a step from the true one.
    """

    steps: Array
    inside: Array
    usual: float
    rounded: float
    uneven: Array

    def rate(self, unit: float) -> float:
        """Return the rate in Hz where all steps are even; unit : that of times, in seconds."""
        if self.rounded <= FINE * self.usual:
            return 1.0 / (self.usual * unit)
        count = self.inside.sum()
        mean = float(self.steps[self.inside].sum() / count)
        return simplest_rate(mean * unit, self.rounded * len(self.steps) / count * unit)


def _steps(times: Array, lengths: Array) -> _Steps | None:
    """Return the steps of times (n, t); None where no case has two time points."""
    inside = np.arange(1, times.shape[1]) < lengths[:, None]
    if not inside.any():
        return None
    steps = np.diff(times, axis=1)
    usual = float(np.median(steps[inside]))
    rounded = 4 * np.spacing(np.abs(np.where(inside, times[:, 1:], 0.0)).max())
    uneven = np.argwhere(inside & ~(np.abs(steps - usual) <= UNEVEN * usual + rounded))
    return _Steps(steps, inside, usual, float(rounded), uneven)
