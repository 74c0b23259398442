from pathlib import Path

import pytest

from tsbench.discovery.plugins import Plugins
from tsbench.execute.executors.process import WorkerSettings
from tsbench.plan.plan import make_plan
from tsbench.plan.request import Request

TROUBLE = Path(__file__).with_name("trouble.py")


@pytest.fixture(scope="session")
def planned(registry):
    """Return a function that plans runs of `trouble`: one per seed."""
    found = Plugins()
    found.load_entry_points()
    found.load_file(TROUBLE)

    def plan(what="nothing", seeds=1, **values):
        overrides = {"what": what, **{name: str(value) for name, value in values.items()}}
        return make_plan(Request(["trouble"], ["tiny"], seeds=range(seeds), overrides=overrides), found, registry)

    return plan


@pytest.fixture(scope="session")
def settings():
    return WorkerSettings(plugin_files=(TROUBLE,))
