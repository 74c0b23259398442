from pathlib import Path

import pytest

from tsbench.discovery.plugins import Plugins
from tsbench.execute.executors.inline import Inline
from tsbench.measure.worker import Worker
from tsbench.store.store import Store
from tsbench.tune.driver import run_searches
from tsbench.tune.storage import open_studies

TOY = Path(__file__).with_name("toy.py")


def run(search, n_trials, limit=float("inf"), told=lambda trial: None):
    """Work on one study in this process."""
    run_searches([search], Inline(Worker(search.plugins)), n_trials, limit, lambda _, trial: told(trial))


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
