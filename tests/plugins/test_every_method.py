"""What every method that trains must do, whatever it learns from."""

import copy

import pytest
import torch

from tsbench.data.batch import Batch
from tsbench.errors import MethodError
from tsbench.learning.learner import Learner
from tsbench.learning.loop import fit
from tsbench.testing import gaps, make_data, noise
from tsbench.testing.checks import SMALL, trains, with_given

PLUGINS, _ = with_given()
NAMES = [entry.name for entry in PLUGINS["methods"] if entry.name[-1] != ":"]
# Those that read texts have tests of their own: the panels here have none
CLASSES = {name: PLUGINS["methods"].get(name) for name in NAMES}
METHODS = [name for name, cls in CLASSES.items() if trains(cls) and "text" not in cls.reads]
WITH_ENCODER = [name for name in METHODS if "encoder" in CLASSES[name].Params.model_fields]
SELF_SUPERVISED = [name for name in METHODS if not PLUGINS["methods"].get(name).supervised]
# Methods that contrast a case with others
NEED_TWO = {"aimts", "cpc", "simclr", "trls", "trls-paper", "ts-tcc"}
# Encoders with fewer vectors than time points
UNSUITABLE = {("ts2vec", "tcn"), ("ts2vec", "tfr")}


def learner_of(name, **settings):
    known = Learner(name, **settings).settings.flat()
    return Learner(name, **{key: value for key, value in {**SMALL, **settings}.items() if key in known})


def build(name, panel, seed=0, **settings):
    method = PLUGINS["methods"].get(name)(learner_of(name, **settings).settings)
    torch.manual_seed(seed)
    method.build([panel.shape])
    return method, Batch.from_panel(panel, "cpu", labels=method.supervised)


@pytest.mark.parametrize("name", METHODS)
def test_same_seeds_same_bits_and_others_with_other_seeds(name):
    panel, features = make_data(sizes=(9, 0, 1), channels=2, length=40).panel, []
    for build_seed, fit_seed in ((0, 5), (0, 5), (1, 5), (0, 6)):
        method, data = build(name, panel, build_seed)
        torch.manual_seed(0)
        fit(method, [data], fit_seed)
        features.append(method.encode(data))
    assert torch.equal(features[0], features[1])
    assert not torch.equal(features[0], features[2])
    assert not torch.equal(features[0], features[3])


@pytest.mark.parametrize("encoder", PLUGINS["encoders"].names())
@pytest.mark.parametrize("name", WITH_ENCODER)
def test_it_trains_any_encoder_that_suits_it(name, encoder):
    panel = make_data(sizes=(9, 0, 1), channels=2, length=40).panel
    method, data = build(name, panel, encoder=encoder)
    before = copy.deepcopy(method.encoder.state_dict())
    if (name, encoder) in UNSUITABLE:
        with pytest.raises(MethodError, match="needs an encoder with one vector per time point"):
            fit(method, [data], 0)
        return
    fit(method, [data], 0)
    assert any(not torch.equal(value, before[key]) for key, value in method.encoder.state_dict().items())
    assert torch.isfinite(method.encode(data)).all()


@pytest.mark.parametrize("panel", [gaps(), noise(2, 1, 5_000)], ids=["gaps", "long"])
@pytest.mark.parametrize("name", SELF_SUPERVISED)
def test_gaps_and_long_series_train(name, panel):
    learner = learner_of(name).fit(panel)
    assert learner.report["steps"] > 0
    assert len(learner.encode(panel)) == len(panel)  # it refuses what is not finite


@pytest.mark.parametrize("name", SELF_SUPERVISED)
def test_one_case_trains_or_is_refused_where_others_are_needed(name):
    near = {"window": 8, "epsilon": 1.0} if name == "tnc" else {}  # windows of one case must have room to be distant
    learner = learner_of(name, **near)
    if name in NEED_TWO:
        with pytest.raises(MethodError, match="needs at least 2 training cases"):
            learner.fit(noise(1, length=100))
    else:
        assert learner.fit(noise(1, length=100)).report["steps"] > 0
