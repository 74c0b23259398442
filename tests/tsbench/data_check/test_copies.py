from dataclasses import replace

import numpy as np
import pytest

from tests.tsbench.data_check.conftest import TEST, TRAIN
from tsbench.data import stream
from tsbench.data.dataset import Data, Fold
from tsbench.data.panel import Panel
from tsbench.data_check.copies import check_near, check_same, check_stretches
from tsbench.data_check.parts import Sides

NO = np.nan


def changed(panel, case, values, **fields):
    X = panel.X.copy()
    X[case] = values
    return replace(panel, X=X, **fields)


def test_a_clean_split_has_no_copy(clean, sides):
    found = [one for check in (check_same, check_stretches, check_near) for one in check(sides(clean))]
    assert [(one.severity, one.what[:4]) for one in found] == [("ok", "0 of")] * 3


def test_a_case_on_both_sides_is_found_with_its_other_label(clean, sides):
    planted = changed(changed(clean, 170, clean.X[4]), 201, clean.X[6])
    (found,) = check_same(sides(planted))
    assert found.severity == "error" and found.what.startswith("2 of 80 test cases have the values of a training case")
    assert found.what.endswith(", 1 with another label; the first is case 170, a copy of training case 4")


def test_padding_and_the_sign_of_zero_hide_no_copy(clean, sides):
    X = np.pad(clean.X, ((0, 0), (0, 0), (0, 5)), constant_values=NO)
    X[4, 0, 3], X[4, 1, 7] = 0.0, NO
    X[170] = X[4]
    X[170, 0, 3], X[170, 1, 7] = -0.0, -NO
    assert check_same(sides(replace(clean, X=X)))[0].what.startswith("1 of 80")
    longer = np.where(np.arange(240) == 170, 49, 48).astype(np.int32)
    assert check_same(sides(replace(clean, X=X, lengths=longer)))[0].severity == "ok"


def test_copies_within_a_part_are_no_leak(clean, sides):
    planted = changed(changed(clean, 4, clean.X[6]), 200, clean.X[210])
    assert all(one.severity == "ok" for check in (check_same, check_near) for one in check(sides(planted)))


def test_validation_cases_are_known_too(clean):
    fold = Fold(TRAIN[:80], TRAIN[80:], TEST)
    planted = changed(clean, 170, clean.X[100])
    assert check_same(Sides(Data(planted), fold))[0].severity == "error"


def test_unlabelled_cases_of_the_same_split_are_looked_at(clean, sides):
    recording = Panel.build(np.concatenate([clean.X[3], clean.X[190], clean.X[5]], axis=1)[None])
    cases = [one for check in (check_same, check_stretches) for one in check(sides(clean, recording, group=None))]
    assert [(one.check, one.severity) for one in cases] == [
        ("same cases, training", "ok"),
        ("same cases, unlabelled", "ok"),
        ("shared stretches, training", "ok"),
        ("shared stretches, unlabelled", "error"),
    ]
    assert cases[-1].what.startswith("1 of 80 test cases share 12 time points or more with an unlabelled case")
    assert cases[-1].what.endswith("; the first is case 190, which shares them with unlabelled case 0")


def test_copies_are_named_with_what_they_copy(clean, sides):
    records = np.array([f"r{case}\n" for case in range(240)])
    planted = changed(clean, 170, clean.X[4], meta={"record": records})
    first = "the first is case 170 (r170\\n), {} training case 4 (r4\\n)"
    assert check_same(sides(planted))[0].what.endswith(first.format("a copy of"))
    assert check_stretches(sides(planted))[0].what.endswith(first.format("which shares them with"))
    near = changed(clean, 170, 2 * clean.X[4] + 1, meta={"record": records})
    assert check_near(sides(near))[0].what.endswith(first.format("near"))
    windows = changed(clean, 170, clean.X[4], meta={"record": np.repeat(["a", "b", "c"], 80)})
    assert check_same(sides(windows))[0].what.endswith("case 170 (c), a copy of training case 4 (a)")
    fold = Fold(TRAIN[::-1], None, TEST)  # numbers are those of the data, not of the part
    assert check_same(Sides(Data(planted), fold))[0].what.endswith(first.format("a copy of"))


@pytest.fixture
def windows():
    """Windows of 64 that overlap by half, of four recordings, as those of PAM."""
    rng = np.random.default_rng(0)
    recordings = np.cumsum(rng.normal(size=(4, 3, 64 * 16)), axis=2)
    X = np.stack([one[:, start : start + 64] for one in recordings for start in range(0, 64 * 15 + 1, 32)])
    return Panel.build(X, np.arange(len(X)) % 2, meta={"record": np.repeat(np.arange(4), len(X) // 4)})


def test_overlapping_windows_split_at_random_are_found_and_by_recording_are_not(windows):
    order = np.random.default_rng(0).permutation(len(windows))
    at_random = Sides(Data(windows), Fold(np.sort(order[:80]), None, np.sort(order[80:])))
    (found,) = check_stretches(at_random)
    assert found.severity == "error" and int(found.what.split()[0]) > 0.8 * (len(windows) - 80)
    whose = windows.meta["record"]
    apart = Sides(Data(windows), Fold(np.flatnonzero(whose < 3), None, np.flatnonzero(whose == 3)))
    assert check_stretches(apart)[0].severity == "ok"


def test_flat_series_share_nothing(sides, clean):
    X = np.zeros_like(clean.X)
    X[:, :, 20:22] = clean.X[:, :, 20:22]
    assert check_stretches(sides(replace(clean, X=X)))[0].severity == "ok"


def test_short_series_have_no_stretches(clean, sides):
    short = replace(clean, X=clean.X[:, :, :12], lengths=np.full(240, 12, np.int32))
    assert check_stretches(sides(short))[0].severity == "skipped"


@pytest.mark.parametrize(("noise", "severity"), [(0.003, "warning"), (0.3, "ok")])
def test_a_copy_with_noise_another_level_and_scale_is_near(clean, sides, noise, severity):
    rng, X = np.random.default_rng(1), clean.X.copy()
    X[170:180] = 5 + 3 * (X[:10] + noise * rng.normal(size=X[:10].shape))
    (found,) = check_near(sides(replace(clean, X=X)))
    assert found.severity == severity and found.what.startswith("10 of 80" if severity == "warning" else "0 of 80")


def test_smooth_and_similar_series_are_not_taken_for_copies(clean, sides):
    X = np.sin(np.linspace(0, 6, 48)) + 0.02 * np.random.default_rng(0).normal(size=clean.X.shape)
    assert check_near(sides(replace(clean, X=np.float32(X))))[0].severity == "ok"


def test_series_that_are_all_alike_are_skipped(clean, sides):
    X = np.sin(np.linspace(0, 6, 48)) + 0 * clean.X
    (found,) = check_near(sides(replace(clean, X=np.float32(X))))
    assert found.severity == "skipped" and "too alike" in found.what


def test_streamed_cases_give_the_same(tmp_path, monkeypatch, clean, sides):
    planted = changed(changed(clean, 170, clean.X[4]), 180, clean.X[6] * 2)
    np.save(tmp_path / "x.npy", planted.X)
    monkeypatch.setattr(stream, "BLOCK_BYTES", 9000)
    streamed = replace(planted, X=np.load(tmp_path / "x.npy", mmap_mode="r"))
    assert isinstance(streamed.X, stream.Streamed)
    for check in (check_same, check_stretches, check_near):
        assert check(sides(streamed)) == check(sides(planted))
    assert check_near(sides(streamed))[0].what.startswith("1 of 80")
