import pytest
import torch
from torch import nn

from tsbench.batch import Batch
from tsbench.errors import MethodError
from tsbench.interfaces import SSLMethod
from tsbench.params import resolve
from tsbench.training import fit


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
        from tsbench.params import BaseParams as Params

        version = 1

    method = cls(resolve(cls.Params, overrides, lambda kind, name: Nothing, "mean"))
    from tsbench.panel import PanelShape

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


def test_a_step_without_a_loss_is_refused():
    class Silent(Mean):
        def training_step(self, step):
            return None

    with pytest.raises(MethodError, match="returned no loss"):
        fit(make(Silent), [batch(4)], 0)


def test_clipping_and_bf16():
    slow, fast = make(epochs=1, clip_norm=1e-6), make(epochs=1)
    slow_before = slow.weight.item()
    fit(slow, [batch(4)], 0), fit(fast, [batch(4)], 0)
    assert slow_before != slow.weight.item()
    assert fit(make(epochs=2, precision="bf16"), [batch(4)], 0).steps == 2
