"""A map of representations: test features on a plane by t-SNE, one panel per row and dataset."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tsbench.errors import UsageError
from tsbench.leaderboard.cells import to_csv
from tsbench.leaderboard.export import write_bytes

if TYPE_CHECKING:
    from tsbench.execute.driver import Outcome
    from tsbench.methods.probe import Features
    from tsbench.papers.reproduce import TablePlan
    from tsbench.plan.spec import RunSpec

MOST_CASES = 2000
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


def tsne(features: Features, seed: int) -> pd.DataFrame:
    """Return a line per test case (at most 2,000, evenly spaced): case, class, x, y, and the silhouette of all.

    silhouette : how well the classes separate in the standardised features themselves, from -1 to 1 (Rousseeuw 1987);
    empty where each case is a class of its own or there is one class.
    """
    from sklearn.manifold import TSNE
    from sklearn.metrics import silhouette_score
    from sklearn.preprocessing import StandardScaler

    case = np.linspace(0, len(features.x) - 1, min(len(features.x), MOST_CASES)).astype(int)
    x, y = StandardScaler().fit_transform(features.x[case]), features.y[case]
    silhouette = silhouette_score(x, y) if 1 < len(np.unique(y)) < len(y) else None
    place = np.zeros((len(case), 2))
    if len(case) > 2:
        place = TSNE(perplexity=min(30.0, (len(case) - 1) / 3), random_state=seed).fit_transform(x)
    return pd.DataFrame({"case": case, "class": y, "x": place[:, 0], "y": place[:, 1], "silhouette": silhouette})


def _picture(frame: pd.DataFrame) -> bytes:
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise UsageError('drawing needs matplotlib: pip install "tsbench[plots]"; the map\'s CSV is written') from None
    rows, datasets = list(dict.fromkeys(frame["row"])), list(dict.fromkeys(frame["dataset"]))
    figure = Figure(figsize=(2.6 * len(rows), 2.8 * len(datasets)), layout="constrained")
    buffer = io.BytesIO()
    with matplotlib.rc_context({"text.parse_math": False}):  # a dollar sign in a name starts no formula
        axes = figure.subplots(len(datasets), len(rows), squeeze=False)
        for i, dataset in enumerate(datasets):
            for j, row in enumerate(rows):
                part, panel = frame[(frame["row"] == row) & (frame["dataset"] == dataset)], axes[i][j]
                colors = "tab20" if part["class"].max() > 9 else "tab10"
                panel.scatter(part["x"], part["y"], c=part["class"], s=6, cmap=colors)
                panel.set(xticks=[], yticks=[], title=f"{row}\n{dataset}")
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
