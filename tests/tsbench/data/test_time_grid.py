import re

import numpy as np
import pytest

from tsbench.data.grid import grid_of, rate_of, uneven_times
from tsbench.data.panel import Panel

N = 40


def sampled(*times, unit="s"):
    """Return a panel of series at these times, a list of each."""
    width = max(map(len, times))
    padded = np.stack([np.pad(np.asarray(one, float), (0, width - len(one)), constant_values=np.nan) for one in times])
    lengths = np.array([len(one) for one in times])
    X = np.where(np.isnan(padded), np.nan, 1.0)[:, None]
    names = np.array([f"r{i}" for i in range(len(times))])
    return Panel.build(X, lengths=lengths, times=padded, time_unit=unit, meta={"case": names})


EVEN = np.arange(N) / 4
GAP = np.where(np.arange(N) < 20, EVEN, EVEN + 3)
SLOW = np.arange(N) * 0.253
DRIFT = np.cumsum(np.linspace(0.25, 0.27, N))


def test_an_even_grid_has_a_rate_and_nothing_to_be_said():
    panel = sampled(EVEN, EVEN[:7] + 1e9, EVEN + 12.34)
    assert rate_of(panel) == pytest.approx(4) and uneven_times(panel) == ""
    assert rate_of(sampled(EVEN, unit="h")) == pytest.approx(4 / 3600)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (GAP, "case 'r2' has a step of 3.25 s to time point 20, at 8, where 0.25 is usual; "),
        (GAP[:24][15:], "case 'r2' has a step of 3.25 s to time point 5, at 8, where 0.25 is usual; "),
        (np.delete(EVEN, [5, 9]), r"a step of 0.5 s to time point 5, .* usual \(2 such steps, in 1 cases\)"),
        (EVEN + 0.1 * (np.arange(N) == 7), "a step of 0.35 s to time point 7, "),
        (SLOW, "case 'r2' has steps of 0.253 s, most have 0.25; "),
        (DRIFT, "case 'r2' has steps of 0.26"),
        (np.cumsum(np.linspace(0.24, 0.26, N)), r"case 'r2' has a step of 0.2405\d* s to time point 1, .*such steps"),
        (np.arange(N) ** 2.0, "case 'r2' has a step of 1 s to time point 1"),
    ],
)
def test_a_series_that_leaves_the_grid_of_the_others_is_named(times, message):
    panel = sampled(EVEN, EVEN + 5, times)
    assert rate_of(panel) == pytest.approx(4)
    said = uneven_times(panel)
    assert said.startswith("times are not even: case 'r2'")
    assert re.search(message, said), said


def test_times_that_are_rounded_or_jitter_are_even():
    for rate in (360, 128, 52):
        panel = sampled(*(np.round(np.arange(500) / rate + start, 3) for start in (0, 0.1234, 7)))
        assert grid_of(panel).usual == pytest.approx(1 / rate, rel=2e-3) and uneven_times(panel) == "", rate
    noise = np.random.default_rng(0).uniform(-0.02, 0.02, (3, 200))
    panel = sampled(*(np.arange(200) / 4 + noise))
    assert grid_of(panel).usual == pytest.approx(0.25, rel=1e-3) and uneven_times(panel) == ""
    gap = sampled(*(np.arange(200) / 4 + noise), np.where(np.arange(200) < 50, 0, 9) + np.arange(200) / 4 + noise[0])
    assert "case 'r3' has a step of" in uneven_times(gap)


def test_irregular_times_have_no_grid():
    times = [np.sort(np.random.default_rng(i).uniform(0, 48, 60)) for i in range(5)]
    assert grid_of(sampled(*times)) is None and rate_of(sampled(*times)) is None and uneven_times(sampled(*times)) == ""
    assert grid_of(Panel.build(np.ones((2, 1, 5)))) is None and grid_of(sampled([1.0], [2.0])) is None
