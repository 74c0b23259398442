"""Curves of the losses of runs: a panel per loss, a line per run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from tsbench.errors import UsageError
from tsbench.learning.curve import by_loss
from tsbench.plots.drawing import caption, new_figure, short, styled
from tsbench.plots.marks import label_ends, mark
from tsbench.plots.runs import names_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def numbers(runs: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return run, loss, step (the last of a span), value (the mean of the span) from what `Bench.show` gives of runs.

    Raises UsageError for a run without a curve.
    """
    lines = []
    for name, run in zip(names_of(runs), runs, strict=True):
        attempt = next(one for one in run["attempts"] if one["id"] == run["attempt"])
        curves = {loss: points for loss, points in by_loss(attempt["curve"]).items() if points}
        if not curves:
            raise UsageError(f"run {run['key'][:12]} has no curve: {run['label']} was not trained, or has no steps")
        lines += [(name, loss, step, value) for loss, points in curves.items() for step, value in points]
    return pd.DataFrame(lines, columns=["run", "loss", "step", "value"]).astype({"value": float})


@styled
def draw(frame: pd.DataFrame, title: str = "") -> Figure:
    """Draw numbers of `numbers`; what is not finite is a gap."""
    losses, runs = list(dict.fromkeys(frame["loss"])), list(dict.fromkeys(frame["run"]))
    figure = new_figure(7.4, max(2.6, 1.2 + 0.15 * len(runs)) * len(losses) + 0.5)
    axes = figure.subplots(len(losses), 1, squeeze=False, sharex=True)[:, 0]
    caption(figure, title)
    for loss, axis in zip(losses, axes, strict=True):
        axis.set_ylabel(f"mean {short(loss)}" if loss == "loss" else f"loss {short(loss)}", fontsize=9)
        axis.tick_params(labelsize=8)
        axis.grid(color="0.92")
    axes[-1].set_xlabel("step", fontsize=9)
    for loss, axis in zip(losses, axes, strict=True):
        ends, named = [], []
        for number, run in enumerate(runs):
            line = frame[(frame["run"] == run) & (frame["loss"] == loss)]
            if line["value"].notna().any():
                axis.plot(line["step"], line["value"], **mark(number), markevery=max(1, len(line) // 12))
                last = line.dropna().iloc[-1]
                ends.append((last["step"], last["value"]))
                named.append(run)
        label_ends(axis, ends, named)
    return figure
