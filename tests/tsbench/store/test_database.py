import secrets

import psycopg
import pytest
import sqlalchemy as sa

from tests import postgres
from tests.tsbench.store.test_store import ENVIRONMENT, make_result
from tsbench.errors import StoreError, UsageError
from tsbench.store import database
from tsbench.store.database import parse_url
from tsbench.store.store import Store


@pytest.mark.parametrize(
    "url",
    [
        ":memory:",
        "sqlite://",
        "sqlite:///",
        "sqlite://results.db",
        "sqlite+aiosqlite:///x.db",
        "postgresql+other://h/d",
    ],
)
def test_a_url_in_which_results_would_be_lost_or_that_has_no_driver_is_refused(url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="--store: give a file name, sqlite:///results.db or postgresql://"):
        Store(url)
    assert not list(tmp_path.iterdir())


def test_a_file_name_is_taken_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = Store("a?b%20c#d.db")
    store.close()
    assert store.file is not None and [path.name for path in tmp_path.iterdir()] == ["a?b%20c#d.db"]


def refuse(*_):
    raise psycopg.OperationalError("connection refused")


def test_a_server_that_is_away_for_a_moment_is_waited_for(postgres_server, open_store, monkeypatch):
    store = open_store(postgres.new_database(postgres_server, f"t{secrets.token_hex(4)}"))
    store.engine.dispose()
    waits = []

    def come_back(seconds):
        waits.append(seconds)
        if len(waits) == 20:
            sa.event.remove(store.engine, "do_connect", refuse)

    sa.event.listen(store.engine, "do_connect", refuse)
    monkeypatch.setattr(database.time, "sleep", come_back)
    assert store.record(make_result(), ENVIRONMENT)
    assert len(waits) == 20 and max(waits) <= database.LONGEST_WAIT
    lost = iter([1, 0])

    def look(connection):  # the server ends what is connected, and then is there again
        if next(lost):
            pid = connection.execute(sa.text("SELECT pg_backend_pid()")).scalar()
            store.write(lambda other: other.execute(sa.text(f"SELECT pg_terminate_backend({pid}, 5000)")))
        return connection.execute(sa.text("SELECT 1")).scalar()

    assert store.query(look) == 1
    waits.clear()
    store.engine.dispose()
    sa.event.listen(store.engine, "do_connect", refuse)
    assert len(store.results()) == 1
    store.patience = 0.0
    store.engine.dispose()
    sa.event.listen(store.engine, "do_connect", refuse)
    with pytest.raises(StoreError, match="cannot be read: connection refused"):
        store.results()


def test_a_role_that_may_only_select_reads(postgres_server, open_store):
    url, role = postgres.new_database(postgres_server, f"t{secrets.token_hex(4)}"), f"r{secrets.token_hex(4)}"
    store = open_store(url)
    store.record(make_result(), ENVIRONMENT)
    for statement in (
        f"CREATE ROLE {role} LOGIN PASSWORD 'x'",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}",
    ):
        store.write(lambda connection, text=statement: connection.execute(sa.text(text)))
    theirs = parse_url(url).set(username=role, password="x").render_as_string(hide_password=False)
    reader = open_store(theirs, must_exist=True)
    assert reader.read_only and len(reader.results()) == 1
    with pytest.raises(StoreError, match="may only be read from here"):
        open_store(theirs)
