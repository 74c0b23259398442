"""What a classifier can tell, and cannot, of windows that were filled in."""

from dataclasses import replace

import numpy as np
import pytest

from tsbench.data.panel import Panel
from tsbench.errors import InvalidDataError, UsageError
from tsbench.measure.imputation import Windows
from tsbench.reading.realism import discriminative_score, realism, window_statistics


def noise(n=60, level=0.0, seed=0):
    return Panel.build(level + np.random.default_rng(seed).normal(size=(n, 1, 40)))


def test_windows_that_are_the_same_are_chance_exactly():
    found = discriminative_score(noise(), noise())
    assert found == (0.5, 0.5, 0.5, 60)


def test_windows_of_the_same_kind_are_near_chance():
    found = discriminative_score(noise(200), noise(200, seed=1))
    assert 0.4 < found.accuracy < 0.6 and found.low < 0.5 < found.high


def test_a_channel_that_few_cases_have_is_no_obstacle():
    X = np.concatenate([noise(30).X, np.full((30, 1, 40), np.nan, np.float32)], axis=1)
    X[3, 1, :4] = 1
    assert discriminative_score(Panel.build(X), Panel.build(X)).accuracy == 0.5


@pytest.mark.parametrize("change", [lambda X: np.where(np.arange(40) % 2, 0, X), lambda X: X + 5])
def test_what_is_plain_is_told(change):
    true = noise()
    found = discriminative_score(true, replace(true, X=change(true.X).astype(np.float32)))
    assert found.accuracy > 0.95 and found.high <= 1


def test_that_values_come_normalised_does_not_tell():
    X = noise(200).X.astype(np.float64)
    X = (X - X.mean(axis=2, keepdims=True)) / X.std(axis=2, keepdims=True)
    other = noise(200, seed=1).X
    found = discriminative_score(Panel.build(X), Panel.build(other))
    assert found.accuracy < 0.6


def test_the_statistics_by_hand():
    panel = Panel.build(np.array([[[1.0, np.nan, 3.0, 7.0], [np.nan] * 4]]))
    expected = [11 / 3, np.std([1, 3, 7]), 1, 7, 7, 0.75, 3, 2]  # differences 2 and 4
    found = window_statistics(panel)[0]
    np.testing.assert_allclose(found[:8], expected)
    assert found[13] == 0 and np.isnan(np.delete(found[8:], 5)).all()


def test_few_cases_and_other_runs_are_refused():
    with pytest.raises(InvalidDataError, match="29 cases have values filled in"):
        discriminative_score(noise(29), noise(29))
    run = {"key": "abc", "label": "m", "dataset": "d", "protocol": "knn", "fold": 0, "seed": 0}
    run |= {"status": "succeeded", "task": "classification"}
    with pytest.raises(UsageError, match=r"run abc \(m on d\) fills nothing in: take one of protocol impute"):
        realism([run], lambda run: None)
    with pytest.raises(InvalidDataError, match=r"run abc \(m on d\): 3 cases"):
        realism([{**run, "task": "imputation"}], lambda run: Windows(noise(3), noise(3), 0.3))
    frame = realism([{**run, "task": "imputation"}], lambda run: Windows(noise(), noise(), 0.3))
    assert frame.loc[0, ["cases", "hidden", "accuracy"]].tolist() == [60, 0.3, 0.5]
