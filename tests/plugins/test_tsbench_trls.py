import copy

import numpy as np
import pytest
import torch
from aeon.datasets import load_classification
from torch import nn

from tsbench.data.batch import Batch
from tsbench.data.panel import Panel
from tsbench.errors import MethodError, UsageError
from tsbench.methods.params import resolve
from tsbench.methods.ssl import Step
from tsbench.nn import nt_xent, regression_loss
from tsbench.testing import noise, one_step
from tsbench_encoders.fcn import FCN
from tsbench_encoders.tfr import TFR
from tsbench_trls.method import TRLS

SMALL = {"projector_hidden": 16, "projector_dim": 8, "predictor_hidden": 16, "encoder.hidden": 8, "encoder.blocks": 1}


def build(panel, seed=0, **overrides):
    torch.manual_seed(seed)
    settings = resolve(TRLS.Params, overrides, lambda kind, name: {"tfr": TFR, "fcn": FCN}[name], "trls")
    method = TRLS(settings)
    method.build([panel.shape])
    return method.train(), method.prepare(Batch.from_panel(panel, "cpu"))


def train(method, data, steps, seed=0):
    optimizer = method.optimizers()["main"]
    rng = torch.Generator().manual_seed(seed)
    losses = []
    for i in range(steps):
        index = torch.randperm(len(data), generator=rng)[: method.params.batch_size]
        loss = method.training_step(Step(data.select(index), data, rng, i, 0, 0, lambda *_, **__: None))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        method.on_step_end()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize(
    ("c", "length", "f", "t"), [(9, 128, 153, 17), (1, 178, 17, 23), (1, 3000, 65, 94), (2, 2500, 130, 79)]
)
def test_map_shapes_of_the_papers_datasets(c, length, f, t):
    method, data = build(noise(2, c, length), **SMALL)
    assert data.extra["map"].flatten(1, 2).shape == (2, f, t)
    assert (method.encoder.shape.n_channels, method.encoder.shape.n_timepoints) == (f, t)


def test_representation_has_k_times_f_h_features():
    method, data = build(noise(3))
    assert method.eval().represent(data).shape == (3, 640)
    assert method.encode(Batch.from_panel(noise(3), "cpu")).shape == (3, 640)


@pytest.mark.parametrize("seed", range(3))
def test_loss_range_and_first_value(seed):
    method, data = build(noise(32), seed)
    loss = method.training_step(one_step(data, seed)).item()
    assert 2.0 < loss < 6.0  # random nets: about 2 a direction
    assert 0 <= loss <= 8


def test_loss_is_eq_1_and_2():
    """Written out per direction, scale and case, with the heads called one by one."""
    panel = noise(5)
    method, data = build(panel, **SMALL, **{"encoder.dropout": 0.0, "encoder.scales": 3, "flip_probability": 1.0})
    got = method.training_step(one_step(data, 7))
    rng = torch.Generator().manual_seed(7)
    p = method.params
    views = [method._view(data, name, rng).flatten(1, 2) for name in (p.view1, p.view2)]
    reference = copy.deepcopy(method)
    expected = torch.zeros(())
    for here, there in (views, views[::-1]):
        online, target = reference.encoder.scales(here), reference.target_encoder.scales(there)
        for i in range(3):
            pd = reference.predictor[0](reference.projector[0](online[:, i]))
            pj = reference.target_projector[0](target[:, i])
            difference = nn.functional.normalize(pd, dim=1) - nn.functional.normalize(pj, dim=1)
            expected = expected + difference.square().sum(dim=1).mean() / 3
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)


def test_moving_average_is_exact_and_fast():
    method, data = build(noise(), tau=0.7, **SMALL)
    before = copy.deepcopy(method.target_encoder)
    train(method, data, 1)
    for new, old, online in zip(
        method.target_encoder.parameters(), before.parameters(), method.encoder.parameters(), strict=True
    ):
        torch.testing.assert_close(new, 0.7 * old + 0.3 * online, rtol=1e-6, atol=1e-7)
    assert any(
        not torch.equal(a, b)
        for a, b in zip(method.target_projector.parameters(), method.projector.parameters(), strict=True)
    )


def test_a_scale_that_repeats_another_does_not_count():
    """7 frames are pooled twice, to 3 and 1: three scales."""
    short, long = (build(noise(8, 1, length), n_fft=32, hop=8, **SMALL)[0] for length in (48, 512))
    assert (short.encoder.n_scales, short.n_scales, long.n_scales) == (5, 3, 5)
    for method, count in ((short, 3), (long, 5)):
        maps = torch.rand(8, 1, *method.stft.output_shape((1, 1, 48 if count == 3 else 512))[2:])
        scales = method._scales(method.encoder, maps, 8)
        every = method.encoder.scales(maps.flatten(1, 2))
        assert scales.shape[2] == count
        assert torch.equal(scales[:, 0], every[:, :count])
        assert torch.equal(every[:, count - 1 : count].expand(-1, 5 - count + 1, -1), every[:, count - 1 :])


def test_the_flip_leaves_padding_at_the_end():
    panel = Panel.build(np.random.default_rng(0).normal(size=(6, 1, 160)), lengths=[160, 80, 160, 80, 8, 1])
    method, data = build(panel, n_fft=32, hop=8, view1="none", flip_probability=1.0, **SMALL)
    maps, view = data.extra["map"], method._view(data, "none", torch.Generator())
    for case, frames in enumerate((21, 11, 21, 11, 2, 1)):
        assert torch.equal(view[case, ..., :frames], maps[case, ..., :frames].flip(-1))
        assert torch.equal(view[case, ..., frames:], maps[case, ..., frames:])


def test_maps_are_scaled_as_asked():
    panel = noise(4, 2, 64)
    maps = {name: build(panel, map_norm=name, **SMALL)[1].extra["map"] for name in ("case", "bin", "none")}
    for image in maps["case"]:
        assert (image.min(), image.max()) == (0, 1)
    assert torch.equal(maps["bin"].amin(dim=3), torch.zeros(4, 2, 17))
    assert torch.equal(maps["bin"].amax(dim=3), torch.ones(4, 2, 17))
    low, high = (maps["none"].flatten(1).aminmax(dim=1)[i][:, None, None, None] for i in (0, 1))
    torch.testing.assert_close((maps["none"] - low) / (high - low), maps["case"])
    method, data = build(panel, map_norm="none", brightness=0.0, contrast=0.0, flip_probability=0.0, **SMALL)
    torch.testing.assert_close(method._view(data, "jitter", torch.Generator()), data.extra["map"])


@pytest.mark.parametrize("tau", [0.0, 1.0])
def test_tau_0_copies_and_tau_1_freezes(tau):
    method, data = build(noise(), tau=tau, **SMALL)
    start = copy.deepcopy(method.encoder.state_dict())
    train(method, data, 3)
    expected = start if tau == 1.0 else method.encoder.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in method.target_encoder.state_dict().items())
    assert any(not torch.equal(value, start[name]) for name, value in method.encoder.state_dict().items())


def test_target_takes_no_gradient_and_is_not_optimised():
    method, data = build(noise(), **SMALL)
    targets = [*method.target_encoder.parameters(), *method.target_projector.parameters()]
    optimised = {id(p) for group in method.optimizers()["main"].param_groups for p in group["params"]}
    online = [*method.encoder.parameters(), *method.projector.parameters(), *method.predictor.parameters()]
    assert optimised == {id(p) for p in online}
    method.training_step(one_step(data)).backward()
    assert all(p.grad is None and not p.requires_grad for p in targets)
    assert [n for n, _ in method.named_children() if n.startswith("target")] == ["target_encoder", "target_projector"]


@pytest.mark.parametrize("channels", ["concat_frequency", "channel_independent", "mean"])
@pytest.mark.parametrize("extra", [{}, {"per_scale_heads": True}, {"negatives": True}, {"encoder": "fcn"}])
def test_gradient_reaches_every_trainable_weight(channels, extra):
    small = {k: v for k, v in SMALL.items() if not (extra.get("encoder") and k.startswith("encoder."))}
    method, data = build(noise(8), channels=channels, **{**small, **extra})
    method.training_step(one_step(data)).backward()
    before_norm = {id(head[0].bias) for heads in (method.projector, getattr(method, "predictor", [])) for head in heads}
    for name, p in method.named_parameters():
        if p.requires_grad:
            assert p.grad is not None, name
            assert torch.isfinite(p.grad).all(), name
            # BatchNorm removes what a bias before it adds.
            assert p.grad.abs().max() > 0 or id(p) in before_norm or name.startswith("encoder.blocks"), name
    assert any(p.grad.abs().max() > 0 for p in method.encoder.parameters())


@pytest.mark.parametrize("length", [1, 2, 7])
@pytest.mark.parametrize("channels", [1, 64])
def test_short_series(length, channels):
    panel = noise(4, channels, length)
    panel.X[:, 0] = 1.0
    method, data = build(panel, **SMALL)
    assert all(np.isfinite(train(method, data, 2)))
    assert torch.isfinite(method.encode(Batch.from_panel(panel, "cpu"))).all()


def test_long_series():
    panel = noise(2, 1, 20_000)
    method, data = build(panel, **SMALL)
    assert data.extra["map"].shape == (2, 1, 65, 626)
    assert torch.isfinite(method.encode(Batch.from_panel(panel, "cpu"))).all()


def test_constant_and_identical_cases_stay_finite():
    method, data = build(Panel.build(np.full((4, 2, 30), 5.0)), **SMALL)
    assert (data.extra["map"] >= 0).all()
    assert all(np.isfinite(train(method, data, 3)))


def test_permutation_leaves_the_padding_of_shorter_series_in_place():
    X = np.random.default_rng(0).normal(5, 1, (4, 1, 40))
    X[:, :, 20:] = np.nan
    X[0] = 5.0
    method, data = build(
        Panel.build(X, lengths=[40, 20, 20, 20]),
        view1="time:permutation",
        flip_probability=0,
        spectrogram=False,
        **SMALL,
    )
    view = method._view(data, "time:permutation", torch.Generator().manual_seed(0))
    assert torch.equal(view[1:, :, :, 20:], data.extra["map"][1:, :, :, 20:])
    assert not torch.equal(view[1:, :, :, :20], data.extra["map"][1:, :, :, :20])


@pytest.mark.parametrize("view", ["jitter", "blur", "none", "time:jitter-scale", "time:permutation"])
@pytest.mark.parametrize("spectrogram", [True, False])
def test_every_augmentation(view, spectrogram):
    panel = noise(6, 3, 50)
    method, data = build(panel, view1=view, view2=view, spectrogram=spectrogram, flip_probability=0.0, **SMALL)
    out = method._view(data, view, torch.Generator().manual_seed(0))
    assert out.shape == data.extra["map"].shape
    assert (out.min() >= 0, out.max() <= 1 + 1e-6) == (True, True)
    assert torch.equal(out, data.extra["map"]) == (view == "none")
    assert np.isfinite(method.training_step(one_step(data)).item())


def test_views_follow_different_policies():
    method, data = build(noise(), flip_probability=0.0, **SMALL)
    rng = torch.Generator().manual_seed(0)
    jittered, blurred = (method._view(data, name, rng) for name in (method.params.view1, method.params.view2))
    rank = data.extra["map"].flatten(2).argsort(dim=2)
    assert (jittered.flatten(2).gather(2, rank).diff(dim=2) >= -1e-6).all()  # values keep their order in a channel
    assert not (blurred.flatten(2).gather(2, rank).diff(dim=2) >= -1e-6).all()


def test_forced_flip_reverses_the_frames_of_every_channel():
    method, data = build(noise(), view1="none", flip_probability=1.0, **SMALL)
    view = method._view(data, "none", torch.Generator())
    assert torch.equal(view, data.extra["map"].flip(3))


def test_jittered_padding_stays_zero():
    X = np.random.default_rng(0).normal(size=(4, 1, 40))
    X[1, :, 10:] = np.nan
    panel = Panel.build(X, lengths=[40, 10, 40, 40])
    method, data = build(panel, spectrogram=False, view1="time:jitter-scale", flip_probability=0.0, **SMALL)
    tail = method._view(data, "time:jitter-scale", torch.Generator().manual_seed(0))[1, 0, 0, 10:]
    assert (tail == tail[0]).all()
    assert np.isfinite(method.training_step(one_step(data)).item())


def test_raw_series_as_map():
    method, data = build(noise(4, 3, 50), spectrogram=False, **SMALL)
    assert data.extra["map"].shape == (4, 3, 1, 50)
    assert (method.encoder.shape.n_channels, method.encoder.shape.n_timepoints) == (3, 50)


def test_channels_one_by_one_are_averaged():
    panel = noise(4, 3, 50)
    method, data = build(panel, channels="channel_independent", **SMALL)
    method.eval()
    each = [method.encoder(data.extra["map"][:, c]) for c in range(3)]
    torch.testing.assert_close(method.represent(data), torch.stack(each).mean(dim=0))


def test_negatives_are_nt_xent_over_scales():
    method, data = build(noise(), negatives=True, **SMALL, **{"encoder.dropout": 0.0})
    assert not hasattr(method, "predictor")
    assert not hasattr(method, "target_encoder")
    loss = method.training_step(one_step(data, 1))
    rng = torch.Generator().manual_seed(1)
    a, b = (method.encoder.scales(method._view(data, v, rng).flatten(1, 2)) for v in ("jitter", "blur"))
    head = method.projector[0]
    expected = torch.stack([nt_xent(head(a[:, k]), head(b[:, k]), 0.2) for k in range(method.n_scales)]).mean()
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-5)
    assert np.isfinite(train(method, data, 2)).all()


def test_one_training_case_is_refused():
    method, data = build(noise(1), **SMALL)
    with pytest.raises(MethodError, match="at least 2 training cases"):
        method.training_step(one_step(data))
    assert method.diagnose([data]).values == {}


def test_bad_parameters_are_refused():
    with pytest.raises(UsageError, match="view1"):
        build(noise(), view1="rotate")
    with pytest.raises(UsageError, match=r"encoder\.cell"):
        build(noise(), **{"encoder.cell": "transformer"})


def test_other_lengths_at_test_time():
    method, _ = build(noise(4, 2, 60), **SMALL)
    for length in (1, 20, 60, 200):
        assert method.encode(Batch.from_panel(noise(3, 2, length), "cpu")).shape == (3, 40)


def test_diagnosis_tells_a_healthy_from_a_collapsed_net():
    method, data = build(noise(20), **SMALL)
    healthy = method.diagnose([data])
    assert healthy.values["collapse_threshold"] == pytest.approx(0.05 / 8**0.5)
    assert healthy.values["collapse_std"] > healthy.values["collapse_threshold"]
    assert healthy.warnings == ()
    with torch.no_grad():
        method.projector[0][3].weight.zero_()
    collapsed = method.diagnose([data])
    assert collapsed.values["collapse_std"] == pytest.approx(0.0, abs=1e-6)
    assert "collapsed" in collapsed.warnings[0]
    assert method.training


def test_same_seed_same_bits():
    results = []
    for seed in (0, 0, 1):
        method, data = build(noise(), seed, **SMALL)
        results.append((train(method, data, 3, seed), method.eval().represent(data)))
    assert results[0][0] == results[1][0]
    assert torch.equal(results[0][1], results[1][1])
    assert results[0][0] != results[2][0]


def test_draws_only_from_the_generator_without_dropout():
    method, data = build(noise(), **SMALL, **{"encoder.dropout": 0.0})
    state = torch.get_rng_state()
    first = method.training_step(one_step(data, 3)).item()
    assert torch.equal(state, torch.get_rng_state())
    assert first == method.training_step(one_step(data, 3)).item()
    assert first != method.training_step(one_step(data, 4)).item()


def test_training_on_basic_motions_reduces_the_loss():
    X, _ = load_classification("BasicMotions", split="train")
    X = (X - X.mean(axis=(0, 2), keepdims=True)) / X.std(axis=(0, 2), keepdims=True)
    method, data = build(Panel.build(X), **{"encoder.blocks": 1})
    losses = train(method, data, 40)
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:5])
    diagnosis = method.diagnose([data])
    assert diagnosis.warnings == ()


def test_loss_is_zero_for_parallel_vectors_only():
    v = torch.randn(4, 3)
    assert regression_loss(v, 2 * v).abs().max() < 1e-6
    assert regression_loss(v, v + torch.tensor([1.0, 0, 0])).min() > 0
