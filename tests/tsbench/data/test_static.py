from dataclasses import replace

import numpy as np
import pytest

from tsbench.data.panel import Panel
from tsbench.data.static import static_statistics, unknown_static
from tsbench.errors import InvalidDataError

NAN = np.nan
TRAIN = np.arange(4)
# age, weight (some missing), sex, ward (the last two are of the test part), a constant
STATIC = [
    [50, 70, 0, 0, 7],
    [60, NAN, 1, 1, 7],
    [70, 90, 0, NAN, 7],
    [80, NAN, 1, 0, 7],
    [90, NAN, 0, 2, 8],
    [NAN, 80, 1, 2, 7],
]
NAMES = ("age", "weight", "sex", "ward", "site")


@pytest.fixture
def cases():
    static = np.asarray(STATIC, np.float32)
    fields = {"static_names": NAMES, "categories": {"sex": ("f", "m"), "ward": ("a", "b", "icu")}}
    return Panel.build(np.zeros((6, 1, 2)), static=static, **fields)


def test_static_values_become_numbers_with_the_statistics_of_the_training_cases(cases):
    made = static_statistics(cases, TRAIN).apply(cases)
    names = ("age", "weight", "weight missing", "sex=f", "sex=m", "ward=a", "ward=b", "ward missing", "site")
    assert (made.static_names, made.categories, made.static.dtype) == (names, {}, np.float32)
    assert made.shape.n_static == len(names)
    columns = dict(zip(names, made.static.T, strict=True))
    step = 1 / np.std([50, 60, 70, 80])
    np.testing.assert_allclose(columns["age"], [-15 * step, -5 * step, 5 * step, 15 * step, 25 * step, 0], rtol=1e-6)
    assert columns["weight"].tolist() == [-1, 0, 1, 0, 0, 0]
    assert columns["weight missing"].tolist() == [0, 1, 0, 1, 1, 0]
    assert columns["sex=m"].tolist() == [0, 1, 0, 1, 0, 1]
    assert columns["ward=a"].tolist() == [1, 0, 0, 1, 0, 0]  # none of the training cases is of the ward icu
    assert columns["ward missing"].tolist() == [0, 0, 1, 0, 0, 0]
    assert columns["site"].tolist() == [0] * 6  # constant in training, whatever it is elsewhere


def test_nothing_of_other_cases_enters(cases):
    changed = np.where(np.arange(6)[:, None] < 4, cases.static, 1.0).astype(np.float32)
    assert static_statistics(replace(cases, static=changed), TRAIN) == static_statistics(cases, TRAIN)


def test_a_category_that_no_training_case_has_is_said(cases):
    said = "static ward: 'icu' (2 cases) is in no training case: all its columns are 0"
    assert unknown_static(cases, TRAIN) == [said]
    assert unknown_static(cases, np.arange(6)) == []
    assert unknown_static(Panel.build(np.zeros((2, 1, 2))), np.arange(1)) == []


def test_categories_of_other_cases_that_no_training_case_has_are_named_with_the_cases(cases):
    statistics = static_statistics(cases, TRAIN)
    static = np.asarray([[50, 70, 0, code, 7] for code in (0, 1, 1, 0, 0, NAN)], np.float32)
    other = replace(cases, static=static, categories={"sex": ("M", "f"), "ward": ("a", "x")})
    zero = "is in no training case: all its columns are 0"
    assert statistics.unknown(other) == [
        f"static sex: 'M' (6 cases: 0, 1, 2 and 3 more) {zero}",
        f"static ward: 'x' (2 cases: 1, 2) {zero}",
    ]
    assert statistics.unknown(cases) == [f"static ward: 'icu' (2 cases: 4, 5) {zero}"]
    assert statistics.unknown(cases.select(TRAIN)) == []


def test_a_static_value_that_no_training_case_has_is_said(cases):
    static = cases.static.copy()
    static[TRAIN, 0] = np.nan
    name = cases.static_names[0]
    assert f"static {name}: no training case has a value: it says nothing" in unknown_static(
        replace(cases, static=static), TRAIN
    )
    assert not any(name in line for line in unknown_static(cases, TRAIN))


def test_a_value_that_no_training_case_has_and_a_single_category_say_nothing(cases):
    static = np.asarray([[NAN, 0], [NAN, 0], [5, 1]], np.float32)
    panel = Panel.build(np.zeros((3, 1, 2)), static=static, static_names=("age", "sex"), categories={"sex": ("f", "m")})
    made = static_statistics(panel, np.arange(2)).apply(panel)
    assert (made.static_names, made.static.tolist()) == (("age", "sex=f"), [[0, 0]] * 3)


def test_panels_without_and_with_other_static_values(cases):
    statistics, bare = static_statistics(cases, TRAIN), Panel.build(np.zeros((2, 1, 2)))
    assert static_statistics(bare, np.arange(2)) is None
    assert statistics.apply(bare) is bare
    with pytest.raises(InvalidDataError, match="static values 0, 1 where the training cases have age, weight, sex"):
        statistics.apply(replace(bare, static=np.zeros((2, 2), np.float32)))


def test_a_category_is_known_by_its_name(cases):
    other = Panel.build(
        np.zeros((1, 1, 2)),
        static=np.asarray([[50, 70, 0, 0, 7]], np.float32),
        static_names=NAMES,
        categories={"sex": ("m",), "ward": ("b",)},
    )
    made = static_statistics(cases, TRAIN).apply(other)
    assert made.static[0, 3:7].tolist() == [0, 1, 0, 1]


def test_columns_of_one_name_are_told_apart():
    static = np.float32([[1, 5], [NAN, 6], [3, 7]])
    panel = Panel.build(np.zeros((3, 1, 2)), static=static, static_names=("age", "age missing"))
    made = static_statistics(panel, np.arange(3)).apply(panel)
    assert made.static_names == ("age", "age missing", "age missing'")
    assert made.static[:, 1].tolist() == [0, 1, 0]


def test_categories_that_training_cases_lack_altogether_leave_no_column():
    static = np.float32([[NAN], [NAN], [1], [NAN]])
    fields = {"static_names": ("sex",), "categories": {"sex": ("f", "m")}}
    panel = Panel.build(np.zeros((4, 1, 2)), static=static, **fields)
    made = static_statistics(panel, np.arange(2)).apply(panel)
    assert (made.static.shape, made.static_names) == ((4, 0), ())
