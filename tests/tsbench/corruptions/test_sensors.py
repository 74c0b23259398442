from dataclasses import replace

import numpy as np
import pytest

from tsbench.corruptions.base import Corrupter
from tsbench.corruptions.sensors import Sensors, sensors_out
from tsbench.data.panel import Panel
from tsbench.errors import UsageError


@pytest.fixture
def ward():
    """60 cases of five sensors: sensor 3 tells the class by its level, 1 by its spread, the others nothing."""
    rng, y = np.random.default_rng(0), np.arange(60) % 2
    X = rng.normal(size=(60, 5, 20))
    X[:, 3] += 5 * y[:, None]
    X[:, 1] *= 1 + y[:, None]
    return Panel.build(X, y)


def fitted(cls, level, train):
    corrupter = Corrupter(cls(level), "sensors", f"sensors={level:g}@test", "k")
    corrupter.fit(train)
    return corrupter


def out(panel):
    """Return for each case the sensors that have no value."""
    return [tuple(np.flatnonzero(row)) for row in np.isnan(panel.X).all(axis=2)]


@pytest.mark.parametrize(
    ("n_sensors", "counts"), [(17, (2, 3, 5, 7, 8)), (36, (4, 7, 11, 14, 18)), (34, (3, 7, 10, 14, 17))]
)
def test_the_share_is_rounded_as_by_raindrop(n_sensors, counts):
    assert tuple(sensors_out(r, n_sensors) for r in (0.1, 0.2, 0.3, 0.4, 0.5)) == counts


def test_the_most_informative_go_first_and_the_same_of_all_cases(ward):
    assert set(out(fitted(Sensors, 0.2, ward).apply(ward))) == {(3,)}
    assert set(out(fitted(Sensors, 0.4, ward).apply(ward))) == {(1, 3)}


def test_the_order_is_of_the_training_cases_alone(ward):
    other = replace(ward, y=1 - ward.y)
    np.testing.assert_array_equal(fitted(Sensors, 0.4, ward).apply(ward).X, fitted(Sensors, 0.4, ward).apply(other).X)
    swapped = replace(ward, X=ward.X[:, [3, 1, 2, 0, 4]])
    assert set(out(fitted(Sensors, 0.2, swapped).apply(ward))) == {(0,)}


@pytest.mark.parametrize("task", ["regression", "multilabel"])
def test_the_order_is_known_of_every_task(ward, task):
    y = ward.y.astype(float) if task == "regression" else np.stack([ward.y, 0 * ward.y], axis=1).astype(np.uint8)
    panel = replace(ward, y=y, task=task, classes=() if task == "regression" else ("a", "b"))
    assert set(out(fitted(Sensors, 0.2, panel).apply(panel))) == {(3,)}


def test_random_ones_differ_by_case_and_a_lower_share_is_within_a_higher(ward, corrupted):
    low, high = (out(corrupted(ward, "sensors-random", level)) for level in (0.4, 0.8))
    assert {len(sensors) for sensors in low} == {2} and {len(sensors) for sensors in high} == {4}
    assert len(set(low)) > 5 and all(set(a) < set(b) for a, b in zip(low, high, strict=True))


@pytest.mark.parametrize("name", ["sensors", "sensors-random"])
def test_a_case_keeps_its_only_sensor(installed, ward, name):
    X = np.full((60, 5, 20), np.nan)
    X[np.arange(60), np.arange(60) % 5] = 1.0
    sparse = replace(ward, X=np.float32(X))
    corrupter = fitted(installed["corruptions"].get(name), 0.8, ward)
    np.testing.assert_array_equal(corrupter.apply(sparse).X, sparse.X)


def test_of_several_that_would_all_go_the_last_in_the_order_stays(ward):
    X = ward.X.copy()
    X[:, [0, 2, 4]] = np.nan
    kept = fitted(Sensors, 0.4, ward).apply(replace(ward, X=X))
    assert set(out(kept)) == {(0, 2, 3, 4)}


@pytest.mark.parametrize(
    ("level", "n_channels", "message"),
    [(0.3, 1, "none of its 1 sensor$"), (0.1, 4, "none of its 4 sensors"), (0.9, 4, "all of its 4 sensors")],
)
def test_no_sensor_and_all_of_them_are_refused(level, n_channels, message):
    train = Panel.build(np.ones((4, n_channels, 3)), [0, 1, 0, 1])
    with pytest.raises(UsageError, match=f"^corruption sensors={level:g}@test: a share of {level:g} is {message}"):
        fitted(Sensors, level, train)


def test_nothing_goes_at_level_0(ward):
    np.testing.assert_array_equal(fitted(Sensors, 0.0, ward).apply(ward).X, ward.X)
