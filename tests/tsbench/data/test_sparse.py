"""Only time points with a value are left."""

import numpy as np
import pytest

from tsbench.data.panel import Panel
from tsbench.data.sparse import observed_times

NAN = np.nan


def panel(**fields):
    X = np.array([[[1, NAN, 3, NAN, 5], [NAN, NAN, 9, NAN, NAN]], [[NAN] * 5, [NAN, 2, NAN, NAN, NAN]]])
    return Panel.build(X, **{"lengths": [5, 4], **fields})


def test_time_points_without_a_value_go_and_the_others_keep_their_time():
    found = observed_times(panel())
    assert found.lengths.tolist() == [3, 1] and found.X.shape == (2, 2, 3)
    np.testing.assert_array_equal(found.X[0], [[1, 3, 5], [NAN, 9, NAN]])
    np.testing.assert_array_equal(found.X[1], [[NAN, NAN, NAN], [2, NAN, NAN]])
    np.testing.assert_array_equal(found.times, [[0, 2, 4], [1, NAN, NAN]])


@pytest.mark.parametrize(
    ("fields", "times"),
    [
        ({"sampling_rate": 2.0}, [0, 1, 2]),
        ({"times": np.array([[0, 1, 4, 9, 16]] * 2, dtype=float), "time_unit": "h"}, [0, 4, 16]),
    ],
)
def test_times_are_the_panels_own_or_by_its_rate(fields, times):
    found = observed_times(panel(**fields))
    assert found.times[0].tolist() == times and found.sampling_rate is None


def test_a_case_without_a_value_keeps_a_time_point():
    found = observed_times(Panel.build(np.array([[[NAN, NAN]], [[1.0, 2.0]]])))
    assert found.lengths.tolist() == [1, 2]


def test_streamed_cases_come_out_alike(tmp_path):
    whole = panel()
    np.save(tmp_path / "x.npy", whole.X)
    mapped = Panel.build(np.load(tmp_path / "x.npy", mmap_mode="r"), lengths=whole.lengths)
    found, expected = observed_times(mapped), observed_times(whole)
    np.testing.assert_array_equal(found.X[:], expected.X)
    np.testing.assert_array_equal(found.times, expected.times)
