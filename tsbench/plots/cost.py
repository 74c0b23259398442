"""What a method reaches against what its training takes, and which methods no other beats in both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from tsbench.errors import UsageError
from tsbench.leaderboard.costs import costs_of
from tsbench.plots.about import About, check_units, compared
from tsbench.plots.drawing import caption, new_figure, styled
from tsbench.plots.marks import label_points
from tsbench.statistics.ranks import rounded
from tsbench.tasks import METRICS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tsbench.leaderboard.table import Board

NOTE = (
    "Squares on the line: no other method is as good in less time. Left of a dashed line: no training, 0 s. Times are "
    "of the machines that the runs were done on."
)


def numbers(board: Board) -> pd.DataFrame:
    """Return method, mean, fit_seconds (the mean over datasets) and front of the complete methods, the fastest first.

    front : no other method is as good and as fast, and better in one. board : with costs. Raises UsageError where the
    seconds of no method are known.
    """
    cells = compared(board, 1)
    check_units(board, board.common)
    table = board.summary.loc[cells.index, ["mean"]].join(costs_of(board, "mean")["fit_seconds"])
    table = table.dropna().rename_axis("method").reset_index()
    if table.empty:
        raise UsageError("this needs a mean and the seconds of the training of some method, and none has both")
    signed, seconds = METRICS[board.metric].sign * rounded(table["mean"].to_numpy()), table["fit_seconds"]
    table["front"] = [
        not ((signed >= good) & (seconds <= fast) & ((signed > good) | (seconds < fast))).any()
        for good, fast in zip(signed, seconds, strict=True)
    ]
    return table.sort_values(["fit_seconds", "mean"], kind="stable", ignore_index=True)


@styled
def draw(frame: pd.DataFrame, about: About | None = None) -> Figure:
    """Draw numbers of `numbers`; seconds are logarithmic, and 0 has a place left of them."""
    about = about or About()
    some = frame["fit_seconds"][frame["fit_seconds"] > 0]
    least = some.min() if len(some) else 1.0
    x, y = frame["fit_seconds"].where(frame["fit_seconds"] > 0, least / 4), about.scale * frame["mean"]
    figure = new_figure(7.4, 5.2)
    axis = figure.subplots()
    axis.set_xscale("log")
    # Names of ticks are text, as all is: the usual ones are formulas.
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}" if value > least / 2 else "")
    axis.xaxis.set_minor_formatter("")
    axis.tick_params(labelsize=8)
    axis.margins(0.12)
    front = frame["front"]
    axis.step(x[front], y[front], where="post", color="0.5", linewidth=1)
    axis.plot(x[front], y[front], "s", color="#0072B2", markersize=6)
    axis.plot(x[~front], y[~front], "o", color="#D55E00", markerfacecolor="white", markersize=5)
    if (frame["fit_seconds"] == 0).any():
        axis.axvline(least / 2, color="0.6", linestyle="--", linewidth=0.8)
        low = axis.get_xaxis_transform()
        axis.annotate("0", (least / 4, 0), (0, -4), low, "offset points", ha="center", va="top", fontsize=8)
    axis.set_xlabel("seconds of training, mean over datasets", fontsize=9)
    axis.set_ylabel(f"mean {about.value}", fontsize=9)
    axis.grid(color="0.92")
    axis.set_axisbelow(True)
    caption(figure, about.title, NOTE)
    label_points(axis, list(zip(x, y, strict=True)), list(frame["method"]))
    return figure
