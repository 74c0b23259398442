"""A grid of a paper's table: a line per row and metric, a column per dataset, beside the first row."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tsbench.leaderboard.cells import Side, markdown_cell, to_markdown
from tsbench.papers.reproduce import RULE, shown, signed
from tsbench.statistics.ranks import differences
from tsbench.tasks import METRICS

ABOUT = (
    "Fractions in percent, ± the standard deviation over folds, of one fold over seeds; in brackets the published "
    "number of a dataset. to first: the mean less that of the first row; better/worse: datasets on which a row is "
    "better and worse than it. s: seconds of a training; MiB: the most that a run which trained itself took, beyond "
    "what its process held before."
)


def grid(title: str, frame: pd.DataFrame) -> str:
    """Return the frame of `tabulate` as a Markdown grid; ours are means over folds and seeds.

    A published number stands in brackets beside ours. The columns for it and the verdict are of the mean over all
    datasets, left out where none was published.
    """
    means = list(dict.fromkeys(frame["dataset"][frame["average"]]))
    single = list(dict.fromkeys(frame["dataset"][~frame["average"]]))
    several = frame["metric"].nunique() > 1
    published = bool(frame["published"][frame["average"]].notna().any())
    columns: list[tuple[str, Side]] = [("row", "left"), ("settings", "left")]
    columns += [("metric", "left")] if several else []
    columns += [(name, "right") for name in (*means, "to first", "better/worse", *single, "s", "MiB")]
    columns += [("published", "right"), ("verdict", "left")] if published else []
    first: dict[str, pd.Series] = {}
    rows = []
    for _, part in frame.groupby(["row", "metric"], sort=False):
        whole = part[part["average"]].astype({"fit_seconds": float, "peak_memory_bytes": float}).iloc[0]
        ours = part.set_index("dataset")["ours"].astype(float)
        metric = whole["metric"]
        beside = first.setdefault(metric, ours).reindex(ours.index)
        difference = pd.Series(differences(np.asarray(ours, np.float64), np.asarray(beside, np.float64)), ours.index)
        better = difference[single] * (METRICS[metric].sign if metric in METRICS else 1)
        cells = [whole["row"], whole["settings"], *([metric] if several else [])]
        cells += [shown(metric, ours[one]) for one in means]
        cells += [signed(metric, difference[means[0]]), f"{(better > 0).sum()}/{(better < 0).sum()}"]
        by_name = part.set_index("dataset")[["ours", "ours_std", "published"]].astype(float)
        for one in by_name.loc[single].to_dict("records"):
            cells.append(_beside(shown(metric, one["ours"], one["ours_std"]), shown(metric, one["published"])))
        costs = ((whole["fit_seconds"], ".1f"), (whole["peak_memory_bytes"] / 2**20, ".0f"))
        cells += ["" if pd.isna(value) else format(value, form) for value, form in costs]
        if published:
            cells += [shown(metric, whole["published"], whole["published_std"]), whole["verdict"]]
        rows.append(cells)
    rule = f"{RULE}\n\n" if published else ""
    return f"# {markdown_cell(title)}\n\n{ABOUT}\n\n{rule}{to_markdown(columns, rows)}"


def _beside(ours: str, theirs: str) -> str:
    """Return ours with the published number in brackets."""
    return f"{ours} ({theirs})".lstrip() if theirs else ours
