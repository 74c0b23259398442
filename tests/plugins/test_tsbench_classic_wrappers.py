import numpy as np
import pytest

from tsbench.errors import UsageError
from tsbench.measure.worker import Worker
from tsbench.plan.plan import make_plan
from tsbench.plan.request import Request
from tsbench_classic import SHORT
from tsbench_classic.wrappers import aeon_classifier, sktime_classifier


def run(installed, registry, method, dataset="UnitTest", **overrides):
    (spec,) = make_plan(Request([method], [dataset], overrides=overrides), installed, registry).specs
    return spec, Worker(installed).run(spec)


def test_it_predicts_what_the_library_predicts(installed, registry):
    from aeon.classification.feature_based import SummaryClassifier

    spec, result = run(installed, registry, "aeon:SummaryClassifier")
    assert result.status == "succeeded", result.error
    from tsbench.data import normalise
    from tsbench.identity import stage_seed
    from tsbench.plan.datasets import open_dataset

    data = open_dataset("UnitTest", installed, "").load()
    fold = data.folds["archive"][0]
    panel = normalise.channel_statistics(data.panel, fold.train).apply(data.panel)
    seed = int(np.random.default_rng(stage_seed(spec.key, "fit")).integers(2**31))
    model = SummaryClassifier(random_state=seed, n_jobs=1).fit(panel.X[fold.train].astype(float), panel.y[fold.train])
    expected = model.predict_proba(panel.X[fold.test].astype(float))
    np.testing.assert_allclose(result.predictions.scores, expected.astype(np.float32))


def test_unequal_lengths(installed, registry):
    _, result = run(installed, registry, "aeon:Catch22Classifier", "PickupGestureWiimoteZ")
    assert result.status == "succeeded", result.error
    assert result.metrics["accuracy"] > 0.3


def test_parameters_are_the_librarys(installed, registry):
    assert aeon_classifier("MiniRocketClassifier").Params().n_kernels == 10000
    spec, result = run(installed, registry, "minirocket", n_kernels="840")
    assert spec.label == "minirocket[n_kernels=840]"
    assert result.status == "succeeded", result.error
    with pytest.raises(UsageError, match="no parameter 'kernels'"):
        run(installed, registry, "minirocket", kernels="3")


def test_a_class_of_sktime(installed, registry):
    _, result = run(installed, registry, "sktime:SummaryClassifier")
    assert result.status == "succeeded", result.error
    assert "estimator" in sktime_classifier("SummaryClassifier").Params.model_fields


def test_short_names_are_aliases(installed):
    assert installed["methods"].get("catch22") is aeon_classifier("Catch22Classifier")
    assert set(SHORT) <= set(installed["methods"].names())


def test_an_unknown_classifier_comes_with_a_suggestion():
    with pytest.raises(UsageError, match="aeon has no classifier 'MiniRocketClasifier'; did you mean 'MiniRocket"):
        aeon_classifier("MiniRocketClasifier")


def test_what_the_library_refuses_names_classifier_and_data():
    from tsbench.data.panel import Panel
    from tsbench.errors import MethodError
    from tsbench.methods.params import resolve

    cls = aeon_classifier("MiniRocketClassifier")
    model = cls(resolve(cls.Params, {}, None, "minirocket"))
    with pytest.raises(MethodError, match=r"aeon's MiniRocketClassifier cannot be fitted on 4 series of 1 x 5 .*>= 9"):
        model.fit(Panel.build(np.zeros((4, 1, 5)), [0, 1, 0, 1]), None, np.random.default_rng(0))
