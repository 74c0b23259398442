"""Features of test cases on a plane, by t-SNE: a panel per run, a marker per class."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tsbench.errors import UsageError
from tsbench.plots.drawing import caption, new_figure, short, styled
from tsbench.plots.marks import MARKERS, label_points, mark
from tsbench.plots.runs import names_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tsbench.methods.probe import Features

MOST_CASES = 2000
NOTE = "Sizes of groups and distances between them say nothing on such a map; the silhouette is of the features."


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


def numbers(runs: Sequence[Mapping[str, Any]], features: Callable[[Mapping[str, Any]], Features]) -> pd.DataFrame:
    """Return the rows of `tsne` of runs, as `Bench.show` gives them, with `run` before them and classes by name.

    features : the test features of a run. Raises UsageError for runs that do not predict classes.
    """
    parts = []
    for name, run in zip(names_of(runs), runs, strict=True):
        if run["task"] != "classification":
            raise UsageError(f"run {run['key'][:12]}: this shows classes, and its task is {run['task'] or 'not known'}")
        part = tsne(features(run), run["seed"])
        parts.append(part.assign(run=name, **{"class": [run["classes"][number] for number in part["class"]]}))
    return pd.concat(parts, ignore_index=True)[["run", "case", "class", "x", "y", "silhouette"]]


@styled
def draw(frame: pd.DataFrame, title: str = "", columns: int = 2) -> Figure:
    """Draw rows of `tsne` with a column `run`: a panel for each, so many beside each other.

    class : a number or a name. Up to as many classes as there are markers have a legend; more are named in their midst.
    """
    runs, classes = list(dict.fromkeys(frame["run"])), sorted(frame["class"].unique())
    across = min(columns, len(runs))
    figure = new_figure(max(3.4 * across, 5.2), 3.5 * -(-len(runs) // across) + 0.7)
    axes = figure.subplots(-(-len(runs) // across), across, squeeze=False).ravel()
    caption(figure, title, NOTE)
    for axis in axes[len(runs) :]:
        axis.set_axis_off()
    few = len(classes) <= len(MARKERS)
    for run, axis in zip(runs, axes, strict=False):
        part = frame[frame["run"] == run]
        for number, name in enumerate(classes):
            cases = part[part["class"] == name]
            kind = mark(number) | {"linestyle": "", "markersize": 3.5, "fillstyle": "full" if number % 2 else "none"}
            axis.plot(cases["x"], cases["y"], **kind, markeredgewidth=0.8, label=f" {short(str(name))}")
        axis.set(xticks=[], yticks=[])
        silhouette = part["silhouette"].iloc[0]
        said = "" if pd.isna(silhouette) else f"\nsilhouette {silhouette:.2f}"
        axis.set_title("\n".join(short(line, 44) for line in run.split("\n")) + said, fontsize=8)
    if few:
        handles = axes[0].get_legend_handles_labels()
        figure.legend(*handles, loc="outside right upper", fontsize=8, title="class", title_fontsize=8)
    else:
        for run, axis in zip(runs, axes, strict=False):
            middle = frame[frame["run"] == run].groupby("class")[["x", "y"]].median()
            label_points(axis, list(middle.itertuples(index=False)), _texts(middle.index.tolist()))
    return figure


def _texts(names: Sequence[object]) -> list[str]:
    return [short(str(name), 16) for name in names]
