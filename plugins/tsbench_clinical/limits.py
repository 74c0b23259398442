"""Units of the sensors of intensive care, and the limits outside which their values cannot be.

They are the outlier limits of Harutyunyan et al., Multitask learning and benchmarking with clinical time series data,
Scientific Data 6:96, 2019 (`variable_ranges.csv`), which MIMIC-Extract uses, too. Where 0 is no signal the lower one
is 1, and a weight is at most 299, as in Johnson's preparation of P12 (github.com/alistairewj/challenge2012). A
percentage is at most 100. Left out are sensors whose limit there is one of the assay, which patients go beyond (ALT,
AST, ALP, PTT, troponin, platelets, urine).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from tsbench.data.panel import Array, Panel

REMOVED = "made missing"  # an array of meta: how many values of a case were outside the limits
Limits = Mapping[str, tuple[float, float]]

LIMITS = {
    "rate": (1, 390),
    "breath": (1, 330),
    "pressure": (1, 375),
    "temperature": (14.2, 47),
    "percent": (0, 100),
    "fraction": (0.2, 1.1),
    "oxygen%": (20, 110),
    "ph": (6.3, 10),
    "pao2": (1, 770),
    "paco2": (1, 220),
    "gcs": (3, 15),
    "albumin": (0, 60),
    "bicarbonate": (0, 66),
    "bilirubin": (0, 66),
    "chloride": (0, 200),
    "cholesterol": (0, 660),
    "creatinine": (0, 66),
    "glucose": (0, 2200),
    "hemoglobin": (0, 30),
    "lactate": (0, 33),
    "magnesium": (0, 22),
    "phosphate": (0, 22),
    "potassium": (0, 15),
    "sodium": (0, 250),
    "urea": (0, 275),
    "leucocytes": (0, 1100),
    "height": (0, 275),
    "weight": (0, 299),
}
# Of each sensor the unit that the challenge states, and which limits it has.
P12_SENSORS = """
ALP IU/L -; ALT IU/L -; AST IU/L -; Albumin g/dL albumin; BUN mg/dL urea; Bilirubin mg/dL bilirubin;
Cholesterol mg/dL cholesterol; Creatinine mg/dL creatinine; DiasABP mmHg pressure; FiO2 fraction fraction; GCS - gcs;
Glucose mg/dL glucose; HCO3 mmol/L bicarbonate; HCT % percent; HR bpm rate; K mEq/L potassium; Lactate mmol/L lactate;
MAP mmHg pressure; MechVent - -; Mg mmol/L magnesium; NIDiasABP mmHg pressure; NIMAP mmHg pressure;
NISysABP mmHg pressure; Na mEq/L sodium; PaCO2 mmHg paco2; PaO2 mmHg pao2; Platelets 1/nL -; RespRate bpm breath;
SaO2 % percent; SysABP mmHg pressure; Temp degC temperature; TroponinI ug/L -; TroponinT ug/L -; Urine mL -;
WBC 1/nL leucocytes; pH - ph; Height - height; Weight - weight
"""
P19_SENSORS = """
HR bpm rate; O2Sat % percent; Temp degC temperature; SBP mmHg pressure; MAP mmHg pressure; DBP mmHg pressure;
Resp bpm breath; EtCO2 mmHg -; BaseExcess mmol/L -; HCO3 mmol/L bicarbonate; FiO2 fraction fraction; pH - ph;
PaCO2 mmHg paco2; SaO2 % percent; AST IU/L -; BUN mg/dL urea; Alkalinephos IU/L -; Calcium mg/dL -;
Chloride mmol/L chloride; Creatinine mg/dL creatinine; Bilirubin_direct mg/dL bilirubin; Glucose mg/dL glucose;
Lactate mg/dL lactate; Magnesium mmol/dL magnesium; Phosphate mg/dL phosphate; Potassium mmol/L potassium;
Bilirubin_total mg/dL bilirubin; TroponinI ng/mL -; Hct % percent; Hgb g/dL hemoglobin; PTT s -; WBC 1/nL leucocytes;
Fibrinogen mg/dL -; Platelets 1/nL -
"""
# YAIB's files state no unit.
ICU_SENSORS = """
alb - albumin; bicar - bicarbonate; bili - bilirubin; bili_dir - bilirubin; bun - urea; cl - chloride;
crea - creatinine; dbp - pressure; fio2 - oxygen%; glu - glucose; hgb - hemoglobin; hr - rate; k - potassium;
lact - lactate; map - pressure; mg - magnesium; na - sodium; o2sat - percent; pco2 - paco2; ph - ph; phos - phosphate;
po2 - pao2; resp - breath; sbp - pressure; temp - temperature; wbc - leucocytes; height - height; weight - weight
"""


def units_of(table: str) -> dict[str, str]:
    """Return {sensor: unit} of one of the tables above."""
    return {name: unit for name, unit, _ in _rows(table) if unit != "-"}


def limits_of(table: str) -> dict[str, tuple[float, float]]:
    """Return {sensor: (lowest, highest)} of one of the tables above."""
    return {name: LIMITS[kind] for name, _, kind in _rows(table) if kind != "-"}


def within_limits(panel: Panel, limits: Limits) -> Panel:
    """Return a panel whose values outside the limits are missing, how many of each case in `meta[REMOVED]`."""
    X, count = _within(panel.X[:], panel.channel_names, limits)
    if panel.static is not None:
        static, more = _within(panel.static[:, :, None], panel.static_names, limits)
        panel, count = replace(panel, static=static[:, :, 0]), count + more
    return replace(panel, X=X, meta={**panel.meta, REMOVED: count})


def _within(values: Array, names: Sequence[str], limits: Limits) -> tuple[Array, Array]:
    low, high = np.array([limits.get(name, (-np.inf, np.inf)) for name in names], dtype=np.float32).T[:, :, None]
    outside = (values < low) | (values > high)
    return np.where(outside, np.float32(np.nan), values), outside.sum(axis=(1, 2))


def _rows(table: str) -> list[tuple[str, str, str]]:
    rows = [row.split() for row in table.split(";")]
    return [(name, unit, kind) for name, unit, kind in rows]
