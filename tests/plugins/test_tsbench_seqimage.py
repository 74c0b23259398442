import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from tsbench import Series
from tsbench.data.batch import Batch
from tsbench.data.panel import Panel
from tsbench.errors import MethodError, UsageError
from tsbench.learning.learner import Learner
from tsbench.learning.loop import fit
from tsbench.methods.stages import Step
from tsbench.nn import Steps, flip_steps
from tsbench_seqimage.generator import Generator
from tsbench_seqimage.losses import discriminator_loss
from tsbench_seqimage.method import SeqImage
from tsbench_seqimage.networks import Discriminator
from tsbench_seqimage.pictures import inside_of

SMALL = {
    **{"image_encoder": "small-cnn", "image_size": 32, "generator_hidden": 6, "generator_layers": 2},
    **{"joint_width": 16, "joint_bottleneck": 8, "contrast_size": 8, "batch_size": 12, "epochs": 1},
}
NO_STEP = None


def panel(n=12, c=2, length=10, missing=0.5, classes=3, **fields):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, c, length)).astype(np.float32)
    X[rng.random(X.shape) < missing] = np.nan
    X[:, 0, 0] = 1.0
    return Panel.build(X, np.arange(n) % classes, **fields)


def started(cases=None, seed=0, **overrides):
    """A method that begins to train, and its prepared data."""
    cases = panel() if cases is None else cases
    torch.manual_seed(seed)
    method = SeqImage.create(**{**SMALL, **overrides})
    method.build([cases.shape])
    method.train()
    data = method.prepare(Batch.from_panel(cases, "cpu", labels=True))
    method.on_fit_start([data])
    return method, data


def step_of(data, epoch=0, index=0, update=None):
    rng = torch.Generator().manual_seed(0)
    return Step(data, data, rng, index, epoch, 0, update or (lambda *_, **__: NO_STEP))


def trained(cases=None, **overrides):
    method, data = started(cases, **overrides)
    report = fit(method, [Batch.from_panel(panel() if cases is None else cases, "cpu", labels=True)], 0)
    return method, data, report


def series(seed=0, n=4, c=3, length=9, lengths=None):
    rng = torch.Generator().manual_seed(seed)
    x, observed = torch.randn(n, c, length, generator=rng), torch.rand(n, c, length, generator=rng) > 0.5
    times = torch.rand(n, length, generator=rng).sort(dim=1).values
    made = Series(x, torch.full((n,), length) if lengths is None else torch.tensor(lengths), observed, times)
    return replace(made, observed=made.mask & inside_of(made), x=x * (made.mask & inside_of(made)))


# The generator


def test_decays_lie_above_0_and_are_1_without_a_gap():
    net = Generator(3, 5, 2).net
    with torch.no_grad():
        net.decay_bias.clamp_(max=0)
    gaps = Steps.of(series(), 2).gaps
    gamma = net.decay(gaps)
    assert (gamma > 0).all() and (gamma <= 1).all()
    assert (gamma[:, :, 0] == 1).all()  # nothing has passed before the first step
    assert (net.decay(torch.zeros_like(gaps)) == 1).all()


def test_layers_above_the_first_need_not_decay():
    net, gaps = Generator(3, 5, 3, decaying=1).net, torch.rand(2, 4, 1, 3)
    assert net.decay_weight.shape[0] == 1
    gamma = net.decay(gaps)
    assert gamma.shape[0] == 3 and (gamma[1:] == 1).all() and (gamma[0] < 1).any()


@pytest.mark.parametrize("lengths", [None, [9, 4, 1, 7]])
def test_observed_values_stay_bit_for_bit(lengths):
    cases = series(lengths=lengths)
    made = Generator(3, 5)(cases)
    assert torch.equal(made.values[cases.mask], cases.x[cases.mask])
    assert (made.values[~inside_of(cases)] == 0).all()
    mean = ((made.forward + made.backward) / 2)[inside_of(cases) & ~cases.mask]
    torch.testing.assert_close(made.values[inside_of(cases) & ~cases.mask], mean)


def test_time_reversed_twice_is_as_it_was():
    cases = series(lengths=[9, 4, 1, 7])
    rows = cases.x.transpose(1, 2)
    assert torch.equal(flip_steps(flip_steps(rows, cases.lengths), cases.lengths), rows)


def test_a_reversed_case_swaps_the_directions_of_equal_weights():
    cases = series()
    net = Generator(3, 5, 2)
    with torch.no_grad():
        for name, weight in net.named_parameters():
            half = weight.shape[1 if name.startswith(("net.decay", "net.hidden", "net.deep")) else 0] // 2
            assert half == 1
            if name.startswith(("net.decay", "net.hidden", "net.deep")):
                weight[:, 1] = weight[:, 0]
            else:
                weight[1] = weight[0]
    turned = Series(cases.x.flip(2), cases.lengths, cases.mask.flip(2), 1 - cases.times.flip(1))
    made, other = net(cases), net(turned)
    torch.testing.assert_close(made.forward, other.backward.flip(2))
    torch.testing.assert_close(made.vector[:, :5], other.vector[:, 5:])


@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_a_case_is_imputed_alike_alone_and_beside_longer_ones(pooling):
    cases, net = series(lengths=[9, 4, 1, 7]), Generator(3, 5, 2, pooling=pooling)
    together = net(cases)
    for i, length in enumerate(cases.lengths.tolist()):
        part = slice(i, i + 1)
        alone = Series(cases.x[part, :, :length], cases.lengths[part], cases.mask[part, :, :length],
                       cases.times[part, :length])  # fmt: skip
        found = net(alone)
        torch.testing.assert_close(found.values, together.values[part, :, :length])
        torch.testing.assert_close(found.vector, together.vector[part])


# The discriminator


def judged(same_mask, steps):
    """The loss of a discriminator that has learnt on series whose missing values are 0, their mean."""
    torch.manual_seed(0)
    judge, losses = Discriminator(2), []
    optimizer = torch.optim.Adam(judge.parameters(), 3e-3)
    for _ in range(steps):
        observed = torch.rand(16, 2, 4) > 0.5
        x = torch.randn(16, 2, 4) * observed
        target = observed if same_mask else torch.rand(16, 2, 4) > 0.5
        loss = discriminator_loss(judge(x), target, torch.ones_like(target))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return np.mean(losses[-20:])


def test_the_discriminator_tells_means_from_values_and_nothing_from_a_mask_that_is_not_theirs():
    assert judged(True, 200) < 0.6 < math.log(2)
    assert judged(False, 50) == pytest.approx(math.log(2), abs=0.02)


# The three updates


def changed(method, before):
    after = dict(method.named_parameters())
    return {name.split(".")[0] for name, weight in before.items() if not torch.equal(weight, after[name])}


def test_each_update_changes_its_own_part():
    method, data = started()
    before = {name: weight.detach().clone() for name, weight in method.named_parameters()}
    (turns,) = method.training_stages(100, 2)
    assert turns.every == "step"
    expected = [
        {"discriminator"},
        {"generator", "directions", "encodings"},
        {"generator", "images", "joint", "head", "sequence_head", "image_head"},
    ]
    for stage, own in zip(turns.stages, expected, strict=True):
        loss = stage.step(step_of(data))
        stage.optimizers["main"].zero_grad()
        (sum(loss.values()) if isinstance(loss, dict) else loss).backward()
        stage.optimizers["main"].step()
        assert changed(method, before) == own
        before = {name: weight.detach().clone() for name, weight in method.named_parameters()}


def test_the_first_two_updates_of_a_batch_share_what_is_imputed():
    method, data = started()
    calls, generator = [], method.generator.forward
    method.generator.forward = lambda *args: calls.append(1) or generator(*args)
    method.judge(step_of(data))
    losses = method.impute(step_of(data))
    assert len(calls) == 2  # for both, and of the imputed series
    assert losses.keys() == {"adversarial", "reconstruction"} and losses["adversarial"].requires_grad
    method.judge(step_of(data))
    assert len(calls) == 3


def test_updates_may_take_turns_by_epoch():
    method, _, report = trained(granularity="epoch", batch_size=6)
    assert report.steps == 6
    (turns,) = method.training_stages(4, 2)
    assert turns.every == "epoch" and [stage.budget for stage in turns.stages] == [4, 4, 4]


CURVES = ["discriminator", "generator: adversarial", "generator: reconstruction", "joint: classes", "joint: contrast"]


@pytest.mark.parametrize(
    ("switch", "off"),
    [
        ({}, set()),
        ({"branches": "sequence"}, {"joint: contrast"}),
        ({"branches": "image"}, {*CURVES[:3], "joint: contrast"}),
        ({"adversarial_weight": 0}, set(CURVES[:2])),
        ({"rec_weight": 0}, {CURVES[2]}),
        ({"rec_weight": 0, "adversarial_weight": 0}, set(CURVES[:3])),
        ({"contrast_weight": 0}, {"joint: contrast"}),
        ({"cluster_weight": 0}, {"joint: clusters"}),
        ({"rec_loss": "mse"}, set()),
        ({"rec_anchor": 1}, set()),
        ({"saturating": True, "hint_rate": 0.7, "discriminator_cell": "lstm"}, set()),
        ({"image_frozen": True, "image_missing": "imputed", "same_class": "dropped"}, set()),
        ({"feature_reg": True, "decay_layers": "first", "pooling": "mean"}, set()),
        ({"warmup_share": None, "schedule": "cosine", "warmup_steps": 1}, set()),
        ({"precision": "bf16"}, set()),
    ],
    ids=lambda given: str(given) if isinstance(given, dict) else "",
)
def test_every_loss_and_branch_can_be_left_out(switch, off):
    method, data, report = trained(epochs=2, **switch)
    found = set(report.curve) if isinstance(report.curve, dict) else {"joint: classes"}
    anchor = {"generator: anchor"} if "rec_anchor" in switch else set()
    assert found == ({*CURVES, "joint: clusters"} | anchor) - off
    assert torch.isfinite(method.encode(data)).all() and method.encode(data).shape == (12, 16)


@pytest.mark.parametrize("left", ["line", "spectrum", "gasf", "gadf", "mtf", "recurrence"])
def test_every_map_can_be_left_out(left):
    others = "+".join(name for name in ("line", "spectrum", "gasf", "gadf", "mtf", "recurrence") if name != left)
    method, data = started(maps=others)
    assert left not in method.images.pictures.maps
    assert torch.isfinite(method.training_step(step_of(data))["classes"])


def test_a_map_that_does_not_exist_and_one_that_comes_again():
    with pytest.raises(UsageError, match="parameter 'maps' = 'gasf\\+gaf': 'gaf' is no map; there are line, spectrum"):
        SeqImage.create(maps="gasf+gaf")
    assert len(started(maps="gasf+gasf")[0].images.pictures.maps) == 2


def test_batches_hold_as_many_cases_of_each_class_the_same_for_all_updates():
    rng = np.random.default_rng(0)
    cases = Panel.build(rng.normal(size=(20, 2, 16)), [0] * 17 + [1] * 3)
    method, data = started(cases)
    step = step_of(data)
    drawn = method._batch(step)
    assert torch.bincount(drawn.y).tolist() == [10, 10] and method._batch(step) is drawn
    assert torch.equal(drawn.x, data.x[drawn.extra["case"]])
    plain = started(cases, balance="none")[0]
    assert plain._batch(step) is data
    torch.testing.assert_close(method.class_weight, torch.ones(2))
    torch.testing.assert_close(plain.class_weight, torch.tensor([20 / 34, 20 / 6]))
    torch.testing.assert_close(started(cases, focal_alpha=0.25)[0].class_weight, torch.tensor([0.75, 0.25]))
    with pytest.raises(UsageError, match="focal_alpha is a weight of two classes, and there are 3"):
        started(focal_alpha=0.25)


@pytest.mark.parametrize(("classes", "loss", "focal"), [(2, "auto", True), (3, "auto", False), (3, "focal", True)])
def test_two_classes_have_the_focal_loss_and_more_cross_entropy(classes, loss, focal):
    method, data = started(panel(classes=classes), loss=loss)
    scores = torch.randn(len(data), classes)
    plain = torch.nn.functional.cross_entropy(scores, data.y)
    assert (method._class_loss(scores, data.y) < plain) if focal else (method._class_loss(scores, data.y) == plain)


def test_clusters_begin_after_the_first_epoch_and_are_made_once_in_each():
    method, data = started(clusters=2)
    assert "clusters" not in method.training_step(step_of(data, epoch=0))
    assert "clusters" in method.training_step(step_of(data, epoch=1))
    first = method._clusters[0].found
    method.training_step(step_of(data, epoch=1, index=1))
    assert method._clusters[0].found is first and len(first[0]) == 2 and len(first[1]) == len(data)
    method.training_step(step_of(data, epoch=2))
    assert method._clusters[0].found is not first and method.training


@pytest.mark.parametrize(("classes", "k"), [(2, 16), (3, 3), (8, 8)])
def test_there_are_as_many_clusters_as_classes_but_for_two(classes, k):
    assert started(panel(n=16, classes=classes))[0].n_clusters == k


def test_learning_rates_of_the_parts_and_their_schedule():
    method, _ = started(lr=0.1, image_lr=0.2, joint_lr=0.3)
    (turns,) = method.training_stages(100, 10)
    rates = [[group["lr"] for group in stage.optimizers["main"].param_groups] for stage in turns.stages]
    assert rates == [[0.1], [0.1], [0.1, 0.2, 0.3, 0.3, 0.3, 0.3]]
    rate = turns.stages[0].schedule
    assert [rate(step, 100) for step in (0, 4, 5)] == pytest.approx([0.2, 1.0, 1.0])
    assert rate(99, 100) < 0.001


def test_it_overfits_a_toy_set_with_a_tiny_swin():
    rng, y, time = np.random.default_rng(0), np.arange(64) % 3, np.arange(24)
    X = np.sin(time * (0.2 + 0.35 * y[:, None, None]) + rng.uniform(0, 6, (64, 1, 1))) + rng.normal(0, 0.1, (64, 3, 24))
    X[rng.random(X.shape) < 0.7] = np.nan
    cases = Panel.build(X, y)
    rates = {"lr": 3e-3, "image_lr": 1e-3, "joint_lr": 2e-3, "warmup_share": 0.0, "max_steps": 40, "epochs": 40}
    sizes = {
        "image_encoder": "tiny-swin",
        "image_size": 28,
        "generator_hidden": 16,
        "joint_width": 64,
        "joint_bottleneck": 32,
    }
    learner = Learner(SeqImage, **{**SMALL, **sizes, **rates, "batch_size": 32}).fit(cases)
    assert (learner.predict(cases).y_pred == y).all()


# What it is given


def test_times_count_from_0_to_the_longest_of_training():
    times = np.arange(10.0) * np.arange(1, 13)[:, None]
    method, data = started(panel(times=times))
    assert float(method.longest) == 9 * 12
    assert float(method.timed(data).times.max()) == 1
    other = method.timed(Batch.from_panel(panel(times=2 * times), "cpu"))
    assert float(other.times.max()) == 2  # beyond what training has seen
    hours, days = (
        method.represent(method.prepare(Batch.from_panel(panel(times=t), "cpu"))) for t in (times, times + 5)
    )
    torch.testing.assert_close(hours, days)


def test_static_values_are_read_where_they_are_asked_for():
    static = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
    method, data = started(panel(static=static), static=True)
    other = replace(data, static=data.static + 1)
    assert not torch.equal(method.represent(data), method.represent(other))
    plain, data = started(panel(static=static))
    assert torch.equal(plain.eval().represent(data), plain.represent(replace(data, static=data.static + 1)))
    with pytest.raises(UsageError, match="static=true, and the dataset has no static values"):
        started(static=True)
    with pytest.raises(UsageError, match="static=true joins the sequence's vector; set branches=both or sequence"):
        started(panel(static=static), static=True, branches="image")
    twice, _ = started(panel(static=static), static=True, static_size=64)
    assert twice.joint[0].in_features == method.joint[0].in_features + 32


def test_cases_with_one_value_or_none_a_sensor_never_seen_and_a_class_without_cases():
    cases = panel(n=9, c=3)
    X = cases.X.copy()
    X[0], X[1], X[:, 2] = np.nan, np.nan, np.nan
    X[1, 0, 3] = 1.0
    cases = Panel.build(X, ["a", "b", "a", "b", "a", "b", "a", "b", "c"], channel_names=("HR", "BP", "pH"))
    learner = Learner(SeqImage, **{**SMALL, "batch_size": 4}, normalisation="none").fit(cases.select(np.arange(8)))
    assert np.isfinite(learner.predict(cases).scores).all()
    (warning,) = [line for line in learner.report["warnings"] if "all-black" in line]
    assert "of sensor pH in 8 training cases: constant, or seen less than twice in each" in warning


@pytest.mark.parametrize("n", [1, 2])
def test_few_cases(n):
    learner = Learner(SeqImage, **SMALL).fit(panel(n=n, classes=n))
    assert np.isfinite(learner.predict(panel(n=3)).scores).all()


# What it gives


def test_reconstruction_is_the_series_without_gaps():
    method, data = started()
    values = method.eval().reconstruct(data)
    assert values.shape == data.x.shape and torch.isfinite(values).all()
    assert torch.equal(values[data.mask], data.x[data.mask])
    assert (values[~data.mask] != 0).all()
    with pytest.raises(MethodError, match="branches=image imputes nothing; set branches=both or sequence"):
        started(branches="image")[0].reconstruct(data)


def test_features_do_not_depend_on_the_chunk(monkeypatch):
    method, data, _ = trained()
    whole = method.encode(data)
    monkeypatch.setattr(SeqImage, "encode_elements", 64)
    torch.testing.assert_close(method.encode(data), whole)


def test_what_only_training_uses_does_not_change_how_the_rest_begins():
    features = [
        started(**switch)[0].eval().represent(started()[1])
        for switch in ({}, {"adversarial_weight": 0, "contrast_size": 3, "rec_loss": "mse"})
    ]
    assert torch.equal(*features)


def test_a_saved_learner_gives_the_same_features_decisions_and_values(tmp_path):
    cases = panel(times=np.arange(10.0) * np.ones((12, 1)))
    learner = Learner(SeqImage, **SMALL).fit(cases)
    learner.save(tmp_path / "kept")
    again = Learner.load(tmp_path / "kept", method=SeqImage)
    np.testing.assert_array_equal(again.encode(cases), learner.encode(cases))
    np.testing.assert_array_equal(again.predict(cases).scores, learner.predict(cases).scores)
    data = Batch.from_panel(cases, "cpu")
    assert torch.equal(again.method.reconstruct(data), learner.method.reconstruct(data))


def test_a_trained_method_can_be_copied():
    method, data, _ = trained()
    assert torch.equal(copy.deepcopy(method).represent(data), method.represent(data))


def test_what_was_noticed_is_reported():
    learner = Learner(SeqImage, **SMALL).fit(panel(n=16))
    expected = {"imputation_nrmse", "discriminator_accuracy", "contrast_gap", "cluster_entropy"}
    expected |= {f"std_{name}" for name in ("line", "spectrum", "gasf", "gadf", "mtf", "recurrence")}
    assert expected <= learner.report["diagnosis"].keys()
    assert any("contrast of sequences and pictures has collapsed" in line for line in learner.report["warnings"])


def test_a_discriminator_that_wins_is_said():
    method, data = started()
    method.discriminator.forward = lambda x, hint=None: torch.where(data.mask, 9.0, -9.0)
    found = method.diagnose([data])
    assert found.values["discriminator_accuracy"] == 1
    assert any(
        line.startswith("the discriminator wins: it tells 100% of observed and missing") for line in found.warnings
    )


def test_crowded_clusters_and_uniform_pictures_are_said():
    method, data = started()
    with torch.no_grad():
        method.joint[-1].weight.zero_()
        method.joint[-1].bias.fill_(1.0)
    method.images.pictures.forward = lambda series, imputed=None: torch.full((len(series.x), 6, 3, 32, 32), 0.5)
    lines = method.diagnose([data]).warnings
    assert any("nearly all cases are in one cluster" in line for line in lines)
    assert any(line.startswith("the line pictures are uniform") for line in lines)


def test_pictures_cannot_be_of_imputed_series_without_a_generator():
    with pytest.raises(UsageError, match="image_missing=imputed needs the generator"):
        started(branches="image", image_missing="imputed")
    params = SeqImage.create(branches="image").params
    assert str(SeqImage.unsuited(params, "imputation")).startswith("branches=image imputes nothing")
    assert SeqImage.unsuited(params, "classification") is None


def test_layers_that_the_paper_leaves_open_are_those_asked_for():
    joint = started(joint_activation="relu", joint_norm=False, projection_size=24)[0]
    assert [type(layer).__name__ for layer in joint.joint] == ["Linear", "ReLU", "Linear", "ReLU", "Linear"]
    assert joint.directions[2].out_features == joint.encodings[0].out_features == 24


WEIGHTS = {"rec_weight", "contrast_weight", "cluster_weight", "margin", "contrast_temperature"}


def test_a_study_of_the_weights_shows_which_matter(tsbench):
    sizes = {**SMALL, "maps": "line", "image_size": 16, "max_steps": 1, "select": "last"}
    fixed = {**sizes, "lr": 1e-3, "image_lr": 1e-3, "joint_lr": 1e-3, "rec_anchor": 0}
    study = ["tune", "--method", "seqimage", "--dataset", "BasicMotions+samples=0.8", "--protocol", "own"]
    study += [part for key, value in fixed.items() for part in ("--set", f"{key}={value}")]
    spaces = ["rec_weight=0.1:10:log", "contrast_weight=0.01:1:log", "cluster_weight=0.01:1:log", "margin=0:0.4"]
    spaces += ["contrast_temperature=0.05:0.5:log"]
    code, out, err = tsbench(*study, "--trials", 2, *(part for one in spaces for part in ("--space", one)))
    assert code == 0, err
    space = out.split("  space: ")[1].splitlines()[0]
    assert {one.split()[0] for one in space.split("; ")} == WEIGHTS
    code, out, err = tsbench(*study, "--show")
    assert code == 0, err
    shares = {line.split()[1]: float(line.split()[0]) for line in out.split("\nbest: ")[1].splitlines()[1:]}
    assert shares.keys() == WEIGHTS and sum(shares.values()) == pytest.approx(1, abs=0.05)
