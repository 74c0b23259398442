import numpy as np
import pytest

from tsbench.tasks.score import Predictions, metrics_of


def test_metrics_come_from_predictions_alone():
    predictions = Predictions(
        np.arange(3), np.array([0, 1, 1]), np.array([0, 1, 0]), np.array([[1, 0], [0, 1], [1, 0.0]]), ("a", "b")
    )
    assert metrics_of(predictions)["accuracy"] == pytest.approx(2 / 3)
