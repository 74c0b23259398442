import copy

import numpy as np
import pytest
import torch
from aeon.datasets import load_classification
from torch import nn

from tsbench.data.batch import Batch
from tsbench.data.panel import Panel
from tsbench.errors import MethodError, UsageError
from tsbench.learning.learner import Learner
from tsbench.methods.ssl import Step
from tsbench.nn import nt_xent
from tsbench.nn.weights import trainable_parameters
from tsbench.testing import gaps, noise, one_step
from tsbench_tstcc.contrast import Contrast, Layer
from tsbench_tstcc.method import TSTCC

SMALL = {"hidden": 8, "depth": 2, "mlp": 8, "encoder.out": 16}


def build(panel, seed=0, **overrides):
    torch.manual_seed(seed)
    method = TSTCC.create(**overrides)
    method.build([panel.shape])
    return method.train(), method.prepare(Batch.from_panel(panel, "cpu"))


@pytest.mark.parametrize(
    ("channels", "length", "overrides", "n_futures", "count"),
    [
        (9, 128, {}, 6, 313_096),
        (1, 178, {"future_steps": 10}, 10, 364_808),
        (1, 3000, {"future_steps": 50, "hidden": 64}, 50, 530_784),
    ],
)
def test_contrasting_module_has_the_published_codes_size(channels, length, overrides, n_futures, count):
    method, _ = build(noise(2, channels, length), **overrides)
    assert method.n_futures == n_futures
    assert trainable_parameters([method.contrast]) == count


@pytest.mark.parametrize(
    ("length", "future_steps", "expected"),
    [(1, None, 1), (24, None, 1), (128, None, 6), (427, None, 6), (24, 4, 4), (24, 50, 4)],
)
def test_future_steps_fit_the_sequence(length, future_steps, expected):
    method, data = build(noise(3, 1, length), future_steps=future_steps, **SMALL)
    assert method.n_futures == expected
    assert torch.isfinite(method.training_step(one_step(data)))


def test_layer_is_the_formula_of_a_pre_norm_transformer():
    torch.manual_seed(0)
    layer, x = Layer(8, 2, 5, 0.0).double(), torch.randn(3, 4, 8, dtype=torch.float64)
    y = layer.attention_norm(x)
    heads = []
    for rows in range(0, 8, 4):
        q, k, v = (y @ layer.qkv.weight[start + rows : start + rows + 4].T for start in (0, 8, 16))
        heads.append((q @ k.transpose(1, 2) / 8**0.5).softmax(dim=-1) @ v)
    x1 = x + layer.out(torch.cat(heads, dim=2))
    expected = x1 + layer.narrow(layer.widen(layer.mlp_norm(x1)).relu())
    torch.testing.assert_close(layer(x, 4), expected)
    torch.testing.assert_close(layer(x, 1), expected[:, :1])


def test_context_does_not_depend_on_the_order_of_the_steps_but_on_all_of_them():
    contrast = Contrast(6, 2, 8, 2, 4, 8, 0.1).eval()
    past = torch.randn(3, 5, 6)
    context, predictions = contrast(past)
    assert (context.shape, predictions.shape) == ((3, 8), (2, 3, 6))
    torch.testing.assert_close(contrast(past.flip(1))[0], context)
    for step in range(5):
        changed = past.clone()
        changed[:, step] += 1.0
        assert (contrast(changed)[0] - context).abs().max() > 1e-4


def test_loss_is_written_out():
    """Step by step, with the scores of each predicted step."""
    method, data = build(noise(), **SMALL, dropout=0.0, **{"encoder.dropout": 0.0})
    reference = copy.deepcopy(method)
    got = method.training_step(one_step(data, 5))
    step = one_step(data, 5)
    z = [nn.functional.normalize(reference.encoder.forward_sequence(v), dim=2) for v in reference.views(step)]
    times = reference.draw_times(step, reference.n_steps, 2)
    temporal, projections = 0.0, []
    for past, future, t in ((z[0], z[1], times[0]), (z[1], z[0], times[1])):
        context, predictions = reference.contrast(past[:, : t + 1])
        projections.append(reference.contrast.project(context))
        for k in range(reference.n_futures):
            scores = future[:, t + 1 + k] @ predictions[k].T
            temporal -= torch.diag(scores.log_softmax(dim=1)).mean() / reference.n_futures
    torch.testing.assert_close(got, temporal + 0.7 * nt_xent(*projections, 0.2))
    for one, other in zip(method.buffers(), reference.buffers(), strict=True):
        torch.testing.assert_close(one, other)  # BatchNorm saw one view at a time


def test_gradient_reaches_every_weight():
    method, data = build(noise(8), **SMALL)
    method.training_step(one_step(data)).backward()
    for name, p in method.named_parameters():
        assert torch.isfinite(p.grad).all(), name
        assert p.grad.abs().max() > 0 or name == "contrast.project.0.bias", name  # BatchNorm removes it


def test_views_keep_padding_and_missing_values_at_zero():
    method, data = build(gaps(), **SMALL)
    weak, strong = method.views(one_step(data))
    assert (weak[~data.observed] == 0).all()
    assert ((strong == 0).sum(dim=2) == (~data.observed).sum(dim=2)).all()
    assert (strong[1, :, 25:] == 0).all()
    assert (strong[4, :, 9:] == 0).all()
    factor = weak / data.x
    assert all(len(torch.unique((f[~f.isnan()] * 1e3).round())) <= 2 for f in factor.flatten(0, 1))


def test_views_are_drawn_anew_for_every_step():
    method, data = build(noise(), **SMALL)
    step = one_step(data)
    first, second = method.views(step), method.views(step)
    assert not torch.equal(first[0], second[0])
    assert not torch.equal(first[1], second[1])


def test_reference_views_are_those_of_the_published_code():
    method, data = build(noise(400, 3, 30), reference=True, jitter_sigma=0.0, **SMALL)
    step = one_step(data)
    weak, strong = method.views(step)
    factor = weak / data.x
    torch.testing.assert_close(factor, factor[:, :1].expand_as(factor), rtol=1e-3, atol=1e-3)
    assert factor.mean().item() == pytest.approx(2.0, abs=0.1)
    assert factor[:, 0].std().item() == pytest.approx(1.1, abs=0.05)
    moved = (strong != data.x).flatten(1).any(dim=1)
    assert 0.75 < moved.float().mean() < 0.95  # one in 7 has one piece
    assert torch.equal(strong[moved], strong[moved][:, :1].expand(-1, 3, -1))
    torch.testing.assert_close(strong[:, 0].sort(dim=1).values, data.x[:, 0].sort(dim=1).values)
    part = Step(data.select(torch.tensor([7, 2])), data, step.rng, 1, 0, 0, lambda *_, **__: None)
    again = method.views(part)
    assert torch.equal(again[0], weak[[7, 2]])
    assert torch.equal(again[1], strong[[7, 2]])
    method.on_fit_end()
    assert not torch.equal(method.views(part)[0], weak[[7, 2]])


def test_constant_series_stay_finite():
    method, data = build(Panel.build(np.full((4, 1, 30), 5.0)), **SMALL)
    assert torch.isfinite(method.training_step(one_step(data)))


@pytest.mark.parametrize(
    ("encoder", "n_steps", "size"), [("tfr", 40, 128), ("fcn", 40, 128), ("dilated-cnn", 40, 320), ("gru", 40, 320)]
)
def test_other_encoders(encoder, n_steps, size):
    panel = noise(4)
    method, data = build(panel, encoder=encoder, hidden=8, depth=1)
    assert (method.n_steps, method.step_dim, method.n_futures) == (n_steps, size, 6)
    method.training_step(one_step(data)).backward()
    assert any(p.grad is not None and p.grad.abs().max() > 0 for p in method.encoder.parameters())
    assert method.encode(Batch.from_panel(panel, "cpu")).shape == (4, n_steps * size)


@pytest.mark.parametrize("representation", ["flatten", "mean", "max"])
def test_representation(representation):
    panel = noise()
    method, data = build(panel, representation=representation, **SMALL)
    sequence = method.eval().encoder.forward_sequence(data.x)
    expected = {"flatten": sequence.flatten(1), "mean": sequence.mean(1), "max": sequence.amax(1)}[representation]
    assert torch.equal(method.represent(data), expected)
    for length in (1, 25, 90):
        other = method.encode(Batch.from_panel(noise(3, 2, length), "cpu"))
        assert other.shape == (3, expected.shape[1])


def test_what_cannot_work_is_refused():
    method, data = build(noise(1), **SMALL)
    with pytest.raises(MethodError, match="at least 2 training cases"):
        method.training_step(one_step(data))
    with pytest.raises(MethodError, match="one step of series of 1 time points"):
        build(noise(4, 1, 1), encoder="fcn")
    with pytest.raises(UsageError, match="heads = 3 does not divide hidden = 8"):
        build(noise(), **{**SMALL, "heads": 3})


def test_sources_of_unequal_length_train_together():
    learner = Learner(TSTCC, epochs=2, min_steps=0, **SMALL).fit(noise(4, 2, 40), unlabelled=noise(4, 2, 16))
    assert learner.report["steps"] == 4


def test_training_on_basic_motions_reduces_the_loss():
    X, _ = load_classification("BasicMotions", split="train")
    learner = Learner(TSTCC, epochs=0, min_steps=25).fit(Panel.build(X))
    curve = [loss for _, loss in learner.report["curve"]]
    assert np.mean(curve[-5:]) < 0.9 * np.mean(curve[:3])
