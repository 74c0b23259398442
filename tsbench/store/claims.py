"""Claims within the store: two drivers never execute the same run at the same time."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import sqlalchemy as sa

from tsbench.data.splits import counts_for
from tsbench.store.database import chunks, insert, now
from tsbench.store.schema import claims, runs

CLAIM_EXPIRY = 60.0
"""Seconds without a heartbeat after which another owner may take a run over."""


def claim(connection: sa.Connection, key: str, owner: str, redo: bool, split: str) -> bool:
    """Take a run in one statement, which the database decides; give it back when there is nothing to do."""
    if connection.execute(_taking(connection.dialect.name), {"key": key, "owner": owner}).first() is None:
        return False
    # Read after the claim is ours: whoever had it before has recorded and released in one transaction.
    if not free(connection, key, owner, redo, split):
        release(connection, owner, [key])
        return False
    return True


@cache
def _taking(dialect: str) -> Any:
    clock = now(dialect)
    taken = insert(dialect, claims)
    taken = taken.values(key=sa.bindparam("key"), owner=sa.bindparam("owner"), claimed=clock, heartbeat=clock)
    changed = {name: taken.excluded[name] for name in ("owner", "claimed", "heartbeat")}
    stale = (claims.c.owner == taken.excluded.owner) | expired(dialect)
    return taken.on_conflict_do_update(index_elements=[claims.c.key], set_=changed, where=stale).returning(claims.c.key)


def free(connection: sa.Connection, key: str, owner: str, redo: bool, split: str) -> bool:
    """Say whether a run is nobody else's and, unless `redo`, has not succeeded on this split."""
    taken, done, stored = connection.execute(_state(connection.dialect.name), {"of": key, "for": owner}).one()
    return not taken and (redo or not done or not counts_for(stored, split))


@cache
def _state(dialect: str) -> sa.Select[Any]:
    key: sa.BindParameter[str] = sa.bindparam("of")
    others = sa.exists().where(claims.c.key == key, claims.c.owner != sa.bindparam("for"), ~expired(dialect))
    succeeded = (runs.c.key == key) & (runs.c.status == "succeeded")
    made_on = sa.select(runs.c.split).where(succeeded).scalar_subquery()
    return sa.select(others, sa.exists().where(succeeded), made_on)


def heartbeat(connection: sa.Connection, owner: str) -> set[str]:
    """Refresh the claims of an owner and return their keys."""
    refreshed = claims.update().where(claims.c.owner == owner).values(heartbeat=now(connection.dialect.name))
    return set(connection.execute(refreshed.returning(claims.c.key)).scalars())


def release(connection: sa.Connection, owner: str, keys: Iterable[str] | None = None) -> int:
    """Give back an owner's claims, all or those of keys; return how many were its own."""
    own = claims.delete().where(claims.c.owner == owner)
    if keys is None:
        return connection.execute(own).rowcount
    return sum(connection.execute(own.where(claims.c.key.in_(chunk))).rowcount for chunk in chunks(keys))


def live(connection: sa.Connection) -> dict[str, str]:
    """Return {key: owner} of the claims that have not expired."""
    rows = connection.execute(sa.select(claims.c.key, claims.c.owner).where(~expired(connection.dialect.name)))
    return {row.key: row.owner for row in rows if isinstance(row.owner, str)}


def expired(dialect: str) -> sa.ColumnElement[bool]:
    """Return the condition that a claim has not been refreshed in time."""
    return claims.c.heartbeat < now(dialect) - CLAIM_EXPIRY
