"""What a store holds, in a line per fact."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from tsbench.run import artifacts
from tsbench.run.store import Store
from tsbench.run.store_schema import SCHEMA_VERSION, attempts, checkpoints, metadata, runs
from tsbench.urls import shown


def describe(store: Store) -> dict[str, str]:
    """Return {name: value}: store, backend, schema, access, runs, attempts, claims, size, checkpoints."""
    with store.read() as connection:
        statuses = connection.execute(
            sa.select(runs.c.status, sa.func.count()).group_by(runs.c.status).order_by(runs.c.status)
        )
        counts = {str(status): int(count) for status, count in statuses}
        n_attempts = connection.scalar(sa.select(sa.func.count()).select_from(attempts))
        recorded = connection.scalar(sa.select(sa.func.count()).select_from(checkpoints))
        size = _size(store, connection)
    files = artifacts.listing(store.checkpoint_folder)
    used = sum(file.size for file in files.values())
    listed = f" ({', '.join(f'{count} {status}' for status, count in counts.items())})" if counts else ""
    return {
        "store": store.name,
        "backend": store.backend,
        "schema": str(SCHEMA_VERSION),
        "access": "read only" if store.read_only else "read and write",
        "runs": f"{sum(counts.values())}{listed}",
        "attempts": str(n_attempts),
        "claimed": str(len(store.claimed())),
        "size": f"{size / 2**20:.1f} MiB",
        "artifacts": shown(store.artifacts),
        "checkpoints": f"{recorded} recorded, {len(files)} files, {used / 2**20:.1f} MiB",
    }


def _size(store: Store, connection: sa.Connection) -> int:
    """Return the bytes of the file with its log, or of our tables with their indexes."""
    if store.file is not None:
        files = (Path(f"{store.file}{suffix}") for suffix in ("", "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())
    if store.backend == "sqlite":
        return 0
    sizes = (sa.func.pg_total_relation_size(table.name) for table in metadata.sorted_tables)
    return sum(int(connection.scalar(sa.select(size)) or 0) for size in sizes)
