"""Which state of a training is kept, told by the validation part alone."""

import numpy as np
import pytest
import torch

from tsbench.data.panel import Panel
from tsbench.errors import InvalidDataError, UsageError
from tsbench.learning.learner import Learner
from tsbench.methods.params import param
from tsbench.methods.ssl import SSLMethod

SHARES = (0.5, 0.75, 1.0, 0.5, 0.75)  # of the cases that are decided rightly after each of five steps


class Scripted(SSLMethod):
    """Is right on as many cases as its script says after so many steps; y stands in the values of a case."""

    supervised, represent = True, None
    tasks = frozenset({"classification", "regression"})

    class Params(SSLMethod.Params):
        batch_size: int = param(4, like="batch_size")
        epochs: int = param(5, like="epochs")
        lr: float = param(1.0, like="lr")

    def build(self, shapes):
        self.w = torch.nn.Parameter(torch.zeros(()))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.rates = []

    def optimizers(self):
        self.optimizer = torch.optim.SGD([self.w], lr=self.params.lr)
        return {"main": self.optimizer}

    def training_step(self, step):
        assert self.training
        self.rates.append(self.optimizer.param_groups[0]["lr"])
        return self.w * 0.0

    def on_step_end(self):
        self.steps += 1

    def decide(self, batch):
        assert batch.y is None and not self.training
        torch.rand(1)  # no draw of a look may change the training
        y = batch.x[:, 0, 0].long()
        right = torch.arange(len(y)) < SHARES[int(self.steps) - 1] * len(y)
        return torch.nn.functional.one_hot(torch.where(right, y, 1 - y), 2).float()


def panel():
    y = np.array([0, 1, 0, 1])
    return Panel.build(np.repeat(y[:, None, None].astype(float), 6, axis=2), y)


def fitted(validation=True, **params):
    learner = Learner(Scripted, normalisation="none", **params)
    return learner.fit(panel(), validation=panel() if validation else None)


@pytest.mark.parametrize(("select", "steps"), [("last", 5), ("accuracy", 3), ("f1_macro", 3), ("auroc", 3)])
def test_the_first_best_state_is_kept_and_the_report_says_which(select, steps):
    learner = fitted(select=select)
    assert int(learner.method.steps) == steps and learner.report["steps"] == 5
    chosen = {name: value for name, value in learner.report["diagnosis"].items() if name.startswith("selected")}
    found = {f"selected_{select}": 1.0, "selected_epoch": 3.0, "selected_step": 3.0}
    assert chosen == ({} if select == "last" else found)
    assert not [line for line in learner.report["warnings"] if "select" in line]


def test_without_a_validation_part_the_last_state_is_kept_and_said():
    learner = fitted(validation=False, select="accuracy")
    assert int(learner.method.steps) == 5 and "selected_epoch" not in learner.report["diagnosis"]
    assert "select=accuracy: there is no validation part, so the last state is kept" in learner.report["warnings"]


def test_where_the_metric_is_not_defined_the_last_state_is_kept_and_said():
    one_class = panel().select([0, 2])
    learner = Learner(Scripted, normalisation="none", select="auroc").fit(panel(), validation=one_class)
    assert int(learner.method.steps) == 5
    assert any("it is not defined on the validation part" in line for line in learner.report["warnings"])


def test_of_several_labels_the_mean_is_taken():
    class Labels(Scripted):
        tasks = frozenset({"classification", "multilabel"})

    y = np.array([[0, 1], [1, 0], [0, 1], [1, 0]])
    several = Panel.build(
        np.repeat(y[:, :1, None].astype(float), 6, axis=2), y=y, task="multilabel", classes=("a", "b")
    )
    learner = Learner(Labels, normalisation="none", select="auroc").fit(several, validation=several)
    assert "selected_auroc_macro" in learner.report["diagnosis"]


def test_a_low_value_is_the_best_of_an_error():
    y = np.array([0.0, 1.0, 0.0, 1.0])
    numbers = Panel.build(np.repeat(y[:, None, None], 6, axis=2), y=y, task="regression")

    class Numbers(Scripted):
        def decide(self, batch):
            return super().decide(batch)[:, 1:]

    learner = Learner(Numbers, normalisation="none", select="rmse").fit(numbers, validation=numbers)
    assert int(learner.method.steps) == 3 and learner.report["diagnosis"]["selected_rmse"] == 0.0


def test_a_look_changes_no_draw_of_the_training():
    class Drawn(Scripted):
        def training_step(self, step):
            self.w.data += torch.rand(()) + torch.rand((), generator=step.rng)
            return super().training_step(step)

    last = [
        float(Learner(Drawn, normalisation="none", **params).fit(panel(), validation=panel(), seed=3).method.w.detach())
        for params in ({}, {"select": "accuracy", "epochs": 3})
    ]
    shorter = float(Learner(Drawn, normalisation="none", epochs=3).fit(panel(), seed=3).method.w.detach())
    assert last[1] == shorter and last[0] != last[1]


def test_learning_rates_fall_to_a_tenth_at_a_plateau():
    assert fitted(select="accuracy", plateau=0).method.rates == pytest.approx([1, 1, 1, 1, 0.1])
    assert fitted(select="accuracy", plateau=1).method.rates == [1] * 5
    assert fitted(select="accuracy", plateau=0, epochs=5, schedule="cosine").method.rates[4] == pytest.approx(
        0.1 * (0.5 + 0.5 * np.cos(np.pi * 4 / 5))
    )


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"select": "auroq"}, "select='auroq' is no metric of its decisions; choose last or one of"),
        ({"select": "masked_mae"}, "select='masked_mae' is no metric of its decisions; choose last or one of"),
        ({"select": "rmse"}, "select=rmse is no metric of classification; choose one of accuracy"),
        ({"plateau": 2}, "plateau=2 needs a metric of the validation part: set select too"),
    ],
)
def test_what_cannot_be_chosen_by_is_refused(params, message):
    with pytest.raises(UsageError, match=message):
        fitted(**params)


def test_a_method_without_decisions_has_nothing_to_choose_by():
    with pytest.raises(UsageError, match="select=auroc needs decisions, and the method has no `decide`"):
        Learner("simclr", select="auroc", encoder="fcn").fit(panel())


def test_validation_cases_are_to_be_such_as_the_others():
    with pytest.raises(InvalidDataError, match="need the task, the classes and the channels of the others"):
        Learner(Scripted).fit(panel(), validation=panel().without_labels())


class Older(SSLMethod):
    """Has a parameter of this name for something else."""

    class Params(SSLMethod.Params):
        select: int = param(3, doc="features that are taken", neutral=3)

    def build(self, shapes):
        self.w = torch.nn.Parameter(torch.zeros(2))

    def training_step(self, step):
        return self.w.square().sum()

    def represent(self, batch):
        return batch.x.mean(dim=2) * self.w


def test_a_parameter_of_the_same_name_is_the_affair_of_who_declares_it():
    assert Learner(Older, select=5, epochs=1).fit(panel()).report["steps"] == 1
