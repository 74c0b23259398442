"""What a method reaches on corrupted series: a panel per corruption, its level across."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from tsbench.condition import Condition
from tsbench.plots.about import About
from tsbench.plots.conditions import Place, draw_lines
from tsbench.plots.drawing import caption, new_figure, short, styled
from tsbench.plots.marks import mark

if TYPE_CHECKING:
    from matplotlib.axes import Axes
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
    """Return corruption and stage, with the level, where labels and training are as in the base; CLEAN has level 0."""
    if (condition.label_fraction, condition.training) != (base.label_fraction, base.training):
        return None
    clean = condition.corruption == "none"
    return (CLEAN, 0.0) if clean else (f"{condition.corruption}@{condition.stage}", condition.level)


@styled
def draw(frame: pd.DataFrame, about: About | None = None) -> Figure:
    """Draw the rows of `conditions.collected`; the clean protocol has a place of its own on the left."""
    about = about or About()
    clean, rest = frame[frame["panel"] == CLEAN], frame[frame["panel"] != CLEAN]
    panels = list(dict.fromkeys(rest["panel"]))
    high = max(3.2, 1.2 + 0.15 * frame["method"].nunique())
    figure = new_figure(7.4, high * len(panels) + 0.8)
    axes = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
    stages = {panel.rpartition("@")[2] for panel in panels}
    words = "; ".join(f"@{stage}: {words}" for stage, words in STAGES.items() if stage in stages)
    caption(figure, about.title, NOTE.format(frame["n_datasets"].iloc[0], f"{words}."))
    for panel, axis in zip(panels, axes, strict=True):
        axis.set_title(short(panel, 60), fontsize=9, loc="left")
        axis.set_xlabel("level", fontsize=9)
    for panel, axis in zip(panels, axes, strict=True):
        lines = rest[rest["panel"] == panel]
        levels = sorted(lines["level"].unique())
        left = levels[0] - (0.12 * (levels[-1] - levels[0]) or 1.0)
        _place(axis, clean.assign(level=left), list(dict.fromkeys(lines["method"])), about)
        there = [left] * (len(clean) > 0)
        axis.set_xticks([*there, *levels], ["clean"] * len(there) + [f"{level:g}" for level in levels])
        draw_lines(axis, lines, about)
    return figure


def _place(axis: Axes, clean: pd.DataFrame, methods: list[str], about: About) -> None:
    """Draw the points of the clean protocol with the marks of the methods' lines."""
    for number, name in enumerate(methods):
        point = clean[clean["method"] == name]
        axis.plot(point["level"], about.scale * point["mean"], **mark(number) | {"linestyle": ""})
