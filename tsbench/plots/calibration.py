"""Reliability: how often runs are right when they say how sure they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from tsbench.errors import UsageError
from tsbench.plots.drawing import caption, new_figure, short, styled
from tsbench.plots.marks import mark
from tsbench.plots.runs import names_of
from tsbench.tasks.base import Array
from tsbench.tasks.calibration import reliability, top

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tsbench.tasks.score import Predictions

NOTE = (
    "Cases in equal bins of the predicted class's probability; of several labels, each label of each case. On the "
    "diagonal a run is right as often as it says. ECE: mean distance from it, weighted by cases."
)

DECLARED = (
    "nets that decide (own, finetune), linear probes and hist-gradient-boosting give some in their newest versions"
)


def numbers(runs: Sequence[Mapping[str, Any]], predictions: Sequence[Predictions | None]) -> pd.DataFrame:
    """Return run, low, high, confidence, accuracy, cases of each bin that has cases, and ece of the run.

    runs : as `Bench.show` gives them, with what they predicted. Raises UsageError where that is no probabilities.
    """
    tables = []
    for name, run, one in zip(names_of(runs), runs, predictions, strict=True):
        if one is None or not one.probabilities:
            why = "it predicted nothing" if one is None else f"its scores are none: {DECLARED}"
            raise UsageError(f"run {run['key'][:12]} ({name}): this needs probabilities, and {why}")
        table = pd.DataFrame(reliability(*_told(one)))
        ece = (table["cases"] * (table["accuracy"] - table["confidence"]).abs()).sum() / table["cases"].sum()
        tables.append(table.assign(ece=ece).assign(run=name))
    frame = pd.concat(tables, ignore_index=True)
    return frame[["run", "low", "high", "confidence", "accuracy", "cases", "ece"]]


def _told(one: Predictions) -> tuple[Array, Array]:
    """Return probabilities and what came true: of the predicted class of a case, of every label of a case."""
    if one.task == "multilabel":
        return one.scores.astype(float).ravel(), one.y_true.ravel()
    return top(one.y_true, one.scores)


@styled
def draw(frame: pd.DataFrame, title: str = "") -> Figure:
    """Draw numbers of `numbers`: accuracy over confidence above, the share of the cases in each bin below."""
    runs = list(dict.fromkeys(frame["run"]))
    figure = new_figure(5.6, 7.2)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    upper.plot([0, 1], [0, 1], color="0.6", linewidth=0.8)
    for number, run in enumerate(runs):
        line = frame[frame["run"] == run]
        label = f"{short(run, 40)}: ECE {100 * line['ece'].iloc[0]:.1f}%"
        upper.plot(line["confidence"], line["accuracy"], **mark(number), label=label)
        lower.plot((line["low"] + line["high"]) / 2, line["cases"] / line["cases"].sum(), **mark(number))
    upper.set(xlim=(0, 1), ylim=(-0.02, 1.02))
    upper.set_ylabel("share that came true", fontsize=9)
    lower.set_ylabel("share of cases", fontsize=9)
    lower.set_ylim(bottom=0)
    lower.set_xlabel("probability", fontsize=9)
    place = {"loc": "upper left", "bbox_to_anchor": (0, -0.4)}
    lower.legend(*upper.get_legend_handles_labels(), **place, fontsize=8, frameon=False)
    caption(figure, title, NOTE)
    return figure
