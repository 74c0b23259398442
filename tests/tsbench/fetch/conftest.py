import pytest

from tests.tsbench.fetch.server import serving


@pytest.fixture
def server(monkeypatch):
    with serving(monkeypatch) as found:
        yield found
