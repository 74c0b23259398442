from dataclasses import replace

import numpy as np
import pytest

from tsbench.corruptions.base import Corrupter
from tsbench.corruptions.mnar import MnarLabel, MnarSeverity
from tsbench.data.panel import Panel
from tsbench.errors import UsageError


@pytest.fixture
def ward():
    """300 cases of 3 sensors and 40 points, of four classes; a case's distance from the mean grows with its number."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3, 40)) * np.linspace(0.2, 3, 300)[:, None, None]
    X[rng.random(X.shape) < 0.3] = np.nan
    return Panel.build(X, rng.permutation(300) % 4)


def lost(cls, level, train, panel=None, strength=""):
    """Return the share of its observed values that each case loses."""
    panel = train if panel is None else panel
    made = cls(level).with_strength(strength) if strength else cls(level)
    corrupter = Corrupter(made, "mnar", f"mnar={level:g}@test", "k")
    corrupter.fit(train)
    before, after = ((~np.isnan(X)).sum(axis=(1, 2)) for X in (panel.X, corrupter.apply(panel).X))
    return (before - after) / before, before


@pytest.mark.parametrize("cls", [MnarLabel, MnarSeverity])
@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_the_level_is_what_the_training_cases_lose_in_all(ward, cls, level):
    shares, observed = lost(cls, level, ward)
    assert np.average(shares, weights=observed) == pytest.approx(level, abs=0.003)


@pytest.mark.parametrize(("strength", "odds_of"), [("", 2), ("3", 3), ("-3", -3), ("0", 0)])
def test_later_classes_lose_more_by_the_odds_that_are_stated(ward, strength, odds_of):
    shares, observed = lost(MnarLabel, 0.5, ward, strength=strength)
    assert np.average(shares, weights=observed) == pytest.approx(0.5, abs=0.003)
    means = np.array([shares[ward.y == label].mean() for label in range(4)])
    odds = np.log(means / (1 - means))
    np.testing.assert_allclose(np.diff(odds), odds_of * 2 / 3, atol=0.05)


def test_the_labels_that_count_are_those_of_the_panel(ward):
    shares, _ = lost(MnarLabel, 0.5, ward, replace(ward, y=3 - ward.y))
    assert shares[ward.y == 0].mean() > shares[ward.y == 3].mean() + 0.5


def test_severity_is_the_distance_from_the_mean_and_no_label(ward):
    shares, _ = lost(MnarSeverity, 0.5, ward)
    assert np.corrcoef(shares, np.arange(300))[0, 1] > 0.95
    again, _ = lost(MnarSeverity, 0.5, replace(ward, y=3 - ward.y))
    np.testing.assert_array_equal(shares, again)


def test_a_strength_below_zero_takes_most_from_the_least_grave(ward):
    shares, _ = lost(MnarSeverity, 0.5, ward, strength="-2")
    assert np.corrcoef(shares, np.arange(300))[0, 1] < -0.95


@pytest.mark.parametrize(
    ("protocol", "message"),
    [
        ("knn+mnar:x=0.5", "'x' after its name is not in .-20, 20."),
        ("knn+mnar:=0.5", "'' after its name is not in"),
        ("knn+mnar:99=0.5", "'99' after its name is not in"),
        ("knn+mnar:nan=0.5", "'nan' after its name is not in"),
        ("knn+mnar:2.0=0.5", "'2' after its name is what it has without: leave it out"),
        ("knn+samples:2=0.5", "it takes no number after its name"),
        ("knn+mnra:2=0.5", "unknown corruption 'mnra'; did you mean 'mnar'"),
    ],
)
def test_a_strength_that_there_is_not(registry, installed, protocol, message):
    with pytest.raises(UsageError, match=message):
        registry.protocol(protocol, installed)


def test_a_strength_is_part_of_the_protocol(registry, installed):
    names = ["knn+mnar=0.5", "knn+mnar:4=0.5", "knn+mnar:4.0=0.5", "knn+mnar:-2=0.5"]
    found = [registry.protocol(name, installed) for name in names]
    assert [one.name for one in found] == [f"{name}@test" for name in (names[0], names[1], names[1], names[3])]
    assert found[1].hash() == found[2].hash() and len({one.hash() for one in found}) == 3
    assert found[1].condition.uses_labels and found[1].condition.label == "mnar:4=0.5@test, reads labels"


def test_cases_without_labels_are_in_the_middle(ward):
    shares, _ = lost(MnarLabel, 0.5, ward, ward.without_labels())
    assert shares.std() < 0.01


@pytest.mark.parametrize("cls", [MnarLabel, MnarSeverity])
def test_a_higher_level_takes_what_a_lower_one_takes_and_no_level_takes_nothing(ward, cls):
    missing = []
    for level in (0.0, 0.2, 0.6):
        corrupter = Corrupter(cls(level), "mnar", "mnar", "k")
        corrupter.fit(ward)
        missing.append(np.isnan(corrupter.apply(ward).X))
    np.testing.assert_array_equal(missing[0], np.isnan(ward.X))
    assert (missing[1] <= missing[2]).all()


@pytest.mark.parametrize("task", ["regression", "multilabel"])
def test_labels_that_are_no_class_are_refused(ward, task):
    y = ward.y.astype(float) if task == "regression" else np.stack([ward.y % 2] * 2, axis=1).astype(np.uint8)
    panel = replace(ward, y=y, task=task, classes=() if task == "regression" else ("a", "b"))
    with pytest.raises(UsageError, match=f"^corruption mnar=0.5@test: it goes by one class per case, .* {task}"):
        lost(MnarLabel, 0.5, panel)
    lost(MnarSeverity, 0.5, panel)


def test_a_channel_that_no_training_case_has_says_nothing_of_severity(ward):
    shares, _ = lost(MnarSeverity, 0.5, ward)
    X = np.concatenate([ward.X, np.full_like(ward.X[:, :1], np.nan)], axis=1)
    again, _ = lost(MnarSeverity, 0.5, Panel.build(X, ward.y))
    assert np.corrcoef(shares, again)[0, 1] > 0.95
