"""What a method reaches on corrupted series: a panel per corruption, its level across."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from tsbench.plots.about import About
from tsbench.plots.conditions import Place, draw_lines
from tsbench.plots.drawing import caption, new_figure, short, styled
from tsbench.protocol import Condition

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NOTE = "Mean over {} datasets; bars: standard deviation over seeds. {}"
STAGES = {
    "test": "the test part is corrupted",
    "downstream": "what the probe is fitted on, too",
    "all": "what the method is trained on, too",
}
EXAMPLE = "+noise=10@test"
CLEAN = ""


def varied(base: Condition, condition: Condition) -> Place | None:
    """Return corruption and stage, with the level, where the share of labels is that of the base; CLEAN has level 0."""
    if condition.label_fraction != base.label_fraction:
        return None
    clean = condition.corruption == "none"
    return (CLEAN, 0.0) if clean else (f"{condition.corruption}@{condition.stage}", condition.level)


@styled
def draw(frame: pd.DataFrame, about: About | None = None) -> Figure:
    """Draw the rows of `conditions.collected`; the clean protocol is a dashed level of each method's colour."""
    about = about or About()
    clean, rest = frame[frame["panel"] == CLEAN], frame[frame["panel"] != CLEAN]
    panels = list(dict.fromkeys(rest["panel"]))
    high = max(3.2, 1.2 + 0.15 * frame["method"].nunique())
    figure = new_figure(7.4, high * len(panels) + 0.8)
    axes = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
    stages = {panel.rpartition("@")[2] for panel in panels}
    words = "; ".join(f"@{stage}: {words}" for stage, words in STAGES.items() if stage in stages)
    caption(figure, about.title, NOTE.format(frame["n_datasets"].iloc[0], f"{words}." if words else ""))
    for panel, axis in zip(panels, axes, strict=True):
        axis.set_title(short(panel, 60), fontsize=9, loc="left")
        axis.set_xlabel("level", fontsize=9)
    for panel, axis in zip(panels, axes, strict=True):
        draw_lines(axis, pd.concat([clean, rest[rest["panel"] == panel]]), about)
    return figure
