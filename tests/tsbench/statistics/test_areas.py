import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as oracle

from tsbench.statistics.areas import areas


@given(st.integers(2, 30), st.integers(0, 2**32))
def test_areas_of_resamples_are_those_of_the_cases_drawn(n, seed):
    rng = np.random.default_rng(seed)
    y, score = rng.integers(0, 2, n), rng.normal(size=n).round(int(rng.integers(3)))  # ties
    drawn = rng.multinomial(n, np.full(n, 1 / n), 5)
    for auroc, auprc, counts in zip(*areas(y == 1, score, drawn), drawn, strict=True):
        cases = np.repeat(np.arange(n), counts)
        if len(set(y[cases])) < 2:
            assert np.isnan([auroc, auprc]).all()
        else:
            assert auroc == pytest.approx(oracle.roc_auc_score(y[cases], score[cases]))
            assert auprc == pytest.approx(oracle.average_precision_score(y[cases], score[cases]))
