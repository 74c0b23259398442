from pathlib import Path

import pytest

from tsbench.plugins import Plugins
from tsbench.run.store import Store
from tsbench.tune.storage import open_studies

TOY = Path(__file__).with_name("toy.py")


@pytest.fixture(scope="session")
def plugins():
    """The toy plugin, beside the installed ones."""
    found = Plugins()
    found.load_entry_points()
    found.load_file(TOY)
    return found


@pytest.fixture
def store(tmp_path):
    store = Store(str(tmp_path / "s.db"))
    yield store
    store.close()


@pytest.fixture
def storage(store):
    with open_studies(store) as storage:
        yield storage
