"""Bringing verified evidence into a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

import sqlalchemy as sa

from tsbench.data.splits import same_split
from tsbench.errors import StoreError
from tsbench.evidence.verify import Evidence
from tsbench.plan.spec import RunSpec
from tsbench.store.database import chunks
from tsbench.store.merge import Merged
from tsbench.store.record import record
from tsbench.store.schema import runs as table
from tsbench.store.store import Store

BATCH = 200


def bring(ours: Store, runs: Sequence[Evidence]) -> Merged:
    """Record the runs that ours lacks or that have not succeeded there, in transactions of 200.

    One that succeeded there with other metrics is a conflict: ours stays. So is one of a fold of data that is not here,
    of which all that ours has were made on other splits. Bringing them again records nothing.
    """
    if ours.read_only:
        raise StoreError(f"store {ours.name} may only be read from here; merge into one that may be written")
    report, splits = Merged(), _splits(ours, runs)
    odd = [one for one in runs if one.claim and not _agrees(one.result.spec, splits)]
    report.conflicts += [f"{one.result.spec.key[:12]}: its fold has another split in all results here" for one in odd]
    left_out = {one.result.spec.key for one in odd}
    rest = (one for one in runs if one.result.spec.key not in left_out)
    while batch := list(islice(rest, BATCH)):
        keys = [one.result.spec.key for one in batch]
        done = {row["key"]: row for row in ours.rows(keys) if row["status"] == "succeeded"}
        report.conflicts += [line for one in batch if (line := _conflict(one, done.get(one.result.spec.key)))]
        new = [one for one in batch if one.result.spec.key not in done]
        ours.write(partial(_record, new))
        report.copied += [one.result.spec.key for one in new]
    return report


def _record(runs: Sequence[Evidence], here: sa.Connection) -> None:
    for one in runs:
        record(here, one.result, one.content, dict(one.environment), None)


def _splits(ours: Store, claimed: Sequence[Evidence]) -> dict[tuple[Any, ...], set[str]]:
    """Return {what a fold is: the splits that results of ours have of it} of the datasets of which runs claim one."""
    datasets = {one.result.spec.dataset for one in claimed if one.claim}
    columns = (table.c.dataset, table.c.fingerprint, table.c.protocol_hash, table.c.fold, table.c.split)
    query = sa.select(*columns).distinct().where(table.c.status == "succeeded", table.c.split.is_not(None))
    found: dict[tuple[Any, ...], set[str]] = {}
    with ours.read() as connection:
        for names in chunks(datasets):
            for *fold, split in connection.execute(query.where(table.c.dataset.in_(names))):
                found.setdefault(tuple(fold), set()).add(split)
    return found


def _agrees(spec: RunSpec, splits: Mapping[tuple[Any, ...], set[str]]) -> bool:
    here = splits.get((spec.dataset, spec.fingerprint, spec.protocol.hash(), spec.fold))
    return not here or any(same_split(spec.split, one) for one in here)


def _conflict(one: Evidence, mine: dict[str, Any] | None) -> str:
    theirs = {name: value if value == value else None for name, value in one.result.metrics.items()}
    apart = [name for name in sorted(theirs) if mine is not None and mine.get(name) != theirs[name]]
    texts = [f"{name} {mine.get(name)} here, {theirs[name]} there" for name in apart if mine is not None]
    return f"{one.result.spec.key[:12]}: {', '.join(texts)}" if texts else ""
