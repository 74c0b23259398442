"""The store of results: SQLAlchemy tables, one transaction per run; only the driver writes."""

from __future__ import annotations

import io
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from tsbench.errors import StoreError, UsageError
from tsbench.identity import digest
from tsbench.run.spec import Predictions, Result, RunSpec

SCHEMA_VERSION = 1
DEFAULT_STORE = "tsbench.db"

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


class Store:
    """Results behind one URL: an SQLite file by default ("results.db" and "sqlite:///results.db" are the same).

    Raises StoreError when the database cannot be opened, is of a newer schema, or is not a tsbench store.
    """

    def __init__(self, url: str = DEFAULT_STORE, must_exist: bool = False) -> None:
        self.url = _parse(url)
        self._database = self.url.database or ""
        self._is_file = self.url.get_backend_name() == "sqlite" and self._database not in ("", ":memory:")
        if must_exist and self._is_file and not Path(self._database).exists():
            raise UsageError(
                f"there is no store at {self._database}; name one with --store, or make one by 'tsbench run'"
            )
        try:
            self.engine = sa.create_engine(self.url)
        except (ModuleNotFoundError, NoSuchModuleError) as error:
            raise UsageError(f"--store {self.name}: no driver ({error}); install tsbench[postgres]") from None
        if self.url.get_backend_name() == "sqlite":
            sa.event.listen(self.engine, "connect", _tune_sqlite)
        with self._guard("opened"):
            self._open()

    @property
    def name(self) -> str:
        """The URL without its password."""
        return self._database if self._is_file else self.url.render_as_string(hide_password=True)

    @property
    def artifacts(self) -> Path:
        """The folder beside the store for checkpoints."""
        return Path(f"{self._database}-artifacts" if self._is_file else "tsbench-artifacts")

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    def statuses(self, keys: Iterable[str]) -> dict[str, str]:
        """Return {key: status} of the runs that have one."""
        wanted = set(keys)
        with self._guard("read"), self.engine.connect() as connection:
            rows = connection.execute(sa.select(runs.c.key, runs.c.status))
            return {key: status for key, status in rows if key in wanted}

    def seconds(self, keys: Iterable[str]) -> dict[str, float]:
        """Return {key: seconds} that all attempts of a run took together."""
        wanted = set(keys)
        taken = sa.func.sum(attempts.c.finished - attempts.c.started)
        with self._guard("read"), self.engine.connect() as connection:
            rows = connection.execute(sa.select(attempts.c.key, taken).group_by(attempts.c.key))
            return {key: total for key, total in rows if key in wanted}

    def record(self, result: Result, environment: dict[str, Any]) -> None:
        """Write everything about one attempt in one transaction.

        The newest attempt is the run's status, except that a success is only replaced by a success: a forced
        repetition that fails or is interrupted leaves the earlier result in place.
        """
        spec, environment_id = result.spec, digest(environment)
        with self._guard("written"), self.engine.begin() as connection:
            if (
                connection.execute(sa.select(environments.c.id).where(environments.c.id == environment_id)).first()
                is None
            ):
                connection.execute(environments.insert().values(id=environment_id, content=environment))
            before = connection.execute(sa.select(runs.c.status).where(runs.c.key == spec.key)).scalar()
            if before is None:
                connection.execute(
                    runs.insert().values(key=spec.key, status=result.status, attempt=0, **_run_row(spec))
                )
            attempt = connection.execute(attempts.insert().values(_attempt_row(result, environment_id)))
            if before != "succeeded" or result.status == "succeeded":
                assert attempt.inserted_primary_key is not None
                self._make_current(connection, result, attempt.inserted_primary_key[0])
            if result.checkpoint is not None:
                pretrain_key, path, sha256 = result.checkpoint
                row = {"path": path, "sha256": sha256, "created": time.time()}
                connection.execute(checkpoints.delete().where(checkpoints.c.pretrain_key == pretrain_key))
                connection.execute(checkpoints.insert().values(pretrain_key=pretrain_key, **row))

    def _make_current(self, connection: sa.Connection, result: Result, attempt: int) -> None:
        """Let an attempt be the run's status, metrics and predictions."""
        key = result.spec.key
        row = {**_run_row(result.spec), "status": result.status, "attempt": attempt}
        connection.execute(runs.update().where(runs.c.key == key).values(row))
        for table in (metrics, predictions):
            connection.execute(table.delete().where(table.c.key == key))
        if result.metrics:
            values = [{"key": key, "name": name, "value": _finite(v)} for name, v in result.metrics.items()]
            connection.execute(metrics.insert(), values)
        if result.predictions is not None:
            connection.execute(predictions.insert().values(key=key, content=pack(result.predictions)))

    def checkpoint_sha256(self, pretrain_key: str) -> str | None:
        """Return the recorded checksum of a checkpoint."""
        query = sa.select(checkpoints.c.sha256).where(checkpoints.c.pretrain_key == pretrain_key)
        with self._guard("read"), self.engine.connect() as connection:
            return connection.execute(query).scalar()

    def results(self, protocol_hashes: Iterable[str] = (), datasets: Iterable[str] = ()) -> list[dict[str, Any]]:
        """Return one flat row per run with its newest attempt; metrics are columns of their own."""
        query = sa.select(runs, *(c for c in attempts.c if c.name not in ("id", "key", "status", "traceback")))
        query = query.join(attempts, attempts.c.id == runs.c.attempt)
        hashes, names = list(protocol_hashes), list(datasets)
        if hashes:
            query = query.where(runs.c.protocol_hash.in_(hashes))
        if names:
            query = query.where(runs.c.dataset.in_(names))
        with self._guard("read"), self.engine.connect() as connection:
            rows = {row.key: dict(row._mapping) for row in connection.execute(query)}
            for key, name, value in connection.execute(sa.select(metrics)):
                if key in rows:
                    rows[key][name] = value
        return list(rows.values())

    def find(self, prefix: str) -> dict[str, Any]:
        """Return everything about the one run whose key starts with prefix, with its environment and attempts."""
        query = sa.select(runs).where(runs.c.key.startswith(prefix, autoescape=True)).limit(2)
        with self._guard("read"), self.engine.connect() as connection:
            found = connection.execute(query).mappings().all()
            if len(found) != 1:
                count = "more than one run" if found else "no run"
                raise UsageError(f"{count} in {self.name} has a key that starts with '{prefix}'; see 'tsbench results'")
            run = dict(found[0])
            query = sa.select(attempts).where(attempts.c.key == run["key"]).order_by(attempts.c.id)
            run["attempts"] = [dict(row) for row in connection.execute(query).mappings()]
            query = sa.select(metrics.c.name, metrics.c.value).where(metrics.c.key == run["key"])
            run["metrics"] = {row.name: row.value for row in connection.execute(query)}
            newest = run["attempts"][-1]["environment"]
            query = sa.select(environments.c.content).where(environments.c.id == newest)
            run["environment"] = connection.execute(query).scalar()
        return run

    def predictions(self, key: str) -> Predictions | None:
        """Return the stored predictions of a run."""
        query = sa.select(predictions.c.content).where(predictions.c.key == key)
        with self._guard("read"), self.engine.connect() as connection:
            content = connection.execute(query).scalar()
        return None if content is None else unpack(content)

    def _open(self) -> None:
        tables = set(sa.inspect(self.engine).get_table_names())
        if not tables:
            metadata.create_all(self.engine)
            with self.engine.begin() as connection:
                connection.execute(schema.insert().values(version=SCHEMA_VERSION))
            return
        if schema.name not in tables:
            raise StoreError(f"{self.name} is a database, but not a tsbench store; name another with --store")
        with self.engine.connect() as connection:
            version = connection.execute(sa.select(schema.c.version)).scalar()
        if version != SCHEMA_VERSION:
            raise StoreError(
                f"{self.name} has schema {version}, this tsbench reads {SCHEMA_VERSION}; "
                "use the version of tsbench that wrote it, or another --store"
            )

    @contextmanager
    def _guard(self, verb: str) -> Iterator[None]:
        """Turn every database error into one line that names the store and hides the password."""
        try:
            yield
        except SQLAlchemyError as error:
            cause = str(error.orig) if isinstance(error, DBAPIError) else str(error)
            reason = " ".join(cause.split())
            raise StoreError(f"store {self.name} cannot be {verb}: {reason}; earlier results are untouched") from error


def pack(p: Predictions) -> bytes:
    """Return predictions as a compressed .npz."""
    buffer = io.BytesIO()
    arrays = {"cases": p.cases, "y_true": p.y_true, "y_pred": p.y_pred, "scores": p.scores}
    np.savez_compressed(buffer, classes=np.asarray(p.classes, dtype=np.str_), **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def unpack(content: bytes) -> Predictions:
    """Read what `pack` wrote."""
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        fields = {name: arrays[name] for name in ("cases", "y_true", "y_pred", "scores")}
        return Predictions(**fields, classes=tuple(arrays["classes"].tolist()))


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
    }


def _run_row(spec: RunSpec) -> dict[str, Any]:
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
    }


def _attempt_row(result: Result, environment_id: str) -> dict[str, Any]:
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
    }


def _finite(value: float) -> float | None:
    """Return None for NaN and infinity, which SQL does not know."""
    return float(value) if abs(value) < float("inf") else None


def _parse(url: str) -> sa.URL:
    try:
        return make_url(url if "://" in url else f"sqlite:///{url}")
    except ArgumentError:
        raise UsageError("--store: give a file name or a database URL such as sqlite:///results.db") from None


def _tune_sqlite(connection: Any, _: Any) -> None:
    """Write-ahead log: readers never wait for the writer; a crash loses at most the transaction under way."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout=30000")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()
