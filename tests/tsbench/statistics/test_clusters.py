import numpy as np
import pytest

from tsbench.statistics.clusters import clustered


def mean_of(values):
    return lambda index: {"mean": float(values[index].mean())}


def width(subjects, values):
    low, high = clustered(subjects, mean_of(values))["mean"]
    return high - low


def test_the_interval_is_that_of_the_mean_and_is_the_same_each_time():
    values = np.random.default_rng(0).normal(size=400)
    ends = clustered(np.arange(400), mean_of(values))["mean"]
    half = 1.96 * values.std() / 20
    np.testing.assert_allclose(ends, [values.mean() - half, values.mean() + half], atol=0.02)
    assert clustered(np.arange(400), mean_of(values))["mean"] == ends


def test_copies_of_a_subjects_case_add_nothing():
    values = np.random.default_rng(0).normal(size=50)
    subjects = np.repeat([f"s{i}" for i in range(50)], 16)
    copied = np.repeat(values, 16)
    assert width(subjects, copied) == pytest.approx(width(np.arange(50), values), rel=0.15)
    assert width(np.arange(800), copied) < width(subjects, copied) / 3


def test_cases_of_a_subject_stay_together():
    subjects = np.array(["a", "b"] * 10 + [f"{i}" for i in range(20)])

    def together(index):
        counts = np.bincount(index, minlength=40)
        return {"apart": float(len(set(counts[:20:2])) > 1)}

    assert clustered(subjects, together)["apart"] == (0.0, 0.0)


def test_few_subjects_and_undefined_numbers_have_no_interval():
    assert np.isnan(clustered(np.arange(60) % 9, mean_of(np.arange(60.0)))["mean"]).all()
    rare = clustered(np.arange(60), lambda index: {"x": 1.0 if 0 in index else float("nan")})
    assert np.isnan(rare["x"]).all()
