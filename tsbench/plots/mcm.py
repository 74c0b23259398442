"""The multi-comparison matrix (Ismail-Fawaz et al. 2023): each method against each other, whoever else is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tsbench.plots.about import About, check_units, compared
from tsbench.plots.drawing import caption, new_figure, short, styled
from tsbench.statistics.groups import ALPHA
from tsbench.statistics.matrix import comparison_matrix
from tsbench.tasks import METRICS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tsbench.leaderboard.table import Board

NOTE = (
    "Each cell: mean of row minus column, datasets where the row wins / ties / loses, and p of Wilcoxon's two-sided "
    f"signed-rank test, bold below {ALPHA:g}. p is not corrected: a cell does not depend on which other methods are "
    "shown, and of many cells some are below by chance. The mean of a method stands beside its name."
)


def numbers(board: Board) -> pd.DataFrame:
    """Return row, column, difference, wins, ties, losses, p, row_mean, n_datasets of each two complete methods.

    Both ways, as `statistics.matrix` has them. Raises UsageError for less than two methods or datasets, and for several
    units.
    """
    cells = compared(board, 2, 2)
    check_units(board, board.common)
    found = comparison_matrix(cells, METRICS[board.metric].sign)
    return found.assign(row_mean=found["row"].map(cells.mean(axis=1)), n_datasets=cells.shape[1])


@styled
def draw(frame: pd.DataFrame, about: About | None = None) -> Figure:
    """Draw numbers of `numbers`, the best mean at the top and on the left."""
    about = about or About()
    names = list(dict.fromkeys(frame["row"]))
    means = dict(zip(frame["row"], frame["row_mean"], strict=True))
    place = frame["row"].map(names.index).to_numpy(), frame["column"].map(names.index).to_numpy()
    better = np.full((len(names), len(names)), np.nan)
    better[place] = about.sign * frame["difference"]
    width = max(2.6 + 0.78 * len(names), 4.6 + 0.5 * len(names))  # the latter for few methods of long names
    figure = new_figure(width, 3.0 + 0.5 * len(names))
    axis = figure.subplots()
    most = np.nanmax(np.abs(better)) or 1.0
    axis.imshow(better, cmap="PuOr", vmin=-2.2 * most, vmax=2.2 * most, aspect="auto", interpolation="nearest")
    columns = ["difference", "wins", "ties", "losses", "p"]
    for i, j, (difference, wins, ties, losses, p) in zip(*place, frame[columns].itertuples(index=False), strict=True):
        text = f"{about.scale * difference:+.{about.digits}f}\n{wins}/{ties}/{losses}\n{_p(p)}"
        axis.text(j, i, text, ha="center", va="center", fontsize=7, fontweight="bold" if p < ALPHA else "normal")
    slanted: Any = {"rotation": 45, "ha": "left", "rotation_mode": "anchor", "fontsize": 8}
    axis.set_xticks(range(len(names)), [short(name, 32) for name in names], **slanted)
    axis.set_yticks(range(len(names)), [f"{short(name, 32)}  {about.text(means[name])}" for name in names], fontsize=8)
    axis.xaxis.tick_top()
    axis.tick_params(length=0)
    caption(figure, about.title, f"{about.value} over {frame['n_datasets'].iloc[0]} datasets. {NOTE}")
    figure.draw_without_rendering()  # slanted names reach beyond their cells: the layout needs a second look
    return figure


def _p(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
