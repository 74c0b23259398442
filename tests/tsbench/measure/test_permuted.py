"""permuted:<method>: the method on shuffled series, in a row of its own."""

import numpy as np
import pytest

from tests.tsbench.measure.test_worker import QUICK, assert_same, counted_fits, specs
from tsbench.data.shuffle import shuffled
from tsbench.errors import UsageError
from tsbench.learning.learner import Learner
from tsbench.measure import load
from tsbench.measure.worker import Worker
from tsbench.plan.datasets import open_dataset
from tsbench.plan.plan import make_plan
from tsbench.plan.request import Request


def run(installed, registry, method, dataset="UnitTest", **fields):
    (spec,) = specs(installed, registry, method, dataset, **fields)
    result = Worker(installed).run(spec)
    assert result.status == "succeeded", result.error
    return result


@pytest.mark.parametrize("dataset", ["UnitTest", "PickupGestureWiimoteZ", "BasicMotions"])
def test_a_permuted_method_gives_what_the_method_gives_on_shuffled_data(installed, registry, dataset, monkeypatch):
    permuted = run(installed, registry, "permuted:1nn-ed", dataset)
    original = load.load_planned
    monkeypatch.setattr(load, "load_planned", lambda *given: shuffled(original(*given)))
    assert_same(permuted, run(installed, registry, "1nn-ed", dataset))


@pytest.mark.parametrize("method", ["1nn-ed", "majority"])
def test_distances_and_shares_of_classes_do_not_see_the_order(installed, registry, method):
    plain, permuted = (run(installed, registry, name, "GunPoint") for name in (method, f"permuted:{method}"))
    assert_same(plain, permuted)


def test_one_worker_tells_shuffled_data_from_the_data(installed, registry):
    worker, names = Worker(installed), ["1nn-ed", "permuted:1nn-ed", "1nn-ed"]
    found = [worker.run(specs(installed, registry, name, "PickupGestureWiimoteZ")[0]) for name in names]
    assert_same(found[0], found[2])
    assert found[0].metrics != found[1].metrics


def test_it_trains_on_shuffled_series_and_its_untrained_twin_does_not_train(installed, registry, monkeypatch):
    fits = counted_fits(monkeypatch)
    run(installed, registry, "permuted:trls", "GunPoint")
    ((panel,),) = fits
    data = open_dataset("GunPoint", installed, "").load()
    np.testing.assert_array_equal(panel.X, shuffled(data).panel.X[data.folds["archive"][0].train])
    result = run(installed, registry, "permuted:random:trls", "GunPoint")
    assert len(fits) == 1 and result.facts["steps"] == 0


def test_other_datasets_are_shuffled_as_well(installed, registry, monkeypatch):
    fits = counted_fits(monkeypatch)
    fields = {"pretrain_on": ("GunPoint",), "exclude_target": True}
    run(installed, registry, "permuted:trls", "UnitTest", **fields)
    ((panel,),) = fits
    data = open_dataset("GunPoint", installed, "").load()
    np.testing.assert_array_equal(panel.X, shuffled(data).panel.X[data.folds["archive"][0].train])


def test_it_has_a_key_a_label_and_a_pretraining_of_its_own(installed, registry):
    methods = ["trls", "random:trls", "permuted:trls", "permuted:random:trls"]
    found = make_plan(Request(methods, ["UnitTest"], ("knn",), overrides=QUICK), installed, registry).specs
    assert len({spec.key for spec in found}) == len({spec.pretrain_key(np.arange(3)) for spec in found}) == 4
    assert [spec.base_method for spec in found] == ["trls"] * 4
    assert [spec.untrained for spec in found] == [False, True, False, True]
    assert [spec.permuted for spec in found] == [False, False, True, True]
    assert [spec.label.partition("[")[0] for spec in found] == methods


def test_floors_bring_no_control_of_a_control(installed, registry):
    asked = Request(["permuted:trls", "permuted:random:ts2vec"], ["UnitTest"], ("knn",), floors=True)
    labels = [spec.label for spec in make_plan(asked, installed, registry).specs]
    assert sorted(labels) == ["1nn-ed", "majority", "permuted:random:ts2vec", "permuted:trls"]


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("random:permuted:trls", "write random:trls, permuted:trls or permuted:random:trls"),
        ("permuted:permuted:trls", "write random:trls, permuted:trls or permuted:random:trls"),
        ("random:random:trls", "write random:trls"),
        ("permuted:random:minirocket-features", "minirocket-features has no training to leave out"),
        ("permuted:trsl", "unknown method 'trsl'; did you mean 'trls'"),
    ],
)
def test_names_that_are_no_control(installed, registry, method, message):
    with pytest.raises(UsageError, match=message):
        specs(installed, registry, method)


def test_a_learner_shuffles_nothing_and_says_so():
    with pytest.raises(UsageError, match="'permuted:trls' is a control of runs.*fit trls here"):
        Learner("permuted:trls")
