import numpy as np
import pytest

from tsbench.data.panel import Panel
from tsbench.errors import UsageError
from tsbench.reading.subgroups import subgroups


@pytest.fixture
def panel():
    nan = np.nan
    static = np.array([[20, 1, 0, 0], [40, 0, 1, 1], [60, 0, 0, 1], [nan, 1, 0, nan]], dtype=np.float32)
    return Panel.build(
        np.zeros((4, 1, 2)),
        static=static,
        static_names=("age", "Gender=0", "Gender=1", "sex"),
        categories={"sex": ("f", "m")},
        meta={"unit": np.array(["a", "b", "a", ""]), "subject": np.arange(4)},
    )


def named(found):
    column, groups = found
    return column, {name: np.flatnonzero(cases).tolist() for name, cases in groups.items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("static:sex", ("sex", {"f": [0], "m": [1, 2], "missing": [3]})),
        ("unit", ("unit", {"a": [0, 2], "b": [1], "missing": [3]})),
        ("age=40,50", ("age", {"< 40": [0], "40 to < 50": [1], ">= 50": [2], "missing": [3]})),
        ("age", ("age", {"20": [0], "40": [1], "60": [2], "missing": [3]})),
        ("Gender", ("Gender", {"0": [0, 3], "1": [1], "missing": [2]})),
        ("static:Gender=1", ("Gender=1", {"0": [0, 2, 3], "1": [1]})),
    ],
)
def test_groups(panel, text, expected):
    column, groups = named(subgroups(panel, text))
    assert (column, {name: sorted(cases) for name, cases in groups.items()}) == expected


def test_many_numbers_are_quarters():
    panel = Panel.build(np.zeros((40, 1, 2)), meta={"age": np.arange(40.0)})
    _, groups = subgroups(panel, "meta:age")
    assert [int(cases.sum()) for cases in groups.values()] == [10] * 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("height", "--by height: there is no such column; choose one of static:age, .* static:Gender, meta:unit"),
        ("age=50,40", "edges are rising numbers"),
        ("age=old", "edges are rising numbers"),
        ("unit=1", "unit is no number: leave out the edges"),
    ],
)
def test_what_cannot_be_grouped_by(panel, text, message):
    with pytest.raises(UsageError, match=message):
        subgroups(panel, text)


def test_names_of_each_case_are_no_groups():
    panel = Panel.build(np.zeros((40, 1, 2)), meta={"case": np.array([f"c{i}" for i in range(40)])})
    with pytest.raises(UsageError, match="case has 40 values; name a column of at most 30"):
        subgroups(panel, "case")
