"""A search for numbers: a low error is the best score."""

import numpy as np
import pytest

from tests.tsbench.tune.conftest import run
from tsbench.discovery.plugins import Plugins
from tsbench.plan.plan import make_plan
from tsbench.plan.request import Request
from tsbench.registry import load_registry
from tsbench.tune.search import open_search
from tsbench.tune.storage import best

PLUGIN = '''
import numpy as np
from tsbench import Card, Classifier, Data, Dataset, Fold, Panel, hookimpl, param

class Constant(Classifier):
    """Predicts one number."""
    tasks = frozenset({"regression"})
    class Params(Classifier.Params):
        value: float = param(9.0, low=0.0, high=10.0, tune=True, doc="the number")
    def fit(self, train, validation, rng):
        assert train.task == "regression"
    def predict_scores(self, panel):
        return np.full((len(panel), 1), self.params.value)

class Numbers(Dataset):
    card = Card("numbers", task="regression")
    def load(self):
        y = np.tile([2.0, 3.0, 4.0], 20)
        X = np.random.default_rng(0).normal(size=(60, 1, 8))
        return Data(Panel.build(X, y=y, task="regression"), {"archive": [Fold(np.arange(40), None, np.arange(40, 60))]})

@hookimpl
def tsbench_methods(register):
    register("constant", Constant, summary="one number")

@hookimpl
def tsbench_datasets(register):
    register("numbers", Numbers, summary="numbers")
'''


@pytest.fixture
def search(tmp_path, storage):
    (tmp_path / "numbers_plugin.py").write_text(PLUGIN)
    plugins = Plugins()
    plugins.load_entry_points()
    plugins.load_file(tmp_path / "numbers_plugin.py")
    (spec,) = make_plan(Request(["constant"], ["numbers"], ["ridge"]), plugins, load_registry()).specs
    return open_search(spec, storage, plugins, "mae")


def test_the_lowest_error_wins(search):
    run(search, 8)
    assert search.study.direction.name == "MINIMIZE"
    values = {trial.number: trial.value for trial in search.study.trials if trial.value is not None}
    assert values[0] == pytest.approx(6.0, abs=0.2)
    assert best(search.study).value == min(values.values()) < values[0]
    assert best(search.study).value == search.study.best_value


def test_inner_folds_hold_low_and_high_numbers(search):
    y = search.inner.data.panel.y
    for fold in search.inner.data.folds["archive"]:
        assert set(y[fold.train].tolist()) == {2.0, 3.0, 4.0}
        assert np.ptp(y[fold.test]) > 0
