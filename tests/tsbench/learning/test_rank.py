"""Effective rank, and what a training says of it."""

import random

import numpy as np
import pytest
import torch

from tsbench.errors import MethodError
from tsbench.identity import generators_kept
from tsbench.learning import learner as learner_module
from tsbench.learning.learner import Learner
from tsbench.learning.rank import RANK_CASES, effective_rank, rank_warnings
from tsbench.methods.ssl import SSLMethod
from tsbench.testing import noise


def cross(a, b):
    return np.array([[a, 0], [-a, 0], [0, b], [0, -b]], dtype=np.float32)


@pytest.mark.parametrize(
    ("features", "rank"),
    [
        (cross(1, 1), 2.0),
        (cross(2, 1), 3 / 2 ** (2 / 3)),  # shares 2/3 and 1/3
        (cross(3, 3) + np.float32(7), 2.0),
        (cross(1e30, 1e30), 2.0),
        (cross(1e-30, 1e-30), 2.0),
        (cross(1, 0), 1.0),
        (np.eye(5, dtype=np.float32), 4.0),
        (np.full((4, 3), 0.1, np.float32), 0.0),
        (np.zeros((4, 0), np.float32), 0.0),
    ],
)
def test_it_is_the_exponential_of_the_entropy_of_the_singular_values(features, rank):
    assert effective_rank(features) == pytest.approx(rank, abs=1e-6)


def test_it_does_not_depend_on_the_axes():
    features, turn = (
        np.random.default_rng(0).normal(size=(30, 6)),
        np.linalg.qr(np.random.default_rng(1).normal(size=(6, 6)))[0],
    )
    assert effective_rank(features @ turn) == pytest.approx(effective_rank(features))


@pytest.mark.parametrize(("after", "warned"), [(5.0, 0), (4.99, 1), (0.0, 1), (20.0, 0)])
def test_less_than_half_is_warned_of(after, warned):
    found = rank_warnings({"rank_untrained": 10.0, "rank": after}, 40)
    assert len(found) == warned
    assert all(f"effective rank from 10 to {after:.3g} (40 training cases)" in text for text in found)
    assert rank_warnings({"rank": after}, 40) == rank_warnings({"rank_untrained": 10.0}, 40) == []


class Squeezed(SSLMethod):
    """The mean of each channel, weighed; training leaves the first `left` of them."""

    left = 1

    def build(self, shapes):
        self.w = torch.nn.Parameter(torch.ones(shapes[0].n_channels))

    def training_step(self, step):
        return self.w.square().sum()

    def on_fit_end(self):
        with torch.no_grad():
            self.w[self.left :] = 0

    def represent(self, batch):
        return batch.x.mean(dim=2) * self.w


def test_a_training_states_it_before_and_after_and_warns():
    panel = noise(60, c=4)
    report = Learner(Squeezed, max_steps=1).fit(panel).report
    means = (panel.X - panel.X.mean((0, 2), keepdims=True)) / panel.X.std((0, 2), keepdims=True)
    assert report["diagnosis"]["rank_untrained"] == pytest.approx(effective_rank(means.mean(axis=2)), abs=1e-4)
    assert report["diagnosis"]["rank"] == pytest.approx(1, abs=1e-6)
    (warning,) = report["warnings"]
    assert "effective rank from 3.9" in warning and " to 1 (60 training cases)" in warning


def test_the_first_cases_are_enough():
    panel = noise(RANK_CASES + 100, c=3, length=5)
    few = Learner(Squeezed, normalisation="none", max_steps=1)
    expected = effective_rank(panel.X[:RANK_CASES].mean(axis=2))
    assert few.fit(panel).report["diagnosis"]["rank_untrained"] == pytest.approx(expected, abs=1e-4)


def test_what_does_not_train_or_gives_no_features_states_none():
    class Fitted(Squeezed):
        trains = False

    class Broken(Squeezed):
        def represent(self, batch):
            raise MethodError("no features")

    assert Learner(Fitted).fit(noise()).report["diagnosis"] == {}
    assert Learner(Broken, max_steps=1).fit(noise()).report["diagnosis"] == {}
    assert Learner(Squeezed, max_steps=1).fit(noise(1)).report["diagnosis"] == {}
    assert Learner("random:simclr").fit(noise()).report == {"steps": 0, "seconds": 0.0}


class Draws(Squeezed):
    """Draws from whatever generator there is, its own among them, where it is trained, encodes and looks at itself."""

    def build(self, shapes):
        super().build(shapes)
        self.own, self.drawn = np.random.default_rng(0), []

    def training_step(self, step):
        self.drawn += [self.own.random(), random.random(), np.random.random(), float(torch.rand(()))]
        return super().training_step(step) * torch.rand((), generator=step.rng)

    def represent(self, batch):
        self.own.random()
        return super().represent(batch) + torch.rand(()) + random.random() + np.random.random()

    def diagnose(self, data):
        self.drawn += [random.random(), np.random.random(), float(torch.rand(()))]
        return super().diagnose(data)


@pytest.mark.parametrize("method", [Draws, "simclr", "trls"])
def test_no_draw_of_the_training_moves(monkeypatch, method):
    def trained():
        learner = Learner(method, max_steps=3, batch_size=2).fit(noise())
        return learner, torch.rand(1).item(), random.random(), np.random.random()

    learner, *states = trained()
    assert {"rank", "rank_untrained"} <= learner.report["diagnosis"].keys()
    monkeypatch.setattr(learner_module.Learner, "_rank", lambda self, panel, name: {})
    without, *then = trained()
    assert states == then
    for name, weight in learner.method.state_dict().items():
        assert torch.equal(weight, without.method.state_dict()[name]), name
    assert getattr(learner.method, "drawn", []) == getattr(without.method, "drawn", [])
    assert learner.report["curve"] == without.report["curve"]


def test_generators_are_given_back_where_something_fails_too():
    def states():
        return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()

    before = states()
    with pytest.raises(ValueError, match="stop"), generators_kept():
        random.random(), np.random.random(), torch.rand(1)
        raise ValueError("stop")
    assert states() == before
