"""Values that cannot be, by the limits of the dataset's card."""

from __future__ import annotations

import numpy as np

from tsbench.data.panel import Array
from tsbench.data.stream import blocks
from tsbench.data_check.found import Found
from tsbench.data_check.parts import Sides

CHECK, SHOWN = "impossible values", 6  # channels that are told


def check_limits(sides: Sides) -> list[Found]:
    """Count values outside the limits, by channel and static value, with one and the case that has it."""
    panel, limits = sides.data.panel, sides.limits
    found = []
    for place, name in enumerate(panel.channel_names):
        if name in limits:
            parts = (panel.X[block][:, place] for block in blocks(panel.X))
            found.append((name, *_outside(np.concatenate(list(parts)), *limits[name])))
    for place, name in enumerate(panel.static_names):
        if name in limits and panel.static is not None:
            found.append((name, *_outside(panel.static[:, [place]], *limits[name])))
    if not found:
        return [Found(CHECK, "skipped", "nothing says what values its channels can have")]
    names = panel.case_names()
    told = []
    for name, count, total, case, value in sorted(found, key=lambda one: -one[1]):
        (low, high), example = limits[name], f"({value:g} in case {names[case]}, say)"
        told += [f"{name}: {count} of {total} outside {low:g} to {high:g} {example}"] if count else []
    if not told:
        return [Found(CHECK, "ok", f"none in the {len(found)} channels and static values that have limits")]
    more = f"; and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
    return [Found(CHECK, "warning", "; ".join(told[:SHOWN]) + more, "make them missing, or correct their unit")]


def _outside(values: Array, low: float, high: float) -> tuple[int, int, int, float]:
    """Return how many of values (n, k) are outside, of how many there are, and the first such case and value."""
    outside = (values < low) | (values > high)
    case, at = np.unravel_index(int(outside.argmax()), outside.shape)
    return int(outside.sum()), int(np.isfinite(values).sum()), int(case), float(values[case, at])
