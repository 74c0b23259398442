"""Metrics of one class against the rest: computed from what is stored when a board asks, so that old rows have them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from tsbench.errors import UsageError
from tsbench.store.store import Store
from tsbench.tasks import DERIVED, TASKS
from tsbench.tasks.binary import binary_metrics, positive_class
from tsbench.tasks.score import against_rest


def scores_of(
    store: Store, metric: str, hashes: Iterable[str], datasets: Iterable[str], positive: Mapping[str, str]
) -> pd.DataFrame:
    """Return what `Store.scores` does, of any metric of a board.

    positive : {dataset: the positive class that its card names, "" for none}. Raises UsageError for one of DERIVED on a
    dataset that has not two classes.
    """
    if metric not in DERIVED:
        return store.scores(metric, hashes, datasets)
    rows = store.scores(TASKS["classification"].primary, hashes, datasets)
    pairs = zip(rows["key"], rows["dataset"], strict=True)
    rows[metric] = [_of(store, key, metric, name, positive.get(name, "")) for key, name in pairs]
    return rows[rows[metric].notna()]


def _of(store: Store, key: str, metric: str, dataset: str, of_card: str) -> float:
    found = store.predictions(key)
    if found is None:
        return float(np.nan)
    name, _ = positive_class(found.task, found.classes, of_card)
    if not name:
        raise UsageError(
            f"{metric} is of one class of two, and {dataset} has {len(found.classes)}: take auroc or auprc"
        )
    return binary_metrics(*against_rest(found, name), found.probabilities).get(metric, float(np.nan))
