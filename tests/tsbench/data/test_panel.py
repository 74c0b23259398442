from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsbench.data import memory
from tsbench.data.join import concatenate
from tsbench.data.panel import Panel, class_index, normalise_label
from tsbench.errors import InvalidDataError, TsbenchWarning


def test_labels_have_one_spelling():
    assert {normalise_label(label) for label in (2, 2.0, "2", " 2.0 ", np.int64(2), np.float32(2))} == {"2"}
    assert normalise_label("Standing") == "Standing"
    assert normalise_label("0.5") == normalise_label(0.5) == normalise_label("+0.50") == "0.5"
    assert {normalise_label(label) for label in ("-0", "0.00", 0, -0.0)} == {"0"}
    assert normalise_label(1e22) == str(10**22)


@pytest.mark.parametrize(
    "label",
    ["007", "00", "-01", "1_0", "5E1", "1e-05", "inf", "Infinity", "nan", "0x10", "\u0661", ".5", "5.", "1,5", "--1"],
)
def test_what_is_no_plain_number_keeps_its_spelling(label):
    assert normalise_label(f" {label} ") == label


@given(st.integers(-(10**30), 10**30))
def test_whole_numbers_of_any_size_are_their_own_class(number):
    assert normalise_label(number) == normalise_label(str(number)) == normalise_label(f"{number}.0") == str(number)
    assert len(class_index([number, str(number + 1), f"{number + 2}.00"])[1]) == 3


def test_classes_are_ordered_by_value_when_they_are_numbers():
    index, classes = class_index(["10", "9", "-1", "9"])
    assert classes == ("-1", "9", "10")
    assert index.tolist() == [2, 1, 0, 1]
    assert class_index(["b", "A", "10"])[1] == ("10", "A", "b")
    assert class_index(["2", "nan", "10"])[1] == ("10", "2", "nan")


@pytest.mark.parametrize("missing", [None, float("nan"), np.float32("nan")])
def test_a_missing_label_is_no_class(missing):
    with pytest.raises(InvalidDataError, match="case 1 has no label"):
        class_index(["a", missing])


def test_select_takes_every_per_case_field(panel):
    whole = replace(panel, meta={"subject": np.arange(20)}, static=np.ones((20, 2), np.float32))
    part = whole.select([4, 2])
    assert part.meta["subject"].tolist() == [4, 2]
    assert part.lengths.tolist() == panel.lengths[[4, 2]].tolist()
    assert part.y.tolist() == panel.y[[4, 2]].tolist()
    assert part.classes == panel.classes
    assert part.static.shape == (2, 2)


def test_fingerprint_ignores_padding_width_class_order_and_label_case(panel):
    wider = replace(panel, X=np.pad(panel.X, ((0, 0), (0, 0), (0, 5)), constant_values=np.nan))
    assert wider.fingerprint() == panel.fingerprint()
    a = Panel.build(np.ones((2, 1, 3)), ["Standing", "walking"])
    b = Panel.build(np.ones((2, 1, 3)), ["standing", "Walking"])
    assert a.fingerprint() == b.fingerprint()
    upper_and_lower = Panel.build(np.ones((2, 1, 3)), ["a", "A"])
    assert upper_and_lower.fingerprint() != Panel.build(np.ones((2, 1, 3)), ["a", "a"]).fingerprint()


def test_fingerprint_has_one_bit_pattern_for_zero_and_for_nan():
    X = np.array([[[0.0, np.nan, 1.0]]], np.float32)
    other = X.copy()
    other[0, 0, 0] = -0.0
    other.view(np.uint32)[0, 0, 1] = 0xFFC00001
    assert Panel.build(X).fingerprint() == Panel.build(other).fingerprint()


@given(st.integers(0, 19), st.integers(0, 1), st.integers(0, 6))
def test_fingerprint_sees_every_value(case, channel, time):
    X = np.random.default_rng(1).normal(size=(20, 2, 7)).astype(np.float32)
    before = Panel.build(X.copy()).fingerprint()
    X[case, channel, time] += 1
    assert Panel.build(X).fingerprint() != before


def test_fingerprint_sees_labels_and_lengths(panel):
    relabelled = replace(panel, y=(panel.y + 1) % 3)
    shorter = replace(panel, lengths=np.maximum(panel.lengths - 1, 1))
    assert len({panel.fingerprint(), relabelled.fingerprint(), shorter.fingerprint()}) == 3


def test_fingerprint_tells_labels_apart_whose_cases_read_alike():
    def several(y, classes):
        return Panel.build(np.zeros((2, 1, 3)), y=np.array(y), classes=classes, task="multilabel").fingerprint()

    together, apart = several([[1], [0]], ("a,b",)), several([[1, 1], [0, 0]], ("a", "b"))
    assert together != apart
    assert several([[1], [0]], ("a",)) != several([[1, 0], [0, 0]], ("a", "z"))  # z counts in every mean over labels
    names = ("a", "b", "a,b")
    assert several([[1, 1, 0], [0, 0, 1]], names) != several([[0, 0, 1], [1, 1, 0]], names)
    assert several([[1, 0], [0, 0]], ("a", "z")) == several([[0, 1], [0, 0]], ("Z", "A"))


def test_concatenate_pads_and_unites_classes():
    joined = concatenate([Panel.build(np.ones((2, 1, 3)), ["1", "3"]), Panel.build(np.ones((1, 1, 5)), ["2"])])
    assert joined.X.shape == (3, 1, 5)
    assert np.isnan(joined.X[0, 0, 3:]).all()
    assert joined.lengths.tolist() == [3, 3, 5]
    assert joined.classes == ("1", "2", "3")
    assert joined.y.tolist() == [0, 2, 1]


def test_concatenate_refuses_what_differs(panel):
    with pytest.raises(InvalidDataError, match="parts differ in their number of channels: 2 and 1"):
        concatenate([panel, Panel.build(np.ones((2, 1, 3)), [0, 1])])
    with pytest.raises(InvalidDataError, match=r"per-case columns: \[\] and \['subject'\]"):
        concatenate([panel, replace(panel, meta={"subject": np.arange(20)})])
    with pytest.raises(InvalidDataError, match="task: classification and none"):
        concatenate([panel, panel.without_labels()])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"X": np.ones((2, 3))}, "must be"),
        ({"X": np.ones((0, 1, 3))}, "at least one case"),
        ({"X": np.ones((2, 1, 3)), "labels": [1]}, "y has 1 entries for 2 cases"),
        ({"X": np.ones((2, 1, 3)), "lengths": [1, 4]}, "lengths must be between 1 and 3"),
        ({"X": np.full((2, 1, 3), 1e39)}, "case 0, channel 0, time point 0 is infinite"),
        ({"X": np.ones((2, 1, 3)), "static": np.array([[1.0], [np.inf]])}, "static of case 1 holds an infinite"),
        ({"X": np.ones((2, 1, 3)), "times": np.full((2, 3), np.inf)}, "times of case 0 holds an infinite"),
        ({"X": np.ones((2, 1, 3)), "y": ["a", "b"]}, "y must be a numpy array, got list"),
        ({"X": np.ones((2, 1, 3)), "y": np.array([0, 1])}, "task is 'none'.*labels="),
        ({"X": np.ones((2, 1, 3)), "channel_names": ("a", "b")}, "2 channel names for 1 channels"),
    ],
)
def test_refusals(fields, message):
    with pytest.raises(InvalidDataError, match=message):
        Panel.build(**fields)


WAVE = np.sin(np.arange(20) * np.array([[0.2], [0.6], [1.0]]))[:, None, :]


@pytest.mark.parametrize("level", [0, 1e3, -1e5, 1e6])
def test_a_level_that_float32_holds_is_left_alone(level):
    panel = Panel.build(WAVE + level)
    np.testing.assert_array_equal(panel.X, np.float32(WAVE + level))


@pytest.mark.parametrize("level", [1e8, -1e9, 1e14])
def test_variation_that_float32_loses_is_refused_by_the_name_of_its_channel(level):
    X = np.concatenate([WAVE, WAVE + level], axis=1)
    with pytest.raises(
        InvalidDataError, match=r"channel 1 \('p'\) varies by 0\.\d+ at a level of -?1e\+\d+, which float32"
    ):
        Panel.build(X, channel_names=("v", "p"))
    whole = (np.arange(20) + int(1e9)).reshape(1, 1, 20)
    with pytest.raises(InvalidDataError, match="channel 0 varies by 5.8 at a level of 1e"):
        Panel.build(whole)
    with pytest.raises(InvalidDataError, match="channel 0 varies"):  # what is missing or beyond a length does not count
        Panel.build(np.where(np.arange(20) > 15, 0.0, np.where(WAVE > 0.9, np.nan, WAVE + level)), lengths=[16] * 3)


def test_variation_that_float64_hardly_holds_is_warned_of():
    with pytest.warns(TsbenchWarning, match="channel 0 varies by 0.*its course is lost"):
        Panel.build(WAVE + 1e15)


@pytest.mark.parametrize("level", [10**17, 10**18, -(4 * 10**18)])
def test_variation_that_float64_does_not_hold_at_all_is_warned_of(level):
    whole = np.array([[[level + i % 5 for i in range(20)]]], dtype=object).astype(np.float64)
    with pytest.warns(TsbenchWarning, match="channel 0 varies by 0 at a level of .*its course is lost"):
        Panel.build(whole)
    with pytest.warns(TsbenchWarning, match="the variation within 2 of 3 cases"):
        Panel.build(np.concatenate([whole, 2 * whole, np.arange(20.0).reshape(1, 1, 20)]))


def test_cases_that_vary_around_levels_of_their_own_are_warned_of():
    with pytest.warns(TsbenchWarning, match="channel 0: float32 cannot hold the variation within 2 of 3 cases"):
        Panel.build(WAVE + np.array([0, 1e9, 2e9])[:, None, None])


def test_constants_and_what_comes_as_float32_are_left_alone():
    flat = np.concatenate([WAVE * 1e3, np.full((1, 1, 20), 123.456) + WAVE[:1] * 1e-14])
    for X in (np.full((2, 1, 5), 123.456), flat, np.float32(WAVE + 1e9)):  # without a warning, which would be an error
        assert np.array_equal(Panel.build(X).X, X.astype(np.float32))


def test_series_of_very_different_lengths_are_not_joined_without_room():
    wide, many = Panel.build(np.zeros((1, 1, 5000))), Panel.build(np.zeros((5000, 1, 1)))
    memory.limit_reading(16 << 20)
    try:
        with pytest.raises(InvalidDataError, match="takes .* of memory"):
            concatenate([wide, many])
    finally:
        memory.limit_reading(None)


def with_static(values, names=("age", "sex"), **categories):
    static = np.asarray(values, np.float32)
    return Panel.build(np.zeros((len(static), 1, 2)), static=static, static_names=names, categories=categories)


def test_categories_are_united_and_known_by_their_names():
    joined = concatenate([with_static([[1, 0], [2, 1]], sex=("f", "m")), with_static([[3, 0]], sex=("d",))])
    assert (joined.static.tolist(), joined.categories) == ([[1, 1], [2, 2], [3, 0]], {"sex": ("d", "f", "m")})
    assert joined.fingerprint() == with_static([[1, 2], [2, 0], [3, 1]], sex=("m", "d", "f")).fingerprint()
    assert joined.fingerprint() != with_static([[1, 0], [2, 2], [3, 1]], sex=("m", "d", "f")).fingerprint()
    empty = concatenate([with_static([[1, 0]], sex=("f",)), with_static([[3, np.nan]])])
    assert np.isnan(empty.static[1, 1])


def test_names_of_static_values_do_not_enter_the_fingerprint():
    assert with_static([[1, 0]]).fingerprint() == with_static([[1, 0]], names=()).fingerprint()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: with_static([[1, 0]], names=("age",)), "1 static names for 2 static values"),
        (lambda: with_static([[1, 0]], names=("age", "age")), "each needs one of its own"),
        (lambda: with_static([[1, 2]], sex=("f", "m")), "static 'sex' has values that are none of its 2 categories"),
        (lambda: with_static([[1, 0]], ward=("f",)), "categories are given of 'ward', which is none of static_names"),
        (
            lambda: concatenate([with_static([[1, 0]], sex=("f",)), with_static([[1, 0]])]),
            "parts differ in the static value 'sex': text in one, numbers in the other",
        ),
        (
            lambda: concatenate([with_static([[1, 0]]), with_static([[1, 0]], names=("age", "bmi"))]),
            "parts differ in their static values",
        ),
        (lambda: Panel.build(np.zeros((2, 1, 2)), static=np.zeros(2)), r"static must be \(n_cases, n_static\)"),
    ],
)
def test_static_values_that_make_no_sense_are_refused(make, message):
    with pytest.raises(InvalidDataError, match=message):
        make()
