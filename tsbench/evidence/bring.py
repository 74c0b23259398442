"""Bringing verified evidence into a store."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import islice
from typing import Any

import sqlalchemy as sa

from tsbench.errors import StoreError
from tsbench.evidence.verify import Evidence
from tsbench.store.merge import Merged
from tsbench.store.record import record
from tsbench.store.store import Store

BATCH = 200


def bring(ours: Store, runs: Sequence[Evidence]) -> Merged:
    """Record the runs that ours lacks or that have not succeeded there, in transactions of 200.

    One that succeeded there with other metrics is a conflict: ours stays. Bringing them again records nothing.
    """
    if ours.read_only:
        raise StoreError(f"store {ours.name} may only be read from here; merge into one that may be written")
    report, rest = Merged(), iter(runs)
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


def _conflict(one: Evidence, mine: dict[str, Any] | None) -> str:
    theirs = {name: value if value == value else None for name, value in one.result.metrics.items()}
    apart = [name for name in sorted(theirs) if mine is not None and mine.get(name) != theirs[name]]
    texts = [f"{name} {mine.get(name)} here, {theirs[name]} there" for name in apart if mine is not None]
    return f"{one.result.spec.key[:12]}: {', '.join(texts)}" if texts else ""
