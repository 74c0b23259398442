import numpy as np
import pytest

from tsbench.data.match import matched
from tsbench.data.panel import Panel
from tsbench.errors import InvalidDataError, TsbenchWarning


def panel_of(names, **fields):
    return Panel.build(np.arange(2 * len(names) * 3).reshape(2, len(names), 3), channel_names=names, **fields)


def test_channels_and_statics_are_found_by_name():
    about = {
        "static": np.array([[1, 0], [2, 1]], np.float32),
        "static_names": ("age", "sex"),
        "categories": {"sex": ("f", "m")},
    }
    given = panel_of(("a", "b", "c"), **about)
    like = panel_of(("c", "a"), static=np.zeros((2, 1), np.float32), static_names=("age",))
    found = matched(given, like, "new")
    np.testing.assert_array_equal(found.X, given.X[:, [2, 0]])
    assert (found.channel_names, found.static_names, found.categories) == (("c", "a"), ("age",), {})
    assert matched(given, panel_of(("a",)), "new").static is None


def test_channels_may_differ_in_capitals_where_that_makes_none_of_two():
    found = matched(panel_of(("AVR", "b")), panel_of(("b", "aVR")), "new")
    assert found.channel_names == ("b", "aVR") and found.X[0, 1].tolist() == [0, 1, 2]
    assert matched(panel_of(("AVR",)), panel_of(("aVR",)), "new").channel_names == ("aVR",)
    assert matched(panel_of(("A", "a")), panel_of(("a",)), "new").X[0, 0].tolist() == [3, 4, 5]
    with pytest.raises(InvalidDataError, match="its series have no a; it has A"):
        matched(panel_of(("A",)), panel_of(("a", "A")), "new")


def test_without_names_the_number_of_channels_counts():
    bare = Panel.build(np.zeros((2, 2, 3)))
    assert matched(bare, panel_of(("a", "b")), "new") is not None
    with pytest.raises(InvalidDataError, match="new has 2 channels, expected 3"):
        matched(bare, panel_of(("a", "b", "c")), "new")


@pytest.mark.parametrize(
    ("like", "message"),
    [
        (panel_of(("a", "d")), "new: its series have no d; it has a, b"),
        (
            panel_of(("a", "b"), sampling_rate=50.0),
            r"new is sampled at 100 Hz, .*: write \+resample=50hz right behind its name or path",
        ),
        (panel_of(("a", "b"), times=np.tile(np.arange(3.0) / 100, (2, 1))), "new has no times"),
        (panel_of(("a", "b"), times=np.tile(np.arange(3.0), (2, 1))), "new is sampled at 100 Hz, expected 1 Hz"),
        (panel_of(("a", "b"), times=np.tile([0.0, 1.0, 5.0], (2, 1))), "new has no times"),
        (
            panel_of(("a",), static=np.zeros((2, 1), np.float32), static_names=("age",)),
            "no static values, expected age",
        ),
    ],
)
def test_what_is_missing_is_named(like, message):
    with pytest.raises(InvalidDataError, match=message):
        matched(panel_of(("a", "b"), sampling_rate=100.0), like, "new")


def in_units(**units):
    return panel_of(("ecg", "temp"), units=units)


@pytest.mark.parametrize(("unit", "factor"), [("mV", 1), ("uV", 1e-3), ("µV", 1e-3), ("V", 1e3), ("nV", 1e-6)])
def test_voltages_are_converted_to_the_expected_unit(unit, factor):
    given = in_units(ecg=unit, temp="DegC")
    found = matched(given, in_units(ecg="mV", temp="°C"), "new")
    np.testing.assert_allclose(found.X, given.X * np.float32([[factor], [1]]))


@pytest.mark.parametrize("unit", ["degF", "K", "mmHg", "mV"])
def test_another_unit_is_refused_by_channel_and_recording(unit):
    given = panel_of(("temp", "ecg"), units={"temp": unit}, meta={"case": np.array(["r1", "r2"])})
    with pytest.raises(InvalidDataError, match=f"new: channel 'temp' is in '{unit}' .*'r1'.* expected 'degC'"):
        matched(given, in_units(temp="degC"), "new")


@pytest.mark.parametrize(("own", "like"), [({}, {"ecg": "mV"}), ({"ecg": "mV"}, {})])
def test_a_unit_that_one_side_lacks_is_warned_of(own, like):
    said = r"new: units that only one side states are not compared: ecg \((mV|unknown), expected (mV|unknown)\)$"
    with pytest.warns(TsbenchWarning, match=said):
        found = matched(panel_of(("ecg",), units=own), panel_of(("ecg",), units=like), "new")
    np.testing.assert_array_equal(found.X, panel_of(("ecg",)).X)


def test_a_unit_changes_no_fingerprint():
    assert (
        in_units(ecg="mV").fingerprint() == in_units(ecg="uV").fingerprint() == panel_of(("ecg", "temp")).fingerprint()
    )


def timed(*times):
    """Return two series of 40 points at these times, or at those of the first."""
    both = [np.asarray(times[case % len(times)], dtype=float) for case in range(2)]
    return Panel.build(np.ones((2, 1, 40)), channel_names=("a",), times=np.stack(both))


def test_a_recording_of_another_rate_is_named():
    even, slow, gap = np.arange(40) / 4, np.arange(40) / 3.95, np.arange(40) / 4 + 5 * (np.arange(40) > 20)
    assert matched(timed(even, gap), timed(even), "new").times is not None
    with pytest.raises(
        InvalidDataError, match="new: the times of recording '1' are of 3.95 Hz, expected 4 Hz .*1 of 2"
    ):
        matched(timed(even, slow), timed(even), "new")
    with pytest.raises(InvalidDataError, match="new is sampled at 3.95 Hz, expected 4 Hz"):
        matched(timed(slow), timed(even, gap), "new")
    with pytest.warns(TsbenchWarning, match="new has irregular times, expected 4 Hz"):
        matched(timed(np.arange(40) ** 2), timed(even), "new")


def of_sex(values, categories):
    static = {"static": np.array([values], np.float32).T, "static_names": ("sex",)}
    return panel_of(("a",), **static, categories={"sex": categories} if categories else {})


@pytest.mark.parametrize(
    ("own", "like"), [(([np.nan] * 2, ()), ([0, 1], ("f", "m"))), (([0, 1], ("f", "m")), ([np.nan] * 2, ()))]
)
def test_a_static_value_that_nobody_has_is_missing_whatever_its_kind(own, like):
    found = matched(of_sex(*own), of_sex(*like), "new")
    np.testing.assert_array_equal(found.static[:, 0], np.float32(own[0]))
    assert found.categories == {"sex": ("f", "m")}


def test_text_beside_numbers_is_refused():
    with pytest.raises(InvalidDataError, match="new: the static value 'sex' is text in one, a number in the other"):
        matched(of_sex([np.nan, 1], ()), of_sex([0, 1], ("f", "m")), "new")


def test_times_are_brought_to_one_unit():
    hours = np.array([[0.0, 1.0, 3.5], [0.0, 0.25, 9.0]])
    like = panel_of(("a",), times=hours, time_unit="h")
    for unit, per_hour in (("s", 3600), ("min", 60), ("ms", 3_600_000), ("d", 1 / 24), ("h", 1)):
        found = matched(panel_of(("a",), times=hours * per_hour, time_unit=unit), like, "new")
        assert found.time_unit == "h"
        np.testing.assert_allclose(found.times, hours, rtol=1e-15)


def test_a_rate_that_differs_as_units_of_time_do_says_so():
    given, hourly = (panel_of(("a",), times=np.tile(np.arange(3.0), (2, 1)), time_unit=unit) for unit in ("s", "h"))
    with pytest.raises(
        InvalidDataError, match="is sampled at 1 Hz, .* or give its times in seconds where they are in h$"
    ):
        matched(given, hourly, "new")
    with pytest.raises(InvalidDataError, match="right behind its name or path$"):
        matched(panel_of(("a",), sampling_rate=7.0), panel_of(("a",), sampling_rate=50.0), "new")
