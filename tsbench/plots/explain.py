"""A case with what each of its values adds to a score, and the curves that judge it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsbench.plots.drawing import caption, new_figure, short, styled

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    Floats = npt.NDArray[np.float64]

MOST_CHANNELS = 6
ACROSS = 3  # pictures beside each other
LINES = ("-", "--", ":")
NOTE = (
    "Left: values as a line, below them what each adds to the score (up) or takes from it (down). Right: confidence "
    "when the values that count most are taken away first, or put into nothing first; what is not there is missing. "
    "Deletion should fall faster, and insertion rise faster, than in random order."
)
NOTE_OF_PICTURES = (
    "Left: what the net sees, in grey, and over it what each pixel adds to the score (orange) or takes (purple). "
    "Right: confidence when the tiles that count most (an eighth of a picture each way) are blanked first, or put into "
    "blank pictures first. Deletion should fall faster, and insertion rise faster, than in random order."
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
    _curves(right, curves)
    caption(figure, title, NOTE)
    return figure


@styled
def draw_pictures(
    pictures: list[tuple[str, Floats]], entries: pd.DataFrame, curves: pd.DataFrame, title: str
) -> Figure:
    """Draw the pictures that were seen and over them what each pixel adds; arguments as of an `Explanation`."""
    columns = min(len(pictures), ACROSS)
    rows = -(-len(pictures) // columns)
    figure = new_figure(4 + 3 * columns, 1.6 + max(3.2 * rows, 4))
    halves: Any = figure.subfigures(1, 2, width_ratios=[3 * columns, 4])
    axes = halves[0].subplots(rows, columns, squeeze=False).ravel()
    largest = np.quantile(entries["attribution"].abs(), 0.995) or 1.0
    for axis in axes[len(pictures) :]:
        axis.set_axis_off()
    for axis, (name, picture) in zip(axes, pictures, strict=False):
        _picture(axis, picture, entries[entries["picture"] == name], largest)
        axis.set_title(short(name, 30), fontsize=8)
        axis.set_xticks([])
        axis.set_yticks([])
    _curves(halves[1], curves)
    caption(figure, title, NOTE_OF_PICTURES)
    return figure


def _picture(axis: Axes, picture: Floats, one: pd.DataFrame, largest: float) -> None:
    """Draw a picture in faint grey and its attributions, those of a sensor beside its name."""
    grey = picture.mean(axis=0)
    ink = abs(grey - np.median(grey))  # dark on white and light on black alike
    span = ink.max() or 1.0
    attribution = np.zeros(grey.shape)
    attribution[one["row"], one["column"]] = one["attribution"]
    shape: Any = {"aspect": "auto" if grey.shape[0] != grey.shape[1] else "equal", "interpolation": "nearest"}
    axis.imshow(1 - 0.35 * ink / span, cmap="gray", vmin=0, vmax=1, **shape)
    alpha = np.clip(np.abs(attribution) / largest, 0, 1)
    axis.imshow(attribution, cmap="PuOr_r", vmin=-largest, vmax=largest, alpha=alpha, **shape)
    for name, cell in one[one["name"] != ""].groupby("name"):
        axis.text(cell["column"].min(), cell["row"].min(), short(str(name), 12), fontsize=5, va="top", color="0.3")


def _curves(right: Any, curves: pd.DataFrame) -> None:
    """Draw the curves of deletion and insertion, one above the other."""
    axes = right.subplots(2, 1, sharex=True)
    for axis, kind in zip(axes, ("deletion", "insertion"), strict=True):
        part = curves[curves["kind"] == kind]
        for line, (name, curve) in zip(LINES, part.groupby("by", sort=False), strict=False):
            axis.plot(curve["share"], curve["confidence"], line, color="black", linewidth=1.3, label=str(name))
        axis.set_title(kind, fontsize=9)
        axis.set_ylabel("confidence", fontsize=8)
        axis.set_xlabel(f"share {'taken away' if kind == 'deletion' else 'put in'}", fontsize=8)
        axis.tick_params(labelsize=7)
    right.legend(*axes[0].get_legend_handles_labels(), fontsize=7, loc="outside lower center", ncols=3)


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
