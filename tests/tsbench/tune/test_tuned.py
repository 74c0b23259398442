from dataclasses import replace

import pytest

from tests.tsbench.tune.conftest import run
from tsbench.errors import UsageError
from tsbench.measure.worker import Worker
from tsbench.plan.plan import make_plan
from tsbench.plan.request import Request
from tsbench.registry import load_registry
from tsbench.tune.search import open_search
from tsbench.tune.storage import best, find_study, study_name
from tsbench.tune.tuned import with_tuned


@pytest.fixture
def plan(plugins):
    def make(methods=("threshold",), datasets=("toy",), protocols=("knn",), **fields):
        return make_plan(Request(methods, datasets, protocols, **fields), plugins, load_registry())

    return make


@pytest.fixture
def study(plan, storage, plugins):
    search = open_search(plan().specs[0], storage, plugins)
    run(search, 4)
    return search.study


def test_runs_take_the_best_parameters_and_say_so(plan, storage, plugins, study):
    asked = plan(methods=("threshold", "majority"), seeds=(0, 1))
    tuned, notes = with_tuned(asked, storage, plugins, "accuracy", ())
    assert notes == []
    for before, after in zip(asked.specs, tuned.specs, strict=True):
        if before.method == "majority":
            assert after is before
            continue
        assert {key: after.params[key] for key in best(study).params} == best(study).params
        assert after.label == "threshold[tuned=4]"
        assert after.key != before.key
        assert Worker(plugins).run(after).status == "succeeded"


def test_a_tuned_run_is_its_own_also_where_the_defaults_are_best(plan, storage, plugins):
    spec = plan().specs[0]
    run(open_search(spec, storage, plugins), 1)
    (tuned,) = with_tuned(plan(), storage, plugins, "accuracy", ())[0].specs
    assert tuned.params == spec.params
    assert tuned.key != spec.key


def test_each_fold_of_a_cross_validation_takes_its_own_study(plan, storage, plugins):
    specs = plan(protocols=("svm-rbf-cv5",)).specs
    for spec in specs:
        run(open_search(spec, storage, plugins), 1)
    tuned = with_tuned(plan(protocols=("svm-rbf-cv5",)), storage, plugins, "accuracy", ())[0].specs
    assert {spec.label for spec in tuned} == {"threshold[tuned=1]"}
    assert [spec.fold for spec in tuned] == [spec.fold for spec in specs]


def test_an_unfinished_study_is_noted(plan, storage, plugins, study):
    study.set_user_attr("trials", 9)
    tuned, notes = with_tuned(plan(), storage, plugins, "accuracy", ())
    assert tuned.specs[0].label == "threshold[tuned=4of9]"
    assert notes == [f"{study.study_name} has 4 of 9 trials; 'tsbench tune' goes on with it"]
    run(open_search(plan().specs[0], storage, plugins), 9)
    assert with_tuned(plan(), storage, plugins, "accuracy", ())[0].specs[0].label == "threshold[tuned=9]"
    run(open_search(plan().specs[0], storage, plugins, "auroc"), 3)
    find_study(study_name(plan().specs[0], plugins, "auroc", ()), storage).set_user_attr("trials", 5)
    assert with_tuned(plan(), storage, plugins, "auroc", ())[0].specs[0].label == "threshold[tuned=3of5:auroc]"


def test_a_missing_study_names_the_command_that_makes_it(plan, storage, plugins, study):
    with pytest.raises(UsageError, match="tsbench tune --method threshold --dataset tiny --protocol knn$"):
        with_tuned(plan(datasets=("toy", "tiny")), storage, plugins, "accuracy", ())
    with pytest.raises(UsageError, match="--dataset toy --protocol knn --metric auroc$"):
        with_tuned(plan(), storage, plugins, "auroc", ())
    with pytest.raises(UsageError, match=r"--set fail=True$"):
        with_tuned(plan(overrides={"fail": "true"}), storage, plugins, "accuracy", ("fail",))


def test_a_study_on_another_split_gives_no_parameters(plan, storage, plugins, study):
    moved = replace(plan().specs[0], split="test:9 train:9")
    with pytest.raises(
        UsageError, match=f"{study.study_name} was made when the data was split otherwise; .*tsbench tune"
    ):
        with_tuned(replace(plan(), specs=[moved]), storage, plugins, "accuracy", ())
    run(open_search(plan().specs[0], storage, plugins), 4)
    (tuned,) = with_tuned(plan(), storage, plugins, "accuracy", ())[0].specs
    assert tuned.made_on == tuned.split and tuned.planned == plan().specs[0].identity()["params"]


def test_what_cannot_be_tuned_is_refused(plan, storage, plugins):
    with pytest.raises(UsageError, match="none of these methods declares a parameter to tune"):
        with_tuned(plan(methods=("majority", "random:ts2vec")), storage, plugins, "accuracy", ())
    with pytest.raises(UsageError, match="--tuned with --pretrain-on"):
        with_tuned(plan(methods=("ts2vec",), pretrain_on=("GunPoint",)), storage, plugins, "accuracy", ())
