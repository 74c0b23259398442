"""Stores of both kinds: each test that asks for `url` runs on SQLite and on PostgreSQL."""

import secrets

import pytest

from tests import postgres
from tsbench.store.store import Store


@pytest.fixture(scope="session")
def postgres_server():
    with postgres.server() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def new_url(request, tmp_path):
    """Give a function that returns the URL of a new database."""
    if request.param == "sqlite":
        return lambda: f"sqlite:///{tmp_path}/{secrets.token_hex(4)}.db"
    address = request.getfixturevalue("postgres_server")
    return lambda: postgres.new_database(address, f"t{secrets.token_hex(4)}")


@pytest.fixture
def url(new_url):
    return new_url()


@pytest.fixture
def open_store(tmp_path):
    """Open stores with artefacts of their own, closed at the end."""
    opened = []

    def open_one(url, **options):
        folder = tmp_path / f"artifacts-{len(opened)}"
        opened.append(Store(url, **{"artifacts": str(folder), **options}))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(url, open_store):
    return open_store(url)
