"""Checking a store: the database itself, and that its rows and files agree with each other."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from tsbench.run import artifacts
from tsbench.run.database import CHUNK
from tsbench.run.store import Store, unpack
from tsbench.run.store_claims import expired
from tsbench.run.store_schema import attempts, checkpoints, claims, metrics, predictions, runs
from tsbench.text import command_line

BELONGS = sa.exists().where(attempts.c.id == runs.c.attempt, attempts.c.key == runs.c.key)
REPEAT = "run it again: tsbench show run {} prints the command"
ANEW = "run it again, with any further options it had: {}"
RESTORE = "restore a copy of the store, or merge what can be read into a new one: tsbench store merge"
RETRAIN = "tsbench store prune --checkpoints damaged forgets it; it is trained anew when needed"


@dataclass(frozen=True)
class Problem:
    """What is wrong, and what to do about it."""

    what: str
    remedy: str


def check(store: Store) -> Iterator[Problem]:
    """Yield what is wrong with a store: nothing for one in order.

    Every row must belong to a run; a run to its newest attempt; a success has predictions, and metrics that follow
    from them (to 1e-9: numpy versions round differently); a checkpoint's file has the recorded sha256; no claim has
    expired. Of a damaged file nothing more is said: what else it seems to lack follows from that.
    """
    damage = list(_damage(store))
    yield from damage
    if damage:
        return
    yield from _references(store)
    yield from _attempts(store)
    yield from _rows(store)
    yield from _metrics(store)
    for name, reason in damaged_checkpoints(store):
        yield Problem(f"checkpoint {name} {reason}", RETRAIN)
    with store.read() as connection:
        for key, owner in connection.execute(sa.select(claims.c.key, claims.c.owner).where(expired(connection))):
            yield Problem(f"run {key[:12]} is claimed by {owner}, which gave no sign of life", "tsbench store prune")


def damaged_checkpoints(store: Store) -> Iterator[tuple[str, str]]:
    """Yield (file name, reason) of the recorded checkpoints that cannot be used."""
    with store.read() as connection:
        rows = connection.execute(sa.select(checkpoints.c.path, checkpoints.c.sha256)).all()
    for name, sha256 in rows:
        content = artifacts.read(store.checkpoint_folder, name)
        if content is None:
            yield name, f"is not in {artifacts.shown(store.checkpoint_folder)}"
        elif hashlib.sha256(content).hexdigest() != sha256:
            yield name, "is not what was written: its sha256 differs"


def _damage(store: Store) -> Iterator[Problem]:
    """Yield what SQLite finds wrong with its pages; where they are too bad for it to go on, its error says so."""
    if store.backend != "sqlite":
        return  # a server checks its pages itself
    with store.read() as connection:
        try:
            for (line,) in connection.exec_driver_sql("PRAGMA integrity_check"):
                if line != "ok":
                    yield Problem(f"the file is damaged: {line}", RESTORE)
        except sa.exc.DatabaseError as error:
            if isinstance(error, sa.exc.OperationalError):
                raise  # locked, or not readable at the moment
            yield Problem(f"the file is damaged: {error.orig}", RESTORE)


def _references(store: Store) -> Iterator[Problem]:
    if store.backend != "sqlite":
        return  # a server checks them itself
    with store.read() as connection:
        for row in connection.exec_driver_sql("PRAGMA foreign_key_check"):
            yield Problem(f"row {row[1]} of table {row[0]} refers to a row of {row[2]} that is not there", RESTORE)


def _attempts(store: Store) -> Iterator[Problem]:
    """Yield the runs that lost their attempt: 'tsbench show run' has no command for them."""
    query = sa.select(runs.c.key, runs.c.method, runs.c.protocol, runs.c.seed, runs.c.spec).where(~BELONGS)
    with store.read() as connection:
        for key, method, protocol, seed, spec in connection.execute(query):
            asked = spec if isinstance(spec, dict) else {}
            dataset = str(asked.get("dataset_ref") or asked.get("dataset"))
            words = ["--method", method, "--dataset", dataset, "--protocol", protocol, "--seeds", f"{seed},"]
            command = command_line(["tsbench", "run", *words, "--force"])
            yield Problem(f"run {key[:12]} has no attempt that its status comes from", ANEW.format(command))


def _rows(store: Store) -> Iterator[Problem]:
    success = runs.c.status == "succeeded"
    lacks = (
        (success & ~sa.exists().where(metrics.c.key == runs.c.key), "succeeded and has no metrics"),
        (success & ~sa.exists().where(predictions.c.key == runs.c.key), "succeeded and has no predictions"),
    )
    with store.read() as connection:
        for condition, what in lacks:
            for key in connection.execute(sa.select(runs.c.key).where(condition)).scalars():
                yield Problem(f"run {key[:12]} {what}", REPEAT.format(key[:12]))


def _metrics(store: Store) -> Iterator[Problem]:
    """Compute every metric again from the stored predictions, a chunk of runs at a time."""
    from tsbench.run.worker import metrics_of

    last = ""
    while True:
        query = sa.select(predictions).join(runs, runs.c.key == predictions.c.key)
        query = query.where(runs.c.status == "succeeded", predictions.c.key > last).order_by(predictions.c.key)
        with store.read() as connection:
            blobs = connection.execute(query.limit(CHUNK)).all()
            if not blobs:
                return
            last, stored = blobs[-1].key, dict[str, dict[str, float | None]]()
            values = sa.select(metrics).where(metrics.c.key.between(blobs[0].key, last))
            for key, name, value in connection.execute(values):
                stored.setdefault(key, {})[name] = value
        for key, content in blobs:
            try:
                again = metrics_of(unpack(content))
            except Exception as error:  # whatever numpy raises on rubbish
                yield Problem(f"run {key[:12]}: its predictions cannot be read: {error}", REPEAT.format(key[:12]))
                continue
            for name, value in stored.get(key, {}).items():
                if name in again and not _same(value, again[name]):
                    what = f"run {key[:12]}: {name} is {value}, its predictions give {again[name]}"
                    yield Problem(what, REPEAT.format(key[:12]))


def _same(stored: float | None, computed: float) -> bool:
    if not isinstance(stored, int | float | None):
        return False
    if stored is None or not math.isfinite(computed):
        return stored is None and not math.isfinite(computed)
    return math.isclose(stored, computed, rel_tol=0, abs_tol=1e-9)
