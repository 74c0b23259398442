"""What a condition does to the parts of a fold."""

from dataclasses import replace

import numpy as np
import pytest

from tsbench.condition import Condition
from tsbench.corruptions.base import Corrupter, Corruption, each_case, missing_facts
from tsbench.data.dataset import Data, Fold
from tsbench.data.panel import Panel
from tsbench.measure.folds import Chosen, divide, preparation


class Late(Corruption):
    """The last time points go, as many as the level says of four."""

    def __call__(self, panel, draws):
        def change(x, rng):
            x[:, x.shape[1] - round(4 * self.level) :] = np.nan
            return x

        return each_case(panel, draws, change)


class Louder(Corruption):
    """Twice the values."""

    makes = "values"

    def __call__(self, panel, draws):
        return 2 * panel.X


class Widest(Corruption):
    """The channel of the largest deviation in training goes."""

    def fit(self, train):
        self.channel = int(np.nanstd(train.X, axis=(0, 2)).argmax())

    def __call__(self, panel, draws):
        X = panel.X.copy()
        X[:, self.channel] = np.nan
        return X


@pytest.fixture
def data():
    """Four cases of a channel: two to train on, at 0 0 8 8 and 2 2 8 8, one to test, one unlabelled."""
    X = np.array([[0, 0, 8, 8], [2, 2, 8, 8], [1, 3, 9, 9]], dtype=float)[:, None]
    return Data(Panel.build(X, ["a", "b", "a"]), unlabelled=Panel.build(np.array([[[5, 5, 7, 7.0]]])))


@pytest.fixture
def divided(installed):
    def cut(data, stage, cls=Late, level=0.5, validation=None, trainer=None):
        fold = Fold(np.array([0, 1]), validation, np.array([2]))
        condition = Condition(corruption="late", level=level, stage=stage)

        def prepare(panel):
            return preparation(panel, fold.train, "channel", (), installed)

        unlabelled = None if data.unlabelled is None else np.array([0])
        corrupter = Corrupter(cls(level), "late", condition.corruption_text(), "k")
        trainer = corrupter if condition.corrupts("pretrain") else trainer
        return divide("key", data, Chosen(0, fold, unlabelled), prepare, condition, corrupter, trainer)

    return cut


NO = np.nan


def test_statistics_are_those_of_what_is_left_where_it_reaches_training(data, divided):
    parts = divided(data, "all")  # left in training: 0 0 and 2 2, of mean 1 and deviation 1
    np.testing.assert_array_equal(parts.pretrain.X[:, 0], [[-1, -1, NO, NO], [1, 1, NO, NO]])
    np.testing.assert_array_equal(parts.train.X, parts.pretrain.X)
    np.testing.assert_array_equal(parts.test.X[:, 0], [[0, 2, NO, NO]])
    np.testing.assert_array_equal(parts.unlabelled.X[:, 0], [[4, 4, NO, NO]])


@pytest.mark.parametrize("stage", ["test", "all"])
@pytest.mark.parametrize("acts_on", ["raw", "prepared"])
def test_what_is_missing_of_the_test_cases_is_stated(data, divided, stage, acts_on):
    parts = divided(data, stage, type("When", (Late,), {"acts_on": acts_on}))
    assert parts.missing == missing_facts(parts.test) and parts.missing["test_missing"] == 0.5
    assert divided(data, stage, type("When", (Louder,), {"acts_on": acts_on})).missing == {}


@pytest.mark.parametrize("acts_on", ["raw", "prepared"])
def test_a_level_that_takes_nothing_is_said(data, divided, acts_on):
    cls = type("When", (Late,), {"acts_on": acts_on})
    assert divided(data, "test", cls, level=0.1).idle.startswith("late=0.1@test takes no value of the test part")
    assert not divided(data, "test", cls, level=0.25).idle
    assert divided(data, "test", cls, level=0.0).idle == "late=0@test takes no value of the test part: leave it out"


class Shifted(Louder):
    """Values plus the level."""

    def __call__(self, panel, draws):
        return panel.X + np.float32(self.level)


@pytest.mark.parametrize("acts_on", ["raw", "prepared"])
def test_a_level_that_changes_no_value_is_said(data, divided, acts_on):
    cls = type("When", (Shifted,), {"acts_on": acts_on})
    assert divided(data, "test", cls, level=0.0).idle == "late=0@test changes no value of the test part: leave it out"
    assert not divided(data, "test", cls, level=0.5).idle


@pytest.mark.parametrize("acts_on", ["raw", "prepared"])
def test_a_level_that_takes_nothing_of_the_training_alone_is_said(data, divided, acts_on):
    cls = type("When", (Late,), {"acts_on": acts_on})
    idle = Corrupter(cls(0.0), "late", "late=0@train", "k")
    said = "late=0@train takes no value of the training part: leave it out"
    assert divided(data, "test", cls, trainer=idle).idle == said
    assert not divided(data, "test", cls, trainer=Corrupter(cls(0.5), "late", "late=0.5@train", "k")).idle


@pytest.mark.parametrize("stage", ["test", "downstream"])
def test_statistics_are_those_of_all_where_it_does_not(data, divided, stage):
    parts = divided(data, stage)  # 0 0 8 8 2 2 8 8
    mean, std = 4.5, np.sqrt((2 * 4.5**2 + 4 * 3.5**2 + 2 * 2.5**2) / 8)
    clean = np.float32((data.panel.X - mean) / std)
    np.testing.assert_array_equal(parts.pretrain.X, clean[:2])
    np.testing.assert_array_equal(parts.test.X[:, 0], [[*clean[2, 0, :2], NO, NO]])
    np.testing.assert_array_equal(np.isnan(parts.train.X).any(), stage == "downstream")
    assert not np.isnan(parts.unlabelled.X).any()


def test_what_acts_on_prepared_series_does_not_move_their_statistics(data, divided):
    old = divided(data, "all", type("Old", (Late,), {"acts_on": "prepared"}))
    new = divided(data, "test")
    np.testing.assert_array_equal(old.test.X, new.test.X)
    np.testing.assert_array_equal(old.pretrain.X[:, :, :2], new.pretrain.X[:, :, :2])
    assert np.isnan(old.pretrain.X[:, :, 2:]).all() and np.isnan(old.unlabelled.X[:, :, 2:]).all()


def test_it_may_learn_from_the_training_cases_alone(divided):
    X = np.ones((3, 2, 4)) * np.array([1.0, 2, 1, 9])
    X[:2, 0] *= 10
    X[2, 1] *= 1000
    parts = divided(Data(Panel.build(X, ["a", "b", "a"])), "test", Widest)
    assert np.isnan(parts.test.X).all(axis=(0, 2)).tolist() == [True, False]


def test_a_channel_that_a_corruption_leaves_nothing_of_in_training_is_missing_and_said(divided):
    X = np.ones((3, 2, 4)) * np.array([1.0, 2, 1, 9])
    panel = replace(Panel.build(X, ["a", "b", "a"]), channel_names=("hr", "bp"))
    parts = divided(Data(panel), "all", Widest)
    assert parts.unseen == ("channel 0 ('hr') has no observed value in training: it is missing in all cases",)
    assert np.isnan(parts.test.X).all(axis=(0, 2)).tolist() == [True, False]
    assert divided(Data(panel), "test", Widest).unseen == ()


@pytest.mark.parametrize(("stage", "hard"), [("all", True), ("downstream", False), ("test", False)])
def test_the_cases_that_choose_a_state_are_as_those_of_the_pretraining(divided, stage, hard):
    X = np.array([[0, 0, 8, 8], [2, 2, 8, 8], [1, 3, 9, 9], [3, 1, 9, 9]], dtype=float)[:, None]
    parts = divided(Data(Panel.build(X, ["a", "b", "a", "b"])), stage, validation=np.array([3]))
    assert np.isnan(parts.selection.X).any() == np.isnan(parts.pretrain.X).any() == hard
    assert np.isnan(parts.validation.X).any() == np.isnan(parts.train.X).any() == (stage != "test")
    assert parts.selection.y.tolist() == [1]


def test_the_training_lacks_what_is_its_own_and_the_test_part_what_is_its(data, divided):
    fold = np.array([2])
    alone = divided(data, "all", validation=fold)
    trainer = Corrupter(Late(0.5), "late", "late=0.5@all", "k")
    apart = divided(data, "test", Louder, 0.5, validation=fold, trainer=trainer)
    for name in ("pretrain", "train", "validation", "selection", "unlabelled"):
        np.testing.assert_array_equal(getattr(apart, name).X, getattr(alone, name).X)
    np.testing.assert_array_equal(apart.test.X[0, 0], [1, 5, 17, 17])  # twice 1 3 9 9, less 1, by 1


def test_a_training_that_lacks_something_may_meet_a_complete_test_part(data, installed):
    fold, trainer = Fold(np.array([0, 1]), None, np.array([2])), Corrupter(Late(0.5), "late", "late=0.5@all", "k")

    def prepare(panel):
        return preparation(panel, fold.train, "channel", (), installed)

    condition = Condition(training=Condition(corruption="late", level=0.5, stage="all"))
    parts = divide("key", data, Chosen(0, fold, None), prepare, condition, None, trainer)
    np.testing.assert_array_equal(np.isnan(parts.train.X[0, 0]), [False, False, True, True])
    np.testing.assert_array_equal(parts.test.X[0, 0], [0, 2, 8, 8])  # by what training has left: mean 1, deviation 1
    assert not parts.missing
