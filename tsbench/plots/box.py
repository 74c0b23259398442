"""How the cells of each method spread, or their differences from those of one method."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from tsbench.discovery.catalog import did_you_mean
from tsbench.errors import UsageError
from tsbench.plots.about import About, check_units, compared
from tsbench.plots.drawing import caption, new_figure, short, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tsbench.leaderboard.table import Board

NOTE = (
    "A point is a dataset, a box holds the middle half of them, the line is the median, the diamond the mean; whiskers "
    "reach 1.5 times the box."
)


def numbers(board: Board, reference: str = "") -> pd.DataFrame:
    """Return method, dataset, value of the complete methods on the datasets that all have.

    reference : a method, whose value is taken off that of every other; it has no rows itself. Raises UsageError.
    """
    cells = compared(board, 2 if reference else 1)
    check_units(board, board.common)
    if reference:
        if reference not in cells.index:
            known = list(cells.index)
            raise UsageError(
                f"--reference {reference}: it is not among the complete methods"
                f"{did_you_mean(reference, known) or ': ' + ', '.join(known)}"
            )
        cells = (cells - cells.loc[reference]).drop(index=reference)
    place = pd.MultiIndex.from_product([cells.index, cells.columns], names=["method", "dataset"])
    return pd.DataFrame({"value": cells.to_numpy().ravel()}, place).reset_index()


@styled
def draw(frame: pd.DataFrame, about: About | None = None, reference: str = "") -> Figure:
    """Draw numbers of `numbers`, a box per method, the first at the top."""
    about = about or About()
    names = list(dict.fromkeys(frame["method"]))
    values = [about.scale * frame.loc[frame["method"] == name, "value"].to_numpy() for name in names]
    figure = new_figure(6.8, 1.6 + 0.32 * len(names))
    axis = figure.subplots()
    axis.boxplot(
        values,
        orientation="horizontal",
        widths=0.62,
        showmeans=True,
        showfliers=False,
        medianprops={"color": "black", "linewidth": 1.6},
        meanprops={"marker": "D", "markerfacecolor": "white", "markeredgecolor": "black", "markersize": 5},
    )
    for number, one in enumerate(values, start=1):
        # Beside each other in the order of the datasets, so that points of one value are all seen.
        offsets = [0.36 * (place / max(len(one) - 1, 1) - 0.5) for place in range(len(one))]
        axis.plot(one, [number + offset for offset in offsets], ".", color="#0072B2", markersize=3, zorder=1)
    axis.set_yticks(range(1, len(names) + 1), [short(name, 36) for name in names], fontsize=8)
    axis.set_ylim(len(names) + 0.6, 0.4)
    axis.tick_params(labelsize=8)
    axis.grid(axis="x", color="0.9")
    axis.set_axisbelow(True)
    if reference:
        axis.axvline(0, color="0.4", linestyle="--", linewidth=0.8)
    label = f"{about.value}, minus that of {short(reference, 36)}" if reference else about.value
    axis.set_xlabel(label, fontsize=9)
    caption(figure, about.title, NOTE)
    return figure
