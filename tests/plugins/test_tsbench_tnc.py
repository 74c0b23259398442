import copy

import numpy as np
import pytest
import torch
from aeon.datasets import load_classification
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from tsbench.data.batch import Batch
from tsbench.data.panel import Panel
from tsbench.errors import MethodError
from tsbench.learning import loop as training
from tsbench.methods.params import resolve
from tsbench.nn.weights import trainable_parameters
from tsbench.testing import noise, one_step, unequal
from tsbench_encoders.causal_cnn import CausalCNN
from tsbench_encoders.fcn import FCN
from tsbench_encoders.gru import BiGRU
from tsbench_encoders.tfr import TFR
from tsbench_tnc.method import TNC, Discriminator, anchor_starts, far_starts, near_starts, pu_loss, window_length

ENCODERS = {"gru": BiGRU, "fcn": FCN, "tfr": TFR, "causal-cnn": CausalCNN}
SMALL = {"encoder.hidden": 6, "encoder.out": 5}


def build(panel, seed=0, **overrides):
    torch.manual_seed(seed)
    small = SMALL if overrides.get("encoder", "gru") == "gru" else {}
    method = TNC(resolve(TNC.Params, {**small, **overrides}, lambda kind, name: ENCODERS[name], "tnc"))
    method.build([panel.shape])
    return method.train(), method.prepare(Batch.from_panel(panel, "cpu"))


def test_loss_matches_golden_value():
    near = torch.tensor([0.5, -1, 2, 0.1], dtype=torch.float64)
    far = torch.tensor([-0.3, 1.2, -2, 0.4], dtype=torch.float64)
    assert pu_loss(near, far, 0.05).item() == pytest.approx(0.7064055397580445, abs=1e-12)


@given(st.floats(0, 1), st.integers(0, 100))
@settings(deadline=None)
def test_loss_is_weighted_cross_entropy(w, seed):
    near, far = torch.randn(2, 9, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 5
    entropy = functional.binary_cross_entropy_with_logits
    ones, zeros = torch.ones_like(near), torch.zeros_like(near)
    expected = (entropy(near, ones) + w * entropy(far, ones) + (1 - w) * entropy(far, zeros)) / 2
    torch.testing.assert_close(pu_loss(near, far, w), expected)


@pytest.mark.parametrize(("size", "count"), [(64, 33_281), (10, 881)])
def test_discriminator(size, count):
    net = Discriminator(size, 0.5).eval()
    assert trainable_parameters([net]) == count
    anchor, other = torch.randn(3, 1, size), torch.randn(3, 4, size)
    pairs = torch.cat([anchor.expand_as(other), other], dim=2)
    plain = nn.Sequential(net.hidden, nn.ReLU(), net.out)
    torch.testing.assert_close(net(anchor, other), plain(pairs)[..., 0])


@pytest.mark.parametrize(
    ("length", "window"),
    [(1, 1), (4, 1), (10, 2), (16, 3), (17, 4), (24, 4), (150, 18), (427, 52), (2000, 250), (20_000, 2500)],
)
def test_default_window(length, window):
    assert window_length(length) == window


@pytest.mark.parametrize("window", [3, 4, 50])
def test_anchors_keep_the_published_margin(window):
    """Centres from 2W to T - 2W - 1 where T > 4W, which leaves one for T = 4W + 1; no margin in shorter cases."""
    rng = torch.Generator().manual_seed(0)
    length = 4 * window + 5
    starts = anchor_starts(torch.full((3000,), length - window), window, rng)
    centres = (starts + window // 2).unique().tolist()
    upper = length - 2 * window - 1 if window % 2 == 0 else length - 2 * window - 2
    assert centres == list(range(2 * window, upper + 1))
    short = anchor_starts(torch.full((3000,), window), window, rng)
    assert short.unique().tolist() == list(range(window + 1))
    assert anchor_starts(torch.zeros(5, dtype=torch.int64), window, rng).tolist() == [0] * 5


def test_neighbours_are_normal_around_the_anchor_and_inside():
    rng = torch.Generator().manual_seed(0)
    near = near_starts(torch.tensor([500, 2]), torch.tensor([1000, 9]), 20_000, 30.0, rng)
    assert near[0].double().mean() == pytest.approx(500, abs=1)
    assert near[0].double().std() == pytest.approx(30, rel=0.03)
    assert (near[1].min(), near[1].max()) == (0, 9)


@given(st.lists(st.integers(0, 60), min_size=2, max_size=6), st.integers(1, 80), st.integers(0, 1000), st.data())
@settings(max_examples=60, deadline=None)
def test_negatives_are_distant_or_of_another_case(room, distance, seed, data):
    case = torch.tensor(data.draw(st.lists(st.integers(0, len(room) - 1), min_size=1, max_size=4)))
    anchor = torch.tensor([data.draw(st.integers(0, room[int(i)])) for i in case])
    last = torch.tensor(room)
    far_case, far = far_starts(case, anchor, last, 30, distance, torch.Generator().manual_seed(seed))
    assert far_case.shape == far.shape == (len(case), 30)
    assert (far >= 0).all()
    assert (far <= last[far_case]).all()
    same = far_case == case[:, None]
    assert ((far - anchor[:, None]).abs()[same] >= distance).all()
    reach = torch.maximum(anchor, last[case] - anchor)  # the longer side
    assert torch.equal(same.all(dim=1), reach >= distance)
    assert torch.equal(same.any(dim=1), reach >= distance)


def test_negatives_reach_every_other_case():
    far_case, _ = far_starts(
        torch.tensor([2]), torch.tensor([5]), torch.full((5,), 10), 500, 99, torch.Generator().manual_seed(0)
    )
    assert set(far_case.flatten().tolist()) == {0, 1, 3, 4}


def test_one_short_case_has_no_negatives():
    method, data = build(noise(n=1))
    with pytest.raises(MethodError, match="lower window, epsilon or delta"):
        method.training_step(one_step(data))


def test_one_long_recording_trains():
    panel = noise(n=1, length=2000)
    method, data = build(panel, window=20, epsilon=1.0, epochs=3)
    assert training.fit(method, [data], seed=0).steps == 3
    z, inside = method.encode_windows(data)
    assert z.shape == (1, 199, 5)
    assert inside.all()


def test_window_longer_than_every_case_is_refused():
    with pytest.raises(MethodError, match="window of 41 points is longer than every case"):
        build(noise(), window=41)


@pytest.mark.parametrize("pooling", ["mean", "max", "mean-max"])
def test_representation_pools_the_windows_of_a_case(pooling):
    panel = unequal([40, 17, 6, 2])
    method, data = build(panel, window=8, stride=3, pooling=pooling)
    got = method.encode(data)
    for case, length in enumerate(panel.lengths):
        x = data.x[case]
        starts = range(0, max(1, length - 8 + 1), 3)
        z = torch.stack([method.encoder(x[None, :, s : s + 8])[0] for s in starts])
        pooled = {"mean": z.mean(dim=0), "max": z.amax(dim=0)}
        pooled["mean-max"] = torch.cat([pooled["mean"], pooled["max"]])
        torch.testing.assert_close(got[case], pooled[pooling], rtol=1e-4, atol=1e-5)


def test_features_do_not_depend_on_company_or_padding():
    panel = unequal([40, 17, 6])
    method, data = build(panel, window=8)
    together = method.encode(data)
    for case, length in enumerate(panel.lengths):
        alone = Batch.from_panel(Panel.build(panel.X[case : case + 1, :, :length]), "cpu")
        torch.testing.assert_close(method.encode(alone), together[case : case + 1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("panel", [noise(n=2, length=1), noise(n=3, c=5, length=7), unequal([1, 30, 12, 3])])
def test_tiny_and_unequal_sets_train(panel):
    method, data = build(panel, epochs=3)
    training.fit(method, [data], seed=0)
    features = method.encode(data)
    assert features.shape == (len(panel), 5)
    assert features.isfinite().all()


def test_missing_values_give_finite_features():
    panel = noise()
    panel.X[0] = np.nan
    panel.X[1, 0, 3:6] = np.nan
    method, data = build(panel, epochs=2)
    training.fit(method, [data], seed=0)
    assert method.encode(data).isfinite().all()


def test_every_weight_trains_and_seeds_repeat():
    features = []
    for _ in range(2):
        method, data = build(noise(n=12), epochs=3, weight_decay=0.0)
        before = copy.deepcopy(method.state_dict())
        torch.manual_seed(0)
        training.fit(method, [data], seed=5)
        features.append(method.encode(data))
    still = {name for name, value in method.state_dict().items() if torch.equal(value, before[name])}
    assert still == {"encoder.future.weight_hh_l0"}  # it reads one step, before which there is no state
    assert torch.equal(*features)


def test_training_lowers_the_loss_on_real_data():
    X = load_classification("BasicMotions", split="train")[0]
    method, data = build(Panel.build(X / X.std()), epochs=25, samples=5, lr=0.01)
    curve = [loss for _, loss in training.fit(method, [data], seed=0).curve]
    assert np.mean(curve[-20:]) < 0.9 * np.mean(curve[:20])
