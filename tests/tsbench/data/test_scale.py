"""Values in another unit are told by their level and by how much they vary."""

from dataclasses import replace

import numpy as np
import pytest

from tsbench.data.panel import Panel
from tsbench.data.scale import Scale

NAMES = ("temp", "crea", "ecg")


def patients(n=40, seed=0, **fields):
    """Return cases of a temperature (degC), a creatinine (mg/dL, heavy-tailed) and a signal around 0."""
    rng = np.random.default_rng(seed)
    levels = 37 + 0.7 * rng.normal(size=n), np.exp(0.8 * rng.normal(size=n)), 0.02 * rng.normal(size=n)
    within = np.array([0.3, 0.1, 1.0])[:, None] * rng.normal(size=(n, 3, 20))
    X = np.stack(levels, axis=1)[:, :, None] + within
    X[:, 1] = np.abs(X[:, 1])
    X[rng.random(X.shape) < 0.3] = np.nan
    names = np.array([f"r{case}" for case in range(n)])
    return Panel.build(X, channel_names=NAMES, meta={"record": names}, **fields)


def converted(panel, channel, factor, offset=0.0, cases=slice(None)):
    X = panel.X.copy()
    X[cases, channel] = X[cases, channel] * factor + offset
    return replace(panel, X=X)


def told(known, given):
    return Scale.of(known).told(given, "new")


CHANGES = [
    (0, 1.8, 32.0, "at"),  # degrees of Fahrenheit
    (0, 1.0, 273.15, "at"),  # kelvin
    (1, 88.4, 0.0, "at"),  # micromoles per litre
    (2, 10.0, 0.0, "varies"),  # an amplifier
]


@pytest.mark.parametrize(("channel", "factor", "offset", "word"), CHANGES)
@pytest.mark.parametrize("n", [10, 60])
def test_another_unit_is_told_whichever_side_has_it(channel, factor, offset, word, n):
    known, given = patients(), patients(n, seed=1)
    for said in (
        told(known, converted(given, channel, factor, offset)),
        told(converted(known, channel, factor, offset), given),
    ):
        assert len(said) == 1 and said[0].startswith(f"new: channel {channel} ('{NAMES[channel]}')")
        assert word in said[0] and said[0].endswith("in what was learnt from; is it in another unit?")


@pytest.mark.parametrize("n", [1, 2, 10, 200])
def test_other_cases_of_the_same_kind_are_not_told_of(n):
    assert all(told(patients(), patients(n, seed)) == [] for seed in range(1, 9))


def test_one_recording_in_another_unit_is_told_where_it_is_the_only_one():
    alone = patients(1, seed=1)
    (said,) = told(patients(), converted(alone, 0, 1.8, 32))
    assert said.startswith("new: channel 0 ('temp') is at 9") and "r0" not in said


def test_some_recordings_in_another_unit_are_named_and_a_grave_case_is_not():
    given = patients(10, seed=1)
    (said,) = told(patients(), converted(given, 0, 1.8, 32, [2, 5, 7, 8]))
    assert "(in 4 of 10 cases: r2, r5, r7 and 1 more)" in said
    assert told(patients(), converted(given, 1, 60, 0, [4])) == []


def test_a_channel_that_training_has_not_or_does_not_vary_says_nothing():
    known, given = patients(), patients(10, seed=1)
    X = known.X.copy()
    X[:, 0], X[:, 1] = np.nan, 1.1
    assert told(replace(known, X=X), given) == []
    X = given.X.copy()
    X[:, 0] = np.nan
    assert told(known, replace(given, X=X)) == []


def test_of_many_channels_a_few_are_named():
    known, given = (Panel.build(np.tile(patients(40, seed).X[:, :1], (1, 5, 1))) for seed in (0, 1))
    said = told(known, replace(given, X=given.X + 100))
    assert len(said) == 4 and said[3] == "new: so it is with 2 more channels or static values"


def with_static(ages, sexes=None, seed=0, **fields):
    static = np.stack([ages, np.zeros(len(ages)) if sexes is None else sexes], axis=1).astype(np.float32)
    return patients(len(ages), seed, static=static, static_names=("age", "sex"), **fields)


def test_static_numbers_far_outside_of_what_was_learnt_from_are_told():
    known = with_static(np.linspace(20, 90, 30))
    young = np.linspace(15, 100, 9)
    assert told(known, with_static(young, seed=1)) == []
    (said,) = told(known, with_static([*young, 700], seed=1))
    assert said == (
        "new: static age is 700 (in 1 of 10 cases: r9), 20 to 90 in what was learnt from; is it in another unit?"
    )
    assert "static age is 4.7" in told(with_static(12 * np.linspace(20, 90, 30)), with_static(young / 12, seed=1))[0]
    assert told(with_static(np.full(30, 60.0)), with_static(young, seed=1)) == []


def test_categories_are_no_numbers():
    codes = np.arange(30) % 2
    about = {"categories": {"sex": ("f", "m", *(f"k{i}" for i in range(60)))}}
    given = with_static(np.full(10, 50.0), np.full(10, 61), seed=1, **about)
    assert told(with_static(np.linspace(20, 90, 30), codes, **about), given) == []
