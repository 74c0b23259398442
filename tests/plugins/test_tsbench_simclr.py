import numpy as np
import pytest
import torch
from aeon.datasets import load_classification

from tsbench.data.batch import Batch
from tsbench.data.panel import Panel
from tsbench.learning.learner import Learner
from tsbench.nn import nt_xent
from tsbench.testing import gaps, noise, one_step
from tsbench_simclr.method import SimCLR


def build(panel, seed=0, **overrides):
    torch.manual_seed(seed)
    method = SimCLR.create(**overrides)
    method.build([panel.shape])
    return method.train(), Batch.from_panel(panel, "cpu")


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def test_loss_is_nt_xent_of_two_views():
    method, data = build(noise(), **{"encoder.dropout": 0.0})
    got = method.training_step(one_step(data, 3))
    generator = rng(3)
    views = [method.view(data, generator) for _ in range(2)]
    assert not torch.equal(*views)
    torch.testing.assert_close(got, nt_xent(*(method.projector(method.encoder(v)) for v in views), 0.2))


def test_view_without_any_augmentation_is_the_series():
    still = {"scale_sigma": 0.0, "jitter_sigma": 0.0, "permutation_probability": 0.0, "mask_share": 0.0}
    method, data = build(gaps(), **still)
    assert torch.equal(method.view(data, rng()), data.x)
    method, data = build(noise(300), **{**still, "permutation_probability": 0.5})
    moved = (method.view(data, rng()) != data.x).flatten(1).any(dim=1).float().mean().item()
    assert moved == pytest.approx(0.5 * 0.8 * 0.95, abs=0.08)  # one in five has one piece, a few come back in order


def test_views_keep_padding_and_missing_values_at_zero():
    method, data = build(gaps(), mask_share=0.0)
    for seed in range(5):
        view = method.view(data, rng(seed))
        assert (view[1, :, 25:] == 0).all()
        assert (view[4, :, 9:] == 0).all()
        assert ((view == 0).sum(dim=2) == (~data.observed).sum(dim=2)).all()


def test_training_on_italy_power_demand_reduces_the_loss():
    X, _ = load_classification("ItalyPowerDemand", split="train")
    learner = Learner(SimCLR, epochs=0, min_steps=40).fit(Panel.build(X))
    curve = [loss for _, loss in learner.report["curve"]]
    assert np.mean(curve[-5:]) < 0.9 * np.mean(curve[:3])


def test_sizes():
    method, data = build(noise(3))
    assert method.projector(method.encoder(data.x)).shape == (3, 128)
    assert method.encode(data).shape == (3, 128)
