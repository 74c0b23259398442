"""What is done to cases of other data before a run is asked about them."""

import numpy as np
import pytest

from tsbench.data.normalise import channel_statistics
from tsbench.data.panel import Panel
from tsbench.data.scale import other_unit
from tsbench.errors import InvalidDataError
from tsbench.measure.newcomers import check_steps, fitted


def panel_of(*lengths, rate=100.0, scale=1.0, **fields):
    X = np.full((len(lengths), 2, max(lengths)), np.nan)
    for case, n in enumerate(lengths):
        X[case, :, :n] = scale * np.sin(np.arange(n))
    return Panel.build(X, lengths=np.array(lengths), channel_names=("a", "b"), sampling_rate=rate, **fields)


def names(*names):
    return {"meta": {"record": np.array(names)}}


def test_a_longer_case_is_cut_to_its_beginning_which_is_said():
    given = panel_of(60, 10, 20)
    found, said = fitted(given, panel_of(10, 10), "new", ())
    np.testing.assert_array_equal(found.X, given.X[:, :, :10])
    assert found.lengths.tolist() == [10, 10, 10]
    assert said == [
        "new, 2 lasts 0.2 s, and what was learnt from 0.1 s: the first 0.1 s of it are taken, and so of 1 more"
    ]


def test_a_shorter_case_is_refused_or_said():
    given = panel_of(10, 5, 20, **names("x", "y", "z"))
    with pytest.raises(InvalidDataError, match=r"^new, y lasts 0.05 s, and what was learnt from 0.1 s; give 0.1 s"):
        fitted(given, panel_of(10, 10), "new", ())
    found, said = fitted(given, panel_of(10, 10), "new", (), whole=False)
    assert found.lengths.tolist() == [10, 5, 10] and "new, y lasts 0.05 s" in said[0] and "less sure" in said[0]


def test_points_count_where_no_rate_is_known():
    with pytest.raises(InvalidDataError, match=r"^new lasts 5 points, and what was learnt from 10 points; give 10"):
        fitted(panel_of(5, rate=None), panel_of(10, rate=None), "new", ())


def test_a_rate_that_is_not_stated_is_taken_where_the_length_is_the_same():
    assert fitted(panel_of(10, rate=None), panel_of(10), "new", ())[1] == [
        "new states no sampling rate: it is taken to have 100 Hz"
    ]
    with pytest.raises(InvalidDataError, match="new states no sampling rate and has 50 points, expected 10 at 100 Hz"):
        fitted(panel_of(50, rate=None), panel_of(10), "new", ())


def test_where_cases_differ_in_length_any_length_will_do():
    given = panel_of(3, 60)
    found, said = fitted(given, panel_of(10, 12), "new", ())
    assert found.lengths.tolist() == [3, 60] and not said


@pytest.mark.parametrize(("scale", "said"), [(1000.0, r"1e\+03 times"), (0.001, "0.001 times"), (50.0, ""), (0.0, "")])
def test_values_of_another_unit_are_told_by_their_size(scale, said):
    known = panel_of(40, 40)
    statistics = channel_statistics(known, np.arange(2))
    given = panel_of(40, 40)
    given.X[1] *= scale
    text = other_unit(given, statistics, "new")
    assert bool(text) == bool(said)
    if said:
        np.testing.assert_equal(text.partition(" varies")[0], "new, 1: channel 0 ('a')")
        assert said.replace("\\", "") in text


def test_one_channel_in_another_unit_is_named_and_missing_ones_are_not():
    statistics = channel_statistics(panel_of(40, 40), np.arange(2))
    given = panel_of(40)
    given.X[0, 0] = np.nan
    assert not other_unit(given, statistics, "new")
    given.X[0, 1] *= 1000
    assert other_unit(given, statistics, "new").startswith("new: channel 1 ('b') varies 1e+03 times")


def test_a_case_of_more_steps_than_a_method_was_built_for_is_named():
    given = panel_of(10, 30, 40, **names("x", "y", "z"))
    check_steps(given, None, "new", "mtgnn")
    check_steps(given, 40, "new", "mtgnn")
    longest = r"the longest of its data \(1 more are too long\); cut it"
    with pytest.raises(InvalidDataError, match=f"^new, y has 30 steps, and mtgnn was built for 12, {longest}"):
        check_steps(given, 12, "new", "mtgnn")
