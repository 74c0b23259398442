import numpy as np
import pandas as pd
import pytest

from tests.tsbench.statistics.examples import AUC
from tsbench.statistics.ranks import interquartile_means, ranks, rounded, whole, wins


def test_average_ranks_of_demsars_table():
    assert ranks(AUC, 1).mean(axis=1).round(3).tolist() == [3.143, 2.0, 2.893, 1.964]


def test_of_errors_the_lowest_has_the_first_rank():
    assert ranks(1 - AUC, -1).equals(ranks(AUC, 1))


def test_only_datasets_that_every_method_has_count():
    cells = pd.DataFrame({"A": [1.0, 2.0], "B": [np.nan, 1.0], "C": [np.inf, 1.0]}, index=["x", "y"])
    assert [*whole(cells)] == ["A"]
    assert wins(cells, 1).to_dict() == {"x": 0, "y": 1}


def test_sums_in_another_order_are_a_tie():
    cells = pd.DataFrame({"A": [(0.1 + 0.2 + 0.3) / 3, (0.3 + 0.2 + 0.1) / 3]}, index=["x", "y"])
    assert cells.loc["x", "A"] != cells.loc["y", "A"]
    assert ranks(cells, 1)["A"].tolist() == [1.5, 1.5] and wins(cells, 1).tolist() == [1, 1]


def test_rounding_keeps_digits_of_any_size():
    values = np.array([0.0, 1 / 3, -2e30 / 3, 1e-20 / 3, np.inf, 5e-324])
    assert rounded(values, 3).tolist() == pytest.approx([0, 0.333, -6.67e29, 3.33e-21, np.inf, 5e-324], rel=1e-12)


def test_the_interquartile_mean_weighs_the_ends_of_the_middle_half():
    cells = pd.DataFrame([[0.0, 1, 2, 3, 4, 100]], index=["x"])
    assert interquartile_means(cells)["x"] == pytest.approx((0.5 * 1 + 2 + 3 + 0.5 * 4) / 3)
    assert interquartile_means(cells.iloc[:, :4])["x"] == 1.5
    assert interquartile_means(cells.iloc[:, :3]).isna().all()
