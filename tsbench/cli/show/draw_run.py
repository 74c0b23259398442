"""The picture of a run: its training curve beside what it predicted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsbench.cli.show.answers import scores_of
from tsbench.errors import UsageError
from tsbench.learning.curve import ONLY, by_loss
from tsbench.plots.drawing import drawing, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_COUNTS = 12  # classes up to which each cell shows its count
MOST_NAMES = 40  # and each class its name
MOST_DOTS = 5000


def draw_run(
    run: dict[str, Any],
    curve: Any,
    task: str,
    matrix: Any,
    classes: Sequence[str],
    answers: Any,
    out: Path,
) -> None:
    """Write the curves of the losses and what was predicted, those of the two that there are.

    matrix, classes : of `Bench.show`: drawn for classes, and as the F1 of each label. answers : of `Bench.predictions`,
    for numbers and for values filled in: truth and prediction are drawn.
    """
    curves = {name: points for name, points in by_loss(curve).items() if points}
    count = bool(curves) + bool(task)
    if not count:
        raise UsageError(f"--plot {out}: the run has neither a training curve nor predictions (status {run['status']})")
    size = 4.5 + 0.12 * min(len(classes), MOST_NAMES)
    with drawing(size * count + 0.5, size, out) as figure:
        axes = list(figure.subplots(1, count, squeeze=False)[0])
        if curves:
            axis = axes.pop(0)
            for name, points in curves.items():
                label = f" {short(name)}"  # matplotlib leaves out names that begin with _
                axis.plot(*zip(*points, strict=True), marker=".", linewidth=1, label=label)
            if len(curves) > 1 or ONLY not in curves:
                axis.legend(fontsize=8)
            axis.set(xlabel="step", ylabel="mean loss", title="training")
        if task == "classification":
            _confusion(axes[0], matrix, [short(name) for name in classes])
        elif task == "multilabel":
            _labels(axes[0], [scores_of(table)[2] for table in matrix], [short(name) for name in classes])
        elif task:
            _numbers(axes[0], answers["truth"], answers["prediction"])
        title = f"{run['label']}, {run['dataset']}, {run['protocol']}, fold {run['fold']}, seed {run['seed']}"
        figure.suptitle(short(title, 40 * count), fontsize=10)


def _labels(axis: Axes, f1: Sequence[float], names: Sequence[str]) -> None:
    """Draw a bar per label."""
    axis.barh(range(len(names)), f1)
    axis.set(xlabel="F1", xlim=(0, 1), title="labels")
    axis.set_yticks(range(len(names)), names, fontsize=8 if len(names) <= MOST_COUNTS else 5)
    axis.invert_yaxis()


def _numbers(axis: Axes, truth: Any, prediction: Any) -> None:
    """Draw a dot per case or hidden value, of many an even part, and the line of those that are right."""
    every = -(-len(truth) // MOST_DOTS)
    truth, prediction = truth[::every], prediction[::every]
    ends = [min(truth.min(), prediction.min()), max(truth.max(), prediction.max())]
    axis.plot(ends, ends, color="0.7", linewidth=1)
    axis.plot(truth, prediction, "o", markersize=3)
    axis.set(xlabel="true", ylabel="predicted", title="numbers")


def _confusion(axis: Axes, matrix: Sequence[Sequence[int]], names: Sequence[str]) -> None:
    """Draw the share of each true class (a row) that was predicted as each class (a column)."""
    shares = [[n / max(sum(row), 1) for n in row] for row in matrix]
    image = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    axis.set(xlabel="predicted", ylabel="true", title="share of each true class")
    axis.figure.colorbar(image, ax=axis, shrink=0.7)
    ticks = range(len(names)) if len(names) <= MOST_NAMES else []
    size = 8 if len(names) <= MOST_COUNTS else 5
    axis.set_xticks(ticks, names[: len(ticks)], rotation=90, fontsize=size)
    axis.set_yticks(ticks, names[: len(ticks)], fontsize=size)
    if len(names) <= MOST_COUNTS:
        for i, row in enumerate(matrix):
            for j, n in enumerate(row):
                axis.text(j, i, str(n), ha="center", va="center", fontsize=7, color="w" if shares[i][j] > 0.6 else "k")
