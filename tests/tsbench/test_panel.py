from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsbench.errors import InvalidDataError
from tsbench.panel import Panel, class_index, concatenate, normalise_label


def test_labels_have_one_spelling():
    assert {normalise_label(label) for label in (2, 2.0, "2", " 2.0 ", np.int64(2), np.float32(2))} == {"2"}
    assert normalise_label("Standing") == "Standing"
    assert normalise_label("0.5") == normalise_label(0.5) == "0.5"


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
