"""What a method reaches with a share of the training labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from tsbench.condition import Condition
from tsbench.plots.about import About
from tsbench.plots.conditions import Place, draw_lines
from tsbench.plots.drawing import caption, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NOTE = "Mean over {} datasets; bars: standard deviation over seeds."
EXAMPLE = "+labels=0.1"


def varied(base: Condition, condition: Condition) -> Place | None:
    """Return the share of labels, where all else is as in the base."""
    same = condition.model_copy(update={"label_fraction": base.label_fraction}) == base
    return ("", condition.label_fraction) if same else None


@styled
def draw(frame: pd.DataFrame, about: About | None = None) -> Figure:
    """Draw the rows of `conditions.collected`: shares across, logarithmic."""
    about = about or About()
    figure = new_figure(7.4, max(4.6, 2.0 + 0.15 * frame["method"].nunique()))
    axis = figure.subplots()
    axis.set_xscale("log")
    levels = sorted(frame["level"].unique())
    axis.set_xticks(levels, [f"{100 * level:g}%" for level in levels])
    axis.set_xticks([], minor=True)
    axis.set_xlabel("share of the training labels", fontsize=9)
    caption(figure, about.title, NOTE.format(frame["n_datasets"].iloc[0]))
    draw_lines(axis, frame, about)
    return figure
