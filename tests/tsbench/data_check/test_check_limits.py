from dataclasses import replace

import numpy as np

from tsbench.data_check.limits import check_limits


def looked_at(sides, clean, limits):
    X = clean.X.copy()
    X[3, 1, :2], X[5, 1, 0], X[0, 0] = 99.0, np.nan, 500.0
    static = np.full((len(clean), 1), 60, np.float32)
    static[7] = 300
    names = {"channel_names": ("a", "b"), "static": static, "static_names": ("age",)}
    return check_limits(replace(sides(clean, X=X, **names), limits=limits))[0]


def test_values_outside_the_limits_of_the_card_are_found(sides, clean):
    found = looked_at(sides, clean, {"b": (-50, 50), "age": (0, 130), "other": (0, 1)})
    assert found.severity == "warning"
    count = clean.X.shape[0] * clean.X.shape[2] - 1
    assert found.what == (
        f"b: 2 of {count} outside -50 to 50 (99 in case 3, say); age: 1 of 240 outside 0 to 130 (300 in case 7, say)"
    )


def test_nothing_is_found_within_the_limits_or_without(sides, clean):
    assert looked_at(sides, clean, {"b": (-200, 200)}).severity == "ok"
    assert looked_at(sides, clean, {}).severity == "skipped"
