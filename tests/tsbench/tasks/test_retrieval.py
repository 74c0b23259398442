"""Retrieval: recalls, chance, ceiling, common pools, codes, ties."""

import itertools

import numpy as np
import pytest

from tsbench.errors import MethodError
from tsbench.tasks.retrieval import EQUAL, OWN, Retrieval, ranks_of, relevance

TASK = Retrieval()


def scored(scores, texts=None, codes=None):
    n = len(scores)
    texts = [f"report {i}" for i in range(n)] if texts is None else texts
    return TASK.score(relevance(texts, codes), ranks_of("it", scores, np.asarray(scores).T, n))


def test_a_perfect_order_has_an_rsum_of_600_percent():
    found = scored(np.eye(20))
    assert found["rsum"] == pytest.approx(6)
    assert found["report_median_rank"] == found["image_mrr"] == 1
    assert found["ceiling_rsum"] == pytest.approx(6)


def test_every_metric_is_known_by_its_name():
    codes = [f"A{i % 7};B{i % 3}" for i in range(1000)]
    found = scored(np.eye(1000), codes=codes)
    assert list(found) != [] and set(found) == {metric.name for metric in TASK.metrics}


def test_a_random_order_of_the_papers_pool_has_an_rsum_of_2_5():
    n = 1269
    found = scored(np.zeros((n, n)))
    assert found["chance_rsum"] == pytest.approx(2 * (1 + 5 + 10) / n)
    assert found["chance_rsum"] == pytest.approx(0.0252, abs=5e-5)
    assert abs(found["rsum"] - found["chance_rsum"]) < 0.015  # four standard deviations of six shares of 1,269


def test_ranks_by_hand():
    scores = np.array([[0.1, 0.9, 0.5], [0.2, 0.8, 0.1], [0.3, 0.2, 0.1]])
    found = scored(scores)
    assert found["report_r1"] == pytest.approx(1 / 3)  # the partners' ranks are 3, 1 and 3
    assert found["report_mrr"] == pytest.approx((1 / 3 + 1 + 1 / 3) / 3)
    assert found["image_mrr"] == pytest.approx((1 / 3 + 1 / 2 + 1 / 2) / 3)
    assert found["report_median_rank"] == 3 and found["report_r5"] == 1


def test_equal_reports_bound_what_can_be_found():
    texts = ["Sinus rhythm. Normal ECG.", "sinus rhythm normal ecg", "other", "sinus  rhythm, normal ecg"]
    found = scored(np.eye(4), texts)
    assert found["ceiling_r1"] == pytest.approx((1 + 1) / 4)
    assert found["ceiling_r5"] == 1
    assert found["chance_r1"] == pytest.approx(1 / 4)
    assert found["chance_r1_equal"] == pytest.approx((3 * 3 / 4 + 1 / 4) / 4)


def test_an_equal_report_will_do_where_it_is_asked_for():
    scores = np.array([[0.0, 1.0, 0.5], [1.0, 0.0, 0.5], [0.0, 0.1, 1.0]])
    found = scored(scores, ["a", "a", "b"])
    assert found["report_r1"] == pytest.approx(1 / 3)
    assert found["report_r1_equal"] == 1


def test_scores_of_equal_reports_reach_the_ceiling_and_no_more():
    texts = np.repeat(np.arange(100), 4).astype(str)
    found = scored((texts[:, None] == texts[None]).astype(float), list(texts))
    assert found["ceiling_r1"] == pytest.approx(0.25)
    assert abs(found["report_r1"] - 0.25) < 0.1 and found["report_r5"] == 1


def test_ties_are_put_in_one_random_order_not_that_of_the_cases():
    n = 200
    ranks = ranks_of("it", np.zeros((n, n)), np.zeros((n, n)), n)
    assert np.array_equal(ranks, ranks_of("it", np.zeros((n, n)), np.zeros((n, n)), n))
    assert (np.sort(ranks[:, :n], axis=1) == np.arange(n)).all()
    own = ranks[np.arange(n), np.arange(n)]
    assert abs(own.mean() - (n - 1) / 2) < 20 and len(set(own.tolist())) > 100


def test_a_common_pool_is_the_mean_over_all_pools_of_its_size(monkeypatch):
    from tsbench.tasks import retrieval

    monkeypatch.setattr(retrieval, "COMMON", (3,))
    scores = np.random.default_rng(0).normal(size=(6, 6))
    shares = []
    for case in range(6):
        others = [i for i in range(6) if i != case]
        for pool in itertools.combinations(others, 2):
            shares.append((case, scores[case, case] > scores[case, list(pool)].max()))
    by_hand = np.mean([np.mean([hit for one, hit in shares if one == case]) for case in range(6)])
    assert scored(scores)["report_r1_at_3"] == pytest.approx(by_hand)


def test_a_common_pool_larger_than_the_pool_has_no_value():
    assert not any("_at_" in name for name in scored(np.eye(31)))
    assert "rsum_at_32" in scored(np.eye(32)) and "rsum_at_1000" not in scored(np.eye(32))


def test_ndcg_grades_by_shared_codes():
    codes = ["A;B", "A", "C"]
    found = scored(np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.1, 1.0]]), codes=codes)
    weights = 1 / np.log2([2, 3, 4])
    first = (weights[0] + 0.5 * weights[2]) / (weights[0] + 0.5 * weights[1])
    assert found["report_ndcg10"] == pytest.approx((first + first + 1) / 3)
    assert "report_ndcg10" not in scored(np.eye(3))


def test_rows_alone_have_metrics_in_the_whole_pool():
    scores = np.random.default_rng(1).normal(size=(40, 40))
    truth, ranks = relevance([str(i) for i in range(40)], None), ranks_of("it", scores, scores.T, 40)
    parts = [TASK.score(truth[i : i + 10], ranks[i : i + 10])["report_r5"] for i in range(0, 40, 10)]
    assert np.mean(parts) == pytest.approx(TASK.score(truth, ranks)["report_r5"])


def test_a_pool_may_be_filled_up_with_no_candidates():
    scores = np.random.default_rng(2).normal(size=(4, 4))
    truth, ranks = relevance(list("abcd"), None), ranks_of("it", scores, scores.T, 4)
    wide = np.pad(ranks.reshape(4, 2, 4), ((0, 0), (0, 0), (0, 3)), constant_values=-1).reshape(4, 14)
    assert TASK.score(np.pad(truth, ((0, 0), (0, 3))), wide) == TASK.score(truth, ranks)


def test_relevance_holds_the_case_itself_its_equals_and_shared_codes():
    found = relevance(["a b", "A  b.", "c"], ["X;Y", "X", ""])
    assert (np.diag(found) & OWN > 0).all() and (found & OWN > 0).sum() == 3
    assert found[0, 1] & EQUAL and not found[0, 2] & EQUAL
    assert found[0, 1] & (EQUAL - 1) == 5000 and found[2, 2] & (EQUAL - 1) == 0


@pytest.mark.parametrize("scores", [np.zeros((2, 3)), np.full((3, 3), np.nan), np.zeros((3, 3), complex)])
def test_scores_that_are_none_are_refused(scores):
    with pytest.raises(MethodError, match=r"it gave scores .* expected a number for each pair \(3, 3\)"):
        ranks_of("it", scores, scores, 3)
