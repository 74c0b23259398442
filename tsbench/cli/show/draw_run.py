"""The picture of a run: its training curve beside its confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsbench.cli.ui.drawing import drawing, short
from tsbench.errors import UsageError
from tsbench.learning.curve import ONLY, by_loss

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_COUNTS = 12  # classes up to which each cell shows its count
MOST_NAMES = 40  # and each class its name


def draw_run(
    run: dict[str, Any],
    curve: Any,
    matrix: Sequence[Sequence[int]] | None,
    classes: Sequence[str],
    out: Path,
) -> None:
    """Write the curves of the losses and the confusion matrix of counts, those of the two that there are."""
    curves = {name: points for name, points in by_loss(curve).items() if points}
    count = bool(curves) + (matrix is not None)
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
        if matrix is not None:
            _confusion(axes[0], matrix, [short(name) for name in classes])
        title = f"{run['label']}, {run['dataset']}, {run['protocol']}, fold {run['fold']}, seed {run['seed']}"
        figure.suptitle(short(title, 40 * count), fontsize=10)


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
