"""Values of intensive care that cannot be: kept and found, or made missing and counted."""

import clinical_files as make
import numpy as np
import pytest

from tsbench_clinical import limits
from tsbench_clinical.icu import IcuDemo
from tsbench_clinical.p12 import P12, SENSORS
from tsbench_clinical.p19 import P19
from tsbench_clinical.p19 import SENSORS as P19_SENSORS

WRONG = {"HR": 900, "DiasABP": 0, "Temp": -17, "pH": 735, "FiO2": 21, "SaO2": 101}


@pytest.fixture
def p12(monkeypatch, tmp_path):
    """Records of P12 with possible values, but for those of WRONG and the weight of record 1001."""
    monkeypatch.setenv("TSBENCH_DATA", str(tmp_path))
    monkeypatch.setenv("TSBENCH_CACHE", str(tmp_path / "cache"))
    make.write_p12(tmp_path / "p12")
    possible = {name: np.mean(P12.limits.get(name, (1, 2))).round(3) for name in SENSORS}
    for file in (tmp_path / "p12").glob("set-*/*.txt"):
        wrong = WRONG if file.stem == "1001" else {}
        rows = [("00:05", name, value) for name, value in (possible | wrong).items()]
        file.write_text(make.p12_text(int(file.stem), rows, weight=472 if wrong else 80))


def test_what_cannot_be_is_kept_unless_that_is_asked_for(p12):
    panel, plausible = P12().load().panel, P12("p12-plausible", impossible="missing").load().panel
    case = panel.meta["record"].tolist().index("1001")
    wrong = [SENSORS.index(name) for name in WRONG]
    assert panel.X[case, wrong, 0].tolist() == list(WRONG.values()) and panel.static[case, -1] == 472
    assert np.argwhere(np.isnan(plausible.X[:, :, 0])).tolist() == sorted([case, at] for at in wrong)
    assert np.isnan(plausible.static[case, -1]) and plausible.static[case - 1, -1] == 80
    assert plausible.meta[limits.REMOVED].sum() == plausible.meta[limits.REMOVED][case] == 7
    assert panel.fingerprint() != plausible.fingerprint() and limits.REMOVED not in panel.meta


def test_the_card_counts_what_was_made_missing(p12):
    dataset = P12("p12-plausible", impossible="missing")
    dataset.load()
    facts = dataset.card.facts
    assert (
        facts["impossible here"] == "7 values of 1 cases are made missing"
        and "HR 1 to 390" in facts["impossible values"]
    )


def test_data_check_finds_it(p12, tsbench):
    code, out, _ = tsbench("data", "check", "p12", "--strict", "--format", "md")
    assert code == 1 and "HR: 1 of 12 outside 1 to 390 (900 in case 1001, say)" in out
    (row,) = [line for line in out.splitlines() if "impossible values" in line]
    assert row.count(" outside ") == 6 and "; and 1 more" in row  # of the seven, with the weight
    assert "none in the" in tsbench("data", "check", "p12-plausible", "--format", "md")[1]


@pytest.mark.parametrize(
    ("dataset", "channels"),
    [(P12, {*SENSORS, "Height", "Weight"}), (P19, set(P19_SENSORS)), (IcuDemo, None)],
)
def test_units_and_limits_are_of_sensors_that_there_are(dataset, channels):
    assert dataset.limits and all(low < high for low, high in dataset.limits.values())
    if channels is not None:
        assert dataset.limits.keys() <= channels and set(dataset.units) <= channels and dataset.units["HR"] == "bpm"


@make.needs("p12")
def test_real_p12(monkeypatch, tmp_path):
    monkeypatch.setenv("TSBENCH_DATA", str(make.DEV_DATA))
    panel = limits.within_limits(P12().load().panel, P12.limits)
    assert panel.meta[limits.REMOVED].sum() == 3469 and (panel.meta[limits.REMOVED] > 0).sum() == 1036
