"""Limb leads that are not what their names say are found out by the others."""

import numpy as np
import pytest

from tests.plugins.clinical_files import write_wfdb
from tsbench.data.limb_leads import BY_COLUMN, MEASURED, READ, TOGETHER, check_limb_leads
from tsbench.errors import InvalidDataError
from tsbench_archives.single import LEADS, OneRecording
from tsbench_archives.ward import RecordingsFolder

ONE, THREE, *CHEST = np.random.default_rng(0).normal(size=(8, 200)).cumsum(axis=1)
LIMB = [ONE, ONE + THREE, THREE, -ONE - THREE / 2, (ONE - THREE) / 2, ONE / 2 + THREE]
X = np.stack([*LIMB, *CHEST])


def check(values, names=LEADS, relations=TOGETHER, most=MEASURED):
    check_limb_leads(tuple(names), values, "rec", relations, most)


def test_leads_that_follow_from_each_other_pass_whatever_their_order_capitals_offset_and_gaps():
    check(X)
    check(X[::-1], [name.upper() for name in LEADS[::-1]])
    check(X + np.arange(12)[:, None])
    check(np.where(np.random.default_rng(1).random(X.shape) < 0.2, np.nan, X))
    check(X, relations=BY_COLUMN, most=READ)


@pytest.mark.parametrize(("a", "b"), [(a, b) for a in range(6) for b in range(a)] + [(0, 6), (4, 11)])
def test_two_swapped_leads_are_found_where_one_is_a_limb_lead(a, b):
    swapped = X.copy()
    swapped[[a, b]] = X[[b, a]]
    with pytest.raises(InvalidDataError, match="rec: .* is not .*, as it is in every ECG: leads are swapped"):
        check(swapped)


def test_what_is_not_there_is_not_asked_for():
    check(X[6:], LEADS[6:])
    check(X[[0, 6]], ["I", "V1"])
    check(np.full((12, 9), np.nan))
    check(np.zeros((12, 9)))


def test_a_file_of_swapped_leads_or_without_a_signal_is_refused_and_named(tmp_path):
    samples = np.rint(100 * X).astype(int)
    write_wfdb(tmp_path, "right", samples, 100, list(LEADS))
    assert OneRecording(tmp_path / "right.hea").load().panel.X.shape == (1, 12, 200)
    write_wfdb(tmp_path, "swapped", samples[[1, 0, *range(2, 12)]], 100, list(LEADS))
    with pytest.raises(InvalidDataError, match=r"swapped.hea: II is not \+1 I \+1 III"):
        OneRecording(tmp_path / "swapped.hea").load()
    write_wfdb(tmp_path, "pressure", samples, 100, list(LEADS), unit="mmHg")
    with pytest.raises(InvalidDataError, match=r"pressure.hea: lead I is in 'mmHg', and is to be in a unit of voltage"):
        OneRecording(tmp_path / "pressure.hea").load()
    write_wfdb(tmp_path, "flat", np.ones_like(samples), 100, list(LEADS))
    with pytest.raises(InvalidDataError, match=r"flat.hea: has no signal: every channel is constant"):
        OneRecording(tmp_path / "flat.hea").load()


def test_the_leads_of_a_folder_of_new_recordings_are_looked_at_too(tmp_path):
    samples = np.rint(100 * X).astype(int)
    write_wfdb(tmp_path, "right", samples, 100, list(LEADS))
    write_wfdb(tmp_path, "swapped", samples[[1, 0, *range(2, 12)]], 100, list(LEADS))
    (tmp_path / "labels.csv").write_text("recording\nright\nswapped\n")
    with pytest.raises(InvalidDataError, match=r"swapped.hea: II is not \+1 I \+1 III"):
        RecordingsFolder(tmp_path).cases()
