"""Runs of a store by their keys, with the other folds where these are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tsbench.reading.about import People
from tsbench.reading.pooled import SAME, Pooled, pooled
from tsbench.store.store import Store


def open_pooled(store: Store, keys: Sequence[str], people: People, all_folds: bool = False) -> Pooled:
    """Return runs by the starts of their keys, put together; all_folds : with the other folds of the first.

    Raises UsageError for a key that there is not, a run that predicted nothing, and runs that are no folds of one.
    """
    runs = [store.find(key) for key in keys]
    if all_folds:
        runs += [store.find(key) for key in _siblings(store, runs[0]) if key not in {run["key"] for run in runs}]
        runs.sort(key=lambda run: int(run["fold"]))
    return pooled(runs, [store.predictions(run["key"]) for run in runs], people)


def _siblings(store: Store, run: dict[str, Any]) -> list[str]:
    """Return the keys of the succeeded runs that differ from one in nothing but the fold."""
    rows = store.results([run["protocol_hash"]], [run["dataset"]])
    same = [row for row in rows if all(row[name] == run[name] for name in SAME) and row["status"] == "succeeded"]
    return [row["key"] for row in same]
