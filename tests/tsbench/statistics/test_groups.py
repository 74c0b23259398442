import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tsbench.statistics.examples import AUC
from tsbench.statistics.groups import blunt, cliques, groups, letters

NAMES = "abcdef"


@settings(deadline=None)
@given(st.sets(st.tuples(*[st.sampled_from(NAMES)] * 2).filter(lambda pair: pair[0] < pair[1])))
def test_two_share_a_group_exactly_where_they_are_alike(alike):
    both = alike | {(other, one) for one, other in alike}
    found = cliques(NAMES, both)
    for one in NAMES:
        assert any(one in group for group in found)
        for other in NAMES:
            shared = any(one in group and other in group for group in found)
            assert shared == (one == other or (one, other) in both)


def test_a_method_between_two_that_are_alike_does_not_join_them():
    alike = {("a", "c"), ("c", "a"), ("b", "c"), ("c", "b")}
    assert cliques("abc", alike) == [("a", "c"), ("b", "c")]
    assert letters(cliques("abc", alike)) == {"a": "a", "c": "ab", "b": "b"}


def test_letters_do_not_end_at_z():
    assert letters([(str(number),) for number in range(53)])["52"] == "a2"


def test_groups_are_of_adjusted_two_sided_tests():
    rng = np.random.default_rng(0)
    cells = pd.DataFrame(rng.normal(0, 1, (4, 30)) + np.array([[3], [0], [0], [6]]), index=list("wxyz"))
    assert groups(cells, 1) == [("z",), ("w",), ("x", "y")] or groups(cells, 1) == [("z",), ("w",), ("y", "x")]
    assert [*map(set, reversed(groups(cells, -1)))] == [{"z"}, {"w"}, {"x", "y"}]
    assert groups(cells * 0, 1) == [("w", "x", "y", "z")]


def test_where_no_test_can_decide_there_are_no_groups():
    # 4 methods are 6 pairs: 6 * 2 / 2**8 is below 0.05, 6 * 2 / 2**7 is not.
    assert blunt(AUC.iloc[:, :7]) and not blunt(AUC.iloc[:, :8])
    assert groups(AUC.iloc[:, :7], 1) == [] and groups(AUC.iloc[:, :8], 1)
    assert groups(AUC.iloc[:1], 1) == [] and groups(AUC.iloc[:, :0], 1) == []


@settings(max_examples=10, deadline=None)
@given(st.permutations([*AUC.columns]))
def test_the_order_of_datasets_changes_nothing(columns):
    assert groups(AUC[columns], 1) == groups(AUC, 1)
