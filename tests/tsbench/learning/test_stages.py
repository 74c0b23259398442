"""Stages: optimisers, schedules, clipping, precision and curves of each, and what is refused."""

import math
import re
from typing import ClassVar, Literal

import pytest
import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_pre_hook

from tests.tsbench.learning.test_loop import Mean, Two, batch, looked_at_every, make
from tsbench.errors import MethodError
from tsbench.learning.learner import Learner
from tsbench.learning.loop import fit
from tsbench.learning.stages import Recipe
from tsbench.methods.params import BaseParams, param
from tsbench.methods.ssl import SSLMethod
from tsbench.methods.stages import Alternating, Stage
from tsbench.testing import noise


def sgd(*weights, lr=1.0):
    return torch.optim.SGD(weights, lr=lr)


class Pair(Mean):
    """Two weights at 0; a step of stage `first` has gradient 1 for a and 2 for b, one of `second` 10 and 20.

    given : stages of optimisers for a and b, made as a test asks. log : (stage, step, epoch, a, b) before each step.
    """

    given = staticmethod(lambda self, steps: [])

    def build(self, shapes):
        self.a, self.b = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
        self.seen, self.ends, self.log = [], 0, []

    def training_stages(self, steps, steps_per_epoch):
        return type(self).given(self, steps)

    def loss(self, step, factor):
        self.log.append((step.stage, step.index, step.epoch, self.a.item(), self.b.item()))
        return (factor * (self.a + 2 * self.b)).sum()

    def first(self, step):
        return self.loss(step, 1.0)

    def second(self, step):
        return self.loss(step, 10.0)

    def training_step(self, step):
        raise AssertionError


def pair(stages, n_cases=4, **overrides):
    """Train a Pair of the stages that a function of it and the number of steps gives; return it and the report."""
    method = make(type("Given", (Pair,), {"given": staticmethod(stages)}), **{"batch_size": 2, **overrides})
    return method, fit(method, [batch(n_cases)], 0)


def stage(m, **other):
    given = {"name": "one", "step": m.first, "optimizers": {"main": sgd(m.a)}, "budget": 2, **other}
    return Stage(**given)


def two_stages(method, steps):
    return [
        Stage("one", method.first, {"main": sgd(method.a)}, 2),
        Stage("two", method.second, {"main": sgd(method.b)}, 3),
    ]


def test_stages_run_one_after_the_other_each_from_a_new_epoch_with_its_own_optimiser():
    method, report = pair(two_stages)
    assert report.steps == method.ends == 5
    assert [entry[:3] for entry in method.log] == [
        *[("one", 0, 0), ("one", 1, 0)],
        *[("two", 2, 1), ("two", 3, 1), ("two", 4, 2)],
    ]
    assert [entry[3:] for entry in method.log] == [(0, 0), (-1, 0), (-2, 0), (-2, -20), (-2, -40)]
    assert (method.a.item(), method.b.item()) == (-2, -60)


def test_a_stage_that_ends_within_an_epoch_leaves_the_rest_of_it():
    method, _ = pair(lambda m, steps: [stage(m, name=name, budget=1) for name in ("one", "two")])
    assert [entry[:3] for entry in method.log] == [("one", 0, 0), ("two", 1, 1)]


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        ("step", [("one", 0), ("two", 0), ("one", 0), ("two", 0), ("two", 1)]),
        ("epoch", [("one", 0), ("one", 0), ("two", 1), ("two", 1), ("two", 2)]),
    ],
)
def test_stages_take_turns_until_the_budget_of_each_is_spent(every, expected):
    method, report = pair(lambda m, steps: [Alternating(two_stages(m, steps), every)])
    assert [(stage, epoch) for stage, _, epoch, *_ in method.log] == expected
    assert [index for _, index, *_ in method.log] == list(range(5))
    assert (method.a.item(), method.b.item()) == (-2, -60)
    assert report.steps == 5


def test_turns_at_every_step_are_of_one_batch():
    seen = []

    def stages(m, steps):
        def watch(step):
            seen.append((step.stage, step.batch.x[:, 0, 0].tolist()))
            return m.first(step)

        return [Alternating([Stage(name, watch, {"main": sgd(m.a)}, 4) for name in ("one", "two")])]

    pair(stages, n_cases=8)
    assert [values for stage, values in seen if stage == "one"] == [v for stage, v in seen if stage == "two"]
    assert sorted(v for stage, values in seen if stage == "one" for v in values) == list(range(8))


def test_several_optimisers_in_a_step_touch_their_own_weights():
    touched = []

    def stages(m, steps):
        def step(given):
            for name in ("a", "b"):
                before = m.a.item(), m.b.item()
                given.update(m.loss(given, 1.0), optimizer=name)
                touched.append((name, m.a.item() - before[0], m.b.item() - before[1]))

        return [Stage("both", step, {"a": sgd(m.a), "b": sgd(m.b)}, 2)]

    _, report = pair(stages)
    assert touched == [("a", -1, 0), ("b", 0, -2)] * 2
    # a + 2b before each update: of a 0 and -5, of b -1 and -6
    assert report.curve == {"both: a": [(1, 0.0), (2, -5.0)], "both: b": [(1, -1.0), (2, -6.0)]}


@pytest.mark.parametrize("named", [True, False])
def test_one_loss_is_for_several_optimisers_each_clipped_on_its_own(named):
    def stages(m, steps):
        def step(given):
            loss = m.loss(given, 0.75)  # gradients 0.75 and 1.5
            return given.update(loss, optimizer=("a", "b")) if named else loss

        return [Stage("both", step, {"a": sgd(m.a), "b": sgd(m.b, lr=0.5)}, 1)]

    method, report = pair(stages, clip_norm=1.0)
    assert (method.a.item(), method.b.item()) == (-0.75, pytest.approx(-0.5, rel=1e-5))
    assert report.curve == {"both": [(1, 0.0)]}


def test_a_returned_loss_is_for_main_where_there_is_one():
    def stages(m, steps):
        def step(given):
            given.update(m.loss(given, 1.0), optimizer="b")
            return m.loss(given, 1.0)

        return [Stage("both", step, {"main": sgd(m.a), "b": sgd(m.b)}, 1)]

    method, report = pair(stages)
    assert (method.a.item(), method.b.item()) == (-1, -2)
    assert report.curve == {"both: b": [(1, 0.0)], "both: main": [(1, -4.0)]}


def test_an_only_optimiser_needs_no_name_and_stages_may_share_one():
    def stages(m, steps):
        shared = {"any": torch.optim.SGD([m.a], lr=1.0, momentum=0.5)}
        return [Stage("one", m.first, shared, 1), Stage("two", m.first, shared, 1)]

    method, _ = pair(stages)
    assert method.a.item() == -1 - 1.5


def test_a_curve_for_each_loss_under_its_name():
    def stages(m, steps):
        def parts(step):
            return {"low": m.loss(step, 1.0), "high": m.loss(step, 3.0)}

        return [Stage("one", m.first, {"main": sgd(m.a)}, 2), Stage("two", parts, {"main": sgd(m.a)}, 2)]

    _, report = pair(stages)
    assert report.curve == {
        "one": [(1, 0.0), (2, -1.0)],
        "two: low": [(3, -2.0), (4, -6.0)],
        "two: high": [(3, -6.0), (4, -18.0)],
    }


def test_the_parts_of_a_loss_are_summed():
    class Parts(Mean):
        def training_step(self, step):
            return {"up": -self.weight.sum(), "down": 3 * self.weight.sum()}

    method = make(Parts, epochs=1, lr=0.5, optimizer="sgd")
    report = fit(method, [batch(4)], 0)
    assert method.weight.item() == -1.0
    assert report.curve == {"up": [(1, 0.0)], "down": [(1, 0.0)]}


def test_two_optimisers_of_a_method_without_stages_have_a_curve_each():
    curve = fit(make(Two, epochs=2, encoder="other"), [batch(4)], 0).curve
    assert curve == {"weight": [(1, 0.0), (2, 0.0)], "other": [(1, 4.0), (2, pytest.approx(2.56))]}


def test_curves_that_are_looked_at_later_are_the_same(monkeypatch):
    now = pair(two_stages)[1].curve
    looked_at_every(monkeypatch, 20)
    assert pair(two_stages)[1].curve == now


class Rates(Mean):
    """Writes down the learning rate of each step."""

    def optimizers(self):
        self.rates = []
        optimizer = sgd(self.weight, self.other, lr=self.params.lr)
        optimizer.add_param_group({"params": [nn.Parameter(torch.zeros(1))], "lr": 10 * self.params.lr})
        optimizer.register_step_pre_hook(lambda *_: self.rates.append([g["lr"] for g in optimizer.param_groups]))
        return {"main": optimizer}


def cosine(step, budget):
    return 0.5 * (1 + math.cos(math.pi * step / budget))


@pytest.mark.parametrize(
    ("asked", "factors"),
    [
        ({}, [1.0] * 10),
        ({"schedule": "cosine"}, [cosine(step, 10) for step in range(10)]),
        ({"warmup_steps": 4}, [0.25, 0.5, 0.75, *[1.0] * 7]),
        ({"schedule": "cosine", "warmup_steps": 4}, [0.25, 0.5, 0.75, 1.0, *[cosine(step, 6) for step in range(6)]]),
        ({"schedule": "cosine", "warmup_steps": 10}, [(step + 1) / 10 for step in range(10)]),
    ],
)
def test_schedules_in_closed_form(asked, factors):
    method = make(Rates, epochs=10, lr=0.01, **asked)
    fit(method, [batch(4)], 0)
    assert [first for first, _ in method.rates] == pytest.approx([0.01 * f for f in factors])
    assert [second for _, second in method.rates] == pytest.approx([0.1 * f for f in factors])


def test_each_stage_has_its_own_schedule_though_they_share_an_optimiser():
    rates = []

    def stages(m, steps):
        optimizer = sgd(m.a)
        optimizer.register_step_pre_hook(lambda *_: rates.append(optimizer.param_groups[0]["lr"]))
        shared = {"main": optimizer}
        fallen = Stage("one", m.first, shared, 2, "cosine"), Stage("two", m.first, shared, 2)
        return [*fallen, Stage("three", m.first, shared, 2, lambda step, budget: 0.5**step + budget)]

    pair(stages)
    assert rates == [1.0, 0.5, 1.0, 1.0, 3.0, 2.5]


def test_a_method_that_sets_its_own_rates_keeps_them_without_a_schedule():
    class Own(Rates):
        def optimizers(self):
            self.made = super().optimizers()
            return self.made

        def on_step_end(self):
            self.made["main"].param_groups[0]["lr"] /= 2

    method = make(Own, epochs=3, lr=1.0)
    fit(method, [batch(4)], 0)
    assert [first for first, _ in method.rates] == [1.0, 0.5, 0.25]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("sgd", torch.optim.SGD), ("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW), ("own", torch.optim.Adam)],
)
def test_the_kind_of_optimiser(kind, expected):
    method, twin = (make(epochs=5, lr=0.1, weight_decay=0.3, optimizer=kind) for _ in range(2))
    fit(method, [batch(4)], 0)
    optimizer = expected([twin.weight, twin.other], lr=0.1, weight_decay=0.3)
    for _ in range(5):
        optimizer.zero_grad()
        ((batch(4).x.mean(-1) - twin.weight).square().mean() + 0 * twin.other).backward()
        optimizer.step()
    torch.testing.assert_close(method.weight, twin.weight)
    torch.testing.assert_close(method.other, twin.other)


def test_another_kind_keeps_the_groups_of_a_methods_own_optimiser():
    class Grouped(Mean):
        def optimizers(self):
            groups = [{"params": [self.weight], "lr": 0.5, "weight_decay": 0.1}, {"params": [self.other]}]
            return {"main": torch.optim.Adam(groups, lr=0.25, betas=(0.5, 0.6))}

    seen = {}

    def watch(optimizer, *_):
        seen[type(optimizer)] = [(g["lr"], g["weight_decay"], g["betas"]) for g in optimizer.param_groups]

    handle = register_optimizer_step_pre_hook(watch)
    try:
        fit(make(Grouped, epochs=1, optimizer="adamw"), [batch(4)], 0)
    finally:
        handle.remove()
    assert seen == {torch.optim.AdamW: [(0.5, 0.1, (0.5, 0.6)), (0.25, 0.0, (0.5, 0.6))]}


def test_the_gradient_of_each_optimiser_is_clipped_on_its_own():
    def stages(m, steps):
        def step(given):
            given.update(m.loss(given, 30.0), optimizer="a")  # gradient 30
            given.update(m.loss(given, 0.25), optimizer="b")  # gradient 0.5

        return [Stage("both", step, {"a": sgd(m.a), "b": sgd(m.b)}, 1)]

    method, _ = pair(stages, clip_norm=1.0)
    assert method.a.item() == pytest.approx(-1.0, rel=1e-5)
    assert method.b.item() == -0.5


class Watched(torch.autograd.Function):
    """Hands a tensor on, and says in the backward pass whether autocast is on."""

    seen: ClassVar[list] = []

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        Watched.seen.append(torch.is_autocast_enabled("cpu"))
        return gradient


@pytest.mark.parametrize("returns", [True, False])
def test_backward_and_the_optimisers_step_are_never_inside_autocast(returns):
    class Mixed(Mean):
        def training_step(self, step):
            self.inside = torch.is_autocast_enabled("cpu")
            loss = Watched.apply(self.weight).square().sum()
            return loss if returns else step.update(loss)

    Watched.seen = []
    method = make(Mixed, epochs=1, precision="bf16")
    hook = register_optimizer_step_pre_hook(lambda *_: Watched.seen.append(torch.is_autocast_enabled("cpu")))
    try:
        fit(method, [batch(4)], 0)
    finally:
        hook.remove()
    assert method.inside
    assert Watched.seen == [False, False]


def test_a_second_loss_of_a_step_in_bf16_sees_the_weights_that_the_first_has_moved():
    class Twice(Mean):
        def build(self, shapes):
            self.weight, self.other = nn.Parameter(torch.ones(1, 1)), nn.Parameter(torch.ones(1))

        def training_step(self, step):
            self.losses = []
            for _ in range(2):
                loss = (torch.ones(1, 1) @ self.weight).float().sum()
                self.losses.append(loss.item())
                step.update(loss)

    method = make(Twice, epochs=1, precision="bf16", optimizer="sgd", lr=0.5)
    method.on_step_end = lambda: None
    fit(method, [batch(4)], 0)
    assert method.losses == [1.0, 0.5]


def test_rows_in_bf16_have_a_version_of_their_own():
    def versions(**overrides):
        return Learner("ts2vec", **overrides).settings.versions()

    assert versions() == {"encoder:dilated-cnn": 1}
    assert versions(precision="bf16") == {"encoder:dilated-cnn": 1, "precision:bf16": 2}


def silent(step):
    return None


REFUSED = {
    "returns no loss": (lambda m: [stage(m, step=silent)], "stage 'one' of Given returned no loss and called no"),
    "has no parts": (
        lambda m: [stage(m, step=lambda step: {})],
        "stage 'one' of Given returned no loss: it has no part",
    ),
    "has no step": (lambda m: [stage(m, step=None)], "stage 'one' of Given has no loss: its step is NoneType"),
    "never stepped": (
        lambda m: [stage(m, optimizers={"main": sgd(m.a), "spare": sgd(m.b)})],
        "stage 'one' of Given: optimizer 'spare' was never stepped in 2 steps with a loss that its weights enter; call",
    ),
    "a loss of other weights": (
        lambda m: [stage(m, step=lambda step: m.a.square().sum(), optimizers={"main": sgd(m.b)})],
        "stage 'one' of Given: optimizer 'main' was never stepped in 2 steps with a loss that its weights enter",
    ),
    "unknown optimiser": (
        lambda m: [stage(m, step=lambda step: step.update(m.first(step), "c"))],
        "stage 'one' of Given: step.update names optimizer 'c'; there are: main",
    ),
    "no name of one": (
        lambda m: [stage(m, step=lambda step: step.update(m.first(step), ()))],
        "step.update names optimizer ''; there are: main",
    ),
    "no optimisers": (lambda m: [stage(m, optimizers=None)], "its optimizers are NoneType, expected a dict by name"),
    "no budget": (lambda m: [stage(m, budget=0)], "stage 'one' of Given has a budget of 0 steps; expected a whole"),
    "half a step": (lambda m: [stage(m, budget=1.5)], "has a budget of 1.5 steps"),
    "no name": (lambda m: [stage(m, name=" ")], "stage ' ' of Given has no name"),
    "one name": (lambda m: [stage(m), stage(m)], "returned 2 stages named 'one': give each a name of its own"),
    "one name in turns": (lambda m: [stage(m), Alternating([stage(m)])], "returned 2 stages named 'one'"),
    "unknown schedule": (
        lambda m: [stage(m, schedule="cosin")],
        "stage 'one' of Given: no schedule 'cosin'; did you mean 'cosine'?",
    ),
    "broken schedule": (
        lambda m: [stage(m, schedule=lambda step, budget: math.nan)],
        "its schedule gives nan at step 0 of 2",
    ),
    "a schedule of text": (lambda m: [stage(m, schedule=lambda step, budget: "1")], "schedule gives 1 at step 0 of 2"),
    "no stage": (lambda m: [], "Given.training_stages returned no stage"),
    "none": (lambda m: None, "Given.training_stages returned NoneType, expected Sequence"),
    "no stages": (lambda m: ["one"], "Given.training_stages returned str, expected Stage"),
    "other turns": (lambda m: [Alternating([stage(m)], "day")], "take turns every 'step' or 'epoch', not 'day'"),
}


@pytest.mark.parametrize(("stages", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_stage_is_refused_in_one_line(stages, message):
    with pytest.raises(MethodError, match=re.escape(message)) as caught:
        pair(lambda m, steps: stages(m))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("steps", [1, 20])
def test_a_loss_that_is_not_finite_is_named_with_its_stage_and_step(monkeypatch, steps):
    looked_at_every(monkeypatch, steps)

    def stages(m, steps):
        def parts(step):
            return {"sound": m.loss(step, 1.0), "odd": m.loss(step, math.nan if step.index == 3 else 1.0)}

        return [stage(m), stage(m, name="two", step=parts, budget=5)]

    with pytest.raises(MethodError, match="^loss 'odd' of stage 'two' is nan at step 1 of 5; "):
        pair(stages)


def test_an_optimiser_that_is_never_stepped_is_named_at_the_end_of_its_stage():
    with pytest.raises(MethodError, match="stage 'two' of Given: optimizer 'spare' was never stepped in 1 steps"):
        pair(
            lambda m, steps: [
                stage(m),
                stage(m, name="two", optimizers={"main": sgd(m.a), "spare": sgd(m.b)}, budget=1),
                stage(m, name="three", step=silent),
            ]
        )


def test_a_warm_up_longer_than_the_budget_is_refused():
    with pytest.raises(MethodError, match="Mean.training_step: warmup_steps = 4 is longer than its 3 steps"):
        fit(make(epochs=3, warmup_steps=4), [batch(4)], 0)


@pytest.mark.parametrize("asked", [{"schedule": "cosine"}, {"warmup_steps": 1}])
def test_a_stage_with_a_schedule_of_its_own_takes_no_other(asked):
    with pytest.raises(
        MethodError, match="stage 'one' of Given has a schedule of its own: leave out schedule and warm"
    ):
        pair(lambda m, steps: [stage(m, schedule=lambda step, budget: 1.0)], **asked)


def test_what_an_earlier_plugin_means_by_such_a_name_is_its_own_affair():
    class Params(SSLMethod.Params):
        optimizer: Literal["adam", "lamb"] = param("adam", doc="own")
        schedule: str = param("steps", doc="own")
        warmup_steps: float = param(0.5, doc="own")

    class Bare(BaseParams):
        clip_norm: float = param(2.0, doc="clip")
        precision: Literal["fp32", "bf16"] = param("bf16", doc="precision")

    assert Recipe.of(Params()) == Recipe()
    assert Recipe.of(Bare()) == Recipe("bf16", 2.0)
    like = type(
        "Like",
        (SSLMethod.Params,),
        {"__annotations__": {"warmup_steps": int}, "warmup_steps": param(9, like="warmup_steps")},
    )
    assert Recipe.of(like()) == Recipe(warmup_steps=9)


def test_a_learner_with_stages_is_saved_with_its_curves(tmp_path):
    method = type(
        "Saved", (Pair,), {"given": staticmethod(two_stages), "represent": lambda self, b: b.x.mean(-1) * self.a}
    )
    learner = Learner(method, encoder="fcn", batch_size=2).fit(noise(4))
    assert learner.report["curve"].keys() == {"one", "two"}
    learner.save(tmp_path)
    assert Learner.load(tmp_path, method=method).report["curve"] == learner.report["curve"]
