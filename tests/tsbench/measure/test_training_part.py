import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tsbench.tune.conftest import plugins  # noqa: F401
from tsbench.data.panel import Panel
from tsbench.errors import InvalidDataError
from tsbench.measure.training_part import LARGE, inner_folds, on_its_own, training_part
from tsbench.plan.datasets import open_dataset
from tsbench.plan.plan import make_plan
from tsbench.plan.request import Request
from tsbench.registry import load_registry


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 90), min_size=2, max_size=6), st.integers(0, 5))
def test_folds_keep_every_class_in_training_and_validate_on_no_single_case(counts, seed):
    y = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    if sum(count > 1 for count in counts) < 2:
        with pytest.raises(InvalidDataError, match="too small to be split"):
            inner_folds(y, seed)
        return
    folds = inner_folds(y, seed)
    assert len(folds) == (3 if len(y) < LARGE else 1)
    validated = np.concatenate([fold.test for fold in folds])
    for fold in folds:
        assert sorted([*fold.train, *fold.test]) == list(range(len(y)))
        assert set(y[fold.train]) == set(y)
        assert len(fold.test) > 0
    assert len(set(validated)) == len(validated)
    single = [label for label, count in enumerate(counts) if count == 1]
    assert not np.isin(y[validated], single).any()
    if len(folds) == 3:
        assert len(validated) == len(y) - len(single)
    for label, count in enumerate(counts):
        share = (y[folds[0].test] == label).sum()
        assert abs(share - (count > 1) * count / (3 if len(folds) == 3 else 4)) <= 1


def test_the_split_depends_on_the_seed_alone():
    y = np.arange(60) % 3
    one, again, other = (inner_folds(y, seed)[0].test.tolist() for seed in (0, 0, 1))
    assert one == again != other


def test_groups_stay_together():
    y, groups = np.arange(60) % 2, np.arange(60) // 6
    for fold in inner_folds(y, 0, groups):
        assert not set(groups[fold.train]) & set(groups[fold.test])
    with pytest.raises(InvalidDataError, match="2 groups, too few for 3 folds"):
        inner_folds(y, 0, np.arange(60) // 30)


def plan(plugins, dataset, protocol="knn"):  # noqa: F811
    return make_plan(Request(["threshold"], [dataset], [protocol]), plugins, load_registry()).specs


def test_the_training_part_holds_the_training_cases_alone(plugins):  # noqa: F811
    (spec,) = plan(plugins, "toy")
    whole = plugins["datasets"].get("toy")().load().panel
    inner = training_part(spec, open_dataset(spec.reference, plugins, ""))
    np.testing.assert_array_equal(inner.data.panel.X, whole.X[:24])
    assert inner.fingerprint == inner.data.panel.fingerprint() != spec.fingerprint


def test_nothing_is_left_of_the_longer_cases_and_other_classes_of_the_test_part(plugins, monkeypatch):  # noqa: F811
    (spec,) = plan(plugins, "toy")
    honest = training_part(spec, open_dataset(spec.reference, plugins, ""))
    monkeypatch.setenv("TOY_TEST", "garbage")
    (spec,) = plan(plugins, "toy")
    other = training_part(spec, open_dataset(spec.reference, plugins, ""))
    assert other.fingerprint == honest.fingerprint
    assert other.data.panel.classes == honest.data.panel.classes == ("0", "1")
    for name in ("X", "y", "lengths"):
        np.testing.assert_array_equal(getattr(other.data.panel, name), getattr(honest.data.panel, name))


def test_times_and_unlabelled_cases_are_cut_to_their_own_longest():
    lengths = np.asarray([2, 3, 5])
    times = np.tile(np.arange(5.0), (3, 1))
    panel = Panel.build(np.ones((3, 1, 5)), lengths=lengths, times=times)
    cut = on_its_own(panel.select([0, 1]))
    assert cut.X.shape == (2, 1, 3) and cut.X.flags.c_contiguous
    np.testing.assert_array_equal(cut.times, times[:2, :3])
    assert on_its_own(cut).X is cut.X


def test_of_a_cross_validated_protocol_each_fold_has_its_own_training_part(plugins):  # noqa: F811
    specs = plan(plugins, "toy", "svm-rbf-cv5")
    parts = [training_part(spec, open_dataset(spec.reference, plugins, "")) for spec in specs]
    assert len({part.fingerprint for part in parts}) == len(specs) == 5
    assert all(part.protocol.split.scheme == "archive" for part in parts)


def test_a_training_part_too_small_is_refused_by_name(plugins):  # noqa: F811
    (spec,) = plan(plugins, "tiny")
    with pytest.raises(InvalidDataError, match=r"tiny: its training part \(3 cases\) is too small"):
        training_part(spec, open_dataset(spec.reference, plugins, ""))


def test_a_training_part_without_any_label_is_refused_by_name(tmp_path, installed, registry):
    path = tmp_path / "silent.csv"
    path.write_text("label_a,label_b,x,y\n" + "".join(f"0,0,{case},1\n" for case in range(30)))
    plan = make_plan(Request(["majority"], [str(path)]), installed, registry)
    said = "silent: the whole dataset (30 cases) has no label that differs between its cases: nothing to learn"
    assert not plan.specs and plan.invalid == {"silent": said}
