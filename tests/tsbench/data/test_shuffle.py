"""Shuffled series: one order for all cases, each in its own steps, and nothing else of the data changed."""

from dataclasses import replace

import numpy as np
import pytest

from tsbench.data import stream
from tsbench.data.dataset import Data, Fold
from tsbench.data.panel import Panel
from tsbench.data.shuffle import shuffled


def panel(lengths, n_channels=2, width=None):
    """Return cases whose values say channel and time point: 100 c + t."""
    width = width or max(lengths)
    X = np.arange(width)[None, None] + 100.0 * np.arange(n_channels)[None, :, None] + np.zeros((len(lengths), 1, 1))
    X[np.broadcast_to(np.arange(width) >= np.array(lengths)[:, None, None], X.shape)] = np.nan
    return Panel.build(X, np.arange(len(lengths)) % 2, lengths=lengths)


def test_all_cases_and_channels_have_one_order():
    data = Data(panel([50] * 4), {"archive": [Fold(np.array([0, 1]), None, np.array([2, 3]))]})
    X = shuffled(data).panel.X
    order = X[0, 0].astype(int)
    assert sorted(order) == list(range(50)) and (order != np.arange(50)).sum() > 40
    for x in X:
        np.testing.assert_array_equal(x, [order, 100 + order])
    np.testing.assert_array_equal(shuffled(data).panel.X, X)
    assert not (shuffled(Data(panel([49]))).panel.X[0, 0] == order[order < 49]).all()  # another length, another order
    np.testing.assert_array_equal(data.panel.X, panel([50] * 4).X)  # what is shuffled is a copy


def test_a_shorter_case_has_its_own_steps_in_that_order_whatever_the_width_of_the_array():
    for width in (30, 60):
        X = shuffled(Data(panel([30, 12, 1, 12], width=width))).panel.X
        order = X[0, 0, :30].astype(int)
        for x, length in zip(X, (30, 12, 1, 12), strict=True):
            np.testing.assert_array_equal(x[0, :length], order[order < length])
            assert np.isnan(x[:, length:]).all()


def test_unlabelled_cases_have_the_same_order():
    data = Data(panel([20, 8]), unlabelled=panel([35, 8]).without_labels())
    found = shuffled(data)
    order = found.unlabelled.X[0, 0].astype(int)
    np.testing.assert_array_equal(found.panel.X[0, 0], order[order < 20])
    np.testing.assert_array_equal(found.panel.X[1, 0, :8], found.unlabelled.X[1, 0, :8])


def test_times_stay_and_missing_values_move():
    given = panel([40, 40])
    X = given.X.copy()
    X[1, :, 7] = np.nan
    given = replace(given, X=X, times=np.cumsum(np.ones((2, 40)) * np.arange(1, 41), axis=1))
    found = shuffled(Data(given)).panel
    np.testing.assert_array_equal(found.times, given.times)
    order = found.X[0, 0].astype(int)
    np.testing.assert_array_equal(np.isnan(found.X[1, 0]), order == 7)
    assert found.y is given.y and found.lengths is given.lengths


@pytest.mark.parametrize("lengths", [[32] * 9, [32, 5, 17] * 3])
def test_streamed_cases_are_shuffled_alike(tmp_path, monkeypatch, lengths):
    monkeypatch.setattr(stream, "BLOCK_BYTES", 600)
    held = panel(lengths)
    np.save(tmp_path / "X.npy", held.X)
    streamed = replace(held, X=np.load(tmp_path / "X.npy", mmap_mode="r"))
    found = shuffled(Data(streamed)).panel
    assert isinstance(found.X, stream.Streamed)
    np.testing.assert_array_equal(found.X[:], shuffled(Data(held)).panel.X)
