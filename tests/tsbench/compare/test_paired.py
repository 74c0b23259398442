import math

import pandas as pd
import pytest
from scipy.stats import wilcoxon

from tsbench.compare.paired import paired

FIRST = pd.Series([0.9, 0.8, 0.7, 0.65, 0.5, 0.45, 0.3, 0.2, 0.1, 0.6], list("abcdefghij"))
SECOND = pd.Series([0.8, 0.82, 0.6, 0.6, 0.5, 0.35, 0.26, 0.21, 0.03, 0.46], list("abcdefghij"))


def test_the_first_less_the_second():
    found = paired(FIRST, SECOND, 1)
    assert (found.n, found.better, found.equal, found.worse) == (10, 7, 1, 2)
    assert found.mean == pytest.approx(0.057)
    assert found.low < found.mean < found.high
    assert found.p == pytest.approx(wilcoxon((FIRST - SECOND).round(9), zero_method="pratt").pvalue, abs=0.02)


def test_the_other_way_round_everything_turns():
    one, other = paired(FIRST, SECOND, 1), paired(SECOND, FIRST, 1)
    assert (other.better, other.equal, other.worse) == (one.worse, one.equal, one.better)
    assert (other.mean, other.low, other.high) == pytest.approx((-one.mean, -one.high, -one.low), abs=0.01)
    assert other.p == one.p


def test_where_low_is_good_less_is_better():
    found = paired(FIRST, SECOND, -1)
    assert (found.better, found.worse) == (2, 7) and found.mean == pytest.approx(0.057)


def test_few_datasets_have_no_interval():
    found = paired(FIRST[:3], SECOND[:3], 1)
    assert math.isnan(found.low) and "no interval: too few" in found.words()
    assert "interval +" in paired(FIRST, SECOND, 1).words()


def test_equal_columns_differ_in_nothing():
    found = paired(FIRST, FIRST, 1)
    assert (found.mean, found.p, found.equal) == (0, 1, 10)
    assert "mean +0.0 points" in found.words()
