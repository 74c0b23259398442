"""Rotated folds: proportions, disjointness, groups, fall-back and refusals."""

import itertools

import numpy as np
import pytest
from aeon.benchmarking.resampling import stratified_resample_data, stratified_resample_data_indices
from hypothesis import given, settings
from hypothesis import strategies as st

from tsbench.data.dataset import Data, Fold
from tsbench.data.panel import Panel
from tsbench.data.splits import (
    counts_for,
    label_subset,
    resampled_folds,
    rotated_folds,
    same_split,
    split_text,
    unlabelled_index,
)
from tsbench.data.splits import test_text as text_of_test
from tsbench.errors import InvalidDataError, TsbenchWarning, UsageError


def check(folds, n):
    """Every case is tested once and validated once, and each fold covers all cases without overlap."""
    for name in ("test", "validation"):
        assert sorted(np.concatenate([getattr(fold, name) for fold in folds])) == list(range(n))
    for fold in folds:
        assert sorted(np.concatenate(fold)) == list(range(n))
        assert all(part.dtype == np.int64 for part in fold)


@settings(deadline=None)
@given(st.integers(3, 6), st.lists(st.integers(6, 20), min_size=1, max_size=4), st.integers(0, 1000))
def test_stratified_rotation(n_folds, counts, seed):
    y = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    folds = rotated_folds(y, n_folds, seed)
    assert len(folds) == n_folds
    check(folds, len(y))
    for i, fold in enumerate(folds):
        assert (folds[(i + 1) % n_folds].test == fold.validation).all()
        for part in (fold.test, fold.validation):
            inside = np.bincount(y[part], minlength=len(counts))
            assert (np.abs(inside - np.array(counts) / n_folds) < 1).all()


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=2, max_size=12), st.integers(0, 1000))
def test_resamples_are_aeons(counts, seed):
    rng = np.random.default_rng(seed)
    train, test = (rng.permutation(np.repeat(np.arange(len(counts)), part)) for part in zip(*counts, strict=True))
    names = tuple(str(number) for number in range(-1, len(counts) - 1))  # of which 10 comes before 2 as text
    fold = Fold(np.arange(len(train)), None, len(train) + np.arange(len(test)))
    folds = resampled_folds(np.r_[train, test], fold, 30, names)
    assert len(folds) == 30 and folds[0] is fold
    for number, (ours, validation, tested) in enumerate(folds[1:], start=1):
        theirs = stratified_resample_data_indices(np.array(names)[train], np.array(names)[test], number)
        assert validation is None and ours.dtype == tested.dtype == np.int64
        np.testing.assert_array_equal(ours, theirs[0])
        np.testing.assert_array_equal(tested, theirs[1])


@pytest.mark.parametrize("name", ["GunPoint", "ArrowHead", "BasicMotions", "PickupGestureWiimoteZ"])
def test_resamples_of_an_archive_set_hold_the_cases_of_aeons(name, installed):
    from aeon.datasets import load_classification

    from tsbench.plan.datasets import open_dataset

    data = open_dataset(name, installed, "").load()
    (x_train, y_train), (x_test, y_test) = (load_classification(name, split) for split in ("train", "test"))
    folds = resampled_folds(data.panel.y, data.folds["archive"][0], 3, data.panel.classes)
    for number, fold in enumerate(folds):
        theirs = x_train, y_train, x_test, y_test
        theirs = stratified_resample_data(*theirs, random_state=number) if number else theirs
        for part, (series, labels) in ((fold.train, theirs[:2]), (fold.test, theirs[2:])):
            ours = data.panel.select(part)
            assert [ours.classes[label].lower() for label in ours.y] == list(labels)
            for x, length, one in zip(ours.X, ours.lengths, series, strict=True):
                np.testing.assert_array_equal(x[:, :length], np.asarray(one, np.float32)[:, :length])


def test_classes_are_shuffled_in_the_order_of_their_names_in_lower_case():
    y, fold = np.tile([0, 1, 2], 8), Fold(np.arange(12), None, np.arange(12, 24))
    folds = resampled_folds(y, fold, 3, ("Walk", "run", "Jump"))
    for number in (1, 2):
        names = np.array(["walk", "run", "jump"])[y]
        theirs = stratified_resample_data_indices(names[:12], names[12:], number)
        np.testing.assert_array_equal(folds[number].train, theirs[0])


def test_resamples_leave_out_what_the_split_leaves_out():
    fold = Fold(np.array([9, 1, 4]), None, np.array([2, 7, 3]))
    for one in resampled_folds(np.array([0, 1, 1, 0, 0, 0, 0, 0, 0, 1]), fold, 4, ("a", "b")):
        assert sorted(np.r_[one.train, one.test]) == [1, 2, 3, 4, 7, 9]
        assert len(one.train) == 3


@pytest.mark.parametrize(
    ("train", "validation", "test", "message"),
    [
        ([0, 1, 4], None, [2, 3], "its test part has no case of class 'rare' .the training part has 1.: resamples"),
        ([0, 1], None, [2, 3, 4], "its training part has no case of class 'rare' .the test part has 1."),
        ([0, 1], [4], [2, 3], "its split has a validation part"),
    ],
)
def test_what_cannot_be_resampled_is_refused(train, validation, test, message):
    parts = (None if part is None else np.array(part) for part in (train, validation, test))
    with pytest.raises(InvalidDataError, match=message):
        resampled_folds(np.array([0, 1, 0, 1, 2]), Fold(*parts), 30, ("a", "b", "rare"))


def test_five_folds_are_6_2_2():
    for fold in rotated_folds(np.repeat([0, 1], 50)):
        assert [len(part) for part in fold] == [60, 20, 20]


def test_the_seed_alone_decides():
    y = np.repeat([0, 1, 2], 20)
    first, again, other = rotated_folds(y, seed=3), rotated_folds(y, seed=3), rotated_folds(y, seed=4)
    assert all((a == b).all() for one, two in zip(first, again, strict=True) for a, b in zip(one, two, strict=True))
    assert not (first[0].test == other[0].test).all()


@settings(deadline=None)
@given(st.integers(3, 5), st.integers(5, 12), st.integers(0, 1000), st.booleans())
@pytest.mark.filterwarnings("ignore::tsbench.errors.TsbenchWarning")
def test_no_group_is_in_two_parts(n_folds, n_groups, seed, rare):
    rng = np.random.default_rng(seed)
    groups = np.array([f"s{g}" for g in rng.permutation(np.r_[np.arange(n_groups), rng.integers(0, n_groups, 60)])])
    y = rng.integers(0, 3, len(groups))
    y[0] = 3 if rare else y[0]
    folds = rotated_folds(y, n_folds, seed, groups)
    check(folds, len(y))
    for fold in folds:
        parts = [set(groups[part]) for part in fold]
        assert sum(map(len, parts)) == len(set.union(*parts))


def test_a_rare_class_is_warned_of_and_every_case_still_tested():
    y = np.r_[np.zeros(20, np.int64), np.full(3, 2)]
    with pytest.warns(TsbenchWarning, match=r"class 2 has 3 cases for 5 folds \(1 such class\).* not stratified"):
        folds = rotated_folds(y)
    check(folds, len(y))
    with pytest.warns(TsbenchWarning, match="class 'rare' has 3 cases for 5 folds"):
        rotated_folds(y, classes=("common", "none", "rare"))


@pytest.mark.parametrize(
    ("n", "n_folds", "groups", "error", "message"),
    [
        (10, 2, None, UsageError, "at least 3 folds, got 2"),
        (4, 5, None, InvalidDataError, "4 cases cannot be split into 5 folds; use fewer"),
        (20, 5, np.arange(20) % 4, InvalidDataError, "4 groups cannot be split into 5 folds; use fewer"),
        (20, 5, np.arange(19), InvalidDataError, "19 group labels for 20 cases"),
    ],
)
def test_refusals(n, n_folds, groups, error, message):
    with pytest.raises(error, match=message):
        rotated_folds(np.zeros(n, np.int64), n_folds, groups=groups)


@pytest.mark.parametrize("seed", [0, 1])
def test_label_subsets_are_nested_stratified_and_keep_every_class(seed):
    y = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [100, 40, 1]))
    subsets = [set(label_subset(y, fraction, seed)) for fraction in (0.01, 0.05, 0.1, 0.5, 0.75, 1.0)]
    for smaller, larger in itertools.pairwise(subsets):
        assert smaller <= larger
    assert subsets[-1] == set(range(141))
    assert [np.bincount(y[sorted(s)]).tolist() for s in subsets[:3]] == [[1, 1, 1], [5, 2, 1], [10, 4, 1]]
    assert subsets[2] != set(label_subset(y, 0.1, seed + 7))


@pytest.mark.parametrize("names", [np.array([4.0, 1.0]), np.array(["4.0", "+1"]), np.array([4, 1])])
def test_a_subject_is_known_by_any_spelling_of_its_number(names):
    panel = Panel.build(np.zeros((4, 1, 2)), [0, 1, 0, 1], meta={"subject": np.array(["1", "2", "3", "4"])})
    data = Data(panel, unlabelled=Panel.build(np.zeros((2, 1, 9)), meta={"subject": names}))
    fold = Fold(np.array([0]), np.array([1]), np.array([2, 3]))
    assert unlabelled_index(data, fold, "subject", own_split=False).tolist() == [1]


def test_subjects_of_which_none_is_shared_are_warned_of():
    panel = Panel.build(np.zeros((3, 1, 2)), [0, 1, 0], meta={"subject": np.array(["s1", "s2", "s3"])})
    data = Data(panel, unlabelled=Panel.build(np.zeros((2, 1, 9)), meta={"subject": np.array(["1", "2"])}))
    fold = Fold(np.array([0]), np.array([1]), np.array([2]))
    with pytest.warns(
        TsbenchWarning, match=r"no subject of the 2 unlabelled cases \('1', say\) is one of .* \('s1', say\)"
    ):
        assert unlabelled_index(data, fold, "subject", own_split=True).tolist() == [0, 1]


def test_recordings_of_a_folder_are_never_both_and_nothing_is_said_of_it():
    panel = Panel.build(np.zeros((3, 1, 2)), [0, 1, 0], meta={"record": np.array(["r1", "r2", "r3"])})
    data = Data(panel, unlabelled=Panel.build(np.zeros((2, 1, 9)), meta={"record": np.array(["r4", "r5"])}))
    fold = Fold(np.array([0]), np.array([1]), np.array([2]))
    assert unlabelled_index(data, fold, "record", own_split=False).tolist() == [0, 1]


def test_recordings_of_a_subject_that_is_held_out_are_not_pretrained_on():
    panel = Panel.build(np.zeros((4, 1, 2)), [0, 1, 0, 1], meta={"subject": np.array(["a", "b", "c", "d"])})
    recordings = Panel.build(np.zeros((5, 1, 9)), meta={"subject": np.array(["d", "a", "c", "b", "e"])})
    data, fold = Data(panel, unlabelled=recordings), Fold(np.array([0]), np.array([1]), np.array([2, 3]))
    for own_split in (True, False):
        assert unlabelled_index(data, fold, "subject", own_split).tolist() == [1, 4]
    assert unlabelled_index(data, fold, None, own_split=True).tolist() == [0, 1, 2, 3, 4]
    with pytest.warns(TsbenchWarning, match="the 5 unlabelled cases are left out of pre-training"):
        assert unlabelled_index(data, fold, None, own_split=False) is None
    assert unlabelled_index(Data(panel), fold, "subject", own_split=False) is None


def test_recordings_without_the_subjects_column_are_treated_as_if_nobody_knew():
    panel = Panel.build(np.zeros((4, 1, 2)), [0, 1, 0, 1], meta={"subject": np.array(["a", "b", "c", "d"])})
    fold = Fold(np.array([0]), None, np.array([2, 3]))
    for own, other in ((panel, Panel.build(np.zeros((5, 1, 9)))), (Panel.build(np.zeros((4, 1, 2))), panel)):
        data = Data(own, unlabelled=other.without_labels())
        assert unlabelled_index(data, fold, "subject", own_split=True).tolist() == list(range(len(other)))


def with_groups(groups, unlabelled=None):
    panel = Panel.build(np.arange(6.0).reshape(6, 1, 1), list("ababab"), meta={"who": np.array(groups)})
    extra = None if unlabelled is None else Panel.build(np.ones((2, 1, 1)), meta={"who": np.array(unlabelled)})
    return Data(panel, unlabelled=extra)


def test_the_text_of_a_split_names_what_changed():
    fold = Fold(np.array([0, 1, 2]), np.array([3]), np.array([4, 5]))

    def parts(groups="aabcdd", unlabelled=None, fold=fold, group="who"):
        text = split_text(with_groups(list(groups), unlabelled), fold, group, own_split=True)
        return dict(part.split(":") for part in text.split())

    def changed(other):
        base = parts()
        return {name for name in base if base[name] != other[name]}

    assert changed(parts()) == set()
    assert changed(parts("xxyzvv")) == set()  # other names, the same people together
    assert changed(parts("abbcdd")) == {"groups"}
    assert changed(parts("aabcde")) == set()  # who is who in the test part shapes nothing
    assert changed(parts(fold=Fold(np.array([0, 1, 3]), np.array([2]), np.array([4, 5])))) == {"train"}
    assert changed(parts(fold=Fold(np.array([0, 1, 2]), np.array([4]), np.array([3, 5])))) == {"train", "test"}
    assert changed(parts(unlabelled=["a", "d"])) == {"train"}
    assert parts(unlabelled=["a", "d"])["train"] != parts(unlabelled=["a", "e"])["train"]
    assert set(parts(group=None)) == {"test", "train"}
    assert text_of_test(np.array([4, 5], np.int32)) == f"test:{parts()['test']}"


def test_a_stored_result_counts_for_a_split_that_it_does_not_contradict():
    now = "test:1 train:2 groups:3"
    assert all(counts_for(stored, now) for stored in (now, "test:1 train:2", "test:1", "test:1 train:2 sources:9"))
    assert not any(counts_for(stored, now) for stored in ("test:0", "test:1 train:0", "test:1 groups:0", "", None))
    assert counts_for(None, "") and counts_for("test:0", "")
    assert same_split("test:1", "train:2") and same_split("", None) and not same_split("test:1", "test:2")
