import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from tsbench.tasks.binary import THRESHOLDS, binary_metrics, net_benefit


@pytest.mark.parametrize("levels", [4, 10**6])
def test_areas_and_operating_points_are_those_of_scikit_learn(levels):
    rng = np.random.default_rng(levels)
    y = rng.random(200) < 0.2
    scores = np.round(rng.random(200) * levels + y * levels / 3)
    found = binary_metrics(y, scores > levels / 2, scores)
    assert found["auroc"] == pytest.approx(roc_auc_score(y, scores))
    assert found["auprc_positive"] == pytest.approx(average_precision_score(y, scores))
    lost, kept, _ = roc_curve(y, scores, drop_intermediate=False)
    assert found["sensitivity_at_specificity_0.9"] == pytest.approx(kept[1 - lost >= 0.9].max())
    assert found["specificity_at_sensitivity_0.9"] == pytest.approx((1 - lost)[kept >= 0.9].max())
    assert found["prevalence"] == y.mean()


def test_decisions_and_calibration_by_hand():
    y = np.array([1, 1, 0, 0, 0], dtype=bool)
    p = np.array([0.9, 0.2, 0.9, 0.2, 0.2])
    found = binary_metrics(y, p > 0.5, p, probabilities=True)
    assert [found[name] for name in ("sensitivity", "specificity", "ppv", "npv")] == [1 / 2, 2 / 3, 1 / 2, 2 / 3]
    assert found["brier_positive"] == pytest.approx((0.01 + 0.64 + 0.81 + 0.04 + 0.04) / 5)
    assert found["ece_positive"] == pytest.approx((2 * 0.4 + 3 * (1 / 3 - 0.2)) / 5)


def test_what_is_not_defined_is_nan():
    found = binary_metrics(np.zeros(3, bool), np.zeros(3, bool), np.arange(3.0))
    assert found["prevalence"] == 0 and found["specificity"] == 1 and found["npv"] == 1
    assert all(np.isnan(found[name]) for name in ("auroc", "auprc_positive", "sensitivity", "ppv"))


def test_scores_without_a_threshold_of_that_specificity_have_none_of_the_sensitivity():
    y = np.array([True, False] * 10)
    assert binary_metrics(y, y, np.zeros(20))["sensitivity_at_specificity_0.9"] == 0.0


def test_net_benefit_by_hand():
    y, p = np.array([1, 1, 0, 0, 0], dtype=bool), np.array([0.9, 0.1, 0.6, 0.3, 0.2])
    assert net_benefit(y, p, 0.2) == pytest.approx((1 / 5 - 3 / 5 * 0.25, 2 / 5 - 3 / 5 * 0.25))
    assert net_benefit(y, p, 0.95)[0] == 0
    for threshold in THRESHOLDS:  # as stored, in single precision, a probability is at least itself
        run, every = net_benefit(y, np.full(5, np.float32(threshold)).astype(float), threshold)
        assert run == every
