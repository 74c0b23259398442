"""The picture of a dataset: a row per class, a few cases of each, channels over each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tsbench.plots.drawing import drawing, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from tsbench.data.panel import Array, Panel

MOST_CLASSES = 10
MOST_CASES = 3
MOST_CHANNELS = 8
PLACE: dict[str, Any] = {"loc": "outside lower center", "ncols": 4, "fontsize": 7}


def draw_dataset(name: str, panel: Panel, index: Array, part: str, out: Path) -> str:
    """Write a picture of the first cases of each class among the cases of an index; return what was left out.

    index : int (n,), the cases that may be shown. A series ends at its length, a missing value is a gap, and values
    are those of the file. part : what the index is, for the title.
    """
    rows = examples(panel, index)
    shown, n_channels = rows[:MOST_CLASSES], min(panel.n_channels, MOST_CHANNELS)
    left_out = [f"{len(rows) - len(shown)} of {len(rows)} classes"] * (len(shown) < len(rows))
    left_out += [f"{panel.n_channels - n_channels} of {panel.n_channels} channels"] * (n_channels < panel.n_channels)
    n_columns = max(len(cases) for _, cases in shown)
    with drawing(max(5.0, 3.2 * n_columns), 1.0 + 1.5 * len(shown), out) as figure:
        axes = figure.subplots(len(shown), n_columns, squeeze=False, sharex=True, sharey=True)
        for i, (label, cases) in enumerate(shown):
            for axis, case in zip(axes[i], cases, strict=False):
                _draw_case(axis, panel, case, n_channels)
            for axis in axes[i, len(cases) :]:
                axis.set_axis_off()
            axes[i, 0].set_ylabel(short(label, 16), fontsize=8)
        if n_channels > 1:
            _name_channels(axes[0, 0].lines[: 2 * n_channels : 2], panel)
        for axis in axes[-1]:
            axis.set_xlabel("time point" if panel.times is None else "time", fontsize=8)
        what = "".join(f", without {part}" for part in left_out)
        figure.suptitle(f"{short(name, 40)}: {part}, values as they are{what}", fontsize=9)
    return ", ".join(left_out)


def _name_channels(lines: Sequence[Line2D], panel: Panel) -> None:
    names = panel.channel_names or [f"channel {channel}" for channel in range(len(lines))]
    figure = lines[0].figure
    assert figure is not None
    figure.legend(lines, [short(name, 16) for name, _ in zip(names, lines, strict=False)], **PLACE)


def examples(panel: Panel, index: Array) -> list[tuple[str, list[int]]]:
    """Return (label, its first MOST_CASES cases) of each class that the index has; without classes, of all."""
    if panel.y is None or panel.task != "classification":
        return [("", index[:MOST_CASES].tolist())]
    y = panel.y[index]
    return [(panel.classes[label], index[y == label][:MOST_CASES].tolist()) for label in np.unique(y)]


def _draw_case(axis: Axes, panel: Panel, case: int, n_channels: int) -> None:
    length = int(panel.lengths[case])
    x = np.arange(length) if panel.times is None else panel.times[case, :length]
    for channel in range(n_channels):
        values, color = panel.X[case, channel, :length], f"C{channel}"
        axis.plot(x, values, color=color, linewidth=0.8)
        alone = _alone(values)
        axis.plot(x[alone], values[alone], ".", color=color, markersize=3)
    axis.set_title(short(f"case {panel.case_names()[case]}", 24), fontsize=7)
    axis.tick_params(labelsize=6)


def _alone(values: Array) -> Array:
    """Say which values (n,) have no neighbour, so that no line would show them; bool (n,)."""
    known = np.pad(~np.isnan(values), 1)
    alone: Array = known[1:-1] & ~known[:-2] & ~known[2:]
    return alone
