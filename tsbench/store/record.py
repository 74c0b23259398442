"""Recording within the store: an attempt becomes a row, and perhaps the result of its run."""

from __future__ import annotations

import time
from dataclasses import asdict
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from tsbench.identity import canonical, digest
from tsbench.plan.result import Result
from tsbench.plan.spec import RunSpec
from tsbench.store import claims
from tsbench.store.database import insert
from tsbench.store.schema import attempts, checkpoints, environments, metrics, predictions, runs

RUN_OF = runs.update().where(runs.c.key == sa.bindparam("of"))
VALUES_OF = [table.delete().where(table.c.key == sa.bindparam("of")) for table in (metrics, predictions)]


def record(
    connection: sa.Connection, result: Result, content: bytes | None, environment: dict[str, Any], owner: str | None
) -> int | None:
    """Write an attempt; return its number where it now is the run's result."""
    key, row, new = result.spec.key, run_row(result.spec), _inserts(connection.dialect.name)
    identity = digest(environment)
    connection.execute(new.environment, {"id": identity, "content": environment})
    before = None
    if connection.execute(new.run, {"key": key, "status": result.status, "attempt": 0, **row}).first() is None:
        # The row stays locked (PostgreSQL; SQLite has one writer): who records the same run next waits here.
        query = sa.select(runs.c.status).where(runs.c.key == key).with_for_update()
        before = connection.execute(query).scalar_one()
    late = owner is not None and claims.release(connection, owner, [key]) == 0
    values = attempt_row(result, identity, owner)
    attempt = connection.execute(new.attempt, values).inserted_primary_key
    assert attempt is not None
    current = _replaces(before, result.status, late)
    if current:
        changed = {"status": result.status, "attempt": attempt[0], **(row if before is not None else {})}
        connection.execute(RUN_OF, {"of": key, **changed})
        _replace_values(connection, result, content)
    if result.checkpoint is not None:
        pretrain_key, path, sha256 = result.checkpoint
        values = {"pretrain_key": pretrain_key, "path": path, "sha256": sha256, "created": time.time()}
        connection.execute(new.checkpoint, values)
    return int(attempt[0]) if current else None


class _Inserts(NamedTuple):
    """Statements that are made once: making one takes longer than having it done."""

    environment: Any
    run: Any
    attempt: Any
    checkpoint: Any


@cache
def _inserts(dialect: str) -> _Inserts:
    weights = insert(dialect, checkpoints)
    changed = {name: weights.excluded[name] for name in ("path", "sha256", "created")}
    differs, keys = checkpoints.c.sha256 != weights.excluded.sha256, [checkpoints.c.pretrain_key]
    return _Inserts(
        insert(dialect, environments).on_conflict_do_nothing(),
        insert(dialect, runs).on_conflict_do_nothing().returning(runs.c.key),
        attempts.insert(),
        weights.on_conflict_do_update(index_elements=keys, set_=changed, where=differs),
    )


def _replaces(before: str | None, status: str, late: bool) -> bool:
    """Say whether an attempt of this status becomes the result of a run that has the status before (None: new)."""
    if before is None:
        return True
    if late:
        return status == "succeeded" and before != "succeeded"
    return status == "succeeded" or before != "succeeded"


def _replace_values(connection: sa.Connection, result: Result, content: bytes | None) -> None:
    """Let the metrics and predictions of a run be those of one result."""
    key = result.spec.key
    for values_of in VALUES_OF:
        connection.execute(values_of, {"of": key})
    if result.metrics:
        values = [{"key": key, "name": name, "value": _finite(v)} for name, v in result.metrics.items()]
        connection.execute(metrics.insert(), values)
    if content is not None:
        connection.execute(predictions.insert(), {"key": key, "content": content})


def spec_to_json(spec: RunSpec) -> dict[str, Any]:
    """Return a run's specification as stored: its identity, the whole protocol and what re-opens the dataset."""
    return {
        **spec.identity(),
        "params": dict(spec.params),
        "protocol": spec.protocol.model_dump(mode="json"),
        "threads": spec.threads,
        "overrides": dict(spec.overrides),
        "dataset_ref": spec.dataset_ref,
        "sources": [asdict(source) for source in spec.sources],
        "data_dirs": list(spec.data_dirs),
    }


def run_row(spec: RunSpec) -> dict[str, Any]:
    """Return what the table of runs has of a specification, by column."""
    return {
        "label": spec.label,
        "method": spec.method,
        "method_version": spec.method_version,
        "dataset": spec.dataset,
        "protocol": spec.protocol.name,
        "protocol_hash": spec.protocol.hash(),
        "fold": spec.fold,
        "seed": spec.seed,
        "spec": spec_to_json(spec),
        "normalisation": spec.normalisation,
        "fingerprint": spec.fingerprint,
        "versions": canonical(spec.versions),
        "split": spec.made_on,
        "configuration": spec.configuration,
        "exposure": spec.exposure,
    }


def attempt_row(result: Result, environment_id: str, owner: str | None) -> dict[str, Any]:
    """Return what the table of attempts has of a result, by column."""
    return {
        "key": result.spec.key,
        "status": result.status,
        "started": result.started,
        "finished": result.finished,
        "durations": result.durations,
        "facts": {name: v if abs(v) < float("inf") else str(v) for name, v in result.facts.items()},
        "curve": result.curve,
        "warnings": list(result.warnings),
        "peak_memory_bytes": result.peak_memory_bytes,
        "device": result.device,
        "error": result.error,
        "traceback": result.traceback,
        "environment": environment_id,
        "owner": owner or "",
        "pretrain_key": result.checkpoint[0] if result.checkpoint else None,
    }


def _finite(value: float) -> float | None:
    """Return None for NaN and infinity, which SQL does not know."""
    return float(value) if abs(value) < float("inf") else None
