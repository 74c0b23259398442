"""Tuning: a search over declared parameters by their score within the training part of a fold."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from tsbench.errors import UsageError

if TYPE_CHECKING:
    from tsbench.store.database import Database


def require(module: str) -> None:
    """Raise UsageError, naming the remedy, where a library of the extra `tune` is not installed."""
    if importlib.util.find_spec(module) is None:
        raise UsageError(f"this needs {module.replace('_', '-')}; install tsbench[tune]")


def study_names(store: Database) -> list[str]:
    """Return the names of a store's studies, sorted; needs no Optuna and makes no table."""
    import sqlalchemy as sa

    with store.read() as connection:
        if "studies" not in sa.inspect(connection).get_table_names():
            return []
        return sorted(connection.execute(sa.text("SELECT study_name FROM studies")).scalars())
