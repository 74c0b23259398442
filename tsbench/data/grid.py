"""The grid that series were sampled on, as their times show it, and where they leave it."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import numpy as np

from tsbench.data.panel import SECONDS, Array, Panel

UNEVEN = 1e-3  # of a step, by which steps of one rate may differ, beside what rounding makes of large times
NEAR = 0.5  # of a step, by which it may be off where times jitter, or are rounded to milliseconds, say
SAMPLED = 0.9  # share of the steps of a series that must be so
MANY = 10  # steps that tell jitter from irregular times
MOST = 0.5  # share of the series of a panel that must be sampled at one rate
FINE = 1e-9  # of a step: times whose rounding is coarser than that tell a step by their mean alone
SIMPLE = (1, 10, 100, 1000)  # denominators of rates in Hz, of steps in seconds below 1 Hz, the likelier first
SURE = 3.0  # standard errors, beside 2 UNEVEN, by which the mean steps of two series may differ at one rate


class Grid(NamedTuple):
    """How a panel's series are sampled; steps are in its time unit.

    usual : the step of the median series; error : how far it may be from the true one. own : the step of each, (n,),
    NaN where its times are irregular; off : how far that may be from another step before the two are different. odd :
    (k, 2), case and time point of each step to that point that is none of the grid, of cases with the usual step.
    """

    usual: float
    error: float
    own: Array
    off: Array
    odd: Array

    def others(self, step: float) -> Array:
        """Return the cases whose own step is another than this one."""
        return np.flatnonzero(np.abs(self.own - step) > self.off)


def grid_of(panel: Panel) -> Grid | None:
    """Return how a panel is sampled; None where it has no times, or those of most of its series are irregular.

    A series is sampled where SAMPLED of its steps are equal (within UNEVEN), or of MANY are within NEAR of the median.
    """
    inside = np.arange(1, panel.n_timepoints) < panel.lengths[:, None]
    some = inside.any(axis=1)
    if panel.times is None or not some.any():
        return None
    rounded = 4 * float(np.spacing(np.abs(np.where(inside, panel.times[:, 1:], 0.0)).max()))
    steps = np.where(inside, np.diff(panel.times, axis=1), np.nan)
    count, median = inside.sum(axis=1), np.full(len(panel), np.nan)
    median[some] = np.nanmedian(steps[some], axis=1)
    away = np.abs(steps - median[:, None])
    exact = (away <= UNEVEN * median[:, None] + rounded).sum(axis=1) >= SAMPLED * count
    near = away < NEAR * median[:, None]
    jitters = (near.sum(axis=1) >= SAMPLED * count) & (count >= MANY)
    fine = rounded <= FINE * median
    own = np.where(exact & fine, median, np.where(exact | jitters, _mean(steps, near), np.nan))
    known = np.isfinite(own)
    if not known.any():
        return None
    spread = np.sqrt(_mean((steps - own[:, None]) ** 2, near)) * ~exact
    usual = float(np.nanquantile(own, 0.5, method="lower"))
    off = 2 * UNEVEN * usual + rounded + SURE * spread / np.sqrt(np.maximum(count, 1))
    if (np.abs(own[some] - usual) <= off[some]).mean() < MOST:
        return None
    allowed = UNEVEN * usual + rounded if exact[known].mean() >= MOST else NEAR * usual
    strays = inside & (np.abs(steps - usual) > allowed) & ~(np.abs(own - usual) > off)[:, None]
    error = SURE * float(np.median(spread[known])) / np.sqrt(count[known].sum())
    return Grid(usual, error, own, off, np.argwhere(strays) + np.array([0, 1]))


def rate_of(panel: Panel) -> float | None:
    """Return the rate in Hz that a panel states, or that its times have; None where neither tells one."""
    grid = grid_of(panel) if panel.sampling_rate is None else None
    if grid is None or grid.error > UNEVEN * grid.usual:
        return panel.sampling_rate
    return 1 / (grid.usual * SECONDS[panel.time_unit])


def simplest_rate(step: float, error: float) -> float:
    """Return the simplest rate, in Hz, of a step that may be off by an error, both in seconds."""
    slow = step > 1
    value, off = (step, error) if slow else (1 / step, error / step**2)
    simple = (float(Fraction(value).limit_denominator(most)) for most in SIMPLE)
    found = next((one for one in simple if abs(one - value) <= off), value)
    return 1 / found if slow else found


def uneven_times(panel: Panel) -> str:
    """Return what is to be said of sampled series that leave their grid, with the first case and step; "" for none."""
    grid = grid_of(panel)
    if grid is None or panel.times is None:
        return ""
    unit, names, said = panel.time_unit, panel.case_names(), list[str]()
    others = grid.others(grid.usual)
    if len(others):
        case = others[0]
        more = f" ({len(others)} such cases)" if len(others) > 1 else ""
        said.append(f"case '{names[case]}' has steps of {grid.own[case]:g} {unit}, most have {grid.usual:g}{more}")
    if len(grid.odd):
        case, point = grid.odd[0]
        before, time = panel.times[case, point - 1 : point + 1]
        more = f" ({len(grid.odd)} such steps, in {len(np.unique(grid.odd[:, 0]))} cases)" if len(grid.odd) > 1 else ""
        said.append(
            f"case '{names[case]}' has a step of {time - before:g} {unit} to time point {point}, at {time:.15g}, where "
            f"{grid.usual:g} is usual{more}"
        )
    return f"times are not even: {'; '.join(said)}; methods that read no times take all steps for equal" if said else ""


def _mean(values: Array, where: Array) -> Array:
    """Return the mean of each row over the places that are chosen."""
    return np.asarray(np.where(where, values, 0.0).sum(axis=1) / np.maximum(where.sum(axis=1), 1))
