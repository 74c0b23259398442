from dataclasses import replace

import numpy as np

from tests.tsbench.data_check.conftest import TEST, TRAIN
from tsbench.data_check.content import check_channels, check_groups


def test_a_clean_dataset_has_nothing(clean, sides):
    assert [one.severity for one in [*check_groups(sides(clean)), *check_channels(sides(clean))]] == ["ok", "ok"]


def test_a_subject_on_both_sides_is_found_however_it_is_spelt(clean, sides):
    owners = np.array([1.0 if case in (3, 200) else 1000 + case for case in range(240)], dtype=object)
    owners[200] = "1"
    (found,) = check_groups(sides(clean, meta={"subject": owners}))
    assert found.severity == "error" and found.what == (
        "1 of 239 subjects are trained and tested on: 1 of 80 test cases"
    )


def test_records_and_the_cards_own_group_are_looked_at_too(clean, sides):
    wards = np.where(np.arange(240) < 200, "a", "b")
    found = check_groups(sides(clean, group="ward", meta={**clean.meta, "ward": wards, "record": np.arange(240)}))
    assert {one.check: one.severity for one in found} == {
        "ward on both sides": "error",
        "subject on both sides": "ok",
        "record on both sides": "ok",
    }


def test_where_nothing_says_whose_cases_are_it_is_said(clean, sides):
    assert [one.severity for one in check_groups(sides(clean, group=None, meta={}))] == ["skipped"]


def test_channels_that_say_nothing_are_named(clean, sides):
    X = np.concatenate([clean.X, clean.X, clean.X[:, :1]], axis=1)
    X[:, 1] = 7.0
    X[:, 2] = np.arange(240)[:, None]
    X[TRAIN, 3] = np.nan
    X[TEST, 4] = np.nan
    found = check_channels(sides(clean, X=X, channel_names=("hr", "pump", "age", "ph", "temp")))
    assert [(one.check, one.severity, one.what) for one in found] == [
        ("channels never observed", "error", "no training case has a value of channel 3 ('ph')"),
        ("channels never observed", "warning", "no test case has a value of channel 4 ('temp')"),
        ("constant channels", "warning", "channel 1 ('pump') has one value in all of the training part"),
        ("constant channels", "warning", "channel 2 ('age') does not vary within any training case"),
    ]
    assert all(one.finding and one.remedy for one in found)


def test_cases_without_a_value_are_counted(clean, sides):
    X = clean.X.copy()
    X[[3, 7, 200]] = np.nan
    assert [one.what for one in check_channels(sides(replace(clean, X=X)))] == ["3 cases have no value at all"]
