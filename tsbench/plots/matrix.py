"""A heat map of a board: a row and a column for each method and dataset, with the numbers in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tsbench.plots.about import About
from tsbench.plots.drawing import caption, new_figure, short, styled
from tsbench.statistics.ranks import rounded
from tsbench.tasks import METRICS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tsbench.leaderboard.table import Board

NOTE = "The darker, the better the rank within the dataset; the best are bold; hatched: no result."


def numbers(board: Board) -> pd.DataFrame:
    """Return method, dataset, value and rank (1 is the best of the dataset) of every cell, in the board's order.

    Both are empty where there is no result; datasets without any are left out.
    """
    cells = board.cells.dropna(axis=1, how="all")
    place = pd.MultiIndex.from_product([cells.index, cells.columns], names=["method", "dataset"])
    found = pd.DataFrame({"value": cells.to_numpy().ravel()}, place).reset_index()
    signed = METRICS[board.metric].sign * pd.Series(rounded(found["value"].to_numpy()))
    return found.assign(rank=signed.groupby(found["dataset"]).rank(ascending=False, method="min"))


@styled
def draw(frame: pd.DataFrame, about: About | None = None) -> Figure:
    """Draw numbers of `numbers`; datasets go down where there are more of them than methods."""
    about = about or About()
    down, across = "method", "dataset"
    if frame["dataset"].nunique() > frame["method"].nunique():
        down, across = across, down
    rows, columns = list(dict.fromkeys(frame[down])), list(dict.fromkeys(frame[across]))
    wide, high = 0.5 * len(columns), 0.22 * len(rows)
    figure = new_figure(max(wide + 2.4, 5.0), high + 2.4)
    axis = figure.subplots()
    place = frame[down].map(rows.index).to_numpy(), frame[across].map(columns.index).to_numpy()
    shade = np.full((len(rows), len(columns)), np.nan)
    most = frame.groupby("dataset")["rank"].transform("max").clip(lower=2)
    shade[place] = 1 - (frame["rank"] - 1) / (most - 1)
    axis.imshow(shade, cmap="Blues", vmin=-0.1, vmax=1.6, aspect="auto", interpolation="nearest")
    for i, j in zip(*np.nonzero(np.isnan(shade)), strict=True):
        axis.axhspan(i - 0.5, i + 0.5, j / len(columns), (j + 1) / len(columns), fill=False, hatch="////", ec="0.7")
    for i, j, value, rank in zip(*place, frame["value"], frame["rank"], strict=True):
        weight = "bold" if rank == 1 else "normal"
        if rank > 0:
            axis.text(j, i, about.text(value), ha="center", va="center", fontsize=7, fontweight=weight)
    axis.set_xticks(range(len(columns)), [short(name, 32) for name in columns], rotation=90, fontsize=7)
    axis.set_yticks(range(len(rows)), [short(name, 32) for name in rows], fontsize=7)
    axis.xaxis.tick_top()
    axis.tick_params(length=0)
    caption(figure, about.title, f"{about.value}. {NOTE}")
    return figure
