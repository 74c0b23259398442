"""Values that stay in their file: the same as in memory, read by case; what is wrong with a file is one line."""

import copy
import os

import numpy as np
import pytest

from tsbench.data import stream
from tsbench.data.join import concatenate
from tsbench.data.normalise import PairwiseSum, channel_statistics
from tsbench.data.panel import Panel
from tsbench.data.stream import Streamed
from tsbench.errors import InvalidDataError, TsbenchWarning


def values(dtype=np.float32, cases=50):
    rng = np.random.default_rng(0)
    X = (10 * rng.normal(size=(cases, 3, 20)) + 3).astype(dtype)
    X[4, 1, 5] = np.nan
    X[:, 2] = 4.5
    return X


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(stream, "BLOCK_BYTES", 3000)  # 12 cases
    monkeypatch.setattr(PairwiseSum, "LARGEST", 128)


@pytest.fixture
def mapped(tmp_path):
    def save(X, name="X.npy"):
        np.save(tmp_path / name, X)
        return np.load(tmp_path / name, mmap_mode="r")

    return save


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f8"])
def test_a_mapped_panel_is_the_one_in_memory(mapped, dtype):
    X = values(dtype)
    held, streamed = Panel.build(X), Panel.build(mapped(X))
    assert isinstance(streamed.X, Streamed) and streamed.X.shape == X.shape and streamed.X.size == X.size
    assert streamed.fingerprint() == held.fingerprint()
    np.testing.assert_array_equal(streamed.X[:], held.X)
    np.testing.assert_array_equal(streamed.X[-1, 1, :7], held.X[-1, 1, :7])
    np.testing.assert_array_equal(streamed.X[[3, 40, 4]], held.X[[3, 40, 4]])
    np.testing.assert_array_equal(streamed.select([7, 3, 3]).select([1, 0]).loaded().X, held.X[[3, 7]])
    assert np.flatnonzero(~streamed.X.complete).tolist() == [4]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_statistics_and_normalised_values_have_the_same_bits(mapped, dtype):
    X, index = values(dtype), np.random.default_rng(1).permutation(50)[:37]
    held, streamed = Panel.build(X), Panel.build(mapped(X))
    one, other = channel_statistics(held, index), channel_statistics(streamed, index)
    assert one.mean.tobytes() == other.mean.tobytes() and one.std.tobytes() == other.std.tobytes()
    np.testing.assert_array_equal(other.apply(streamed).X[:], one.apply(held).X)


@pytest.mark.parametrize("n", [0, 1, 7, 128, 129, 1000, 4099])
def test_pieces_are_summed_as_numpy_sums_the_whole(n):
    x, total = np.random.default_rng(n).normal(size=n) * 1e6, PairwiseSum(n)
    for piece in np.split(x, [n // 3, n // 3, n // 2]):
        total.add(piece)
    assert total.total() == x.sum()


def test_a_channel_without_values_is_named(mapped):
    X = values()
    X[:, 1] = np.nan
    with pytest.raises(InvalidDataError, match="channel 1 has no observed value in the 50 training cases"):
        channel_statistics(Panel.build(mapped(X)), np.arange(50))


def test_a_view_of_a_map_and_one_of_two_axes_are_streamed(mapped):
    X = values()
    np.testing.assert_array_equal(Panel.build(mapped(X)[10:20]).X[:], X[10:20])
    np.testing.assert_array_equal(Panel.build(mapped(X[:, 0])[:, None]).X[:], X[:, :1])
    assert isinstance(Panel.build(mapped(X)[[1, 2]]).X, np.ndarray)  # numpy has copied it
    assert isinstance(Panel.build(np.load(mapped(X).filename, mmap_mode="c")).X, np.ndarray)


def test_parts_are_joined_and_cut_without_being_read(mapped):
    X, Z = values(), values(cases=8)[:, :, :15]
    held = concatenate([Panel.build(X), Panel.build(Z)])
    joined = concatenate([Panel.build(mapped(X)), Panel.build(mapped(Z, "Z.npy"))])
    assert joined.fingerprint() == held.fingerprint()
    np.testing.assert_array_equal(joined.X[45:55], held.X[45:55])
    assert joined.X.complete.tolist() == [number != 4 for number in range(50)] + [False] * 8
    np.testing.assert_array_equal(joined.X.resized(9)[40:], held.X[40:, :, :9])
    with pytest.raises(InvalidDataError, match=r"X\.npy is streamed and another part is not"):
        concatenate([Panel.build(mapped(X)), Panel.build(Z)])


def test_what_float32_cannot_hold_is_found_as_in_memory(mapped):
    level = np.random.default_rng(0).normal(size=(9, 1, 20)) + 1e9
    for X in (level, mapped(level)):
        with pytest.raises(InvalidDataError, match=r"channel 0 varies by 0\.\d+ at a level of 1e\+09"):
            Panel.build(X)
    own = np.linspace(0, 1e9, 9)[:, None, None] + level - 1e9
    for X in (own, mapped(own)):
        with pytest.warns(TsbenchWarning, match="the variation within 8 of 9 cases"):
            Panel.build(X)


def test_an_infinite_value_is_named_by_its_case(mapped):
    X = values(np.float64)
    X[30, 2, 6] = 1e39
    with pytest.raises(InvalidDataError, match="case 30, channel 2, time point 6 is infinite or too large for float32"):
        Panel.build(mapped(X))
    X[30, 2, 6] = 4.5
    scaled = Panel.build(mapped(X)).select(np.arange(20, 40)).changed(lambda X: X * np.float32(1e38))
    with pytest.raises(InvalidDataError, match="case 2[0-9], channel 0, time point"), np.errstate(over="ignore"):
        scaled.loaded()


def test_what_needs_all_values_is_refused(mapped):
    X = Panel.build(mapped(values())).X
    for whole in (lambda: np.isnan(X), lambda: X.reshape(50, -1), lambda: X.mean()):
        with pytest.raises(InvalidDataError, match=r"^all values at once are needed here, but .*X\.npy; take a method"):
            whole()
    with pytest.raises(TypeError, match="open it anew in place of a copy"):
        copy.deepcopy(X)


@pytest.mark.parametrize("size", [100, 20_000])
def test_a_file_that_changes_its_size_is_noticed(mapped, size):
    X = Panel.build(mapped(values())).X
    os.truncate(X.name, size)
    with pytest.raises(InvalidDataError, match=r"X\.npy has changed its size since it was opened"):
        X[3]


def test_a_file_in_another_order_or_of_no_numbers_is_refused(mapped):
    for X in (np.asfortranarray(values()), values().astype(complex)):
        with pytest.raises(InvalidDataError, match=r"X\.npy: cases must be numbers .* in C order"):
            Panel.build(mapped(X))
