import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import PermutationMethod, wilcoxon
from statsmodels.stats.multitest import multipletests

from tests.tsbench.statistics.examples import AUC
from tsbench.statistics.matrix import comparison_matrix
from tsbench.statistics.pairs import holm, pairs, signed_rank

# Few values, so that ties and zeros are common.
TABLES = st.tuples(st.integers(2, 5), st.integers(1, 12)).flatmap(
    lambda shape: arrays(float, shape, elements=st.integers(0, 6).map(lambda n: n / 10))
)


def frame(values):
    return pd.DataFrame(
        values, index=[f"m{i}" for i in range(len(values))], columns=[f"d{i}" for i in range(values.shape[1])]
    )


def test_wilcoxons_test_of_demsars_table_2():
    # Section 3.1.3: R+ = 93 and R- = 12 of 105, with the ranks of the two zeros split evenly; the null is rejected.
    found = pairs(AUC.loc[["C4.5", "C4.5+m"]], 1).iloc[0]
    assert (found["first"], found["second"]) == ("C4.5+m", "C4.5")
    assert (found["wins"], found["ties"], found["losses"], found["n"]) == (10, 2, 2, 14)
    assert found["effect"] == pytest.approx((93 - 12) / 105)
    assert found["p"] < 0.05
    assert found["difference"] == pytest.approx((AUC.loc["C4.5+m"] - AUC.loc["C4.5"]).mean())


def test_holms_procedure_of_demsars_section_3_2_3():
    # C4.5+m+cf, C4.5+m and C4.5+cf against C4.5: .016 < .05 / 3 and .019 < .05 / 2 are rejected, .607 is not.
    assert holm(np.array([0.016, 0.019, 0.607])) == pytest.approx([0.048, 0.038 + 0.01, 0.607])


@pytest.mark.parametrize("p", [[0.5], [0.01, 0.01, 0.02, 0.3], [0.9, 0.8, 0.7], [0.04, 0.001, 0.03, 0.002, 0, 1]])
def test_holm_is_that_of_statsmodels(p):
    assert holm(np.array(p)) == pytest.approx(multipletests(p, method="holm")[1])


def test_holm_leaves_out_what_is_missing():
    assert holm(np.array([0.04, np.nan, 0.01])) == pytest.approx([0.04, np.nan, 0.02], nan_ok=True)


def test_without_ties_p_is_scipys_exact_one():
    differences = np.random.default_rng(0).normal(0.3, 1, (5, 50))
    assert signed_rank(differences)[0] == pytest.approx(wilcoxon(differences, method="exact", axis=1).pvalue)


def test_with_ties_and_zeros_p_is_that_of_all_permutations():
    for row in ([1.0, 1, -2, 3, 0, 0, 4], [0.0, 0, 2, 2, 2, 2, -2], [5.0, 4, 3, 2, 1, 0, 0]):
        every = wilcoxon(row, zero_method="pratt", method=PermutationMethod()).pvalue
        assert signed_rank(np.array([row]))[0] == pytest.approx([every])


def test_of_many_datasets_p_is_scipys_normal_one():
    differences = np.random.default_rng(0).integers(-4, 6, (5, 80)).astype(float)
    expected = wilcoxon(differences, zero_method="pratt", method="asymptotic", axis=1).pvalue
    assert signed_rank(differences)[0] == pytest.approx(expected)
    assert signed_rank(np.zeros((1, 80)))[0].tolist() == [1.0]


def test_differences_that_are_equal_on_paper_are_tied():
    cells = frame(np.array([[0.9, 0.3, 0.7, 0.4], [0.8, 0.2, 0.6, 0.5]]))
    assert pairs(cells, 1).loc[0, "effect"] == pytest.approx((7.5 - 2.5) / 10)


def test_ties_alone_prove_nothing():
    found = pairs(frame(np.full((3, 12), 0.5)), 1)
    assert (found["p"] == 1).all() and (found["p_holm"] == 1).all() and (found["effect"] == 0).all()


@pytest.mark.parametrize("shape", [(1, 5), (0, 5), (3, 0), (0, 0)])
def test_where_nothing_is_to_compare_there_is_no_number(shape):
    found = pairs(frame(np.zeros(shape)), 1)
    assert len(found) == shape[0] * (shape[0] - 1) / 2
    assert found[["p", "p_holm", "effect", "difference"]].isna().all(axis=None)
    assert len(comparison_matrix(frame(np.zeros(shape)), 1)) == 2 * len(found)


@settings(max_examples=20, deadline=None)
@given(TABLES, st.randoms(use_true_random=False))
def test_the_order_of_datasets_changes_nothing(values, random):
    cells = frame(values)
    shuffled = cells[random.sample([*cells], cells.shape[1])]
    pd.testing.assert_frame_equal(pairs(cells, 1), pairs(shuffled, 1), check_exact=True)


@settings(max_examples=20, deadline=None)
@given(TABLES)
def test_the_sign_mirrors(values):
    high, low = pairs(frame(values), 1), pairs(-frame(values), -1)
    pd.testing.assert_frame_equal(high.drop(columns="difference"), low.drop(columns="difference"))
    assert high["difference"].tolist() == pytest.approx((-low["difference"]).tolist())


def test_the_matrix_has_both_directions_in_order_of_means():
    found = comparison_matrix(AUC, 1)
    assert [*found["row"].drop_duplicates()] == ["C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5"]
    there, back = found.iloc[0], found[(found["row"] == "C4.5+m") & (found["column"] == "C4.5+m+cf")].iloc[0]
    assert (there["wins"], there["losses"], there["difference"]) == (back["losses"], back["wins"], -back["difference"])
    assert there["p"] == back["p"]
