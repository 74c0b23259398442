"""Checking a store: the database itself, and that its rows and files agree with each other."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import sqlalchemy as sa

from tsbench.store import artifacts
from tsbench.store.claims import expired
from tsbench.store.database import CHUNK
from tsbench.store.packing import unpack
from tsbench.store.rows import ATTEMPT, ENVIRONMENT, METRIC, RUN, flaw, is_number, names_checkpoint
from tsbench.store.schema import attempts, checkpoints, claims, environments, metrics, predictions, runs
from tsbench.store.store import Store
from tsbench.text import command_line
from tsbench.urls import shown

BELONGS = sa.exists().where(attempts.c.id == runs.c.attempt, attempts.c.key == runs.c.key)
REPEAT = "run it again: tsbench show run {} prints the command"
ANEW = "run it again, with any further options it had: {}"
RESTORE = "restore a copy of the store, or merge what can be read into a new one: tsbench store merge"
RULES = {"runs": RUN, "attempts": ATTEMPT, "metrics": METRIC, "environments": ENVIRONMENT}
FEW = 16
LEAVE_OUT = "merge the store into a new one, which leaves the run out: tsbench store merge"
RETRAIN = "tsbench store prune --checkpoints damaged forgets it; it is trained anew when needed"


@dataclass(frozen=True)
class Problem:
    """What is wrong, and what to do about it."""

    what: str
    remedy: str


def check(store: Store) -> Iterator[Problem]:
    """Yield what is wrong with a store: nothing for one in order.

    Every row must be such that it can be used, and belong to a run; a run to its newest attempt; a success has
    predictions, and metrics that follow from them (to 1e-9: numpy versions round differently); a checkpoint's file has
    the recorded sha256; no claim has expired. Of a damaged file nothing more is said, nor of a run that cannot be used:
    what else it seems to lack follows from that.
    """
    damage = list(_damage(store))
    yield from damage
    if damage:
        return
    yield from _references(store)
    flaws = _flaws(store)
    for key, what in flaws.items():
        yield Problem(f"run {str(key)[:12]} cannot be used: {what}", LEAVE_OUT)
    for key, problem in chain(_attempts(store, flaws.keys()), _rows(store), _metrics(store)):
        if key not in flaws:
            yield problem
    for _, name, reason in damaged_checkpoints(store):
        yield Problem(f"checkpoint {name} {reason}", RETRAIN)
    with store.read() as connection:
        for key, owner in connection.execute(
            sa.select(claims.c.key, claims.c.owner).where(expired(connection.dialect.name))
        ):
            what = f"run {str(key)[:12]} is claimed by {owner}, which gave no sign of life"
            yield Problem(what, "tsbench store prune")


def damaged_checkpoints(store: Store) -> Iterator[tuple[str, str, str]]:
    """Yield (pretrain key, file name, reason) of the recorded checkpoints that cannot be used."""
    with store.read() as connection:
        rows = connection.execute(sa.select(checkpoints.c.pretrain_key, checkpoints.c.path, checkpoints.c.sha256)).all()
    for key, name, sha256 in rows:
        if not names_checkpoint(key, name):
            yield key, str(key)[:12], "has a row that names no file of a checkpoint"
        elif (found := artifacts.digest(store.checkpoint_folder, name)) is None:
            yield key, name, f"is not in {shown(store.checkpoint_folder)}"
        elif found != sha256:
            yield key, name, "is not what was written: its sha256 differs"


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


def _flaws(store: Store) -> dict[Any, str]:
    """Return {key: what is wrong} of the runs with a value that cannot be used, a chunk of rows at a time."""
    found: dict[Any, str] = {}
    queries = {runs: sa.select(runs), attempts: sa.select(attempts), metrics: sa.select(metrics)}
    about = sa.select(attempts.c.key, environments.c.id, environments.c.content)
    queries[environments] = about.join(environments, environments.c.id == attempts.c.environment)
    for table, query in queries.items():
        with store.read() as connection:
            for rows in connection.execute(query, execution_options={"yield_per": CHUNK}).mappings().partitions():
                for row in rows:
                    if name := flaw(dict(row), RULES[table.name]):
                        found.setdefault(row["key"], f"{name} of its row in {table.name} cannot be read")
    return found


def _attempts(store: Store, flawed: Collection[Any]) -> Iterator[tuple[str, Problem]]:
    """Yield the runs that lost their attempt: 'tsbench show run' has no command for them."""
    query = sa.select(runs.c.key, runs.c.method, runs.c.protocol, runs.c.fold, runs.c.seed, runs.c.spec).where(~BELONGS)
    with store.read() as connection:
        for key, method, protocol, fold, seed, spec in connection.execute(query):
            if key in flawed:
                continue
            dataset = spec.get("dataset_ref") or spec["dataset"]
            words = ["--method", method, "--dataset", dataset, "--protocol", protocol, "--seeds", f"{seed},"]
            command = command_line(["tsbench", "run", *words, "--fold", str(fold), "--force"])
            yield key, Problem(f"run {key[:12]} has no attempt that its status comes from", ANEW.format(command))


def _rows(store: Store) -> Iterator[tuple[Any, Problem]]:
    success = runs.c.status == "succeeded"
    lacks = (
        (success & ~sa.exists().where(metrics.c.key == runs.c.key), "succeeded and has no metrics"),
        (success & ~sa.exists().where(predictions.c.key == runs.c.key), "succeeded and has no predictions"),
    )
    with store.read() as connection:
        for condition, what in lacks:
            for key in connection.execute(sa.select(runs.c.key).where(condition)).scalars():
                yield key, Problem(f"run {str(key)[:12]} {what}", REPEAT.format(str(key)[:12]))


def _metrics(store: Store) -> Iterator[tuple[Any, Problem]]:
    """Compute every metric again from the stored predictions, a few runs at a time."""
    from tsbench.tasks.score import metrics_of

    query = sa.select(predictions.c.key).join(runs, runs.c.key == predictions.c.key)
    with store.read() as connection:
        keys = connection.execute(query.where(runs.c.status == "succeeded")).scalars().all()
        for first in range(0, len(keys), FEW):  # each may be large
            part = keys[first : first + FEW]
            values: dict[Any, list[tuple[Any, Any]]] = {}
            for key, metric, value in connection.execute(sa.select(metrics).where(metrics.c.key.in_(part))):
                values.setdefault(key, []).append((metric, value))
            for key, content in connection.execute(sa.select(predictions).where(predictions.c.key.in_(part))):
                name = str(key)[:12]
                try:
                    again = metrics_of(unpack(content))
                except Exception as error:  # whatever numpy raises on rubbish
                    yield key, Problem(f"run {name}: {error}", REPEAT.format(name))
                    continue
                for metric, value in values.get(key, ()):
                    if metric in again and not same_metric(value, again[metric]):
                        what = f"run {name}: {metric} is {value}, its predictions give {again[metric]} by today's rule"
                        yield key, Problem(what, REPEAT.format(name))


def same_metric(stored: Any, computed: float) -> bool:
    """Say whether a stored metric is what its predictions give, to 1e-9; None stands for NaN."""
    if not is_number(stored) or not math.isfinite(computed):
        return stored is None and not math.isfinite(computed)
    return math.isclose(stored, computed, rel_tol=0, abs_tol=1e-9)
