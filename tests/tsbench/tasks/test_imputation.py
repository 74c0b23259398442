"""Errors of hidden values, by hand."""

import math

import numpy as np
import pytest

from tsbench.errors import StoreError, UsageError
from tsbench.store.packing import pack, unpack
from tsbench.tasks import METRICS, metric_for
from tsbench.tasks.imputation import Imputation
from tsbench.tasks.score import Predictions, metrics_of


def answers(**changed):
    about = {
        "cases": np.array([7, 9], np.int32),
        "y_true": np.array([1, 3, 10, 14], np.float32),
        "y_pred": np.array([2, 3, 7, 14], np.float32),
        "scores": np.empty((2, 0), np.float32),
        "classes": (),
        "task": "imputation",
        "places": np.array([[0, 0, 4], [1, 0, 2], [0, 5, 1], [1, 5, 1]], np.int32),
    }
    return Predictions(**{**about, **changed})


def test_the_errors_are_means_over_all_hidden_values():
    found = metrics_of(answers())  # errors 1, 0, -3, 0; about the channels' means 2 and 12: -1, 1, -2, 2
    assert found == pytest.approx(
        {"masked_mae": 1.0, "masked_rmse": math.sqrt(2.5), "masked_nrmse": math.sqrt(2.5 / 2.5)}
    )


def test_the_means_of_the_channels_have_an_nrmse_of_one():
    assert metrics_of(answers(y_pred=np.array([2, 2, 12, 12], np.float32)))["masked_nrmse"] == 1.0


def test_where_nothing_varies_there_is_no_nrmse():
    found = Imputation().score(np.ones(3), np.zeros(3), np.array([4, 4, 2]))
    assert math.isnan(found["masked_nrmse"]) and found["masked_rmse"] == 1


def test_large_values_do_not_overflow():
    found = Imputation().score(np.array([1e30, -1e30], np.float32), np.zeros(2, np.float32), np.zeros(2, np.int32))
    assert found["masked_rmse"] == pytest.approx(1e30) and found["masked_nrmse"] == pytest.approx(1)


def test_what_is_stored_gives_the_same_metrics():
    one = answers(names=np.array(["a", "b"]))
    again = unpack(pack(one))
    assert metrics_of(again) == metrics_of(one) and again.names.tolist() == ["a", "b"]
    np.testing.assert_array_equal(again.places, one.places)


@pytest.mark.parametrize(
    "changed",
    [
        {"places": np.zeros((3, 3), np.int32)},
        {"places": np.zeros((4, 2), np.int32)},
        {"places": np.array([[2, 0, 0]] * 4, np.int32)},
        {"places": np.array([[0, -1, 0]] * 4, np.int32)},
        {"y_pred": np.zeros(3, np.float32)},
        {"y_true": np.zeros(0, np.float32), "y_pred": np.zeros(0, np.float32), "places": np.zeros((0, 3), np.int32)},
    ],
)
def test_what_makes_no_sense_is_not_read(changed):
    with pytest.raises(StoreError, match="its predictions cannot be read"):
        unpack(pack(answers(**changed)))


def test_low_is_good_and_a_metric_of_labels_is_none_of_it():
    assert METRICS["masked_mae"].better == "low" and METRICS["masked_mae"].unit == "prepared"
    assert metric_for({"a": "imputation", "b": "imputation"}, None) == "masked_mae"
    with pytest.raises(UsageError, match="accuracy is no metric of imputation"):
        metric_for({"a": "imputation"}, "accuracy")
