import copy
from typing import get_args

import numpy as np
import pytest
import torch
from aeon.datasets import load_classification

from tsbench.data.batch import Batch
from tsbench.data.panel import Panel, PanelShape
from tsbench.errors import MethodError, UsageError
from tsbench.learning.learner import Learner
from tsbench.learning.loop import fit
from tsbench.methods.ssl import Step
from tsbench.store import checkpoints
from tsbench.testing import gaps, noise, one_step
from tsbench_aimts.encoder import AimTSEncoder
from tsbench_aimts.images import ImageMap
from tsbench_aimts.method import AimTS

SMALL = {
    "encoder.hidden": 8,
    "encoder.depth": 3,
    "encoder.out_dim": 16,
    "image_encoder": "small-cnn",
    "cell_size": 16,
    "epochs": 1,
}
AUGMENTATIONS = ("jitter", "scaling", "slicing", "time_warping", "window_warping")
VIEWS_OFF = {"inter_weight": 0, "intra_weight": 0}


def make(*panels, seed=0, **overrides):
    torch.manual_seed(seed)
    method = AimTS.create(**{**SMALL, **overrides})
    method.build([panel.shape for panel in panels])
    return method, [Batch.from_panel(panel, "cpu") for panel in panels]


def started(panel, **overrides):
    """A method that begins to train, with what only training needs, and its data."""
    method, sources = make(panel, **overrides)
    method.train()
    method.on_fit_start(sources)
    return method, sources[0]


def losses(method, sources):
    """The losses of each step by name, of as few steps as a curve has points."""
    return {name: np.array([loss for _, loss in points]) for name, points in fit(method, sources, 0).curve.items()}


@pytest.mark.parametrize(("out_dim", "expected"), [(512, 1_166_208), (320, 637_248)])
def test_weights_of_the_encoder(out_dim, expected):
    encoder = AimTSEncoder(PanelShape(1, 24), AimTSEncoder.Params(out_dim=out_dim))
    assert sum(p.numel() for p in encoder.parameters()) == expected


def test_it_learns_on_real_series():
    X, _ = load_classification("ItalyPowerDemand", split="train")
    method, sources = make(Panel.build(X), epochs=4, lr=3e-3)
    found = losses(method, sources)
    per_epoch = (found["main: images"] + found["main: views"]).reshape(4, -1).mean(axis=1)
    assert per_epoch[-1] < 0.75 * per_epoch[0]


def test_the_series_image_loss_falls_on_real_series():
    X, _ = load_classification("ItalyPowerDemand", split="train")
    method, sources = make(Panel.build(X), epochs=5, mix_weight=0, cell_size=32, **VIEWS_OFF)
    found = losses(method, sources)
    assert found.keys() == {"warm-up", "main: images"}
    per_epoch = np.concatenate(list(found.values())).reshape(6, -1).mean(axis=1)
    assert per_epoch[-1] < 0.8 * per_epoch[0]


def test_sources_of_other_channels_and_lengths_and_a_target_that_is_neither():
    method, sources = make(noise(n=18, c=1, length=24), noise(n=20, c=3, length=50), epochs=2)
    seen = []
    image_loss = method.image_loss
    method.image_loss = lambda step: seen.append((step.source, tuple(step.batch.x.shape))) or image_loss(step)
    assert fit(method, sources, 0).steps == len(seen) == 12
    assert {source for source, _ in seen} == {0, 1}
    assert all(shape[1:] == ((1, 24), (3, 50))[source] for source, shape in seen)
    target = Batch.from_panel(noise(n=4, c=2, length=31), "cpu")
    assert method.encode(target).shape == (4, 2 * 16)


def test_each_source_is_drawn_within_its_own_limits():
    loud = Panel.build(100 * noise(c=1).X)
    method, sources = make(noise(c=1), loud)
    method.on_fit_start(sources)
    quiet, wide = method._state.limits
    torch.testing.assert_close(wide, 100 * quiet)


@pytest.mark.parametrize("panel", [gaps(), noise(length=1), noise(n=2, c=5, length=3), noise(n=17, c=1)])
def test_gaps_unequal_lengths_short_series_and_any_number_of_cases(panel):
    method, sources = make(panel)
    assert all(np.isfinite(found).all() for found in losses(method, sources).values())
    features = method.encode(sources[0])
    assert features.shape == (len(panel), panel.n_channels * 16)
    assert torch.isfinite(features).all()


def test_a_single_case_is_refused():
    method, sources = make(noise(), noise(n=1))
    with pytest.raises(MethodError, match="needs at least 2 training cases in each source, got 1"):
        fit(method, sources, 0)


def test_views_keep_their_shape_and_missing_values_stay_0():
    method, _ = make(gaps())
    data = Batch.from_panel(gaps(), "cpu")
    first, second = method.views(data, torch.Generator().manual_seed(0))
    assert len(first) == len(second) == 5
    beyond = torch.arange(40) >= data.lengths[:, None]
    for a, b in zip(first, second, strict=True):
        assert a.shape == b.shape == data.x.shape
        assert torch.isfinite(a).all()
        assert not torch.equal(a, b)
        assert (a.masked_select(beyond[:, None]) == 0).all()
    assert (first[0][~data.observed] == 0).all()


@pytest.mark.parametrize("off", AUGMENTATIONS)
def test_each_augmentation_can_be_left_out(off):
    method, sources = make(noise(), **{off: None})
    assert len(method.views(sources[0], torch.Generator())[0]) == 4
    assert fit(method, sources, 0).steps == 2


def test_a_single_augmentation_has_prototypes_only():
    alone = dict.fromkeys(AUGMENTATIONS[1:])
    method, data = started(noise(), image_weight=0, **alone)
    with_intra = method.training_step(one_step(data))["views"]
    method.params = method.params.model_copy(update={"intra_weight": 0.0})
    torch.manual_seed(0)
    assert torch.isfinite(with_intra)
    assert torch.isfinite(method.training_step(one_step(data))["views"])


def test_no_augmentation_at_all_is_refused_unless_no_loss_wants_one():
    with pytest.raises(UsageError, match="every augmentation is off"):
        make(noise(), **dict.fromkeys(AUGMENTATIONS))
    make(noise(), **dict.fromkeys(AUGMENTATIONS), **VIEWS_OFF)
    with pytest.raises(UsageError, match="nothing to learn from"):
        make(noise(), image_weight=0, **VIEWS_OFF)


def test_the_loss_is_the_weighted_sum_of_its_parts():
    def loss(**weights):
        off = {"inter_weight": 0, "intra_weight": 0, "image_weight": 0, "warmup_epochs": 0, "dropout": 0}
        method, data = started(noise(), **{**off, "encoder.dropout": 0, **weights})
        return sum(method.training_step(one_step(data)).values()).item()

    parts = [loss(**{name: 1}) for name in ("inter_weight", "intra_weight", "image_weight")]
    assert len(set(parts)) == 3
    views = loss(inter_weight=0.9, intra_weight=0.1)
    assert views == pytest.approx(0.9 * parts[0] + 0.1 * parts[1], rel=1e-5)
    assert loss(image_weight=2) == pytest.approx(2 * parts[2], rel=1e-5)


def test_the_warm_up_has_images_only_and_then_the_images_head_rests():
    method, data = started(noise())
    state = method._state
    method.warmup_step(one_step(data)).backward()
    assert state.image_head[0].weight.grad is not None
    assert state.series_head[0].weight.grad is not None
    assert state.prototype_head[0].weight.grad is None
    method.on_step_end()
    assert state.average.n_averaged == 0
    state.optimizer.zero_grad()
    sum(method.training_step(one_step(data)).values()).backward()
    assert state.image_head[0].weight.grad is None
    assert state.prototype_head[0].weight.grad is not None
    method.on_step_end()
    assert state.average.n_averaged == 1


def test_the_image_encoder_never_moves():
    method, sources = make(noise(), epochs=2)
    on_fit_start, kept = method.on_fit_start, {}

    def remember(data):
        on_fit_start(data)
        kept["encoder"] = method._state.image_encoder
        kept["before"] = [p.clone() for p in kept["encoder"].parameters()]

    method.on_fit_start = remember
    fit(method, sources, 0)
    assert all(torch.equal(a, b) for a, b in zip(kept["before"], kept["encoder"].parameters(), strict=True))


def test_the_kept_weights_are_the_average_after_the_warm_up():
    method, sources = make(noise(n=12), batch_size=4, epochs=2)
    after = []
    on_step_end = method.on_step_end

    def watch():
        after.append([p.detach().clone() for p in method.encoder.parameters()])
        on_step_end()

    method.on_step_end = watch
    fit(method, sources, 0)
    assert len(after) == 9
    for i, weight in enumerate(method.encoder.parameters()):
        torch.testing.assert_close(weight, torch.stack([weights[i] for weights in after[3:]]).mean(0))


def test_a_budget_that_ends_in_the_warm_up_keeps_what_was_learnt():
    method, sources = make(noise(), max_steps=1)
    before = [p.clone() for p in method.encoder.parameters()]
    assert fit(method, sources, 0).steps == 1
    assert not all(torch.equal(a, b) for a, b in zip(before, method.encoder.parameters(), strict=True))


PUBLISHED_RATES = [1.0] * 10 + [2.0**-9] * 10 + [2.0**-19]


@pytest.mark.parametrize(("rule", "expected"), [("constant", [1.0] * 21), ("published", PUBLISHED_RATES)])
def test_learning_rate_of_each_epoch_after_the_warm_up(rule, expected):
    method, sources = make(noise(n=34), lr_rule=rule, lr=0.001, epochs=21, image_weight=0)
    rates, on_step_end = [], method.on_step_end

    def watch():
        rates.append(method._state.optimizer.param_groups[0]["lr"] / 0.001)
        on_step_end()

    method.on_step_end = watch
    fit(method, sources, 0)
    np.testing.assert_allclose(rates, np.repeat(expected, 3))


def test_the_stages_are_the_warm_up_and_what_follows():
    def budgets(steps, **overrides):
        method, _ = started(noise(), **overrides)
        return {stage.name: stage.budget for stage in method.training_stages(steps, 3)}

    assert budgets(10) == {"warm-up": 3, "main": 7}
    assert budgets(10, warmup_epochs=2) == {"warm-up": 6, "main": 4}
    assert budgets(10, image_weight=0) == {"main": 10}
    assert budgets(2) == {"warm-up": 2}


def test_a_second_schedule_beside_the_published_is_refused():
    method, sources = make(noise(), lr_rule="published", schedule="cosine")
    with pytest.raises(MethodError, match="stage 'main' of AimTS has a schedule of its own: leave out schedule and"):
        fit(method, sources, 0)


def test_features_are_those_of_each_channel_side_by_side():
    method, (data,) = make(noise(c=3))
    method.eval()
    features = method.encode(data)
    for channel in range(3):
        alone = Batch(data.x[:, [channel]], data.lengths)
        torch.testing.assert_close(features[:, 16 * channel : 16 * (channel + 1)], method.encode(alone))
    mean, _ = make(noise(c=3), channels="mean")
    torch.testing.assert_close(mean.encode(data), features.view(6, 3, 16).mean(1))


def test_features_do_not_depend_on_the_chunk(monkeypatch):
    method, (data,) = make(noise(c=3))
    whole = method.encode(data)
    monkeypatch.setattr(AimTS, "encode_elements", 50)
    torch.testing.assert_close(method.encode(data), whole)


def test_recomputing_changes_nothing():
    def trained(recompute):
        method, sources = make(noise(), recompute=recompute)
        return fit(method, sources, 0).curve

    assert trained(True) == trained(False)


def test_the_same_seed_trains_the_same_weights():
    first, second = (make(noise()) for _ in range(2))
    for method, sources in (first, second):
        torch.manual_seed(1)
        fit(method, sources, 0)
    assert torch.equal(first[0].encode(first[1][0]), second[0].encode(first[1][0]))


def test_another_encoder_and_mixed_precision():
    small = {key: value for key, value in SMALL.items() if not key.startswith("encoder.")}
    learner = Learner(AimTS, **small, encoder="fcn", precision="bf16").fit(noise())
    assert learner.report["steps"] == 2
    assert learner.encode(noise()).shape == (6, 2 * 128)


@pytest.mark.parametrize("image_map", get_args(ImageMap)[1:])
def test_other_images(image_map):
    method, sources = make(noise(), image_map=image_map)
    assert fit(method, sources, 0).steps == 2


def test_only_the_encoder_is_kept_and_a_checkpoint_brings_it_back(tmp_path):
    method, sources = make(noise())
    fit(method, sources, 0)
    assert all(name.startswith("encoder.") for name in method.state_dict())
    _, sha256 = checkpoints.save(tmp_path, "key", checkpoints.Checkpoint(dict(method.state_dict()), {}))
    restored, _ = make(noise(), seed=1)
    restored.load_state_dict(checkpoints.load(tmp_path, "key", sha256, "cpu").state)
    assert torch.equal(restored.encode(sources[0]), method.encode(sources[0]))


def test_a_trained_method_can_be_copied_and_trained_on():
    method, sources = make(noise())
    fit(method, sources, 0)
    twin = copy.deepcopy(method).train()
    twin.represent(sources[0]).sum().backward()
    assert all(p.grad is not None for p in twin.encoder.parameters())


def test_the_mixtures_share_depends_on_step_and_seed_only():
    method, data = started(noise(), dropout=0, mix_weight=1, **{"encoder.dropout": 0})

    def loss(seed, index):
        step = Step(data, data, torch.Generator().manual_seed(seed), index, 0, 0, lambda *_, **__: None)
        return method.image_loss(step).item()

    assert loss(0, 0) == loss(0, 0)
    assert len({loss(0, 0), loss(0, 1), loss(1, 0)}) == 3
