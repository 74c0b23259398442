import numpy as np
import pytest
import torch
from aeon.datasets import load_classification
from hypothesis import given, settings
from hypothesis import strategies as st

from tsbench.data.batch import Batch
from tsbench.data.panel import Panel
from tsbench.learning import loop as training
from tsbench.methods.params import resolve
from tsbench.methods.ssl import Step
from tsbench_encoders.causal_cnn import CausalCNN
from tsbench_encoders.fcn import FCN
from tsbench_tloss import method as module
from tsbench_tloss.method import TLoss, crops, triplet_loss

SMALL = {"encoder.channels": 6, "encoder.depth": 3, "encoder.reduced": 8, "encoder.out": 5}


def build(panel, seed=0, **overrides):
    torch.manual_seed(seed)
    small = SMALL if overrides.get("encoder", "causal-cnn") == "causal-cnn" else {}
    find = {"causal-cnn": CausalCNN, "fcn": FCN}.__getitem__
    method = TLoss(resolve(TLoss.Params, {**small, **overrides}, lambda kind, name: find(name), "t-loss"))
    method.build([panel.shape])
    return method.train(), method.prepare(Batch.from_panel(panel, "cpu"))


def a_step(batch, data, seed=0):
    return Step(batch, data, torch.Generator().manual_seed(seed), 0, 0, 0, lambda *_, **__: None)


def noise(n=6, c=2, length=20, seed=0):
    return Panel.build(np.random.default_rng(seed).normal(size=(n, c, length)))


def unequal(lengths, c=1, seed=0):
    X = np.random.default_rng(seed).normal(size=(len(lengths), c, max(lengths)))
    for case, length in enumerate(lengths):
        X[case, :, length:] = np.nan
    return Panel.build(X, lengths=lengths)


def record_encodings(method):
    """Collect what the encoder is given: (crops, lengths or None) of every call."""
    calls = []
    forward = method.encoder.forward

    def recording(x, lengths=None):
        calls.append((x.detach().clone(), None if lengths is None else lengths.clone()))
        return forward(x, lengths)

    method.encoder.forward = recording
    return calls


@pytest.mark.parametrize(("penalty", "golden"), [(1.0, 2.403948964501174), (3.0, 6.547580120933942)])
def test_loss_matches_golden_values(penalty, golden):
    """B = 5, D = 4, K = 3; with penalty K the loss is the sum of eq. 1."""
    m = torch.arange(20, dtype=torch.float64).view(5, 4)
    negatives = torch.stack([torch.sin(0.05 * m + k) for k in range(3)])
    loss = triplet_loss(torch.sin(0.1 * m), torch.cos(0.07 * m + 0.3), negatives, penalty)
    assert loss.item() == pytest.approx(golden, abs=1e-9)


def test_crops_are_slices_then_zeros():
    x = torch.randn(3, 2, 9)
    cut = crops(x, torch.tensor([2, 0]), torch.tensor([1, 7]), torch.tensor([4, 2]), 4)
    torch.testing.assert_close(cut[0], x[2, :, 1:5])
    torch.testing.assert_close(cut[1, :, :2], x[0, :, 7:9])
    assert (cut[1, :, 2:] == 0).all()


def numbered(lengths):
    """Values tell case and time: 1000 * (case + 1) + time, so that a crop shows where it comes from."""
    X = 1000.0 * np.arange(1, len(lengths) + 1)[:, None, None] + np.arange(max(lengths))[None, None, :]
    for case, length in enumerate(lengths):
        X[case, :, length:] = np.nan
    return Panel.build(X, lengths=lengths)


def test_crops_of_unequal_cases_have_sizes_of_their_own():
    method, data = build(unequal(range(40, 50)), negatives=1)
    calls = record_encodings(method)
    method.training_step(a_step(data, data))
    assert all(len(lengths.unique()) > 4 for _, lengths in calls)


@given(
    st.one_of(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.integers(1, 8).map(lambda n: [25] * n)),
    st.integers(0, 99),
    st.sampled_from([None, 1, 7]),
)
@settings(max_examples=60, deadline=None)
def test_crops_follow_the_published_sampling(lengths, seed, longest):
    """A positive lies in its anchor, crops lie in their cases, and equal cases share the two sizes of a batch."""
    panel = numbered(lengths)
    method, data = build(panel, compared_length=longest, negatives=3)
    calls = record_encodings(method)
    n = min(4, len(panel))
    method.training_step(a_step(data.select(slice(0, n)), data, seed))
    others, anchors = calls
    spans = {}
    for name, (x, _) in (("others", others), ("anchors", anchors)):
        spans[name] = []
        for crop in x[:, 0].numpy():
            values = crop[crop != 0]
            assert (np.diff(values) == 1).all()
            case, first = divmod(int(values[0]), 1000)
            spans[name].append((case - 1, first, first + len(values)))
    assert len(spans["anchors"]) == n
    assert len(spans["others"]) == n * 4
    for (case, start, end), (own, inside, until) in zip(spans["anchors"], spans["others"][:n], strict=True):
        assert own == case
        assert start <= inside < until <= end <= lengths[case]
    assert [case for case, *_ in spans["anchors"]] == list(range(n))
    assert all(0 <= case < len(lengths) and end <= lengths[case] for case, _, end in spans["others"])
    sizes = [{end - start for _, start, end in spans[name]} for name in ("anchors", "others")]
    assert max(max(s) for s in sizes) <= min(max(lengths), longest or max(lengths))
    if len(set(lengths)) == 1:
        assert [len(s) for s in sizes] == [1, 1]
        assert others[1] is None  # nothing is padded


def test_negatives_come_from_the_whole_training_set():
    method, data = build(numbered([20] * 12), negatives=40)
    calls = record_encodings(method)
    method.training_step(a_step(data.select(slice(0, 2)), data))
    negatives = calls[0][0][2:, 0, 0]
    assert {int(value) // 1000 - 1 for value in negatives} == set(range(12))


def test_loss_of_padded_crops_equals_that_of_crops_encoded_alone():
    panel = unequal([5, 9, 30, 17, 1], c=2)
    method, data = build(panel, negatives=3)
    calls = record_encodings(method)
    loss = method.training_step(a_step(data, data))
    alone = []
    for x, lengths in calls[:2]:
        alone.append(torch.cat([method.encoder(x[i : i + 1, :, : lengths[i]]) for i in range(len(x))]))
    others = alone[0].unflatten(0, (4, 5))
    torch.testing.assert_close(loss, triplet_loss(alone[1], others[0], others[1:]))


@pytest.mark.parametrize("panel", [noise(length=50), unequal([40, 3, 22, 50, 8, 31])])
@pytest.mark.parametrize("limit", ["MAX_POINTS", "SORT_POINTS"])
def test_crops_encoded_in_parts_have_the_same_loss_and_gradient(monkeypatch, limit, panel):
    method, data = build(panel, negatives=4)
    results = []
    for value in (10**9, 100):
        monkeypatch.setattr(module, limit, value)
        method.zero_grad()
        loss = method.training_step(a_step(data, data))
        loss.backward()
        results.append([loss.detach(), *[p.grad.clone() for p in method.parameters()]])
    for whole, parts in zip(*results, strict=True):
        torch.testing.assert_close(parts, whole)


@pytest.mark.parametrize("panel", [noise(n=1, length=1), noise(n=3, c=5, length=2), unequal([3, 1, 2])])
def test_tiny_sets_train(panel):
    method, data = build(panel, min_steps=3, max_steps=3)
    report = training.fit(method, [data], seed=0)
    assert report.steps == 3
    assert method.encode(data).shape == (len(panel), 5)


def test_missing_values_and_constant_cases_give_finite_features():
    panel = noise()
    panel.X[0] = np.nan
    panel.X[1, 0, 3:6] = np.nan
    panel.X[2] = 4.0
    method, data = build(panel, min_steps=5, max_steps=5)
    training.fit(method, [data], seed=0)
    assert method.encode(data).isfinite().all()


def test_features_do_not_depend_on_padding_or_company():
    panel = unequal([5, 9, 30, 17])
    method, data = build(panel)
    together = method.encode(data)
    for case, length in enumerate(panel.lengths):
        alone = Batch.from_panel(Panel.build(panel.X[case : case + 1, :, :length]), "cpu")
        torch.testing.assert_close(method.encode(alone), together[case : case + 1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("panel", [noise(), unequal([5, 9, 30, 17])])
def test_other_encoders(panel):
    method, data = build(panel, encoder="fcn", min_steps=2, max_steps=2)
    training.fit(method, [data], seed=0)
    assert method.encode(data).shape == (len(panel), 128)


def test_training_lowers_the_loss_on_real_data():
    X = load_classification("BasicMotions", split="train")[0][:, :, :40]
    method, data = build(Panel.build(X / X.std()), min_steps=100, max_steps=100, lr=0.01)
    curve = [loss for _, loss in training.fit(method, [data], seed=0).curve]
    assert np.mean(curve[-20:]) < 0.8 * np.mean(curve[:20])
