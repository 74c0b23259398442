"""One database behind a URL: SQLite or PostgreSQL, transactions that outlast other writers, errors in one line."""

from __future__ import annotations

import json
import logging
import os
import random
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError, SQLAlchemyError

from tsbench.cleanup import afterwards
from tsbench.errors import StoreError, UsageError
from tsbench.store import schema
from tsbench.store.open_file import OpenFile
from tsbench.store.rows import read_json

T = TypeVar("T")
POSTGRES = "postgresql+psycopg"
DRIVERS = {"sqlite": "sqlite", **dict.fromkeys(("postgres", "postgresql", POSTGRES), POSTGRES)}
LOCK_SECONDS = 30
RETRIES = 8
LONGEST_WAIT = 5.0
OUTAGE_SECONDS = 300.0
# Server shutting down or starting, too many connections.
UNREACHABLE_SQLSTATES = {"57P01", "57P02", "57P03", "53300"}
# Serialisation failure, deadlock, lock not available.
PASSING_SQLSTATES = {"40001", "40P01", "55P03"} | UNREACHABLE_SQLSTATES
CHUNK = 1000
FULL_BYTES = 2**16
logger = logging.getLogger("tsbench.store")  # not within "tsbench.execute", which goes to a driver's log alone


class Database:
    """An SQLite file ("results.db" and "sqlite:///results.db" are the same) or a PostgreSQL database.

    must_exist : nothing is made, and a file that may only be read is opened for reading.
    patience : seconds for which a server that was there is waited for when it cannot be reached any more.

    Raises UsageError when the URL is none, or the store must exist and does not; StoreError when the database cannot
    be opened, is of a newer schema, or is not a tsbench store. No message holds the password.
    """

    def __init__(self, url: str, must_exist: bool = False) -> None:
        self.url = parse_url(url)
        self.backend = self.url.get_backend_name()
        self.file = Path(self.url.database or "") if self.backend == "sqlite" else None
        if must_exist and self.file is not None and not (self.file.exists() and self.file.stat().st_size):
            raise self._nothing_there()  # SQLite would write into an empty file
        self.read_only = self.file is not None and not _writable(self.file)
        if self.read_only and not must_exist:
            raise self._not_writable()
        self.patience = 0.0  # a server that is not there at first is a mistake to be told at once
        self.engine = self._make_engine()
        self._open_file: OpenFile | None = None
        if self.file is not None and not self.read_only:
            self._open_file = OpenFile(self.file, must_exist, self.engine)
        self._writer = self.engine.execution_options(writes=True)
        if self.backend == "postgresql":
            # Several queries of one reading see one state; a write sees what others committed while it waited.
            self.engine = self.engine.execution_options(isolation_level="REPEATABLE READ")
            self._writer = self._writer.execution_options(isolation_level="READ COMMITTED")
        with ExitStack() as on_failure:
            on_failure.callback(self.close)
            with self._guard("opened"):
                self._open(must_exist)
                if self._open_file is not None:
                    self._open_file.pin()
            on_failure.pop_all()
        self.patience = OUTAGE_SECONDS

    @property
    def name(self) -> str:
        """The file, or the URL without password and options."""
        return str(self.file) if self.file else self.url.set(query={}).render_as_string(hide_password=True)

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    def guard(self, engine: sa.Engine) -> None:
        """Have an engine of another library on this database refuse a file that took its name meanwhile."""
        if self._open_file is not None:
            self._open_file.guard(engine)

    def let_go(self) -> None:
        """Read on from a file that was removed, moved or replaced, as long as a connection to it is open."""
        if self._open_file is not None:
            self._open_file.let_go()

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Give a connection whose queries see one state of the database."""
        with self._guard("read"), self._persist(self.engine.connect) as connection:
            yield connection

    def query(self, work: Callable[[sa.Connection], T]) -> T:
        """Do work(connection), which only reads, and return what it returns; again where `write` would do so."""

        def look() -> T:
            with self.engine.connect() as connection:
                return work(connection)

        with self._guard("read"):
            return self._persist(look)

    def write(self, work: Callable[[sa.Connection], T]) -> T:
        """Do work(connection) in one transaction and return what it returns.

        A file that was removed, moved or replaced since it was opened is refused. When another writer is in the way the
        work starts again, a bounded number of times; when the server cannot be reached, for as long as `patience`.
        """
        if self.read_only:
            raise self._not_writable()

        def transaction() -> T:
            with self._writer.begin() as connection:
                return work(connection)

        with self._guard("written"):
            return self._persist(transaction)

    def _persist(self, work: Callable[[], T]) -> T:
        """Do work, and again after a wait of random length where that may well help."""
        began, attempt = time.monotonic(), 0
        while True:
            try:
                return work()
            except (DBAPIError, sqlite3.OperationalError) as error:
                attempt += 1
                waiting = _unreachable(error) and time.monotonic() - began < self.patience
                if not waiting and (attempt >= RETRIES or not _passing(error)):
                    raise
                if waiting and attempt == RETRIES:
                    logger.warning("store %s cannot be reached; trying for %.0f s", self.name, self.patience)
            time.sleep(min(random.uniform(0, 0.05 * 2**attempt), LONGEST_WAIT))  # noqa: S311

    def _make_engine(self) -> sa.Engine:
        if self.backend == "postgresql":
            try:
                # A server that does not answer is an error after seconds, not minutes.
                timeout = {} if "connect_timeout" in self.url.query else {"connect_timeout": 10}
                return sa.create_engine(self.url, pool_pre_ping=True, connect_args=timeout, json_deserializer=read_json)
            except (ModuleNotFoundError, NoSuchModuleError) as error:
                raise UsageError(f"--store {self.name}: no driver ({error}); install tsbench[postgres]") from None
        options: dict[str, Any] = {"json_deserializer": read_json}
        if self.read_only:
            # Without a write-ahead log nobody is writing; SQLite could not make its lock file beside the store anyway.
            assert self.file is not None
            how = "mode=ro" if Path(f"{self.file}-wal").exists() else "immutable=1"
            uri = f"file:{quote(str(self.file.absolute()))}?{how}"
            options["creator"] = lambda: sqlite3.connect(uri, uri=True, check_same_thread=False)
        engine = sa.create_engine(self.url, **options)
        sa.event.listen(engine, "connect", _read_sqlite if self.read_only else _tune_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
        return engine

    def _open(self, must_exist: bool) -> None:
        with self.engine.connect() as connection:
            version = schema.version_of(connection, self.name)
            if self.backend == "postgresql":
                self.read_only = connection.execute(sa.text("SHOW transaction_read_only")).scalar() == "on"
                if version is not None and not self.read_only:
                    may_write = sa.func.has_table_privilege(schema.runs.name, "INSERT")
                    self.read_only = not connection.execute(sa.select(may_write)).scalar()
        if self.read_only and not must_exist:
            raise self._not_writable()
        if version == schema.SCHEMA_VERSION:
            return
        if version is None and must_exist:
            raise self._nothing_there()
        if self.read_only and version is not None:
            raise StoreError(
                f"{self.name} has schema {version} and may only be read; open it once where it may be written "
                f"(tsbench store info), which brings it to schema {schema.SCHEMA_VERSION}"
            )
        self.write(lambda connection: schema.prepare(connection, self.name))

    def _nothing_there(self) -> UsageError:
        found = "there is no store at {}"
        if self.file is not None and self.file.exists():
            found = "{} is no store: it " + ("has no tables of one" if self.file.stat().st_size else "is an empty file")
        return UsageError(f"{found.format(self.name)}; name one with --store, or make one by 'tsbench run'")

    def _not_writable(self) -> StoreError:
        return StoreError(
            f"store {self.name} cannot be written: the database, or a file's folder, may only be read from here; "
            "name another with --store, or ask for the right to write"
        )

    @contextmanager
    def _guard(self, verb: str) -> Iterator[None]:
        """Turn every database error into one line that names the store and hides the password."""
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error, json.JSONDecodeError, UnicodeDecodeError) as error:
            cause = str(error.orig) if isinstance(error, DBAPIError) else str(error)
            reason = self._without_secrets(" ".join(cause.split()))
            if self.file and _full(self.file):
                reason += " (no room is left on its disk)"
            message = f"store {self.name} cannot be {verb}: {reason}; earlier results are untouched"
            # The traceback of a server's error could show how it was reached.
            raise StoreError(message) from (error if self.file else None)

    def _without_secrets(self, text: str) -> str:
        query = self.url.query.get("password", "")
        for secret in (self.url.password, *([query] if isinstance(query, str) else query)):
            text = text.replace(str(secret), "***") if secret else text
        return text


def now(dialect: str) -> sa.ColumnElement[float]:
    """Return the database's clock in seconds since 1970: the clocks of the nodes do not agree."""
    if dialect == "sqlite":
        return sa.literal_column("((julianday('now') - 2440587.5) * 86400.0)", sa.Float)
    return sa.literal_column("CAST(extract(epoch FROM clock_timestamp()) AS double precision)", sa.Float)


def insert(dialect: str, table: sa.Table) -> Any:
    """Return an INSERT that knows ON CONFLICT, which both databases spell alike."""
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


def chunks(keys: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Cut keys into pieces that fit one IN (...)."""
    rest = iter(keys)
    while chunk := tuple(islice(rest, CHUNK)):
        yield chunk


def parse_url(url: str) -> sa.URL:
    """Return the URL with its driver; raises UsageError, which repeats nothing of the URL: it may hold a password."""
    try:
        # A file name may hold what means something else in a URL.
        parsed = make_url(url) if "://" in url else sa.URL.create("sqlite", database=url)
    except (ArgumentError, ValueError):
        parsed = None
    if parsed is not None and parsed.drivername in DRIVERS:
        in_file = DRIVERS[parsed.drivername] == "sqlite"
        named = parsed.database not in (None, "", ":memory:") and not parsed.host and "uri" not in parsed.query
        if named if in_file else "@" not in (parsed.host or ""):
            return parsed.set(drivername=DRIVERS[parsed.drivername])
    raise UsageError(
        "--store: give a file name, sqlite:///results.db or postgresql://user:password@host:port/database "
        "(characters such as @ : / in a password are written %40 %3A %2F)"
    )


def _writable(file: Path) -> bool:
    """Say whether a file and its folder, where SQLite puts its log, may be written; a new file is for SQLite to say."""
    effective = os.access in os.supports_effective_ids
    return not file.exists() or all(os.access(p, os.W_OK, effective_ids=effective) for p in (file, file.parent))


def _full(file: Path) -> bool:
    """Say whether the disk of a file has no room for a few pages: SQLite calls that an I/O error, too."""
    with suppress(OSError):
        return shutil.disk_usage(file.absolute().parent).free < FULL_BYTES
    return False


def _passing(error: DBAPIError | sqlite3.OperationalError) -> bool:
    """Say whether the same transaction may well succeed a moment later."""
    if isinstance(error, sqlite3.Error):
        return "locked" in str(error)
    if isinstance(error.orig, sqlite3.OperationalError):
        return "locked" in str(error.orig)
    return error.connection_invalidated or getattr(error.orig, "sqlstate", None) in PASSING_SQLSTATES


def _unreachable(error: DBAPIError | sqlite3.OperationalError) -> bool:
    """Say whether the server is not there, or not yet again."""
    if isinstance(error, sqlite3.Error) or isinstance(error.orig, sqlite3.Error):
        return False
    state = getattr(error.orig, "sqlstate", None)
    no_answer = isinstance(error, OperationalError) and state is None
    return error.connection_invalidated or no_answer or state in UNREACHABLE_SQLSTATES


def _read_sqlite(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # `_begin_sqlite` begins transactions, not the driver
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={1000 * LOCK_SECONDS}")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _tune_sqlite(connection: Any, _: Any) -> None:
    """Write-ahead log: readers never wait for the writer; a crash loses at most the transaction under way."""
    _read_sqlite(connection, None)
    deadline = time.monotonic() + LOCK_SECONDS
    # The switch to a write-ahead log does not honour busy_timeout when several processes open a new file.
    while connection.execute("PRAGMA journal_mode").fetchone()[0] not in ("wal", "memory"):
        try:
            connection.execute("PRAGMA journal_mode=WAL").fetchall()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(random.uniform(0, 0.05))  # noqa: S311
    connection.execute("PRAGMA synchronous=NORMAL")


def _begin_sqlite(connection: sa.Connection) -> None:
    """Take the write lock at once where it will be needed: a reader that turns writer could not wait for it."""
    if not connection.get_execution_options().get("writes", False):
        connection.exec_driver_sql("BEGIN")
        return
    raw = connection.connection.dbapi_connection
    assert raw is not None
    # SQLite's own waiting sleeps up to 100 ms at a time, which leaves the lock idle when many processes write.
    raw.execute("PRAGMA busy_timeout=0")
    with afterwards(lambda: raw.execute(f"PRAGMA busy_timeout={1000 * LOCK_SECONDS}")):
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                raw.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
            time.sleep(random.uniform(0, 0.01))  # noqa: S311
