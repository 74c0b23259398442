"""Two methods against each other: a point per dataset, above the diagonal where the second is the higher."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from tsbench.errors import UsageError
from tsbench.plots.about import About
from tsbench.plots.drawing import caption, new_figure, short, styled
from tsbench.plots.marks import label_points
from tsbench.statistics.ranks import differences

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tsbench.leaderboard.table import Board

NAMED = 6  # datasets whose difference is the largest
KINDS = {1: ("better", "^", "#0072B2"), 0: ("alike", "o", "#000000"), -1: ("better", "v", "#D55E00")}


def numbers(board: Board) -> pd.DataFrame:
    """Return dataset and a column for each of the two methods of a board, on the datasets that both have.

    Raises UsageError where the board has not two methods.
    """
    if len(board.cells) != 2:
        raise UsageError(f"this compares two methods, and the board has {len(board.cells)}: name them, --method A,B")
    cells = board.cells.dropna(axis=1).T
    if cells.empty:
        raise UsageError(f"{' and '.join(board.cells.index)} have no dataset in common")
    return cells.rename_axis(columns=None).reset_index(names="dataset")


@styled
def draw(frame: pd.DataFrame, about: About | None = None) -> Figure:
    """Draw numbers of `numbers`: the first method across, the second up; the largest differences have names."""
    about = about or About()
    across, up = (str(name) for name in frame.columns[1:3])
    x, y = about.scale * frame[across], about.scale * frame[up]
    difference = about.sign * pd.Series(differences(y.to_numpy(), x.to_numpy()), frame.index)
    kinds = (difference > 0).astype(int) - (difference < 0).astype(int)
    names = {1: up, 0: "both", -1: across}
    labels = {
        kind: f"{short(names[kind], 28)} {word}: {int((kinds == kind).sum())}" for kind, (word, *_) in KINDS.items()
    }
    in_a_row = sum(map(len, labels.values())) <= 60
    figure = new_figure(5.2, 5.6 if in_a_row else 6.0)
    axis = figure.subplots()
    low, high = min(x.min(), y.min()), max(x.max(), y.max())
    edge = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    axis.plot([low - edge, high + edge], [low - edge, high + edge], color="0.6", linewidth=0.8)
    for kind, (_, marker, color) in KINDS.items():
        fill, chosen = "full" if kind else "none", kinds == kind
        axis.plot(x[chosen], y[chosen], marker, color=color, markersize=5, fillstyle=fill, label=labels[kind])
    axis.set(xlim=(low - edge, high + edge), ylim=(low - edge, high + edge), aspect="equal")
    axis.set_xlabel(f"{short(across, 40)}: {about.value}", fontsize=9)
    axis.set_ylabel(f"{short(up, 40)}: {about.value}", fontsize=9)
    figure.legend(loc="outside lower center", ncols=3 if in_a_row else 1, fontsize=8, frameon=False)
    axis.tick_params(labelsize=8)
    caption(figure, about.title)
    largest = difference.abs().sort_values(ascending=False, kind="stable").index[:NAMED]
    named = [number for number in largest if difference[number]]
    others = [(x[n], y[n]) for n in frame.index if n not in named]
    label_points(axis, [(x[n], y[n]) for n in named], [str(frame["dataset"][n]) for n in named], others)
    return figure
