import numpy as np
import pytest

from tsbench.data.match import matched
from tsbench.data.panel import Panel
from tsbench.errors import InvalidDataError


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
        (panel_of(("a", "b"), sampling_rate=50.0), r"new is sampled at 100 Hz, .*: new\+resample=50hz"),
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
