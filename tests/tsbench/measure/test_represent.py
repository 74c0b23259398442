import numpy as np
import pytest

from tsbench.measure.represent import LOOKED, alike
from tsbench.measure.worker import Worker
from tsbench.plan.plan import make_plan
from tsbench.plan.request import Request

SMALL_TS2VEC = {"max_steps": "1", "encoder.hidden": "8", "encoder.depth": "2", "encoder.out_dim": "8"}


def features(n=20, same=0, seed=0):
    x = np.random.default_rng(seed).normal(size=(n, 5)).astype(np.float32)
    x[np.random.default_rng(seed + 1).permutation(n)[:same]] = 3.0
    return x


def test_cases_of_one_representation_are_counted_where_they_are_most():
    assert alike(features()) == ""
    assert alike(features(same=10)) == ""
    assert alike(features(same=11)).startswith("11 of 20 training cases have one and the same representation")
    assert alike(np.zeros((4, 3), dtype=np.float32)).startswith("4 of 4 ")
    assert alike(features(1)) == alike(features(0)) == alike(np.full((4, 3), np.inf, dtype=np.float32)) == ""


def test_rounding_is_no_difference_and_a_small_one_is():
    x = features(same=20)
    assert alike(x + np.float32(1e-7) * features(seed=2)).startswith("20 of 20 ")
    assert alike(x + np.float32(1e-4) * features(seed=2)) == ""


def test_a_large_case_and_a_large_feature_make_no_others_alike():
    x = features()
    x[0, 0] = 1e9
    assert alike(x) == ""
    x[:, 1] = 1e7
    assert alike(x) == ""


def test_of_many_cases_some_are_looked_at():
    x = np.zeros((3 * LOOKED, 2), dtype=np.float32)
    assert alike(x).startswith(f"{LOOKED} of {LOOKED} training cases that were looked at")


@pytest.mark.parametrize("method", ["ts2vec", "random:ts2vec"])
def test_a_run_whose_cases_are_one_to_its_method_says_so(installed, registry, method):
    """Every time point of the series lacks a channel, so that TS2Vec sees none."""
    request = Request([method], ["BasicMotions"], ["ridge+sensors=0.5@all"], overrides=SMALL_TS2VEC)
    (spec,) = make_plan(request, installed, registry).specs
    result = Worker(installed).run(spec)
    assert result.status == "succeeded", result.error
    assert any("40 of 40 training cases have one and the same representation" in text for text in result.warnings)
