"""The tables of the store, their version, and the way from each version to the next."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from tsbench.errors import StoreError

SCHEMA_VERSION = 5
# Optuna keeps its tables in the same database; `alembic_version` is its name, never ours.
OPTUNA_TABLES = {"alembic_version", "studies", "trials"}
MIGRATED_AT_ONCE = 1000
PREPARING = 7301220  # PostgreSQL's advisory lock while tables are made; any number no one else takes

# What SQLite computes in place of plain tables; views that are called as no table of a store are somebody's own.
COMPUTED = """
    SELECT type, name FROM sqlite_master WHERE type = 'trigger'
    UNION ALL SELECT 'virtual table', name FROM sqlite_master WHERE type = 'table' AND rootpage = 0
    UNION ALL SELECT 'computed column', t.name || '.' || c.name
        FROM sqlite_master AS t, pragma_table_xinfo(t.name) AS c WHERE t.type = 'table' AND c.hidden > 1
    UNION ALL SELECT type, name FROM sqlite_master WHERE type = 'view' AND lower(name) GLOB 'stud*'
    UNION ALL SELECT type, name FROM sqlite_master WHERE type = 'view' AND lower(name) GLOB 'trial*'
"""

metadata = sa.MetaData()
schema = sa.Table("tsbench_schema", metadata, sa.Column("version", sa.Integer, primary_key=True))
environments = sa.Table(
    "environments",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("content", sa.JSON, nullable=False),
)
runs = sa.Table(
    "runs",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("label", sa.String, nullable=False, index=True),
    sa.Column("method", sa.String, nullable=False),
    sa.Column("method_version", sa.Integer, nullable=False),
    sa.Column("dataset", sa.String, nullable=False, index=True),
    sa.Column("protocol", sa.String, nullable=False),
    sa.Column("protocol_hash", sa.String(64), nullable=False, index=True),
    sa.Column("fold", sa.Integer, nullable=False),
    sa.Column("seed", sa.Integer, nullable=False),
    sa.Column("status", sa.String, nullable=False, index=True),
    sa.Column("spec", sa.JSON, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    # Also within spec: a leaderboard over many runs must not parse each one's.
    sa.Column("normalisation", sa.String, nullable=False, server_default=""),
    sa.Column("fingerprint", sa.String, nullable=False, server_default=""),
    # NULL where a driver older than the column wrote the row.
    sa.Column("versions", sa.String),  # JSON
    sa.Column("split", sa.String),  # RunSpec.made_on: what the fold was when the run was done
    sa.Column("configuration", sa.String),  # RunSpec.configuration
    sa.Column("exposure", sa.String),  # RunSpec.exposure
)
attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("key", sa.ForeignKey("runs.key"), nullable=False, index=True),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("started", sa.Float, nullable=False),
    sa.Column("finished", sa.Float, nullable=False),
    sa.Column("durations", sa.JSON, nullable=False),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Column("curve", sa.JSON, nullable=False),
    sa.Column("warnings", sa.JSON, nullable=False),
    sa.Column("peak_memory_bytes", sa.BigInteger, nullable=False),
    sa.Column("device", sa.String, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("traceback", sa.Text, nullable=False),
    sa.Column("environment", sa.ForeignKey("environments.id"), nullable=False),
    sa.Column("owner", sa.String, nullable=False, server_default=""),
    sa.Column("pretrain_key", sa.String(64)),
)
metrics = sa.Table(
    "metrics",
    metadata,
    sa.Column("key", sa.ForeignKey("runs.key"), primary_key=True),
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("value", sa.Float),
)
predictions = sa.Table(
    "predictions",
    metadata,
    sa.Column("key", sa.ForeignKey("runs.key"), primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
)
checkpoints = sa.Table(
    "checkpoints",
    metadata,
    sa.Column("pretrain_key", sa.String(64), primary_key=True),
    sa.Column("path", sa.String, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("created", sa.Float, nullable=False),
)
# A run is claimed before it has a row of its own, so key refers to none. Times are seconds on the database's clock.
claims = sa.Table(
    "claims",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("owner", sa.String, nullable=False),
    sa.Column("claimed", sa.Float, nullable=False),
    sa.Column("heartbeat", sa.Float, nullable=False),
)


def version_of(connection: sa.Connection, name: str) -> int | None:
    """Return the schema version of a database; None when it has no tables but Optuna's.

    Raises StoreError when it is somebody else's database or written by a newer tsbench.
    """
    _check_plain(connection, name)
    tables = set(sa.inspect(connection).get_table_names())
    if schema.name not in tables:
        if tables and not tables >= OPTUNA_TABLES:
            raise StoreError(f"{name} is a database, but not a tsbench store; name another with --store")
        return None
    version = connection.execute(sa.select(schema.c.version)).scalar()
    if version is None or not 1 <= version <= SCHEMA_VERSION:
        raise StoreError(
            f"{name} has schema {version}, this tsbench reads {SCHEMA_VERSION}; "
            "use the version of tsbench that wrote it, or another --store"
        )
    made_later = set[str]() if version == SCHEMA_VERSION else {"claims"}
    if missing := metadata.tables.keys() - tables - made_later:
        raise StoreError(f"{name} lacks the table {min(missing)} (a view is none); restore a copy of the store")
    return int(version)


def _check_plain(connection: sa.Connection, name: str) -> None:
    """Raise StoreError for an SQLite file of which what is read or written is computed: that may be without end."""
    if connection.dialect.name != "sqlite":
        return
    found = connection.exec_driver_sql(COMPUTED).first()
    if found is not None:
        what, which = found
        raise StoreError(f"{name} has the {what} {which}, which no store has; restore a copy of the store")


def prepare(connection: sa.Connection, name: str) -> None:
    """Make the tables, or bring those of an older version up to date, in the transaction of the connection."""
    if connection.dialect.name == "postgresql":
        # A program that keeps a table open is told of, rather than waited for without end.
        connection.execute(sa.text("SET LOCAL lock_timeout = '30s'"))
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(PREPARING)))
    version = version_of(connection, name)  # anew: another process may have been first
    if version is None:
        metadata.create_all(connection)
        connection.execute(schema.insert().values(version=SCHEMA_VERSION))
        return
    for number in range(version, SCHEMA_VERSION):
        MIGRATIONS[number](connection)
    connection.execute(schema.update().values(version=SCHEMA_VERSION))


def _from_1(connection: sa.Connection) -> None:
    """Claims; what leaderboards need of a spec as columns; who made an attempt and which weights it used."""
    for statement in (
        "CREATE TABLE claims (key VARCHAR(64) NOT NULL, owner VARCHAR NOT NULL, claimed FLOAT NOT NULL, "
        "heartbeat FLOAT NOT NULL, PRIMARY KEY (key))",
        "ALTER TABLE runs ADD COLUMN normalisation VARCHAR DEFAULT '' NOT NULL",
        "ALTER TABLE runs ADD COLUMN fingerprint VARCHAR DEFAULT '' NOT NULL",
        "ALTER TABLE attempts ADD COLUMN owner VARCHAR DEFAULT '' NOT NULL",
        "ALTER TABLE attempts ADD COLUMN pretrain_key VARCHAR(64)",
    ):
        connection.execute(sa.text(statement))
    spec = sa.column("spec", sa.JSON)
    old = sa.table("runs", spec, sa.column("normalisation"), sa.column("fingerprint"))
    names = ("normalisation", "fingerprint")
    connection.execute(sa.update(old).values({name: spec[name].as_string() for name in names}))


def _from_2(connection: sa.Connection) -> None:
    """The versions of encoder, transforms and probe as a column."""
    connection.execute(sa.text("ALTER TABLE runs ADD COLUMN versions VARCHAR"))
    spec = sa.column("spec", sa.JSON)
    old = sa.table("runs", spec, sa.column("versions"))
    connection.execute(sa.update(old).values(versions=sa.cast(spec["versions"], sa.String)))


def _from_3(connection: sa.Connection) -> None:
    """The split and the configuration of a run; of the split of earlier ones their predictions know the test cases."""
    from tsbench.data.splits import test_text

    for name in ("split", "configuration"):
        connection.execute(sa.text(f"ALTER TABLE runs ADD COLUMN {name} VARCHAR"))
    blobs = sa.table("predictions", sa.column("key", sa.String), sa.column("content", sa.LargeBinary))
    old, last = sa.table("runs", sa.column("key", sa.String), sa.column("split", sa.String)), ""
    while True:
        query = sa.select(blobs).where(blobs.c.key > last).order_by(blobs.c.key).limit(MIGRATED_AT_ONCE)
        rows = connection.execute(query).all()
        if not rows:
            return
        last = rows[-1].key
        cases = [(row.key, _cases(row.content)) for row in rows]
        found = [{"run": run, "text": test_text(index)} for run, index in cases if index is not None]
        change = sa.update(old).where(old.c.key == sa.bindparam("run")).values(split=sa.bindparam("text"))
        if found:
            connection.execute(change, found)


def _from_4(connection: sa.Connection) -> None:
    """Whether a method had seen what is tested; of earlier rows `plan.exposure.derived` tells it."""
    connection.execute(sa.text("ALTER TABLE runs ADD COLUMN exposure VARCHAR"))


def _cases(content: bytes) -> Any:
    """Return the indices of the test cases from stored predictions; None where they cannot be read."""
    import numpy as np

    from tsbench.store.packing import check_packed

    try:
        check_packed(content)
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return arrays["cases"].astype(np.int64)
    except Exception:  # whatever numpy raises on rubbish; 'tsbench store check' tells of it
        return None


MIGRATIONS: dict[int, Callable[[sa.Connection], None]] = {1: _from_1, 2: _from_2, 3: _from_3, 4: _from_4}
