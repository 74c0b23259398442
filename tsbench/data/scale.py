"""Whether cases of other data have values in the units of those that were learnt from, told by the values alone."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tsbench.data.normalise import Statistics, channel_text
from tsbench.data.panel import Array, Panel
from tsbench.data.stream import blocks
from tsbench.text import first_few

FAR = 100.0  # times as much as what was learnt from: what varies by more, or by so much less, is in another unit
LEVEL = 10.0  # deviations from the mean that was learnt from, beyond which a case is far
SHARE = 0.2  # of the cases, from which on far ones are told of; grave cases are fewer
RATIO = 6.0  # of two medians, from which on they are far apart
USUAL = 0.05, 0.95  # quantiles of what was learnt from, between which a median is never far
LEAST = 8  # cases that have a median to speak of
CONSTANT = 1e-6  # of the level: what varies by less does so by rounding
CASES = 512  # looked at together
SHOWN = 3  # channels and static values that are named

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scale:
    """At what level cases are and by how much they vary: float64 (n, n_channels), NaN where they have no value, or one.

    The limits above were chosen by real data: between the hospitals of `icu-demo`, the sets of `p12`, the people of
    `hapt` and the records of `mitdb` nothing is far, and degrees and molar units are, either way.
    """

    panel: Panel
    means: Numbers
    spreads: Numbers

    @classmethod
    def of(cls, panel: Panel) -> Scale:
        """Return the scale of cases; streamed ones are read once."""
        found = [_moments(panel.X[block]) for block in blocks(panel.X, CASES)]
        means, spreads = (np.concatenate(each) for each in zip(*found, strict=True))
        return cls(panel, means, np.where(spreads > CONSTANT * np.abs(means), spreads, np.nan))

    def told(self, panel: Panel, name: str) -> list[str]:
        """Return what is to be said of other cases with the same channels and static values, called `name`."""
        found = [*self._channels(Scale.of(panel)), *self._statics(panel)]
        lines = [f"{name}: {one}, {known} in what was learnt from; is it in another unit?" for one, known in found]
        more = len(lines) - SHOWN
        return lines[:SHOWN] + ([f"{name}: so it is with {more} more channels or static values"] if more > 0 else [])

    def _channels(self, new: Scale) -> Iterator[tuple[str, str]]:
        """Yield what channels that are far do, and did before."""
        names = new.panel.case_names()
        for channel in range(self.means.shape[1]):
            text, known, given = channel_text(self.panel, channel), self.means[:, channel], new.means[:, channel]
            spreads = self.spreads[:, channel], new.spreads[:, channel]
            if (far := _far(known, spreads[0], given)).any():
                yield f"{text} is at {_cases(given, far, names)}", f"at {np.nanmean(known):.4g}"
            elif pair := _medians(known, given):
                yield f"{text} is at {pair[1]:.4g}, the median", f"at {pair[0]:.4g}"
            elif pair := _medians(*spreads):
                yield f"{text} varies by {pair[1]:.4g}, the median", f"by {pair[0]:.4g}"

    def _statics(self, panel: Panel) -> Iterator[tuple[str, str]]:
        """Yield what numbers among static values that are far are, and were before."""
        if self.panel.static is None or panel.static is None:
            return
        names = panel.case_names()
        for number, (known, given) in enumerate(zip(self.panel.static.T, panel.static.T, strict=True)):
            name = self.panel.static_names[number] if self.panel.static_names else str(number)
            if {name} & (self.panel.categories.keys() | panel.categories.keys()) or np.isnan(known).all():
                continue
            low, high = float(np.nanmin(known)), float(np.nanmax(known))
            beyond = np.maximum(given - high, low - given) > max(high - low, LEVEL * float(np.nanstd(known)))
            if high > low and beyond.any():
                yield f"static {name} is {_cases(given, beyond, names)}", f"{low:.4g} to {high:.4g}"
            elif pair := _medians(known, given):
                yield f"static {name} is {pair[1]:.4g}, the median", f"{pair[0]:.4g}"


def other_unit(panel: Panel, statistics: Statistics, name: str) -> str:
    """Return what is to be said of the first case whose values are in another unit, by how much they vary; "" of none.

    statistics : of the channels that were learnt from.
    """
    usual = np.where(statistics.unseen, np.nan, statistics.std)
    for block in blocks(panel.X):
        times = spread(panel.X[block]) / usual
        largest = np.nanmax(np.append(times, np.full((len(times), 1), -1.0), axis=1), axis=1)
        wrong = np.flatnonzero((largest > FAR) | ((largest > 0) & (largest < 1 / FAR)))
        if len(wrong):
            case, channel = wrong[0], int(np.nanargmax(times[wrong[0]]))
            return (
                f"{named(panel, block.start + case, name)}: {channel_text(panel, channel)} varies "
                f"{largest[case]:.2g} times as much as in what was learnt from; is it in another unit?"
            )
    return ""


def spread(values: npt.NDArray[np.float32]) -> Numbers:
    """Return the standard deviation (n, n_channels) along time of X (n, n_channels, t); NaN without a value."""
    return _moments(values)[1]


def named(panel: Panel, case: int, name: str) -> str:
    """Return what messages call a case of data called `name`."""
    return name if len(panel) == 1 else f"{name}, {panel.case_names()[case]}"


def _moments(values: Array) -> tuple[Numbers, Numbers]:
    """Return mean and standard deviation (n, n_channels) along time of X (n, n_channels, t); NaN without a value."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of channels without a value
        means: Numbers = np.nanmean(values, axis=2, dtype=np.float64)
        return means, np.nanstd(values, axis=2, dtype=np.float64)


def _far(known: Numbers, spreads: Numbers, given: Numbers) -> npt.NDArray[np.bool_]:
    """Say which cases are far from the mean of those that were learnt from; none where they are few among others."""
    none, seen, n = np.zeros(len(given), dtype=bool), ~np.isnan(known), int((~np.isnan(given)).sum())
    if not seen.any():
        return none
    mean = known[seen].mean()
    deviation = np.sqrt(np.square(np.nan_to_num(spreads[seen])).mean() + known[seen].var())
    if deviation <= CONSTANT * abs(mean):  # nobody knows what would be far
        return none
    far = np.asarray(np.abs(given - mean) > LEVEL * deviation)
    return far if far.sum() >= max(min(2, n), SHARE * n) else none


def _medians(known: Array, given: Array) -> tuple[float, float] | None:
    """Return the medians of numbers that are not negative, of both sides, where they are far apart; else None."""
    known, given = (values[~np.isnan(values)].astype(np.float64) for values in (known, given))
    if min(len(known), len(given)) < LEAST:
        return None
    (low, high), before, now = np.quantile(known, USUAL), float(np.median(known)), float(np.median(given))
    if low < 0 or before <= 0 or now <= 0:
        return None
    apart = now > max(high, RATIO * before) or now < min(low, before / RATIO)
    return (before, now) if apart else None


def _cases(values: Array, which: npt.NDArray[np.bool_], names: Sequence[str]) -> str:
    """Return "310 (in 3 of 9 cases: r0, r1, r2)": the median of some values, and whose they are."""
    chosen = np.flatnonzero(which)
    text = f"{np.median(values[chosen]):.4g}"
    whose = first_few([names[case] for case in chosen])
    return text if len(names) == 1 else f"{text} (in {len(chosen)} of {len(names)} cases: {whose})"
