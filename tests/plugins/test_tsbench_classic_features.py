from dataclasses import replace

import numpy as np
import pytest
import torch

from tsbench.data.batch import Batch
from tsbench.errors import UsageError
from tsbench.learning import loop as training
from tsbench.learning.learner import Learner
from tsbench.measure.worker import Worker
from tsbench.plan.plan import make_plan
from tsbench.plan.request import Request
from tsbench.testing import gaps, noise
from tsbench_classic.features import MiniRocketFeatures


def fitted(panel, **settings):
    method = MiniRocketFeatures.create(**settings)
    method.build([panel.shape])
    source = Batch.from_panel(panel, "cpu")
    torch.manual_seed(3)
    training.fit(method, [source], 0)
    return method, source


def test_it_gives_the_features_of_the_library():
    from aeon.transformations.collection.convolution_based import MiniRocket

    panel, other = noise(c=3), noise(n=4, c=3, seed=1)
    method, _ = fitted(panel, n_kernels="168")
    torch.manual_seed(3)
    library = MiniRocket(168, random_state=int(torch.randint(2**31, ()))).fit(panel.X)
    features = method.encode(Batch.from_panel(other, "cpu")).numpy()
    assert features.shape == (4, 168)
    np.testing.assert_array_equal(features, library.transform(other.X))


def test_a_checkpoint_restores_what_was_fitted():
    method, source = fitted(noise(c=4), n_kernels="84")
    other = MiniRocketFeatures.create(n_kernels="84")
    other.build([noise(c=4).shape])
    other.load_state_dict(method.state_dict())
    assert torch.equal(other.encode(source), method.encode(source))


@pytest.mark.parametrize("panel", [noise(length=1), noise(length=8), gaps()], ids=["one", "eight", "gaps"])
def test_short_series_and_missing_values(panel):
    method, source = fitted(panel, n_kernels="84")
    assert torch.isfinite(method.encode(source)).all()


def test_it_runs_under_a_probe_and_has_no_untrained_twin(installed, registry):
    plan = make_plan(Request(["minirocket-features"], ["UnitTest"], floors=True), installed, registry)
    assert [spec.method for spec in plan.specs] == ["minirocket-features", "majority", "1nn-ed"]
    result = Worker(installed).run(plan.specs[0])
    assert result.status == "succeeded", result.error
    assert result.metrics["accuracy"] > 0.8
    with pytest.raises(UsageError, match="no training to leave out"):
        make_plan(Request(["random:minirocket-features"], ["UnitTest"]), installed, registry)


def test_cases_have_the_features_of_the_width_that_was_fitted():
    panel = noise(n=6, c=2, length=60)
    panel.lengths[:] = [60, 30, 20, 12, 9, 1]
    for case, length in enumerate(panel.lengths):
        panel.X[case, :, length:] = np.nan
    learner = Learner("minirocket-features", n_kernels=84).fit(panel)
    features = learner.encode(panel)
    wide = replace(panel, X=np.pad(panel.X, ((0, 0), (0, 0), (0, 90)), constant_values=np.nan))
    np.testing.assert_array_equal(learner.encode(wide), features)
    for case, length in enumerate(panel.lengths):
        alone = panel.select([case])
        np.testing.assert_array_equal(learner.encode(replace(alone, X=alone.X[:, :, :length])), features[[case]])
