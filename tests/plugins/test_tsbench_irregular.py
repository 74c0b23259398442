"""What all methods for irregular series share, and what each must do whatever it learns from."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tsbench import Batch, Panel, PanelShape, Step
from tsbench.errors import InvalidDataError, MethodError, UsageError
from tsbench.learning.learner import Learner
from tsbench_irregular import METHODS
from tsbench_irregular.base import balanced, channel_moments, focal_loss
from tsbench_irregular.gru_d import GRUD
from tsbench_irregular.transformer import Transformer

pytestmark = pytest.mark.filterwarnings("ignore:ViTST. some cases go on after the longest time")  # tested with it
NAMES = [name for name, *_ in METHODS]
SMALL = {
    **{"epochs": 1, "batch_size": 4, "hidden": 4, "ffn": 8, "select": "last", "plateau": "none"},
    **{"embedding": 4, "references": 6, "mlp": 8, "decoded": 4, "phi_width": 8, "psi_width": 8, "psi_latent": 8},
    **{"rho_width": 8, "key_dim": 8, "layers": 1, "node_dim": 4, "image_encoder": "small-cnn", "cell_size": 8},
}


def irregular(n=8, channels=2, steps=6, static=True, seed=0):
    """Cases of unequal length at times of their own, with gaps and two static values; the second class is rare."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, channels, steps))
    X[rng.random(X.shape) < 0.4] = np.nan
    X[:, 0, 0] = 1.0
    lengths = rng.integers(1, steps + 1, n)
    lengths[0] = steps
    X[np.broadcast_to((np.arange(steps) >= lengths[:, None])[:, None], X.shape)] = np.nan
    times = np.where(np.arange(steps) < lengths[:, None], rng.random((n, steps)).cumsum(axis=1) + 100, np.nan)
    y = (np.arange(n) % 4 == 3).astype(int)
    extra = {"static": rng.normal(size=(n, 2)).astype(np.float32), "static_names": ("age", "weight")} if static else {}
    return Panel.build(X, y, lengths=lengths, times=times, time_unit="h", **extra)


def learner(name, **params):
    known = Learner(name).settings.flat()
    return Learner(name, **{key: value for key, value in {**SMALL, **params}.items() if key in known})


def built(name, panel, **params):
    method = learner(name, **params).cls(learner(name, **params).settings)
    torch.manual_seed(0)
    method.build([panel.shape])
    method.on_fit_start([Batch.from_panel(panel, "cpu", labels=True)])
    return method.eval()


# --- several labels


@pytest.mark.parametrize("name", NAMES)
def test_it_learns_several_labels_of_a_case(name):
    panel = irregular(n=12)
    y = np.stack([panel.y == 1, np.arange(12) % 2 == 0, np.ones(12, bool)], axis=1).astype(np.uint8)
    labelled = replace(panel, y=y, classes=("rare", "even", "all"), task="multilabel")
    found = learner(name).fit(labelled).predict(labelled)
    assert found.scores.shape == (12, 3) and np.isfinite(found.scores).all()


def test_the_loss_of_several_labels_is_that_of_each_and_class_weights_are_refused():
    panel = irregular(n=6)
    labelled = replace(
        panel, y=np.stack([panel.y, 1 - panel.y], 1).astype(np.uint8), classes=("a", "b"), task="multilabel"
    )
    method = built("transformer", labelled, balance="none")
    scores, y = torch.randn(6, 2), torch.from_numpy(labelled.y)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(scores, y.float())
    torch.testing.assert_close(method.loss(scores, y), expected)
    with pytest.raises(UsageError, match="balance=weights is of classes, and a case has several labels"):
        built("transformer", labelled, balance="weights")


def test_weights_of_several_labels_are_refused_before_any_run(tsbench, tmp_path):
    rows = [f"{i % 2},{i % 3 % 2},{i},{i % 5}" for i in range(12)]
    for part in ("TRAIN", "TEST"):
        (tmp_path / f"two_{part}.csv").write_text("\n".join(["label_a,label_b,t0,t1", *rows]))
    run = ("run", "--method", "gru-d,brits", "--dataset", tmp_path / "two_TRAIN.csv", "--protocol", "own")
    code, out, err = tsbench(*run, "--set", "balance=weights")
    assert code == 1 and "0 runs" in out
    assert "is for multilabel: gru-d: balance=weights is of classes, and a case has several labels; use focal" in err


def test_brits_gives_the_log_odds_of_the_directions_mean_probability_of_a_label():
    panel = irregular(n=6)
    labelled = replace(
        panel, y=np.stack([panel.y, 1 - panel.y], 1).astype(np.uint8), classes=("a", "b"), task="multilabel"
    )
    method, batch = built("brits", labelled), Batch.from_panel(labelled, "cpu", labels=True)
    forward, backward = method._scores(method.represent(batch), batch)
    torch.testing.assert_close(method.decide(batch).sigmoid(), (forward.sigmoid() + backward.sigmoid()) / 2)


# --- batches, losses, statistics


def test_batches_hold_as_many_cases_of_each_class():
    y = torch.tensor([0] * 90 + [1] * 7 + [3] * 3)
    rng = torch.Generator().manual_seed(0)
    drawn = torch.cat([balanced(y, 5, 32, rng) for _ in range(300)])
    counts = torch.bincount(y[drawn], minlength=5) / 300
    assert counts[2] == counts[4] == 0  # classes without a case
    assert counts[[0, 1, 3]] == pytest.approx(32 / 3, abs=0.1)
    assert len(drawn.unique()) == 100
    for _ in range(10):
        one = torch.bincount(y[balanced(y, 5, 32, rng)], minlength=5)
        assert sorted(one.tolist()) == [0, 0, 10, 11, 11]


def test_a_balanced_training_sees_each_class_alike_and_another_does_not():
    panel, seen = irregular(40), []

    class Counting(GRUD):
        def training_step(self, step):
            seen.append(step.batch.y)
            return super().training_step(step)

    for balance, share in (("upsample", 0.5), ("none", 0.25)):
        seen.clear()
        Learner(Counting, epochs=10, batch_size=8, hidden=2, select="last", balance=balance).fit(panel)
        assert float(torch.cat(seen).float().mean()) == share


def test_weights_are_the_share_that_a_class_lacks():
    method = built("gru-d", irregular(), balance="weights")
    assert method.class_weight.tolist() == pytest.approx([8 / (2 * 6), 8 / (2 * 2)])
    scores, y = torch.tensor([[0.0, 1.0], [0.5, 0.0]]), torch.tensor([1, 0])
    losses = [math.log(1 + math.exp(-1)), math.log(1 + math.exp(-0.5))]
    expected = (2 * losses[0] + 2 / 3 * losses[1]) / (2 + 2 / 3)
    assert float(method.loss(scores, y)) == pytest.approx(expected)


def test_the_focal_loss_by_hand_and_without_an_exponent():
    scores, y = torch.tensor([[0.0, math.log(3)], [0.0, 0.0]]), torch.tensor([1, 0])
    by_hand = (-(0.25**2) * math.log(0.75) - 0.5**2 * math.log(0.5)) / 2
    assert float(focal_loss(scores, y, 2.0)) == pytest.approx(by_hand)
    assert float(focal_loss(scores, y, 0.0)) == pytest.approx(float(torch.nn.functional.cross_entropy(scores, y)))


def test_moments_are_those_of_the_observed_values(monkeypatch):
    monkeypatch.setattr("tsbench_irregular.base.CASES", 3)
    panel = irregular(10)
    panel.X[:, 1] = np.nan
    mean, variance, count = channel_moments([Batch.from_panel(panel, "cpu")])
    seen = panel.X[:, 0][~np.isnan(panel.X[:, 0])].astype(np.float64)
    assert (float(mean[0]), float(variance[0]), int(count[0])) == pytest.approx((seen.mean(), seen.var(), len(seen)))
    assert (float(mean[1]), float(variance[1]), int(count[1])) == (0, 1, 0)


def test_times_are_counted_in_the_longest_of_the_training():
    panel = irregular()
    longest = np.nanmax(panel.times - panel.times[:, :1])
    method, batch = built("transformer", panel), Batch.from_panel(panel, "cpu")
    found = method.times(batch)
    assert float(found.max()) == pytest.approx(Transformer.span) and float(method.last_time) == pytest.approx(longest)
    assert (found[~batch.inside] == 0).all()
    grid = replace(panel, times=None)
    steps = built("transformer", grid).times(Batch.from_panel(grid, "cpu"))
    assert steps[0].tolist() == pytest.approx([48 * step / 5 for step in range(6)])


# --- every method


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 99), extra=st.integers(0, 4))
def test_neither_padding_nor_the_other_cases_change_what_is_decided(name, seed, extra):
    panel = irregular(5, seed=seed)
    method, batch = built(name, panel), Batch.from_panel(panel, "cpu")
    with torch.no_grad():
        scores, features = method.decide(batch), method.represent(batch)
        wide = replace(
            batch,
            x=torch.nn.functional.pad(batch.x, (0, extra)),
            observed=torch.nn.functional.pad(batch.mask, (0, extra)),
            times=torch.nn.functional.pad(batch.times, (0, extra), value=math.nan),
            padded=None,
        )
        torch.testing.assert_close(method.decide(wide), scores, rtol=1e-4, atol=1e-6)
        order = torch.randperm(5)
        torch.testing.assert_close(method.decide(batch.select(order)), scores[order], rtol=1e-4, atol=1e-6)
        for case in range(5):
            alone = method.represent(batch.select(slice(case, case + 1)))
            torch.testing.assert_close(alone, features[case : case + 1], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_times_and_static_values_matter(name):
    panel = irregular()
    method, batch = built(name, panel), Batch.from_panel(panel, "cpu")
    with torch.no_grad():
        for weight in method.parameters():
            drawn = torch.randn(weight.shape, generator=torch.Generator().manual_seed(weight.numel()))
            weight.copy_(drawn / (weight.numel() / len(weight)) ** 0.5)
        other = replace(batch, times=batch.times.nan_to_num() ** 2)
        same = torch.allclose(method.represent(batch), method.represent(other), atol=1e-4)
        assert same == ("times" not in method.reads)
        if method.n_static:  # else they are among what is represented
            assert torch.equal(method.represent(batch), method.represent(replace(batch, static=batch.static + 1)))
        assert not torch.allclose(method.decide(batch), method.decide(replace(batch, static=batch.static + 1)))


@pytest.mark.parametrize("name", NAMES)
def test_it_learns_what_the_values_say(name):
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    X = rng.normal(size=(40, 1, 8)) + 3.0 * y[:, None, None]
    X[rng.random(X.shape) < 0.5] = np.nan
    X[:, 0, 0] = rng.normal(size=40) + 3.0 * y
    panel = Panel.build(X, y)
    fitted = learner(name, epochs=40, batch_size=20, lr=0.01, select="accuracy").fit(panel, validation=panel)
    assert fitted.report["diagnosis"]["selected_accuracy"] > 0.85
    assert (fitted.predict(panel).y_pred == y).mean() > 0.85


# --- what may be wrong with data


@pytest.mark.parametrize("name", NAMES)
def test_channels_and_cases_without_values_are_taken(name):
    panel = irregular()
    panel.X[:, 1] = np.nan  # what `run` makes of a channel that training lacks
    panel.X[2] = np.nan
    panel.X[3, 0, 1:] = np.nan
    method, batch = built(name, panel), Batch.from_panel(panel, "cpu", labels=True)
    method.train()
    loss = method.training_step(Step(batch, batch, torch.Generator(), 0, 0, 0, print))
    total = sum(loss.values()) if isinstance(loss, dict) else loss
    total.backward()
    assert all(weight.grad is None or weight.grad.isfinite().all() for weight in method.parameters())
    assert method.eval().decide(batch).isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_a_class_without_a_case_in_a_batch_is_no_harm(name):
    panel = irregular()
    one_class = panel.select(np.flatnonzero(panel.y == 0))
    for balance in ("upsample", "weights", "focal", "none"):
        fitted = learner(name, balance=balance, epochs=2).fit(one_class)
        assert np.isfinite(fitted.predict(panel).scores).all()


@pytest.mark.parametrize("change", ["repeated", "unsorted", "missing"])
def test_times_that_do_not_increase_are_refused_by_case_and_time_point(change):
    panel = irregular()
    case, there = 0, panel.times[0].copy()
    there[2] = {"repeated": there[1], "unsorted": there[0] - 1, "missing": np.nan}[change]
    bad = replace(panel, times=np.concatenate([there[None], panel.times[1:]]))
    message = f"case {case}, time point 2: .* is missing, or not above the time before it"
    with pytest.raises(InvalidDataError, match=message):
        learner("gru-d").fit(bad)
    fitted = learner("gru-d").fit(panel)
    for step in (fitted.encode, fitted.predict):
        with pytest.raises(InvalidDataError, match=message):
            step(bad)


@pytest.mark.parametrize("name", NAMES)
def test_cases_without_the_static_values_of_the_training_are_refused(name):
    fitted = learner(name).fit(irregular())
    with pytest.raises(MethodError, match="was built for 2 static values of a case; these cases have none"):
        fitted.predict(irregular(static=False))
    assert len(learner(name).fit(irregular(static=False)).predict(irregular(static=False)).scores) == 8


def test_a_missing_static_value_is_a_number_and_says_so():
    panel = irregular()
    panel.static[3, 0] = np.nan
    fitted = learner("gru-d").fit(panel)
    assert fitted.shapes[0].n_static == 3 and np.isfinite(fitted.predict(panel).scores).all()


@pytest.mark.parametrize("lengths", [(5, 9), (9, 5)])
def test_shapes_of_two_sources_need_the_longest(lengths):
    method = learner("transformer").cls(learner("transformer").settings)
    method.build([PanelShape(2, length, n_classes=2) for length in lengths])
    assert method.net.longest == 9


@pytest.mark.parametrize("name", NAMES)
def test_it_trains_in_mixed_precision_and_on_cases_that_stay_in_their_file(name, tmp_path):
    panel = irregular(static=False)
    assert np.isfinite(learner(name, precision="bf16").fit(panel).predict(panel).scores).all()
    np.save(tmp_path / "x.npy", panel.X)
    mapped = replace(panel, X=np.load(tmp_path / "x.npy", mmap_mode="r"))
    scores = [learner(name).fit(one, validation=one).predict(one).scores for one in (panel, mapped)]
    assert np.array_equal(*scores)
