"""Recording within the store: an attempt becomes a row, and perhaps the result of its run."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from tsbench.identity import canonical, digest
from tsbench.plan.result import Result
from tsbench.plan.spec import RunSpec
from tsbench.store import claims
from tsbench.store.database import insert
from tsbench.store.schema import attempts, checkpoints, environments, metrics, predictions, runs


def record(
    connection: sa.Connection, result: Result, content: bytes | None, environment: dict[str, Any], owner: str | None
) -> int | None:
    """Write an attempt; return its number where it now is the run's result."""
    key, row = result.spec.key, run_row(result.spec)
    identity = digest(environment)
    known = insert(connection, environments).values(id=identity, content=environment).on_conflict_do_nothing()
    connection.execute(known)
    first = insert(connection, runs).values(key=key, status=result.status, attempt=0, **row)
    first = first.on_conflict_do_nothing().returning(runs.c.key)
    before = None
    if connection.execute(first).first() is None:
        # The row stays locked (PostgreSQL; SQLite has one writer): who records the same run next waits here.
        query = sa.select(runs.c.status).where(runs.c.key == key).with_for_update()
        before = connection.execute(query).scalar_one()
    late = owner is not None and claims.release(connection, owner, [key]) == 0
    values = attempt_row(result, identity, owner)
    attempt = connection.execute(attempts.insert().values(values)).inserted_primary_key
    assert attempt is not None
    current = _replaces(before, result.status, late)
    if current:
        connection.execute(
            runs.update().where(runs.c.key == key), {**row, "status": result.status, "attempt": attempt[0]}
        )
        _replace_values(connection, result, content)
    if result.checkpoint is not None:
        pretrain_key, path, sha256 = result.checkpoint
        new = insert(connection, checkpoints)
        new = new.values(pretrain_key=pretrain_key, path=path, sha256=sha256, created=time.time())
        changed = {name: new.excluded[name] for name in ("path", "sha256", "created")}
        differs = checkpoints.c.sha256 != new.excluded.sha256
        keys = [checkpoints.c.pretrain_key]
        connection.execute(new.on_conflict_do_update(index_elements=keys, set_=changed, where=differs))
    return int(attempt[0]) if current else None


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
    for table in (metrics, predictions):
        connection.execute(table.delete().where(table.c.key == key))
    if result.metrics:
        values = [{"key": key, "name": name, "value": _finite(v)} for name, v in result.metrics.items()]
        connection.execute(metrics.insert(), values)
    if content is not None:
        connection.execute(predictions.insert().values(key=key, content=content))


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
