"""A case with what each of its values adds to a score, and the curves that judge it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsbench.plots.drawing import caption, new_figure, short, styled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_CHANNELS = 6
LINES = ("-", "--", ":")
NOTE = (
    "Left: values as a line, below them what each adds to the score (up) or takes from it (down). Right: confidence "
    "when the values that count most are taken away first, or put into nothing first; what is not there is missing. "
    "Deletion should fall faster, and insertion rise faster, than in random order."
)


@styled
def draw(entries: pd.DataFrame, curves: pd.DataFrame, title: str) -> Figure:
    """Draw the channels with the largest attributions; entries, curves : as of an `Explanation`."""
    sizes = entries["attribution"].abs().groupby(entries["channel"]).sum()
    shown = sorted(sizes.nlargest(MOST_CHANNELS).index)
    figure = new_figure(10, 1.6 + 1.5 * max(len(shown), 2))
    halves: Any = figure.subfigures(1, 2, width_ratios=[2, 1])
    left, right = halves
    rows: Any = left.subplots(2 * len(shown), 1, sharex=True, squeeze=False, height_ratios=[1, 1] * len(shown))[:, 0]
    largest = entries["attribution"].abs().max() or 1.0
    for number, channel in enumerate(shown):
        one = entries[entries["channel"] == channel]
        _channel(rows[2 * number], rows[2 * number + 1], one, largest)
    rows[-1].set_xlabel("time", fontsize=8)
    hidden = len(sizes) - len(shown)
    if hidden:
        rows[0].set_title(f"{len(shown)} of {len(sizes)} channels, those that count most", fontsize=8)
    for axis, kind in zip(right.subplots(2, 1, sharex=True), ("deletion", "insertion"), strict=True):
        part = curves[curves["kind"] == kind]
        for line, (name, curve) in zip(LINES, part.groupby("by", sort=False), strict=False):
            axis.plot(curve["share"], curve["confidence"], line, color="black", linewidth=1.3, label=str(name))
        axis.set_title(kind, fontsize=9)
        axis.set_ylabel("confidence", fontsize=8)
        done = "taken away" if kind == "deletion" else "put in"
        axis.set_xlabel(f"share of the values {done}", fontsize=8)
        axis.tick_params(labelsize=7)
    figure.legend(*axis.get_legend_handles_labels(), fontsize=7, loc="upper right", ncols=3)
    caption(figure, title, NOTE)
    return figure


def _channel(above: Axes, below: Axes, one: pd.DataFrame, largest: float) -> None:
    """Draw a channel's values, and its attributions on one scale with those of the other channels."""
    above.plot(one["time"], one["value"], "-o", color="black", linewidth=0.8, markersize=2)
    above.set_ylabel(short(f"channel {one['name'].iloc[0]}", 16), fontsize=7)
    below.vlines(one["time"], np.minimum(one["attribution"], 0), np.maximum(one["attribution"], 0), color="black")
    below.axhline(0, color="0.5", linewidth=0.6)
    below.set_ylim(-1.05 * largest, 1.05 * largest)
    below.set_ylabel("adds", fontsize=7)
    for axis in (above, below):
        axis.tick_params(labelsize=7)
