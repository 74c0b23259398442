import numpy as np
import pytest
import torch
from aeon.datasets import load_classification
from hypothesis import given
from hypothesis import strategies as st

from tsbench.data.batch import Batch
from tsbench.data.panel import Panel
from tsbench.errors import MethodError
from tsbench.learning.learner import Learner
from tsbench.learning.loop import fit
from tsbench.methods.ssl import Step
from tsbench_ts2vec.method import TS2Vec, _centre, _cut, _draw_crop

SMALL = {"encoder.hidden": 4, "encoder.depth": 3, "encoder.out_dim": 6}


def build(panel, seed=0, **overrides):
    torch.manual_seed(seed)
    method = TS2Vec.create(**{**SMALL, **overrides})
    method.build([panel.shape])
    return method, Batch.from_panel(panel, "cpu")


def noise(n=6, c=2, length=20, seed=0):
    return Panel.build(np.random.default_rng(seed).normal(size=(n, c, length)))


def with_gaps(n=6, c=2, length=20, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, c, length))
    X[rng.random(X.shape) < 0.2] = np.nan
    return Panel.build(X)


def step_of(data, seed=0, index=0):
    return Step(data, data, torch.Generator().manual_seed(seed), index, 0, 0, lambda *_, **__: None)


@given(st.integers(2, 50), st.integers(0, 1000), st.data())
def test_crops_overlap_inside_the_series(length, seed, data):
    shortest = data.draw(st.integers(2, length))
    crop = _draw_crop(np.random.default_rng(seed), length, shortest)
    assert 0 <= crop.outer_start <= crop.start <= crop.end - shortest
    assert crop.end <= crop.outer_end <= length


def test_both_views_hold_the_same_points_where_they_overlap(monkeypatch):
    """Every case counts its own time points, so a representation names the point it came from."""
    counting = np.arange(30.0)[None, None] + 100 * np.arange(4)[:, None, None]
    method, data = build(Panel.build(counting), max_train_length=20)
    seen, losses = [], []

    def vectors(x, keep, window):
        seen.append(x)
        return x.transpose(1, 2)[:, window]

    monkeypatch.setattr(method.encoder, "masked_sequence", vectors)
    monkeypatch.setattr("tsbench_ts2vec.method.hierarchical_loss", lambda a, b, *_: losses.append((a, b)))
    for index in range(50):
        method.training_step(step_of(data, index=index))
    for a, b in losses:
        torch.testing.assert_close(a, b)
        assert (a.diff(dim=1) == 1).all()
        assert (a.div(100, rounding_mode="floor") == torch.arange(4.0)[:, None, None]).all()
    widths = [a.shape[1] for a, _ in losses]
    assert min(widths) >= 2
    assert max(x.shape[2] for x in seen) <= 20
    assert len(set(widths)) > 10
    assert len({x[0, 0, 0].item() for x in seen}) > 10
    assert any(len(set((x[:, 0, 0] % 100).tolist())) > 1 for x in seen)  # each case has a shift of its own


@pytest.mark.parametrize(("mask", "low", "high"), [("binomial", 0.4, 0.6), ("continuous", 0.5, 0.9)])
def test_random_masks(mask, low, high):
    method, _ = build(noise(), mask=mask)
    keep = method._keep(200, 50, torch.Generator().manual_seed(0))
    assert keep.shape == (200, 50)
    assert low < keep.float().mean() < high
    assert len({tuple(row) for row in keep.tolist()}) > 150


def test_fixed_masks():
    rng = torch.Generator()
    keeps = {mask: build(noise(), mask=mask)[0]._keep(3, 4, rng) for mask in ("all_true", "all_false", "mask_last")}
    assert keeps["all_true"] is None
    assert not keeps["all_false"].any()
    assert keeps["mask_last"].tolist() == [[True, True, True, False]] * 3


@pytest.mark.parametrize(
    ("n", "overrides", "steps"),
    [
        (50, {}, 200),
        (51, {}, 600),
        (51, {"iterations": 7}, 7),
        (51, {"iterations": 0, "epochs": 2}, 14),
        (51, {"iterations": 3, "min_steps": 5}, 5),
        (51, {"max_steps": 4}, 4),
    ],
)
def test_budget(n, overrides, steps):
    panel = noise(n, 20, 100)  # 50 cases are 100,000 values
    method, data = build(panel, **overrides)
    assert method.total_steps([data], steps_per_epoch=7) == steps


def test_encodes_with_the_average_of_all_iterates(monkeypatch):
    method, data = build(noise(n=4, length=8), iterations=5)
    iterates = [[p.detach().clone() for p in method.encoder.parameters()]]
    end = method.on_step_end
    monkeypatch.setattr(
        method,
        "on_step_end",
        lambda: (end(), iterates.append([p.detach().clone() for p in method.encoder.parameters()])),
    )
    fit(method, [data], seed=0)
    assert len(iterates) == 6
    for got, *each in zip(method.encoder.parameters(), *iterates, strict=True):
        torch.testing.assert_close(got, torch.stack(each).mean(0))


@pytest.mark.parametrize("make", [noise, with_gaps])
def test_a_restored_checkpoint_encodes_alike(make):
    method, data = build(make(), iterations=3)
    before = method.encode(data)
    fit(method, [data], seed=0)
    restored, _ = build(make(), seed=1)
    restored.load_state_dict(method.state_dict())
    assert torch.equal(restored.encode(data), method.encode(data))
    assert not torch.equal(before, method.encode(data))
    assert sum(p.numel() for p in method.state_dict().values()) == sum(p.numel() for p in method.encoder.parameters())


def test_the_seed_decides():
    weights = []
    for seed in (1, 1, 2):
        method, data = build(with_gaps(), iterations=3)
        torch.manual_seed(seed)  # dropout
        fit(method, [data], seed)
        weights.append(torch.cat([p.detach().flatten() for p in method.encoder.parameters()]))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_no_steps_leave_the_initial_weights():
    method, data = build(noise(), iterations=0)
    before = method.encode(data)
    fit(method, [data], seed=0)
    assert torch.equal(before, method.encode(data))


def test_a_time_point_is_missing_when_any_channel_is():
    X = noise().X.copy()
    X[2, 0, 5] = np.nan
    method, data = build(Panel.build(X))
    features = method.encode(data)
    X[2, 1, 5] = 77.0
    assert torch.equal(features, method.encode(Batch.from_panel(Panel.build(X), "cpu")))
    X[2, 0, 5] = 0.0  # observed, a zero is not a gap
    assert not torch.equal(features[2], method.encode(Batch.from_panel(Panel.build(X), "cpu"))[2])


def test_a_time_point_may_be_missing_where_all_channels_are():
    X = noise().X.copy()
    X[2, 0, 5] = X[3, :, 5] = np.nan
    method, data = build(Panel.build(X), missing="all")
    features = method.encode(data)
    X[2, 1, 5] += 77.0
    assert not torch.equal(features[2], method.encode(Batch.from_panel(Panel.build(X), "cpu"))[2])
    present = method.prepare(data).extra["present"]
    assert not present[3, 5] and int(present.sum()) == present.numel() - 1


def test_series_whose_time_points_all_lack_a_channel_are_warned_of():
    X = noise().X.copy()
    X[:, 0, ::2] = X[:, 1, 1::2] = np.nan
    for missing, share in (("any", 1.0), ("all", 0.0)):
        method, data = build(Panel.build(X, lengths=[20] * 5 + [10]), missing=missing)
        diagnosis = method.diagnose([method.prepare(data)])
        assert diagnosis.values == {"missing_points": share}
        assert ("100.0% of the time points count as missing" in "".join(diagnosis.warnings)) == (missing == "any")
    whole, data = build(noise())
    assert whole.diagnose([whole.prepare(data)]).values == {}


def test_padding_counts_in_the_maximum_unless_masked():
    X = noise().X.copy()
    X[:, :, 12:] = np.nan
    panel = Panel.build(X, lengths=[12] * 6)
    everywhere, data = build(panel)
    observed, _ = build(panel, masked_max=True)
    keep = data.mask.all(dim=1)
    sequence = everywhere.encoder.eval().masked_sequence(data.x, keep)
    torch.testing.assert_close(everywhere.encode(data), sequence.amax(1))
    torch.testing.assert_close(observed.encode(data), sequence[:, :12].amax(1))


def test_centring_splits_the_padding_evenly():
    X = np.full((3, 1, 7), np.nan)
    X[0, 0] = np.arange(7)
    X[1, 0, :4] = np.arange(4)
    X[2, 0, 1:3] = [8, 9]
    batch = _centre(Batch.from_panel(Panel.build(X, lengths=[7, 4, 3]), "cpu"))
    rows = [
        [x if seen else None for x, seen in zip(*row, strict=True)]
        for row in zip(batch.x[:, 0].tolist(), batch.mask[:, 0].tolist(), strict=True)
    ]
    assert rows[0] == [0, 1, 2, 3, 4, 5, 6]
    assert rows[1] == [None, 0, 1, 2, 3, None, None]
    assert rows[2] == [None, None, 8, 9, None, None, None]


def test_only_series_that_begin_or_end_with_nothing_are_centred():
    X = noise().X.copy()
    X[1, :, 4] = np.nan
    X[2, 0, 0] = np.nan  # the other channel is there
    batch = Batch.from_panel(Panel.build(X), "cpu")
    assert _centre(batch) is batch


def test_long_series_are_cut_into_sections():
    method, data = build(noise(2, 1, 23), max_train_length=7)
    cut = method.train().prepare(data)
    assert cut.x.shape == (6, 1, 8)  # 8, 8 and 7 points
    torch.testing.assert_close(cut.x[:2], data.x[:, :, :8])
    assert cut.mask[:4].all()
    assert sorted(cut.mask[4:, 0].sum(dim=1).tolist()) == [7, 7]
    assert method.eval().prepare(data) is data
    assert _cut(Batch.from_panel(noise(2, 1, 24), "cpu"), 3).observed is None
    assert method.train().prepare(Batch.from_panel(noise(2, 1, 13), "cpu")).x.shape == (2, 1, 13)


def test_empty_cases_do_not_train():
    X = noise().X.copy()
    X[3] = np.nan
    method, data = build(Panel.build(X))
    assert len(method.train().prepare(data)) == 5
    assert method.encode(data).isfinite().all()
    with pytest.raises(MethodError, match="no training case with an observed value"):
        method.train().prepare(Batch.from_panel(Panel.build(np.full_like(X, np.nan)), "cpu"))


def test_series_too_short_to_crop_are_refused():
    with pytest.raises(MethodError, match="needs 2 time points or more"):
        build(noise(length=1))
    with pytest.raises(MethodError, match="needs 8 time points or more"):
        build(noise(length=7), temporal_unit=2)
    method, data = build(noise(length=2), iterations=2)
    assert fit(method, [data], 0).steps == 2


@pytest.mark.parametrize("n", [1, 9])
def test_any_number_of_cases(n):
    method, data = build(noise(n), iterations=3)
    fit(method, [data], 0)
    assert method.encode(data).shape == (n, 6)


def test_another_encoder_gets_masked_input():
    learner = Learner(TS2Vec, encoder="fcn", iterations=2).fit(with_gaps())
    assert learner.encode(with_gaps()).shape == (6, 128)


def test_an_encoder_with_fewer_vectors_than_time_points_is_refused(monkeypatch):
    method, data = TS2Vec.create(encoder="fcn"), Batch.from_panel(noise(), "cpu")
    method.build([noise().shape])
    monkeypatch.setattr(method.encoder, "forward_sequence", lambda x: torch.zeros(len(x), 3, 128))
    with pytest.raises(MethodError, match="one vector per time point; FCN gives 3 for 20"):
        method.encode(data)


def test_mixed_precision_trains():
    method, data = build(with_gaps(), iterations=2, precision="bf16")
    assert fit(method, [data], 0).steps == 2


def test_it_learns_on_real_series():
    X, _ = load_classification("ItalyPowerDemand", split="train")
    learner = Learner(TS2Vec, iterations=20).fit(Panel.build(X))
    losses = [loss for _, loss in learner.report["curve"]]
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:5])
