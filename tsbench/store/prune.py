"""Pruning a store: checkpoints and attempts that nobody will ask for; results always stay."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import sqlalchemy as sa

from tsbench.store import artifacts
from tsbench.store.check import damaged_checkpoints
from tsbench.store.claims import expired
from tsbench.store.database import chunks
from tsbench.store.rows import is_number, names_checkpoint
from tsbench.store.schema import attempts, checkpoints, claims, environments, runs
from tsbench.store.store import Store

DAY = 86400.0
KINDS = ("all", "failed", "damaged", "unreferenced")


@dataclass
class Pruned:
    """What is, or would be, removed: file names with sizes in bytes, pretrain keys, attempts, environments, claims."""

    files: dict[str, int] = field(default_factory=dict)
    pretrain_keys: list[str] = field(default_factory=list)
    attempts: list[int] = field(default_factory=list)
    environments: list[str] = field(default_factory=list)
    claims: list[str] = field(default_factory=list)


def plan(store: Store, kind: str | None, older_than: float | None, superseded: bool) -> Pruned:
    """List what pruning would remove.

    kind : of checkpoints, None for none. "all": every one; "failed": those used by runs of which none succeeded (runs
        whose checkpoint was not noted with them count as neither); "damaged": file missing or changed;
        "unreferenced": files without a row, such as a killed writer leaves.
    older_than : days; only checkpoints made before. Unreferenced files are at least a day old in any case: a run under
        way writes its file first and its row at the end.
    superseded : attempts that are not their run's result, with environments nobody else has.

    Expired claims are always listed. A run whose checkpoint is gone trains anew, should a probe ever ask for it.
    """
    found, before = Pruned(), time.time() - DAY * (older_than or 0.0)
    with store.read() as connection:
        found.claims = list(
            connection.execute(sa.select(claims.c.key).where(expired(connection.dialect.name))).scalars()
        )
        rows = connection.execute(sa.select(checkpoints)).all()
        failed = _failed(connection) if kind == "failed" else set()
        if superseded:
            _list_attempts(connection, found)
    if kind is None:
        return found
    files = artifacts.listing(store.checkpoint_folder)
    if kind == "unreferenced":
        latest, named = min(before, time.time() - DAY), {row.path for row in rows}
        strays = {name: file for name, file in files.items() if name not in named}
        found.files = {n: f.size for n, f in strays.items() if f.modified is not None and f.modified < latest}
        return found
    damaged = {key for key, _, _ in damaged_checkpoints(store)} if kind == "damaged" else set()
    for row in rows:
        chosen = kind == "all" or row.pretrain_key in failed or row.pretrain_key in damaged
        if chosen and (row.created < before if is_number(row.created) else older_than is None):
            found.pretrain_keys.append(row.pretrain_key)
            # A name that is none of a checkpoint's is not followed.
            if row.path in files and names_checkpoint(row.pretrain_key, row.path):
                found.files[row.path] = files[row.path].size
    return found


def remove(store: Store, found: Pruned) -> None:
    """Remove what `plan` listed: rows in one transaction, then files, so that no row ever names a file that is gone."""

    def work(connection: sa.Connection) -> None:
        connection.execute(claims.delete().where(claims.c.key.in_(found.claims), expired(connection.dialect.name)))
        for chunk in chunks(found.pretrain_keys):
            connection.execute(checkpoints.delete().where(checkpoints.c.pretrain_key.in_(chunk)))
        for first in range(0, len(found.attempts), 1000):
            part = found.attempts[first : first + 1000]
            connection.execute(attempts.delete().where(attempts.c.id.in_(part), ~_is_result()))
        for chunk in chunks(found.environments):
            unused = ~sa.exists().where(attempts.c.environment == environments.c.id)
            connection.execute(environments.delete().where(environments.c.id.in_(chunk), unused))

    store.write(work)
    for name in found.files:
        artifacts.delete(store.checkpoint_folder, name)


def _is_result() -> sa.ColumnElement[bool]:
    return sa.exists().where(runs.c.key == attempts.c.key, runs.c.attempt == attempts.c.id)


def _failed(connection: sa.Connection) -> set[str]:
    """Return the pretrain keys whose known runs have all not succeeded."""
    query = sa.select(attempts.c.pretrain_key, runs.c.status).join(runs, runs.c.key == attempts.c.key)
    rows = connection.execute(query.where(attempts.c.pretrain_key.is_not(None))).all()
    return {key for key, _ in rows} - {key for key, status in rows if status == "succeeded"}


def _list_attempts(connection: sa.Connection, found: Pruned) -> None:
    found.attempts = list(connection.execute(sa.select(attempts.c.id).where(~_is_result())).scalars())
    kept = sa.exists().where(attempts.c.environment == environments.c.id, _is_result())
    found.environments = list(connection.execute(sa.select(environments.c.id).where(~kept)).scalars())
