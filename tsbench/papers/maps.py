"""A map of representations: test features on a plane by t-SNE, one panel per row and dataset."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from tsbench.leaderboard.cells import to_csv
from tsbench.output import write_bytes
from tsbench.plots.drawing import written
from tsbench.plots.tsne import draw, tsne

if TYPE_CHECKING:
    from tsbench.execute.driver import Outcome
    from tsbench.methods.probe import Features
    from tsbench.papers.reproduce import TablePlan
    from tsbench.plan.spec import RunSpec

COLUMNS = ["row", "dataset", "case", "class", "x", "y", "silhouette"]


def draw_map(planned: TablePlan, outcome: Outcome, features: Callable[[RunSpec], Features], stem: Path) -> list[Path]:
    """Write the maps of the first fold and seed of each row as <stem>-map.csv and .svg; return the files.

    features : the test features of a run whose training is done.

    Only runs that succeeded are drawn. Raises UsageError when matplotlib is missing; the CSV is then written.
    """
    failed = {result.spec.key for result in outcome.failures()} | {spec.key for spec, _ in outcome.earlier_failures}
    parts = []
    for row, specs in planned.rows:
        for dataset in dict.fromkeys(spec.dataset for spec in specs):
            spec = next(s for s in specs if s.dataset == dataset)
            if spec.key not in failed and not outcome.interrupted:
                parts.append(tsne(features(spec), spec.seed).assign(row=row.name, dataset=dataset))
    if not parts:
        return []
    frame = pd.concat(parts)[COLUMNS]
    table, picture = Path(f"{stem}-map.csv"), Path(f"{stem}-map.svg")
    write_bytes(table, to_csv(frame).encode())
    write_bytes(picture, _picture(frame))
    return [table, picture]


def _picture(frame: pd.DataFrame) -> bytes:
    """Return the picture, a row of panels per dataset, as SVG."""
    panels = frame.assign(run=frame["row"] + "\n" + frame["dataset"]).sort_values("dataset", kind="stable")
    return written(draw(panels, columns=frame["row"].nunique()), ".svg")
