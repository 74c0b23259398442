"""Tuning: a search over declared parameters by their score within the training part of a fold."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tsbench.errors import UsageError

if TYPE_CHECKING:
    from tsbench.discovery.plugins import Plugins
    from tsbench.plan.plan import Plan
    from tsbench.store.database import Database
    from tsbench.store.store import Store


def require(module: str) -> None:
    """Raise UsageError, naming the remedy, where a library of the extra `tune` is not installed."""
    if importlib.util.find_spec(module) is None:
        raise UsageError(f"this needs {module.replace('_', '-')}; install tsbench[tune]")


def study_names(store: Database) -> list[str]:
    """Return the names of a store's studies, sorted; needs no Optuna and makes no table."""
    import sqlalchemy as sa

    with store.read() as connection:
        if not sa.inspect(connection).has_table("studies"):
            return []
        return sorted(connection.execute(sa.text("SELECT study_name FROM studies")).scalars())


def tuned_plan(
    plan: Plan, store: Store, plugins: Plugins, tuned: str | bool, overrides: Mapping[str, str]
) -> tuple[Plan, list[str]]:
    """Return a plan whose runs take the best parameters of the store's studies, and what must be known of these.

    tuned : the metric by which a study chose; True: accuracy.
    """
    from tsbench.tasks.metrics import METRICS

    require("optuna")
    metric = "accuracy" if tuned is True else str(tuned)
    if metric not in METRICS:
        raise UsageError(f"--tuned {metric}: choose one of {', '.join(METRICS)}")
    from tsbench.tune.storage import open_studies
    from tsbench.tune.tuned import with_tuned

    with open_studies(store) as storage:
        found, notes = with_tuned(plan, storage, plugins, metric, overrides)
    return found, [f"warning: {note}" for note in notes]
