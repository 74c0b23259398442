import pytest
import torch
from torch import nn

from tsbench.data.batch import Batch
from tsbench.errors import MethodError
from tsbench.learning import loop as training
from tsbench.learning.loop import fit
from tsbench.methods.params import resolve
from tsbench.methods.ssl import SSLMethod


class Mean(SSLMethod):
    """Learns the mean of the series; records what the loop does."""

    def build(self, shapes):
        self.weight = nn.Parameter(torch.zeros(shapes[0].n_channels))
        self.other = nn.Parameter(torch.ones(1))
        self.seen, self.ends = [], 0

    def training_step(self, step):
        self.seen.append((step.epoch, step.source, step.batch.x[:, 0, 0].tolist()))
        return (step.batch.x.mean(-1) - self.weight).square().mean() + 0 * self.other

    def on_step_end(self):
        self.ends += 1


class Two(Mean):
    def optimizers(self):
        return {name: torch.optim.SGD([getattr(self, name)], lr=0.1) for name in ("weight", "other")}

    def training_step(self, step):
        step.update(self.weight.square().sum(), optimizer="weight")
        step.update((self.other - 3).square().sum(), optimizer=self.params.encoder)


def batch(n, start=0):
    x = torch.arange(start, start + n, dtype=torch.float32)[:, None, None].repeat(1, 1, 4)
    return Batch(x, torch.full((n,), 4))


def make(cls=Mean, **overrides):
    class Nothing:
        from tsbench.methods.params import BaseParams as Params

        version = 1

    method = cls(resolve(cls.Params, overrides, lambda kind, name: Nothing, "mean"))
    from tsbench.data.panel import PanelShape

    method.build([PanelShape(1, 4)])
    return method


@pytest.mark.parametrize("n", [1, 2, 5, 8, 9, 16, 17])
def test_every_case_is_used_once_in_each_epoch(n):
    method = make(epochs=3, batch_size=8)
    fit(method, [batch(n)], seed=0)
    for epoch in range(3):
        sizes = [len(values) for e, _, values in method.seen if e == epoch]
        assert sorted(v for e, _, values in method.seen if e == epoch for v in values) == list(range(n))
        assert n == 1 or min(sizes) > 1  # batch normalisation cannot take one case


def test_the_budget_is_epochs_with_a_floor_and_a_ceiling_in_steps():
    assert fit(make(epochs=2, batch_size=8), [batch(20)], 0).steps == 6
    assert fit(make(epochs=2, batch_size=8, min_steps=50), [batch(20)], 0).steps == 50
    assert fit(make(epochs=100, batch_size=8, max_steps=7), [batch(20)], 0).steps == 7
    assert fit(make(epochs=0), [batch(20)], 0).steps == 0


def test_a_method_may_set_its_own_budget():
    class Three(Mean):
        def total_steps(self, data, steps_per_epoch):
            return super().total_steps(data, steps_per_epoch) + len(data[0])

    assert fit(make(Three, epochs=2, batch_size=8), [batch(20)], 0).steps == 6 + 20


def test_a_batch_holds_one_source():
    method = make(epochs=2, batch_size=4)
    fit(method, [batch(6), batch(10, start=100)], seed=0)
    assert {source for _, source, _ in method.seen} == {0, 1}
    for _, source, values in method.seen:
        assert all((value >= 100) == (source == 1) for value in values)


def test_the_batches_of_several_sources_are_mixed():
    method = make(epochs=10, batch_size=4)
    fit(method, [batch(6), batch(10, start=100)], seed=0)
    order = [[source for e, source, _ in method.seen if e == epoch] for epoch in range(10)]
    assert all(sorted(sources) == [0, 0, 1, 1, 1] for sources in order)
    assert len({tuple(sources) for sources in order}) > 3


class Logged(Mean):
    """Writes down what the loop calls."""

    def build(self, shapes):
        super().build(shapes)
        self.log = []

    def prepare(self, batch):
        self.log.append(("prepare", len(batch), self.training))
        return batch.with_extra(number=torch.full((len(batch),), len(batch)))

    def on_fit_start(self, data):
        self.log.append(("fit start", [part.extra["number"][0].item() for part in data]))

    def on_epoch_start(self, data):
        self.log.append(("epoch", [part.extra["number"][0].item() for part in data]))

    def training_step(self, step):
        size = step.data.extra["number"][0].item()
        self.log.append(("step", step.index, step.epoch, size, step.batch.extra["number"][0].item(), self.training))
        return super().training_step(step)

    def on_step_end(self):
        self.log.append(("step end",))

    def on_fit_end(self):
        self.log.append(("fit end", self.training))


def test_the_loop_calls_a_method_in_the_order_of_its_interface():
    method = make(Logged, epochs=2, batch_size=8)
    fit(method.eval(), [batch(3)], 0)
    steps = [[("epoch", [3]), ("step", i, i, 3, 3, True), ("step end",)] for i in range(2)]
    assert method.log == [("prepare", 3, True), ("fit start", [3]), *steps[0], *steps[1], ("fit end", True)]
    assert not method.training


def test_a_step_is_given_all_cases_of_its_own_source():
    method = make(Logged, epochs=1, batch_size=2)
    fit(method, [batch(2), batch(4)], 0)
    assert method.log[:3] == [("prepare", 2, True), ("prepare", 4, True), ("fit start", [2, 4])]
    assert sorted(entry[3:5] for entry in method.log if entry[0] == "step") == [(2, 2), (4, 4), (4, 4)]


def test_a_method_that_needs_no_training_is_fitted_by_its_first_hook_alone():
    class Fixed(Logged):
        trains = False

    method = make(Fixed, epochs=2)
    assert fit(method, [batch(3)], 0).steps == 0
    assert method.log == [("prepare", 3, True), ("fit start", [3])]
    assert not method.training


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    weights = []
    for seed in (1, 1, 2):
        method = make(epochs=2, batch_size=4)
        fit(method, [batch(9)], seed)
        weights.append(method.weight.item())
    assert weights[0] == weights[1] != weights[2]


def test_it_learns_and_reports_a_curve_and_progress():
    method, shown = make(epochs=40, batch_size=8, lr=0.1), []
    report = fit(method, [batch(8)], 0, lambda step, total, loss: shown.append((step, total)))
    assert report.curve[-1][1] < 0.5 * report.curve[0][1]
    assert shown[-1] == (40, 40)
    assert report.curve[-1][0] == report.steps == method.ends == 40
    assert not method.training


def test_a_long_curve_is_averaged_over_spans_of_steps():
    class Counts(Mean):
        def training_step(self, step):
            return step.index + 0 * self.weight.sum()

    curve = fit(make(Counts, epochs=250), [batch(4)], 0).curve
    assert curve[:2] == [(3, 1.0), (6, 4.0)]
    assert curve[-1] == (250, 249.0)
    assert len(curve) == 84


def test_several_optimisers():
    method = make(Two, epochs=60, encoder="other")
    fit(method, [batch(4)], 0)
    assert method.other.item() == pytest.approx(3, abs=0.01)
    with pytest.raises(MethodError, match="names optimizer 'main'; there are: weight, other"):
        fit(make(Two, epochs=1, encoder="main"), [batch(4)], 0)


def test_a_loss_that_is_not_finite_stops_with_the_step_and_the_parameter():
    class Explodes(Mean):
        def training_step(self, step):
            if step.index == 3:
                self.weight.data.fill_(float("nan"))
            return super().training_step(step)

    with pytest.raises(MethodError, match=r"loss is nan at step 3 of 10; parameter weight is not finite"):
        fit(make(Explodes, epochs=10), [batch(4)], 0)


def looked_at_every(monkeypatch, steps):
    """Look at the losses as seldom as on a GPU."""
    made = training._Loop.__init__

    def make_loop(self, *arguments):
        made(self, *arguments)
        self.check_every = steps

    monkeypatch.setattr(training._Loop, "__init__", make_loop)


def test_a_loss_that_is_not_finite_changes_no_weight():
    class Infinite(Mean):
        def training_step(self, step):
            return super().training_step(step) * (float("inf") if step.index == 3 else 1.0)

    method = make(Infinite, epochs=10)
    with pytest.raises(MethodError, match="loss is inf at step 3 of 10; every parameter is finite, only the loss is"):
        fit(method, [batch(4)], 0)


def test_losses_that_are_looked_at_later_name_the_same_step(monkeypatch):
    looked_at_every(monkeypatch, 20)

    class Infinite(Logged):
        def training_step(self, step):
            return super().training_step(step) + (float("inf") if step.index == 3 else 0.0)

    method = make(Infinite, epochs=10)
    with pytest.raises(MethodError, match="loss is inf at step 3 of 10; every parameter is finite"):
        fit(method, [batch(4)], 0)
    assert method.log[-1] == ("step end",)  # nothing is made of such weights
    shown = []
    report = fit(make(epochs=45), [batch(4)], 0, lambda step, total, loss: shown.append(step))
    assert shown == [20, 40]
    assert report.curve[-1][0] == len(report.curve) == 45


@pytest.mark.parametrize(
    ("loss", "fault"),
    [
        (lambda self: self.weight.expand(2), r"has shape \(2,\); expected one number"),
        (lambda self: self.weight.detach().sum(), "has no gradient: nothing it depends on trains"),
        (lambda self: 1.0, "Tensor"),
    ],
)
def test_a_loss_that_is_no_number_with_a_gradient_is_refused(loss, fault):
    class Odd(Mean):
        def training_step(self, step):
            return loss(self)

    with pytest.raises(MethodError, match=fault):
        fit(make(Odd), [batch(4)], 0)


def test_a_step_without_a_loss_is_refused():
    class Silent(Mean):
        def training_step(self, step):
            return None

    with pytest.raises(MethodError, match="returned no loss"):
        fit(make(Silent), [batch(4)], 0)


class Steep(Mean):
    """Two optimisers by gradient descent, so that a step is as long as its gradient, which is (30, 40) and 7."""

    def build(self, shapes):
        self.a, self.b = (nn.Parameter(torch.zeros(n)) for n in (2, 1))
        self.seen, self.ends = [], 0

    def optimizers(self):
        return {name: torch.optim.SGD([getattr(self, name)], lr=1.0) for name in ("a", "b")}

    def training_step(self, step):
        step.update((self.a * torch.tensor([30.0, 40.0])).sum(), optimizer="a")
        step.update((self.b * 7).sum(), optimizer="b")


@pytest.mark.parametrize(
    ("clip_norm", "a", "b"), [(None, [-30, -40], -7), (10, [-6, -8], -7), (1, [-0.6, -0.8], -1), (100, [-30, -40], -7)]
)
def test_clipping_shortens_the_gradient_of_each_optimiser_to_the_norm(clip_norm, a, b):
    method = make(Steep, epochs=1, clip_norm=clip_norm)
    fit(method, [batch(4)], 0)
    assert method.a.tolist() == pytest.approx(a, rel=1e-5)
    assert method.b.item() == pytest.approx(b, rel=1e-5)


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_bf16_is_the_precision_of_the_step_alone(precision, dtype):
    class Matrix(Mean):
        def training_step(self, step):
            product = step.batch.x[:, 0] @ self.weight.expand(4, 1)
            self.dtypes = (product.dtype, torch.is_autocast_enabled("cpu"))
            return product.float().square().mean() + self.other.square().sum()

        def on_step_end(self):
            self.after = torch.is_autocast_enabled("cpu")

    method = make(Matrix, epochs=2, precision=precision)
    fit(method, [batch(4)], 0)
    assert method.dtypes == (dtype, precision == "bf16")
    assert not method.after
    assert {p.dtype for p in method.parameters()} == {torch.float32}
