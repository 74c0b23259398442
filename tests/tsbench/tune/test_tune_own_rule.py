"""A search for a net that decides by itself."""

import pytest

from tests.tsbench.tune.conftest import run
from tsbench.errors import UsageError
from tsbench.plan.plan import make_plan
from tsbench.plan.request import Request
from tsbench.registry import load_registry
from tsbench.tune.search import open_search
from tsbench.tune.storage import best
from tsbench.tune.tuned import with_tuned

FIXED = {"batch_size": "8", "max_steps": "3"}


@pytest.fixture
def plan(plugins):
    return make_plan(Request(["supervised"], ["UnitTest"], ["own"], overrides=FIXED), plugins, load_registry())


def test_a_search_scores_the_rule_itself_and_its_best_is_run(plan, storage, plugins):
    (spec,) = plan.specs
    search = open_search(spec, storage, plugins, "accuracy", fixed=FIXED)
    run(search, 2)
    assert best(search.study).value > 0
    tuned, _ = with_tuned(plan, storage, plugins, "accuracy", FIXED)
    assert tuned.specs[0].own_probe and "probe=own" in tuned.specs[0].label and "tuned=" in tuned.specs[0].label


def test_a_missing_study_names_the_protocol_it_is_for(plan, storage, plugins):
    with pytest.raises(UsageError, match="--protocol own --set batch_size=8 --set max_steps=3$"):
        with_tuned(plan, storage, plugins, "accuracy", FIXED)
