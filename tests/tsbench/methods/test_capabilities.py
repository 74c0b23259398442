"""What a class can do follows from what it defines."""

import pytest
import torch
from torch import nn

from tsbench import Classifier, SSLMethod
from tsbench.discovery.catalog import Entry
from tsbench.errors import UsageError
from tsbench.methods.capabilities import capabilities, check_able, fits_itself, registered_for, trains
from tsbench.testing import noise


class Features(SSLMethod):
    pass


class Both(SSLMethod):
    supervised = True

    def decide(self, batch):
        return batch.x.mean(2)


class Decides(Both):
    represent = None


class Blind(SSLMethod):
    def decide(self, batch):
        return batch.x.mean(2)


class Fills(Blind):
    represent = None

    def reconstruct(self, batch):
        return batch.x


class Rule(Classifier):
    def predict_scores(self, panel):
        return panel.X[:, :, 0]

    def represent(self, panel):  # names that a classifier may use as it likes
        return panel

    def training_step(self, step):
        return step


class Chooser(Features):
    def predict_scores(self, panel):  # and this one a method that is trained
        return panel


@pytest.mark.parametrize(
    ("cls", "can", "itself"),
    [
        (Features, ("represent",), False),
        (Both, ("represent", "decide"), False),
        (Decides, ("decide",), False),
        (Blind, ("represent",), False),
        (Fills, ("reconstruct",), False),
        (Rule, ("decide",), True),
        (Chooser, ("represent",), False),
        (dict, (), False),
        (7, (), False),
    ],
)
def test_what_a_class_can_do(cls, can, itself):
    assert capabilities(cls) == can
    assert fits_itself(cls) == itself


def test_what_trains_has_a_twin():
    assert trains(Both)
    assert not trains(Rule)
    assert not trains(type("Frozen", (Features,), {"trains": False}))


@pytest.mark.parametrize(
    ("cls", "what", "said"),
    [
        (Rule, "represent", "x gives no features, only decisions"),
        (Decides, "represent", "x gives no features, only decisions"),
        (Features, "decide", "x has no decision rule of its own: take a protocol with a probe"),
        (Blind, "decide", "declare supervised = True"),
        (Fills, "decide", "x fills in missing values and nothing else: take a protocol such as impute"),
        (Fills, "represent", "x fills in missing values and nothing else"),
    ],
)
def test_what_it_cannot_do_is_said_in_one_line(cls, what, said):
    with pytest.raises(UsageError, match=said):
        check_able("x", cls, what)
    check_able("x", Both, what)


def test_tags_say_it_for_what_is_not_imported():
    assert registered_for(Entry("x", "none:X", "p", tags=("decide", "fast"))) == ("decide",)
    assert registered_for(Entry("x", "none:X", "p")) == ()
    assert registered_for(Entry("x", Both, "p")) == ("represent", "decide")


def test_modules_may_have_the_names_of_what_is_optional():
    """A name that the base class had would hide a module that a plugin keeps under it."""

    class Named(Features):
        def build(self, shapes):
            self.decide, self.tasks = nn.Linear(1, 1), nn.ModuleList()

        def training_step(self, step):
            return torch.zeros(())

    method = Named.create()
    method.build([noise(2).shape])
    assert isinstance(method.decide, nn.Linear) and isinstance(method.tasks, nn.ModuleList)
