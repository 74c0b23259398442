import numpy as np
import pytest

from tsbench.tasks.score import Predictions, metrics_of, stored_scores


def test_metrics_come_from_predictions_alone():
    predictions = Predictions(
        np.arange(3), np.array([0, 1, 1]), np.array([0, 1, 0]), np.array([[1, 0], [0, 1], [1, 0.0]]), ("a", "b")
    )
    assert metrics_of(predictions)["accuracy"] == pytest.approx(2 / 3)


def test_scores_too_large_for_float32_keep_their_order():
    scores = np.array([[1e300, -1e300], [2e300, 3.0], [-np.inf, 5e299]])
    stored = stored_scores(scores)
    assert stored.dtype == np.float32
    assert np.isfinite(stored[np.isfinite(scores)]).all()
    np.testing.assert_array_equal(stored.argsort(axis=0), scores.argsort(axis=0))


def test_other_scores_are_stored_as_they_are():
    scores = np.array([[0.1, -3.4e38], [1e-50, -np.inf]])
    np.testing.assert_array_equal(stored_scores(scores), scores.astype(np.float32))
