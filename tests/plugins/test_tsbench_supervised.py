import numpy as np
import pytest
import torch

from tsbench.data.batch import Batch
from tsbench.learning.loop import fit
from tsbench.measure.worker import Worker
from tsbench.plan.plan import Request, make_plan
from tsbench_supervised.method import Supervised


def run(installed, registry, protocol, method="supervised", dataset="UnitTest", **overrides):
    overrides = {"max_steps": "15", "encoder": "fcn", **{key: str(value) for key, value in overrides.items()}}
    (spec,) = make_plan(Request([method], [dataset], [protocol], overrides=overrides), installed, registry).specs
    return Worker(installed).run(spec)


def test_the_head_learns_the_training_labels(panel):
    torch.manual_seed(0)
    method = Supervised.create(encoder="fcn", epochs=60, lr=1e-3)
    method.build([panel.shape])
    data = Batch.from_panel(panel, "cpu", labels=True)
    report = fit(method, [data], 0)
    assert report.curve[-1][1] < 0.5 * report.curve[0][1]
    predicted = method.head(method.encode(data)).argmax(1)
    assert (predicted == data.y).float().mean() > 0.8


def test_its_features_are_probed_like_any_others(installed, registry):
    result = run(installed, registry, "knn")
    assert result.status == "succeeded", result.error
    assert result.facts["steps"] == 15


@pytest.mark.parametrize("encoder", ["fcn", "tfr"])
def test_any_encoder(installed, registry, encoder):
    assert run(installed, registry, "linear", encoder=encoder, max_steps=2).status == "succeeded"


def test_fewer_labels_are_fewer_training_cases(installed, registry):
    whole, fifth = (run(installed, registry, f"knn{c}") for c in ("", "+labels=0.2"))
    assert (whole.facts["n_labelled"], fifth.facts["n_labelled"]) == (20, 4)
    assert not np.array_equal(whole.predictions.scores, fifth.predictions.scores)
