import sys

import pytest
from baycomp import SignedRankTest

from tests.tsbench.statistics.examples import AUC
from tsbench.errors import UsageError
from tsbench.statistics.bayes import bayesian


@pytest.mark.parametrize("rope", [0, 0.01])
def test_probabilities_are_baycomps_and_sum_to_one(rope):
    found = bayesian(AUC, 1, rope)
    assert found[["better", "equal", "worse"]].sum(axis=1).tolist() == pytest.approx([1] * 6)
    row = found[(found["first"] == "C4.5+m") & (found["second"] == "C4.5")].iloc[0]
    x, y = AUC.loc["C4.5+m"].to_numpy(), AUC.loc["C4.5"].to_numpy()
    expected = SignedRankTest.probs(x, y, rope, nsamples=20_000, random_state=1)
    assert row[["better", "equal", "worse"] if rope else ["better", "worse"]].tolist() == pytest.approx(
        expected, abs=0.04
    )


def test_the_sign_says_which_is_better():
    mirrored = bayesian(-AUC, -1, 0.01)
    assert mirrored["better"].tolist() == bayesian(AUC, 1, 0.01)["better"].tolist()


def test_what_is_wrong_is_told(monkeypatch):
    assert bayesian(AUC.iloc[:, :0], 1, 0.01)[["better", "equal", "worse"]].isna().all(axis=None)
    with pytest.raises(UsageError, match="rope -1: give a difference of 0 or more"):
        bayesian(AUC, 1, -1)
    with pytest.raises(UsageError, match="rope nan"):
        bayesian(AUC, 1, float("nan"))
    monkeypatch.setitem(sys.modules, "baycomp", None)
    with pytest.raises(UsageError, match=r'needs baycomp: pip install "tsbench\[stats\]"'):
        bayesian(AUC, 1, 0.01)
