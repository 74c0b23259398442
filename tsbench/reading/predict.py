"""What a trained run says of new recordings, which need no labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tsbench.discovery.plugins import Plugins
from tsbench.errors import UsageError
from tsbench.identity import permuted
from tsbench.plan.again import open_like, spec_of
from tsbench.reading.about import SUBJECT
from tsbench.registry import Registry

if TYPE_CHECKING:
    from tsbench.measure.worker import Worker


def predict(run: Mapping[str, Any], dataset: str, worker: Worker, plugins: Plugins, registry: Registry) -> pd.DataFrame:
    """Return a row per case of a dataset: name, subject, truth (where all have labels), prediction, score:CLASS.

    The last column is weights, `Run.weights` in every row.

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
    words = again.parts.task.words
    return pd.DataFrame(
        {
            "name": panel.case_names(),
            **({SUBJECT: panel.meta[SUBJECT]} if SUBJECT in panel.meta else {}),
            **({} if panel.y is None else {"truth": words(panel.y, panel.classes)}),
            "prediction": words(answer.y_pred, classes),
            **{f"score:{one}": np.asarray(answer.scores)[:, at] for at, one in enumerate(classes)},
            "weights": again.weights,
        }
    )
