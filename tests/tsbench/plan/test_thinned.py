"""DATASET+samples=0.8: irregular series from regular ones."""

import numpy as np
import pytest

from tsbench.errors import InvalidDataError, UsageError
from tsbench.plan.datasets import open_dataset
from tsbench.plan.plan import expand_datasets, make_plan
from tsbench.plan.request import Request
from tsbench.plan.summaries import summarise


def opened(installed, name):
    return open_dataset(name, installed, "knn")


def test_what_is_left_was_there_and_is_the_same_each_time(installed):
    whole, handle = opened(installed, "BasicMotions").load(), opened(installed, "BasicMotions+samples=0.8")
    first, again = handle.load(), handle.load()
    assert handle.name == handle.reference == "BasicMotions+samples=0.8"
    assert first.fingerprint() == again.fingerprint() != whole.fingerprint()
    seen = ~np.isnan(first.panel.X)
    assert (seen.sum(axis=(1, 2)) == 120).all()  # a fifth of 6 x 100
    case, channel, step = np.nonzero(seen)
    when = first.panel.times[case, step].astype(int)
    np.testing.assert_array_equal(first.panel.X[seen], whole.panel.X[case, channel, when])
    assert (np.diff(first.panel.times[0, : first.panel.lengths[0]]) > 1).any()
    np.testing.assert_array_equal(first.folds["archive"][0].test, whole.folds["archive"][0].test)


def test_card_and_summary_are_of_what_is_left(installed):
    handle = opened(installed, "BasicMotions+samples=0.8")
    assert "made irregular by samples=0.8" in handle.card.summary and not handle.card.checksum
    assert handle.card.facts == {"share of the observed values that are left out": 0.8}
    summary = summarise(handle)
    assert summary.padded and "times" in summary.beside


def test_a_higher_level_leaves_less_of_the_same(installed):
    more, less = (opened(installed, f"UnitTest+samples={level}").load().panel for level in (0.6, 0.9))
    for case in range(len(more)):
        assert set(less.X[case, 0, : less.lengths[case]]) <= set(more.X[case, 0, : more.lengths[case]])


def test_steps_follow_each_other_and_collections_have_them(installed, registry):
    panel = opened(installed, "UnitTest+moving-average=3+samples-time=0.5").load().panel
    assert (panel.lengths == 12).all()
    names = [handle.name for handle in expand_datasets(["irregular"], installed, registry)]
    assert "BasicMotions+samples=0.95" in names and len(names) == 9
    assert expand_datasets(["bundled+samples=0.9"], installed, registry)[0].name.endswith("+samples=0.9")


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("noise=10", "changes values and hides none|draws for all cases at once"),
        ("dropout=0.5", "draws for all cases at once: write it after the protocol"),
        ("mnar=0.4", "corruption mnar=0.4 reads labels"),
        ("sensors=0.5", "learns from the training cases"),
        ("samples", "write a level after it"),
        ("samples=a", "write a level after it"),
        ("samples=1", r"level 1 is not in \[0, 1\)"),
        ("nothing=1", "unknown transform 'nothing'"),
    ],
)
def test_what_cannot_be_done_before_a_split_is_refused(installed, step, said):
    with pytest.raises(UsageError, match=rf"--dataset UnitTest\+{step}.*({said})"):
        opened(installed, f"UnitTest+{step}")


def test_what_makes_no_sense_of_the_data_is_refused_by_its_name(installed, registry):
    with pytest.raises(InvalidDataError, match=r"UnitTest\+sensors-random=0.5: corruption sensors-random=0.5: a share"):
        opened(installed, "UnitTest+sensors-random=0.5").load()
    plan = make_plan(Request(["majority"], ["UnitTest+sensors-random=0.5"], ["knn"]), installed, registry)
    assert not plan.specs and plan.invalid
