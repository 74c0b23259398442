"""Optuna's tables in a store, read without Optuna."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from tsbench.errors import StoreError

if TYPE_CHECKING:
    from tsbench.store.database import Database

# A process that gives no sign of life for so long is dead: a library may hold up the heartbeat for a while.
GRACE_SECONDS = 120
# The noted error tells trials that count from those interrupted or killed.
TABLES = {"studies", "trials", "trial_heartbeats", "study_user_attributes", "trial_user_attributes"}
STUDIES = """
SELECT s.study_name, w.value_json AS wanted, t.state, e.trial_id AS noted, h.heartbeat, CURRENT_TIMESTAMP AS now
FROM studies s JOIN trials t ON t.study_id = s.study_id
LEFT JOIN study_user_attributes w ON w.study_id = s.study_id AND w.key = 'trials'
LEFT JOIN trial_user_attributes e ON e.trial_id = t.trial_id AND e.key = 'error'
LEFT JOIN trial_heartbeats h ON h.trial_id = t.trial_id
WHERE s.study_id IN (SELECT study_id FROM trials WHERE state = 'RUNNING')
ORDER BY s.study_name
"""


def study_names(store: Database) -> list[str]:
    """Return the names of a store's studies, sorted; makes no table."""
    import sqlalchemy as sa

    with store.read() as connection:
        if "studies" not in sa.inspect(connection).get_table_names():
            return []
        return sorted(connection.execute(sa.text("SELECT study_name FROM studies")).scalars())


def studies_under_way(store: Database) -> list[dict[str, Any]]:
    """Return name and trials (running, ended, of these failed, wanted) of each study with a live running trial."""
    import sqlalchemy as sa

    query = sa.text(STUDIES).columns(heartbeat=sa.DateTime, now=sa.DateTime)
    with store.read() as connection:
        if not set(sa.inspect(connection).get_table_names()) >= TABLES:
            return []
        try:
            rows = connection.execute(query).all()
        except (ValueError, TypeError) as error:  # what SQLAlchemy raises on a time that is none
            raise StoreError(f"the studies in {store.name} cannot be read: {error}") from None
    counts: dict[str, Counter[str]] = {}
    for row in rows:
        count = counts.setdefault(row.study_name, Counter())
        # Optuna keeps times without their zone.
        silent = (row.now.replace(tzinfo=None) - row.heartbeat).total_seconds() if row.heartbeat else GRACE_SECONDS
        failed = row.state == "FAIL" and row.noted is not None
        count["running"] += row.state == "RUNNING" and silent < GRACE_SECONDS
        count["ended"] += row.state in ("COMPLETE", "PRUNED") or failed
        count["failed"] += failed
    wanted = {row.study_name: _count(row.wanted) for row in rows}
    return [
        {"study": name, **{key: count[key] for key in ("running", "ended", "failed")}, "wanted": wanted[name]}
        for name, count in counts.items()
        if count["running"]
    ]


def _count(text: str | None) -> int | None:
    from tsbench.store.rows import read_json

    found = read_json(text)
    return found if isinstance(found, int) else None
