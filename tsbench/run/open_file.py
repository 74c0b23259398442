"""Telling whether an open SQLite database is still what its name leads to."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from tsbench.errors import StoreError

LOGS = ("-wal", "-shm")


class OpenFile:
    """The file of a database with its log: `check` refuses others that took its name since `pin`.

    SQLite itself goes on with a file that was removed, moved or replaced, and nobody finds what it writes there; nor
    does anybody read a log that is not beside its file any more. Nor does it see that other content was written into
    the same file: where that, or the log, has become shorter, its pages are checked.

    engine : where the connections come from. While none of them is open, the log may come and go.
    """

    def __init__(self, file: Path, must_exist: bool, engine: sa.Engine) -> None:
        self.file, self._must_exist = file, must_exist
        self._pinned: dict[str, tuple[int, int] | None] = {}
        self._sizes: dict[str, int] = {}
        self._damage = ""
        self._connections: set[int] = set()
        sa.event.listen(engine, "connect", lambda connection, _: self._connections.add(id(connection)))
        sa.event.listen(engine, "close", lambda connection, _: self._forget(connection))
        self.guard(engine)

    def guard(self, engine: sa.Engine) -> None:
        """Have every connection and every transaction of an engine on the file checked."""
        sa.event.listen(engine, "do_connect", self._before_connecting)
        sa.event.listen(engine, "begin", self._at_begin)

    def pin(self) -> None:
        """Take what the name leads to now for the file that is open."""
        self._pinned = {"": _identity(_stat(str(self.file)))}

    def let_go(self) -> None:
        """Check no more: what is open may be read on, wherever it is now; nothing new is opened in its place."""
        self._pinned, self._must_exist = {}, True

    def check(self) -> bool:
        """Raise StoreError where the name does not lead to what is open; say whether a file has become shorter."""
        if not self._pinned:
            return False
        if self._damage:
            raise StoreError(self._damage)
        shorter = False
        real = os.path.realpath(self.file)  # SQLite puts its log beside what a link leads to
        for suffix in ("", *(LOGS if self._connections else ())):
            status = _stat(real + suffix)
            found, size = _identity(status), status.st_size if status else 0
            if self._pinned.setdefault(suffix, found) != found:
                name = self.file.name + suffix
                what = f"there is no {name}" if found is None else f"{name} is another file"
                raise StoreError(f"store {self.file} was removed, moved or replaced while it was in use: {what}")
            shorter, self._sizes[suffix] = shorter or size < self._sizes.get(suffix, 0), size
        return shorter

    def _at_begin(self, connection: sa.Connection) -> None:
        if self.check():
            raw = connection.connection.dbapi_connection
            assert raw is not None
            try:
                raw.execute("PRAGMA shrink_memory")  # pages in memory say nothing of the file
                (found,) = raw.execute("PRAGMA quick_check(1)").fetchone()
            except sqlite3.Error as error:
                found = str(error)
            if found != "ok":
                what = " ".join(found.split())
                self._damage = f"other content was written into store {self.file} while it was in use: {what}"
                raise StoreError(self._damage)

    def _before_connecting(self, dialect: Any, record: Any, arguments: list[Any], options: dict[str, Any]) -> None:
        """Make no new file in place of one that is gone."""
        self.check()
        if self._must_exist or self._pinned:
            arguments[0] = f"file:{quote(str(self.file.absolute()))}?mode=rw"
            options["uri"] = True

    def _forget(self, connection: Any) -> None:
        self._connections.discard(id(connection))
        if not self._connections:
            for suffix in LOGS:
                self._pinned.pop(suffix, None)
                self._sizes.pop(suffix, None)


def _stat(path: str) -> os.stat_result | None:
    try:
        return Path(path).stat()
    except OSError:
        return None


def _identity(status: os.stat_result | None) -> tuple[int, int] | None:
    return (status.st_dev, status.st_ino) if status else None
