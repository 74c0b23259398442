import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap, norm, t

from tests.tsbench.statistics.examples import AUC
from tsbench.statistics.intervals import FEWEST, intervals
from tsbench.statistics.ranks import ranks

OFFSETS = np.array([0.0, 0.03, 0.06, 0.12])


def accuracies(rng, n):
    """Return accuracies (4, n) as those of archives: many near 1, sets that differ more than methods, ties."""
    easy = rng.beta(4, 1.2, n) - OFFSETS[:, None] + rng.normal(0, 0.05, (len(OFFSETS), n))
    return np.round(np.clip(easy, 0, 1), 3)


@pytest.mark.parametrize(("n", "least"), [(FEWEST, 0.88), (40, 0.92)])
def test_intervals_cover_at_their_nominal_rate(n, least, monkeypatch):
    monkeypatch.setattr("tsbench.statistics.intervals.RESAMPLES", 999)
    rng, repeats = np.random.default_rng(0), 200  # the standard error of a share of 0.95 is 0.015
    many = pd.DataFrame(accuracies(rng, 100_000))
    truth = {"mean": many.mean(axis=1), "rank": many.rank(ascending=False).mean(axis=1)}
    covered = dict.fromkeys(truth, 0.0)
    for repeat in range(repeats):
        found = intervals(pd.DataFrame(accuracies(rng, n)).add_prefix(f"{repeat}:"), 1)
        for name, value in truth.items():
            covered[name] += ((found[f"{name}_low"] <= value) & (value <= found[f"{name}_high"])).mean() / repeats
    assert all(least < share < 0.985 for share in covered.values()), covered


def test_ends_are_those_of_scipys_bootstrap():
    ours, n = intervals(AUC, 1), AUC.shape[1]
    level = 1 - 2 * norm.cdf(np.sqrt(n / (n - 1)) * t.ppf(0.025, n - 1))
    for name, values in (("mean", AUC), ("rank", ranks(AUC, 1))):
        options = {"axis": -1, "method": "percentile", "confidence_level": level, "n_resamples": 9999}
        ends = bootstrap((values.to_numpy(),), np.mean, random_state=np.random.default_rng(0), **options)
        width = (ends.confidence_interval.high - ends.confidence_interval.low).max()
        assert ours[f"{name}_low"].tolist() == pytest.approx(ends.confidence_interval.low, abs=0.1 * width)
        assert ours[f"{name}_high"].tolist() == pytest.approx(ends.confidence_interval.high, abs=0.1 * width)


def test_every_method_is_drawn_on_the_same_datasets():
    # What one wins the other loses: with other datasets for each, their ranks would not add up.
    cells = AUC.loc[["C4.5", "C4.5+m"]]
    found = intervals(cells, 1)
    assert (found["rank_low"] + found["rank_high"].iloc[::-1].to_numpy()).tolist() == pytest.approx([3.0, 3.0])


@settings(max_examples=10, deadline=None)
@given(st.permutations([*AUC.columns]))
def test_the_order_of_datasets_changes_nothing(columns):
    pd.testing.assert_frame_equal(intervals(AUC[columns], 1), intervals(AUC, 1), check_exact=True)


def test_the_sign_mirrors_ranks_and_leaves_means():
    high, low = intervals(AUC, 1), intervals(AUC, -1)
    assert high["mean_low"].equals(low["mean_low"])
    assert high["rank_low"].tolist() == pytest.approx((5 - low["rank_high"]).tolist())


def test_no_interval_rather_than_a_wrong_one():
    assert intervals(AUC.iloc[:, : FEWEST - 1], 1).isna().all(axis=None)
    one = intervals(AUC.iloc[:1], 1)  # of one method there is a mean, and no rank
    assert one[["mean_low", "mean_high"]].notna().all(axis=None) and one[["rank_low", "rank_high"]].isna().all(
        axis=None
    )
    assert intervals(AUC * 0, 1).isna().all(axis=None)
    assert intervals(AUC.iloc[:0], 1).empty


def test_a_dataset_that_one_method_lacks_is_drawn_for_none():
    gap = AUC.assign(extra=[1.0, np.nan, 0.0, 0.5])
    pd.testing.assert_frame_equal(intervals(gap, 1), intervals(AUC, 1))
