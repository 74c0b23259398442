"""Claims within the store: two drivers never execute the same run at the same time."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from tsbench.run.database import chunks, insert, now
from tsbench.run.store_schema import claims, runs
from tsbench.splits import counts_for

CLAIM_EXPIRY = 60.0
"""Seconds without a heartbeat after which another owner may take a run over."""


def claim(connection: sa.Connection, key: str, owner: str, redo: bool, split: str) -> bool:
    """Take a run in one statement, which the database decides; give it back when there is nothing to do."""
    clock = now(connection)
    taken = insert(connection, claims).values(key=key, owner=owner, claimed=clock, heartbeat=clock)
    taken = taken.on_conflict_do_update(
        index_elements=[claims.c.key],
        set_={name: taken.excluded[name] for name in ("owner", "claimed", "heartbeat")},
        where=(claims.c.owner == owner) | expired(connection),
    )
    if connection.execute(taken.returning(claims.c.key)).first() is None:
        return False
    # Read after the claim is ours: whoever had it before has recorded and released in one transaction.
    if not free(connection, key, owner, redo, split):
        release(connection, owner, [key])
        return False
    return True


def free(connection: sa.Connection, key: str, owner: str, redo: bool, split: str) -> bool:
    """Say whether a run is nobody else's and, unless `redo`, has not succeeded on this split."""
    others = sa.exists().where(claims.c.key == key, claims.c.owner != owner, ~expired(connection))
    succeeded = (runs.c.key == key) & (runs.c.status == "succeeded")
    made_on = sa.select(runs.c.split).where(succeeded).scalar_subquery()
    taken, done, stored = connection.execute(sa.select(others, sa.exists().where(succeeded), made_on)).one()
    return not taken and (redo or not done or not counts_for(stored, split))


def heartbeat(connection: sa.Connection, owner: str) -> set[str]:
    """Refresh the claims of an owner and return their keys."""
    refreshed = claims.update().where(claims.c.owner == owner).values(heartbeat=now(connection))
    return set(connection.execute(refreshed.returning(claims.c.key)).scalars())


def release(connection: sa.Connection, owner: str, keys: Iterable[str] | None = None) -> int:
    """Give back an owner's claims, all or those of keys; return how many were its own."""
    own = claims.delete().where(claims.c.owner == owner)
    if keys is None:
        return connection.execute(own).rowcount
    return sum(connection.execute(own.where(claims.c.key.in_(chunk))).rowcount for chunk in chunks(keys))


def live(connection: sa.Connection) -> dict[str, str]:
    """Return {key: owner} of the claims that have not expired."""
    rows = connection.execute(sa.select(claims.c.key, claims.c.owner).where(~expired(connection)))
    return {row.key: row.owner for row in rows if isinstance(row.owner, str)}


def expired(connection: sa.Connection) -> sa.ColumnElement[bool]:
    """Return the condition that a claim has not been refreshed in time."""
    return claims.c.heartbeat < now(connection) - CLAIM_EXPIRY
