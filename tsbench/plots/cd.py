"""The critical-difference diagram (Demšar 2006): average ranks on a line, bars under what no test tells apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from tsbench.plots.about import About, compared
from tsbench.plots.drawing import caption, new_figure, short, styled
from tsbench.statistics.groups import ALPHA, blunt, groups
from tsbench.statistics.ranks import ranks
from tsbench.tasks import METRICS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tsbench.leaderboard.table import Board

BARS = (
    "Bars join methods of which no two differ by Wilcoxon's two-sided signed-rank test at {:g} with Holm's correction "
    "over all pairs; a dot is a member."
)
BLUNT = "No bars: on so few datasets no result could tell two of so many methods apart."
UNITS = "No bars: the labels of these datasets are in units of their own, and their differences have no common order."
WEAKNESS = (
    "Ranks, and with the correction the bars, depend on which methods are shown; a bar is no proof that methods are "
    "equal."
)
STEP = 0.26  # inches from label to label


def numbers(board: Board, alpha: float = ALPHA) -> pd.DataFrame:
    """Return method, rank (the average), groups, n_datasets, alpha of the complete methods, the best first.

    groups : numbers of the groups that a method is in, with blanks between, as `statistics.groups` has them; empty for
    all where no test could tell any two apart, or differences are in several units. Raises UsageError for less than two
    methods or datasets.
    """
    cells, sign = compared(board, 2, 2), METRICS[board.metric].sign
    found = [] if board.in_several_units or blunt(cells, alpha) else groups(cells, sign, alpha)
    average = ranks(cells, sign).mean(axis=1).sort_values(kind="stable")
    member = {name: " ".join(str(n) for n, one in enumerate(found, start=1) if name in one) for name in average.index}
    table = average.rename_axis("method").rename("rank").reset_index()
    return table.assign(groups=table["method"].map(member), n_datasets=cells.shape[1], alpha=alpha)


@styled
def draw(frame: pd.DataFrame, about: About | None = None) -> Figure:
    """Draw numbers of `numbers`; bars of one member are left out."""
    about, count = about or About(), len(frame)
    members: dict[str, list[float]] = {}
    for rank, text in zip(frame["rank"], frame["groups"], strict=True):
        for group in text.split():
            members.setdefault(group, []).append(rank)
    bars = [ranks for _, ranks in sorted(members.items(), key=lambda pair: int(pair[0])) if len(ranks) > 1]
    top = 0.35 + 0.14 * len(bars)
    depth = top + STEP * ((count + 1) // 2)
    figure = new_figure(8.4, depth + 1.5)
    axis = figure.subplots()
    axis.set(xlim=(1 - 0.02 * count, count + 0.02 * count), ylim=(depth, -0.35))
    axis.set_axis_off()
    axis.plot([1, count], [0, 0], color="black", linewidth=1, clip_on=False)
    for tick in range(1, count + 1):
        axis.plot([tick, tick], [0, -0.07], color="black", linewidth=1)
        axis.text(tick, -0.1, str(tick), ha="center", va="bottom", fontsize=8)
    for number, one in enumerate(bars):
        axis.plot(one, [0.22 + 0.14 * number] * len(one), "-o", color="black", linewidth=2.5, markersize=3.5, zorder=3)
    _names(axis, frame, top)
    none = UNITS if about.units_differ else BLUNT
    said = BARS.format(frame["alpha"].iloc[0]) if (frame["groups"] != "").any() else none
    caption(
        figure,
        about.title,
        f"Average ranks over {frame['n_datasets'].iloc[0]} datasets, 1 is the best. {said} {WEAKNESS}",
    )
    return figure


def _names(axis: Axes, frame: pd.DataFrame, top: float) -> None:
    """Write the better half of the methods on the left, the others on the right, with a line to their ranks."""
    count, half = len(frame), (len(frame) + 1) // 2
    for number, (name, rank) in enumerate(zip(frame["method"], frame["rank"], strict=True)):
        left = number < half
        depth = top + STEP * (number if left else count - 1 - number)
        edge = 1 - 0.02 * count if left else count + 0.02 * count
        axis.plot([rank, rank, edge], [0, depth, depth], color="0.35", linewidth=0.8, clip_on=False)
        text = f"{short(name, 32)}  {rank:.2f}"
        shift = -4 if left else 4
        place: Any = {"textcoords": "offset points", "ha": "right" if left else "left", "va": "center", "fontsize": 8}
        axis.annotate(text, (edge, depth), (shift, 0), annotation_clip=False, **place)
