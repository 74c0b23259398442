"""What a trained run says of new recordings, which need no labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tsbench.data.panel import Array, Panel
from tsbench.data.partly import has_label
from tsbench.discovery.plugins import Plugins
from tsbench.errors import UsageError
from tsbench.identity import permuted
from tsbench.plan.again import open_like, spec_of
from tsbench.reading.about import SUBJECT
from tsbench.registry import Registry
from tsbench.tasks import TASKS
from tsbench.tasks.base import Answer

if TYPE_CHECKING:
    from tsbench.measure.worker import Worker


def predict(run: Mapping[str, Any], dataset: str, worker: Worker, plugins: Plugins, registry: Registry) -> pd.DataFrame:
    """Return a row per case of a dataset: name, subject, truth, prediction, score:CLASS.

    truth is there where a case has a label, and missing for those that have none; of several labels, where an
    empty text is none of them, a bool labelled is beside it. The last column is weights, `Run.weights` in every row.
    `attrs` has metrics {name: value} over the n_scored cases whose label the run knows, of n_labelled that have one.

    The run's training part must be here: the probe is fitted on it again, and gives it the normalisation. The steps of
    the run's dataset (DATASET+notch=50hz) are done to the new one, after its own.

    Raises UsageError for a run that did not succeed, or is a control; InvalidDataError for data that does not match.
    """
    name = f"run {run['key'][:12]} ({run['label']} on {run['dataset']})"
    if run["status"] != "succeeded":
        raise UsageError(f"{name} has nothing to predict with: it is {run['status']}")
    if permuted(str(run["method"])):
        raise UsageError(f"{name} is a control on shuffled series: take a run of the method itself")
    spec = spec_of(run, plugins, registry)
    if spec.imputes or spec.retrieves:
        does = "fills in missing values" if spec.imputes else "retrieves"
        raise UsageError(f"{name} {does} and predicts nothing: take a run of another protocol")
    again = worker.opened(spec)
    handle = open_like(dataset, again.made.handle, plugins)
    panel = handle.cases()
    answer, classes = again.predict(panel, handle.name), again.parts.train.classes
    words, known = again.parts.task.words, has_label(panel)
    frame = pd.DataFrame(
        {
            "name": panel.case_names(),
            **({SUBJECT: panel.meta[SUBJECT]} if SUBJECT in panel.meta else {}),
            **({"truth": pd.Series(_words(panel)).where(known)} if known.any() else {}),
            **({"labelled": known} if known.any() and panel.task == "multilabel" else {}),
            "prediction": words(answer.y_pred, classes),
            **{f"score:{one}": np.asarray(answer.scores)[:, at] for at, one in enumerate(classes)},
            "weights": again.weights,
        }
    )
    scored, truth = _scored(panel, known, again.parts.task.name, classes)
    frame.attrs.update(n_labelled=int(known.sum()), n_scored=len(scored), metrics={})
    if len(scored):
        chosen = Answer(answer.y_pred[scored], np.asarray(answer.scores)[scored], answer.probabilities)
        values = again.parts.task.score(truth, chosen, len(classes))
        frame.attrs["metrics"] = {name: value for name, value in values.items() if value == value}
    return frame


def _words(panel: Panel) -> Array:
    """Return the labels of a panel as a reader has them."""
    assert panel.y is not None
    return TASKS[panel.task].words(panel.y, panel.classes)


def _scored(panel: Panel, known: Array, task: str, classes: tuple[str, ...]) -> tuple[Array, Array]:
    """Return which cases have a label of these classes, and their labels in the order of these."""
    if panel.y is None or panel.task != task:
        return np.flatnonzero(known & False), np.empty(0)
    y = panel.y
    if task != "regression":
        one_hot = y if task == "multilabel" else np.eye(len(panel.classes), dtype=np.uint8)[y]
        shared = [name for name in panel.classes if name in classes]
        own = np.zeros((len(panel), len(classes)), np.uint8)
        own[:, [*map(classes.index, shared)]] = one_hot[:, [*map(panel.classes.index, shared)]]
        known = known & (own.sum(axis=1) == one_hot.sum(axis=1))
        y = own if task == "multilabel" else own.argmax(axis=1)
    return np.flatnonzero(known), y[known]
