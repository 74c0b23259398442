import numpy as np
import pandas as pd
import pytest
import scikit_posthocs

from tests.tsbench.statistics.examples import AUC
from tsbench.statistics.friedman import Friedman, critical_difference, friedman
from tsbench.statistics.ranks import ranks


def test_demsars_example():
    # Section 3.2.2: 9.28 without correction for ties; here 13 * 6 is lost to pairs and one tie of four.
    found = friedman(AUC)
    ties = 1 - (3 * 6 + 60) / (14 * 4 * 15)
    assert found.chi2 * ties == pytest.approx(9.28, abs=0.01)
    uncorrected = found.chi2 * ties
    assert 13 * uncorrected / (14 * 3 - uncorrected) == pytest.approx(3.69, abs=0.01)  # the paper's F_F
    assert found.f == pytest.approx(13 * found.chi2 / (14 * 3 - found.chi2))
    assert found.p < 0.05 and found.p_f < found.p


@pytest.mark.parametrize(("alpha", "expected"), [(0.05, 1.25), (0.10, 1.12)])
def test_the_critical_difference_of_demsars_example(alpha, expected):
    assert critical_difference(4, 14, alpha) == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize("alpha", [0.05, 0.5])
def test_beyond_the_critical_difference_nemenyis_p_is_below_alpha(alpha):
    cells = AUC.iloc[:, :-1]
    p = scikit_posthocs.posthoc_nemenyi_friedman(cells.T.to_numpy()).to_numpy()
    averages = ranks(cells, 1).mean(axis=1).to_numpy()
    apart = np.abs(averages[:, None] - averages) > critical_difference(*cells.shape, alpha)
    assert (apart == (p < alpha)).all() and (alpha < 0.5 or apart.any())


def test_methods_always_ranked_alike_have_no_end_of_f():
    found = friedman(pd.DataFrame(np.arange(3.0)[:, None] + np.zeros(6)))
    assert found.f == np.inf and found.p_f == 0 and found.chi2 == pytest.approx(12)
    assert found.least == pytest.approx(6.0**-5)


def test_the_smallest_p_is_the_chance_of_one_order_on_all_datasets():
    assert [Friedman(k, n, 0, 0, 0, 0).least for k, n in ((3, 2), (3, 3), (400, 9))] == pytest.approx(
        [1 / 6, 1 / 36, 0]
    )


@pytest.mark.parametrize("cells", [AUC.iloc[:2], AUC.iloc[:, :1], AUC.iloc[:, :0], AUC * 0, AUC * np.nan])
def test_where_nothing_is_to_test(cells):
    assert friedman(cells) is None


def test_no_critical_difference_of_one_method():
    assert np.isnan(critical_difference(1, 10)) and np.isnan(critical_difference(3, 0))
