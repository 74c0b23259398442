"""Matching channels (whatever their capitals) and static values of other data to what something was made for."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from tsbench.data.channel_units import factor
from tsbench.data.grid import grid_of, rate_of
from tsbench.data.panel import SECONDS, Panel
from tsbench.data.rate import agree
from tsbench.errors import InvalidDataError, TsbenchWarning
from tsbench.text import first_few


def matched(panel: Panel, like: Panel, name: str, needs: Collection[str] = ("times", "static")) -> Panel:
    """Return a panel's cases with the channels of `like`, in its order, found by name; further channels are left out.

    Names may differ in capitals: AVR is aVR where no other channel is called so. Times are converted to the unit of
    `like`.
    Where either has no names of channels, both must have as many. Voltages are converted to the unit of `like`; a unit
    that only one of the two states is warned of (TsbenchWarning). Static values that `like` has not are left out, and
    so are times where it has none. name : what the panel is called. needs : which of times and static values must be
    there where `like` has them; what need not be there and is not whole is left out.

    Raises InvalidDataError for a channel or static value that is missing, times that are, a channel in another unit,
    and another sampling rate, stated or that of even times.
    """
    own, wanted = _spelt(panel.channel_names, like.channel_names), like.channel_names
    if own and wanted:
        spelt = dict(zip(panel.channel_names, own, strict=True))
        panel = replace(panel, units={spelt[name]: unit for name, unit in panel.units.items()})
        order = _places(own, wanted, f"{name}: its series have no")
        if order != list(range(panel.n_channels)):
            panel = replace(panel.loaded(), channel_names=(), X=panel.loaded().X[:, order])
        panel = replace(panel, channel_names=wanted)
    elif panel.n_channels != like.n_channels:
        raise InvalidDataError(f"{name} has {panel.n_channels} channels, expected {like.n_channels}")
    panel = _in_time_unit(_in_units(panel, like, name), like)
    rate, expected = rate_of(panel), rate_of(like)
    if rate is not None and expected is not None and not agree(rate, expected):
        raise InvalidDataError(
            f"{name} is sampled at {rate:g} Hz, expected {expected:g} Hz; resample it: write "
            f"+resample={expected:g}hz right behind its name or path{_other_clock(rate, expected)}"
        )
    _check_each(panel, expected, name)
    if panel.times is not None and like.times is not None and expected is not None and rate is None:
        warnings.warn(f"{name} has irregular times, expected {expected:g} Hz", TsbenchWarning, stacklevel=2)
    if like.times is not None and panel.times is None and "times" in needs:
        raise InvalidDataError(f"{name} has no times of its points, which are expected")
    panel = panel if like.times is not None else replace(panel, times=None)
    like = like if "static" in needs else replace(like, static=None, static_names=(), categories={})
    return replace(_with_statics(panel, like, name), text=panel.text if like.text is not None else None)


def _check_each(panel: Panel, expected: float | None, name: str) -> None:
    """Raise InvalidDataError for a case whose times are those of another rate than the expected one, in Hz."""
    grid = grid_of(panel)
    if grid is None or expected is None:
        return
    seconds = SECONDS[panel.time_unit]
    others = grid.others(1 / (expected * seconds))
    if len(others):
        case, rate = panel.case_names()[others[0]], 1 / (grid.own[others[0]] * seconds)
        raise InvalidDataError(
            f"{name}: the times of recording '{case}' are of {rate:g} Hz, expected {expected:g} Hz (so are those of "
            f"{len(others)} of {len(panel)}); resample it, or leave it out"
        )


def _in_units(panel: Panel, like: Panel, name: str) -> Panel:
    """Return a panel with its channels in the units of `like`, whose channels it has in the same order."""
    factors, lone = np.ones(panel.n_channels, np.float32), []
    for place, channel in enumerate(like.channel_names):
        unit, wanted = panel.units.get(channel), like.units.get(channel)
        if unit and wanted:
            by = factor(unit, wanted)
            if by is None:
                raise InvalidDataError(
                    f"{name}: channel '{channel}' is in '{unit}' (in recording '{panel.case_names()[0]}', say), "
                    f"expected '{wanted}'; convert its values, and state the unit that they then have"
                )
            factors[place] = by
        elif unit or wanted:
            lone.append(f"{channel} ({unit or 'unknown'}, expected {wanted or 'unknown'})")
    if lone:
        text = f"{name}: units that only one side states are not compared: {first_few(lone)}"
        warnings.warn(text, TsbenchWarning, stacklevel=3)
    return panel if (factors == 1).all() else panel.changed(lambda X: X * factors[:, None])


def _in_time_unit(panel: Panel, like: Panel) -> Panel:
    """Return a panel with its times in the unit of `like`."""
    if panel.time_unit == like.time_unit:
        return panel
    by = SECONDS[panel.time_unit] / SECONDS[like.time_unit]
    times = None if panel.times is None else panel.times * by
    return replace(panel, times=times, time_unit=like.time_unit)


def _other_clock(rate: float, expected: float) -> str:
    """Return what else may be wrong where two rates in Hz differ as two units of time do; "" where they do not."""
    for unit, seconds in SECONDS.items():
        if seconds != 1 and agree(rate, expected * seconds):
            return f", or give its times in seconds where they are in {unit}"
    return ""


def _with_statics(panel: Panel, like: Panel, name: str) -> Panel:
    if like.static is None:
        return replace(panel, static=None, static_names=(), categories={})
    if panel.static is None:
        raise InvalidDataError(f"{name} has no static values, expected {', '.join(like.static_names) or 'some'}")
    if not (panel.static_names and like.static_names):
        return panel
    order = _places(panel.static_names, like.static_names, f"{name}: it has no static value")
    static, categories = panel.static[:, order], {}
    for one, values, known in zip(like.static_names, static.T, like.static.T, strict=True):
        sides = one in panel.categories, one in like.categories
        if sides[0] != sides[1] and not (np.isnan(values).all() or np.isnan(known).all()):
            raise InvalidDataError(f"{name}: the static value '{one}' is text in one, a number in the other")
        if any(sides):  # a column that nobody has a value in is of either kind
            categories[one] = panel.categories.get(one, like.categories.get(one, ()))
    return replace(panel, static=static, static_names=like.static_names, categories=categories)


def _places(own: Sequence[str], wanted: Sequence[str], what: str) -> list[int]:
    missing = [one for one in wanted if one not in own]
    if missing:
        raise InvalidDataError(f"{what} {', '.join(missing)}; it has {', '.join(own)}")
    return [list(own).index(one) for one in wanted]


def _spelt(own: Sequence[str], wanted: Sequence[str]) -> Sequence[str]:
    """Return names spelt as in `wanted` where they differ in capitals alone; as they are where two would be one."""
    spelling = {one.casefold(): one for one in wanted}
    spelt = [one if one in wanted else spelling.get(one.casefold(), one) for one in own]
    return spelt if len(spelling) == len(wanted) and len(set(spelt)) == len(spelt) else own
