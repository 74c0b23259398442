"""Merging stores: what was run elsewhere comes here, with its attempts, predictions and checkpoints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from tsbench.errors import StoreError
from tsbench.store import artifacts
from tsbench.store.check import BELONGS
from tsbench.store.database import insert
from tsbench.store.packing import check_packed
from tsbench.store.rows import flaw_of_run, is_number, names_checkpoint
from tsbench.store.schema import attempts, checkpoints, environments, metrics, predictions, runs
from tsbench.store.store import Store
from tsbench.urls import shown

BATCH = 200
BATCH_BYTES = 2**28


@dataclass
class Merged:
    """What a merge did: keys of the runs copied; conflicts, and runs and checkpoints left out, one line each."""

    copied: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    n_checkpoints: int = 0
    skipped: list[str] = field(default_factory=list)


def merge(ours: Store, other: Store) -> Merged:
    """Copy the runs that ours lacks, or that succeeded in other and not in ours, in transactions of 200 runs.

    A run that succeeded in both with different metrics is a conflict: it is reported, ours stays. Claims stay where
    they are. Merging again copies nothing. A run that has lost its attempt there, or that cannot be used, is left out;
    one that has lost it here counts as missing.
    """
    if ours.read_only:
        raise StoreError(f"store {ours.name} may only be read from here; merge into one that may be written")
    report = Merged()
    with ours.read() as here, other.read() as there:
        known, found = _statuses(here), _statuses(there)
        lost = there.execute(sa.select(runs.c.key).where(~BELONGS)).scalars().all()
        both = {key for key in known.keys() & found.keys() if known[key] == found[key] == "succeeded"}
        apart = metrics_apart(here, there, both)
    for key, names in apart.items():
        texts = (f"{name} {mine} here, {theirs} there" for name, (mine, theirs) in names.items())
        report.conflicts.append(f"{key[:12]}: {', '.join(texts)}")
    report.copied = [
        key for key, status in found.items() if key not in known or (status == "succeeded" and key not in both)
    ]
    report.skipped = [
        f"run {str(key)[:12]} has lost its attempt in {other.name}; 'tsbench store check' names the remedy"
        for key in lost
        if key not in known
    ]
    wanted, report.copied = report.copied, []
    for keys in _batches(other, wanted):
        report.copied += _copy(ours, other, keys, report)
    _copy_checkpoints(ours, other, report)
    return report


def metrics_apart(
    here: sa.Connection, there: sa.Connection, keys: set[str]
) -> dict[str, dict[str, tuple[float | None, float | None]]]:
    """Return {key: {metric: (here, there)}} of the runs among keys, which both have, whose metrics are not the same."""
    mine, theirs = _metrics(here, keys), _metrics(there, keys)
    apart = {}
    for key in sorted(keys):
        left, right = mine.get(key, {}), theirs.get(key, {})
        if left != right:
            names = sorted(name for name in left.keys() | right.keys() if left.get(name) != right.get(name))
            apart[key] = {name: (left.get(name), right.get(name)) for name in names}
    return apart


def _batches(other: Store, wanted: list[str]) -> Iterator[list[str]]:
    """Cut keys into pieces of at most BATCH runs, and BATCH_BYTES of predictions unless one has more."""
    for first in range(0, len(wanted), BATCH):
        keys, batch, room = wanted[first : first + BATCH], list[str](), BATCH_BYTES
        query = sa.select(predictions.c.key, sa.func.length(predictions.c.content)).where(predictions.c.key.in_(keys))
        with other.read() as there:
            sizes = {key: size or 0 for key, size in there.execute(query)}
        for key in keys:
            room -= sizes.get(key, 0)
            if batch and room < 0:
                yield batch
                batch, room = [], BATCH_BYTES - sizes.get(key, 0)
            batch.append(key)
        yield batch


def _copy(ours: Store, other: Store, keys: list[str], report: Merged) -> list[str]:
    """Copy whole runs in one transaction; what ours has of them becomes earlier attempts. Return what was copied."""
    with other.read() as there:
        rows: dict[str, list[dict[str, Any]]] = {
            table.name: [dict(r) for r in there.execute(sa.select(table).where(table.c.key.in_(keys))).mappings()]
            for table in (runs, attempts, metrics, predictions)
        }
        used = {row["environment"] for row in rows["attempts"]}
        query = sa.select(environments).where(environments.c.id.in_(used))
        rows["environments"] = [dict(row) for row in there.execute(query).mappings()]
    flaws = {run["key"]: what for run in rows["runs"] if (what := _flaw(run, rows))}
    report.skipped += [f"run {str(key)[:12]} of {other.name} cannot be used: {what}" for key, what in flaws.items()]
    for name in ("runs", "attempts", "metrics", "predictions"):
        rows[name] = [row for row in rows[name] if row["key"] not in flaws]
    keys = [run["key"] for run in rows["runs"]]
    used = {row["environment"] for row in rows["attempts"]}
    rows["environments"] = [row for row in rows["environments"] if row["id"] in used]

    def write(here: sa.Connection) -> None:
        for row in rows["environments"]:
            here.execute(insert(here.dialect.name, environments).values(row).on_conflict_do_nothing())
        query = sa.select(runs.c.key).where(runs.c.key.in_(keys), runs.c.status == "succeeded", BELONGS)
        done = set(here.execute(query).scalars())  # a driver was faster than this merge
        for run in rows["runs"]:
            if run["key"] not in done:
                here.execute(insert(here.dialect.name, runs).values(run).on_conflict_do_nothing())
        numbers = _copy_attempts(here, [row for row in rows["attempts"] if row["key"] not in done])
        for run in rows["runs"]:
            if run["key"] not in done:
                run["attempt"] = numbers[run["attempt"]]
                here.execute(runs.update().where(runs.c.key == run["key"]).values(run))
        for table in (metrics, predictions):
            here.execute(table.delete().where(table.c.key.in_(set(keys) - done)))
            values = [row for row in rows[table.name] if row["key"] not in done]
            if values:
                here.execute(table.insert(), values)

    ours.write(write)
    return keys


def _flaw(run: dict[str, Any], rows: Mapping[str, list[dict[str, Any]]]) -> str:
    """Return why a run is not copied, "" where it is."""
    mine = {name: [row for row in rows[name] if row["key"] == run["key"]] for name in ("attempts", "metrics")}
    used = {row["environment"] for row in mine["attempts"]}
    about = [row for row in rows["environments"] if row["id"] in used]
    if what := flaw_of_run(run, mine["attempts"], mine["metrics"], about):
        return what
    if len(about) != len(used):
        return "its environment is not there"
    try:
        for row in rows["predictions"]:
            if row["key"] == run["key"]:
                check_packed(row["content"])
    except StoreError as error:
        return str(error)
    return ""


def _copy_attempts(here: sa.Connection, rows: list[dict[str, Any]]) -> dict[int, int]:
    """Insert attempts that are not here yet; return {their number: ours}."""
    numbers = {}
    for row in sorted(rows, key=lambda row: row["id"]):
        theirs = row["id"]
        same = [attempts.c[name] == row[name] for name in ("key", "started", "finished", "status", "owner")]
        known = here.execute(sa.select(attempts.c.id).where(*same)).scalar()
        if known is None:
            new = here.execute(attempts.insert().values({k: v for k, v in row.items() if k != "id"}))
            assert new.inserted_primary_key is not None
            known = new.inserted_primary_key[0]
        numbers[theirs] = known
    return numbers


def _copy_checkpoints(ours: Store, other: Store, report: Merged) -> None:
    """Copy the files of checkpoints that ours has no record of, each before its row."""
    with ours.read() as here:
        known = set(here.execute(sa.select(checkpoints.c.pretrain_key)).scalars())
    with other.read() as there:
        rows = [dict(row) for row in there.execute(sa.select(checkpoints)).mappings()]
    for row in rows:
        if row["pretrain_key"] in known:
            continue
        if not names_checkpoint(row["pretrain_key"], row["path"]) or not is_number(row["created"]):
            report.skipped.append(f"checkpoint {str(row['pretrain_key'])[:12]} of {other.name}: its row cannot be used")
            continue
        if not artifacts.copy(other.checkpoint_folder, ours.checkpoint_folder, row["path"], row["sha256"]):
            where = shown(other.checkpoint_folder)
            report.skipped.append(f"{row['path']} is missing or damaged in {where}; it is trained anew when needed")
            continue
        _add_checkpoint(ours, row)
        report.n_checkpoints += 1


def _add_checkpoint(ours: Store, row: Mapping[str, Any]) -> None:
    ours.write(lambda here: here.execute(insert(here.dialect.name, checkpoints).values(**row).on_conflict_do_nothing()))


def _statuses(connection: sa.Connection) -> dict[str, str]:
    """Return {key: status} of the runs that have the attempt their status comes from."""
    query = sa.select(runs.c.key, runs.c.status).where(BELONGS)
    return {row.key: row.status for row in connection.execute(query)}


def _metrics(connection: sa.Connection, keys: set[str]) -> dict[str, dict[str, float | None]]:
    found: dict[str, dict[str, float | None]] = {}
    for key, name, value in connection.execute(sa.select(metrics)) if keys else ():
        if key in keys:
            found.setdefault(key, {})[name] = value
    return found
