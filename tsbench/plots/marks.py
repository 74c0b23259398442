"""What tells lines and points apart without colour, and labels that stand beside what they name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tsbench.plots.drawing import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = npt.NDArray[np.float64]
# Okabe and Ito's, which the colour-blind tell apart; without the yellow, which white paper swallows.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">", "h")
LINES = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)))
SIZE = 8.0  # of letters, in points
REACH = (7.0, 16.0, 28.0, 42.0, 60.0, 80.0)  # how far a label may be from its point
AROUND = [(np.cos(angle), np.sin(angle)) for angle in np.deg2rad([0, 180, *range(20, 180, 20), *range(-160, 0, 20)])]


def mark(number: int) -> dict[str, Any]:
    """Return colour, marker and line of the line with this number: 385 of them differ."""
    kind = {"color": COLOURS[number % len(COLOURS)], "marker": MARKERS[number % len(MARKERS)]}
    return {**kind, "linestyle": LINES[number % len(LINES)], "markersize": 5, "linewidth": 1.3}


def spread(places: Sequence[float], gap: float) -> list[float]:
    """Return places moved as little as possible (in squares) so that they lie at least a gap apart, in their order."""
    from sklearn.isotonic import isotonic_regression

    if not len(places):
        return []
    order = np.argsort(places, kind="stable")
    steps = gap * np.arange(len(order))
    moved = np.empty(len(order))
    moved[order] = isotonic_regression(np.asarray(places, dtype=float)[order] - steps) + steps
    return [float(place) for place in moved]


def label_ends(axis: Axes, ends: Sequence[tuple[float, float]], names: Sequence[str]) -> None:
    """Name lines at their right ends, beside the axes, where they do not hide each other."""
    from matplotlib.transforms import blended_transform_factory

    figure: Any = axis.figure
    figure.draw_without_rendering()  # limits and size are known from here on
    down = axis.transAxes.inverted()
    heights = [down.transform(axis.transData.transform(end))[1] for end in ends]
    gap = 1.2 * SIZE / 72 * figure.dpi / axis.get_window_extent().height
    place = blended_transform_factory(axis.transAxes, axis.transAxes)
    for (x, y), name, height in zip(ends, names, spread(heights, gap), strict=True):
        start = down.transform(axis.transData.transform((x, y)))
        axis.plot([start[0], 1.03], [start[1], height], color="0.6", linewidth=0.5, transform=place, clip_on=False)
        axis.text(1.035, height, short(name, 32), transform=place, fontsize=SIZE, va="center")


def label_points(
    axis: Axes, points: Sequence[tuple[float, float]], names: Sequence[str], others: Sequence[tuple[float, float]] = ()
) -> None:
    """Name points within the axes, each where its name hides no point and no other name, if there is room.

    others : points without a name.
    """
    figure: Any = axis.figure
    figure.draw_without_rendering()
    frame, pixel = axis.get_window_extent(), figure.dpi / 72
    centres = axis.transData.transform(np.asarray([*points, *others], dtype=float).reshape(-1, 2))
    taken = [(x - 4 * pixel, y - 4 * pixel, x + 4 * pixel, y + 4 * pixel) for x, y in centres]
    look: Any = {"fontsize": SIZE, "va": "center", "bbox": {"fc": "white", "ec": "none", "pad": 0.4, "alpha": 0.85}}
    for centre, point, name in zip(centres, points, names, strict=False):
        text = axis.annotate(short(name, 32), point, (0, 0), textcoords="offset points", **look)
        text.set_in_layout(False)
        size = text.get_window_extent()
        best: tuple[float, Any, Any] = (np.inf, None, None)
        for reach in REACH:
            for right, up in AROUND:
                x = centre[0] + right * reach * pixel - size.width * (1 - right) / 2
                y = centre[1] + up * reach * pixel - size.height / 2
                box = (x, y, x + size.width, y + size.height)
                hidden = sum(_overlap(box, other) for other in taken) + 10 * _outside(box, frame.extents)
                hidden += 100 * _passed(centre, box, centres) if reach > REACH[0] else 0
                if hidden < best[0]:
                    best = (hidden, box, reach)
            if best[0] == 0:
                break
        _, box, reach = best
        taken.append(box)
        text.set_position(((box[0] - centre[0]) / pixel, ((box[1] + box[3]) / 2 - centre[1]) / pixel))
        if reach > REACH[0]:
            end = axis.transData.inverted().transform((np.clip(centre[0], box[0], box[2]), (box[1] + box[3]) / 2))
            axis.plot(*zip(point, end, strict=True), color="0.6", linewidth=0.5, zorder=1)


def _passed(start: Array, box: Sequence[float], centres: Array) -> int:
    """Return how many points the line from one to a box goes through."""
    way = np.array([np.clip(start[0], box[0], box[2]), (box[1] + box[3]) / 2]) - start
    others = centres - start
    along = np.clip(others @ way / np.maximum(way @ way, 1e-9), 0, 1)
    near = np.hypot(*(others - along[:, None] * way).T) < 5
    return int((near & (along > 0)).sum())


def _overlap(a: Sequence[float], b: Sequence[float]) -> float:
    """Return the area that two boxes (left, bottom, right, top) share."""
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def _outside(box: Sequence[float], frame: Sequence[float]) -> float:
    """Return the area of a box that is beyond a frame."""
    return (box[2] - box[0]) * (box[3] - box[1]) - _overlap(box, frame)
