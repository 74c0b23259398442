"""The floors, on real and on awkward data."""

import subprocess
import sys

import numpy as np
import pytest
from aeon.datasets import load_arrow_head, load_basic_motions
from sklearn.metrics import euclidean_distances
from sklearn.neighbors import KNeighborsClassifier

from tsbench.data.normalise import channel_statistics
from tsbench.data.panel import Panel
from tsbench.errors import MethodError
from tsbench.methods.params import Settings
from tsbench_classic import SHORT
from tsbench_classic.floors import Majority, NearestNeighbour, Noop

SETTINGS = Settings(Majority.Params(), {})
RNG = np.random.default_rng(0)


def scores_of(cls, train, test):
    classifier = cls(SETTINGS)
    classifier.fit(train, None, RNG)
    return classifier.predict_scores(test.without_labels())


def load(loader, n_train):
    panel = Panel.build(*loader())
    panel = channel_statistics(panel, np.arange(n_train)).apply(panel)
    return panel.select(np.arange(n_train)), panel.select(np.arange(n_train, len(panel)))


@pytest.mark.parametrize(("loader", "n_train"), [(load_arrow_head, 36), (load_basic_motions, 40)])
def test_nearest_neighbour_equals_scikit_learn(loader, n_train):
    train, test = load(loader, n_train)
    scores = scores_of(NearestNeighbour, train, test)
    oracle = KNeighborsClassifier(1).fit(train.X.reshape(len(train), -1), train.y)
    assert (scores.argmax(axis=1) == oracle.predict(test.X.reshape(len(test), -1))).all()
    distances = euclidean_distances(test.X.reshape(len(test), -1), train.X.reshape(len(train), -1))
    nearest = np.stack([distances[:, train.y == k].min(axis=1) for k in range(len(train.classes))], axis=1)
    others = np.stack([np.delete(nearest, k, axis=1).min(axis=1) for k in range(nearest.shape[1])], axis=1)
    np.testing.assert_allclose(scores, others - nearest, rtol=1e-4, atol=1e-4)


def test_arrow_head_as_published():
    train, test = load(load_arrow_head, 36)
    accuracy = (scores_of(NearestNeighbour, train, test).argmax(axis=1) == test.y).mean()
    assert accuracy == pytest.approx(0.800, abs=0.0005)  # the archive's 1-NN Euclidean baseline


def test_missing_values_and_padding_count_as_zero():
    X = np.array([[[0.0, 0.0, 0.0]], [[3.0, 3.0, 3.0]], [[np.nan, 1.0, np.nan]]])
    panel = Panel.build(X, ["a", "b", "a"], lengths=[3, 3, 2])
    scores = scores_of(NearestNeighbour, panel.select([0, 1]), panel.select([2]))
    np.testing.assert_allclose(scores, [[np.sqrt(22) - 1, 1 - np.sqrt(22)]])


def test_a_large_common_offset_does_not_hide_the_nearest():
    X = 1e6 + np.array([[[0.0, 0.0]], [[4.0, 4.0]], [[3.0, 3.0]]])
    panel = Panel.build(X, ["a", "b", "b"])
    ahead = np.sqrt(18) - np.sqrt(2)
    np.testing.assert_allclose(
        scores_of(NearestNeighbour, panel.select([0, 1]), panel.select([2])), [[-ahead, ahead]], rtol=1e-6
    )


def test_series_of_another_width_are_refused():
    train, test = Panel.build(np.ones((2, 1, 5)), ["a", "b"]), Panel.build(np.ones((1, 1, 6)))
    with pytest.raises(MethodError, match="fitted on 5 values per case and given 6"):
        scores_of(NearestNeighbour, train, test)


def test_majority_scores_are_training_frequencies_over_all_classes():
    panel = Panel.build(np.zeros((6, 1, 2)), ["a", "b", "b", "b", "c", "c"])
    scores = scores_of(Majority, panel.select([0, 1, 2, 3]), panel.select([4, 5]))
    assert scores.tolist() == [[0.25, 0.75, 0.0]] * 2


def test_noop_is_constant():
    panel = Panel.build(np.zeros((4, 1, 2)), ["a", "b", "c", "c"])
    assert scores_of(Noop, panel, panel).tolist() == [[0.0, 0.0, 0.0]] * 4


@pytest.mark.parametrize("cls", [Majority, NearestNeighbour, Noop])
def test_scores_are_float64_for_every_class_and_one_class_is_no_error(cls):
    panel = Panel.build(np.arange(8.0).reshape(4, 1, 2), ["a", "b", "c", "b"])
    scores = scores_of(cls, panel.select([1, 3]), panel)
    assert scores.shape == (4, 3)
    assert scores.dtype == np.float64
    if cls is not Noop:
        assert (scores.argmax(axis=1) == 1).all()  # only "b" was seen


@pytest.mark.parametrize("cls", [Majority, NearestNeighbour])
def test_a_panel_without_labels_is_refused(cls):
    with pytest.raises(MethodError, match="needs class labels"):
        cls(SETTINGS).fit(Panel.build(np.ones((2, 1, 3))), None, RNG)


def test_registration_imports_nothing_heavy():
    code = (
        "import sys, tsbench_classic, tsbench_probes\n"
        "found = []\n"
        "tsbench_classic.tsbench_methods(lambda name, target, **rest: found.append(name))\n"
        "print(*found, sorted({'torch', 'numpy', 'sklearn'} & set(sys.modules)))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    *names, heavy = output.split()
    assert heavy == "[]"
    floors = {"majority", "1nn-ed", "noop", "minirocket-features", "hist-gradient-boosting", "mask-only"}
    floors |= {"mean-fill", "last-fill", "linear-fill"}
    assert set(names) == {*floors, "aeon:", "sktime:", *SHORT}
