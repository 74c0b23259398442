"""P19: the PhysioNet/CinC 2019 challenge, sepsis in hourly records of intensive care."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tsbench.data.dataset import Card, Data
from tsbench.data.panel import Panel
from tsbench.errors import InvalidDataError
from tsbench_clinical import folds, raindrop
from tsbench_clinical.base import ClinicalDataset, archives
from tsbench_clinical.cache import Space
from tsbench_clinical.files import Files
from tsbench_clinical.irregular import Series, stack
from tsbench_clinical.limits import P19_SENSORS, limits_of, units_of
from tsbench_clinical.numbers import check_between, check_codes, matrix

if TYPE_CHECKING:
    from tsbench.fetch.locations import Location

_NAMES = """
HR O2Sat Temp SBP MAP DBP Resp EtCO2 BaseExcess HCO3 FiO2 pH PaCO2 SaO2 AST BUN Alkalinephos Calcium Chloride Creatinine
Bilirubin_direct Glucose Lactate Magnesium Phosphate Potassium Bilirubin_total TroponinI Hct Hgb PTT WBC Fibrinogen
Platelets
"""
SENSORS = tuple(_NAMES.split())
STATIC = ("Age", "Gender", "Unit1", "Unit2", "HospAdmTime")
RANGES = {"Age": (0, 130), "Gender": (0, 1), "Unit1": (0, 1), "Unit2": (0, 1)}
TIME, LABEL = "ICULOS", "SepsisLabel"
COLUMNS = (*SENSORS, *STATIC, TIME, LABEL)
MIN_HOURS, MAX_HOURS = 2, 59
SPLITS = ("P19", "phy19_split*_new.npy")


class P19(ClinicalDataset):
    """P19: does a record of 2 to 59 hours have an hour that is labelled as sepsis?"""

    folders = ("p19", "P19*", "challenge-2019*", "physionet.org/files/challenge-2019/*", "raindrop/P19")
    whole = "38,803 records"
    units, limits = units_of(P19_SENSORS), limits_of(P19_SENSORS)
    n_records = 38_803
    version = 2
    fetched = ("training_setA.zip", "training_setB.zip")
    remedy = (
        "get it with 'tsbench data fetch p19', or put training_setA and training_setB (folders or archives of "
        ".psv files), "
        "or Raindrop's PT_dict_list_6.npy and arr_outcomes_6.npy, into a folder 'p19' of one that --data-dir or "
        "TSBENCH_DATA names"
    )

    def __init__(self, name: str = "p19", impossible: str = "keep") -> None:
        super().__init__(name, impossible)

    @property
    def about(self) -> Card:
        """The card."""
        return Card(
            name=self.name,
            own_folds={**folds.RECORDS, "raindrop": raindrop.N_SPLITS},
            summary="intensive care: sepsis or not, 34 sensors by the hour, 2 to 59 h",
            source="https://physionet.org/content/challenge-2019/1.0.0/",
            licence="CC BY 4.0",
            citation="Reyna et al., Early prediction of sepsis from clinical data, Critical Care Medicine 48(2), 2020",
            cohort="40,336 stays of two hospital systems (sets A and B); of 2 to 59 hours, as in Raindrop (38,803)",
            unit="times: hours in intensive care (ICULOS); sensors in the units of the challenge, as recorded",
            group="record",
            positive="sepsis",
            facts={
                "labels": "sepsis: an hour of the record is labelled; hours are labelled from 6 h before the onset on",
                "prediction": "at the record's end, which is after the onset where there is one: no horizon",
                "prevalence in full": "4.19 % (of 38,803)",
                "static": ", ".join(STATIC),
                "splits": "archive = records: five folds of 6:2:2; sets: set A trains, set B tests, where both "
                "are here; "
                "raindrop: only with Raindrop's arrays, whose rows cannot be told from the .psv files",
                "leaks": "length and last ICULOS tell of the label (records with sepsis are longer): ICULOS is "
                "the time "
                "axis here and not a static value; compare with a classifier of the length alone",
            },
        )

    def homes(self) -> tuple[Location, ...]:
        """Return PhysioNet's address."""
        from tsbench.fetch.locations import PlainFiles

        url = "https://archive.physionet.org/users/shared/challenge-2019/"
        return (PlainFiles(url, tuple((file, file, "") for file in self.fetched), "CC BY 4.0"),)

    def find(self, folder: Path) -> list[Path]:
        """Return the folders or archives of .psv files, else Raindrop's arrays."""
        for place in (folder, folder / "training"):
            sets = sorted(path for path in place.glob("training*set*") if path.is_dir())
            found = sets or archives(place, "training*set*")
            if found or any(place.glob("p*.psv")):
                return found or [place]
        return raindrop.find(folder, "PT_dict_list_6.npy", "arr_outcomes_6.npy", *SPLITS)

    def wanted(self, name: str) -> bool:
        """Take the records."""
        return re.search(r"(^|/)p\d+\.psv$|\.npy$", name) is not None

    def read(self, files: Files, space: Space) -> Data:
        """Read either form; cases are ordered by record."""
        if files.has("PT_dict_list_6.npy"):
            return _processed(files, space)
        series, static, labels, ids = [], [], [], []
        seen: dict[str, str] = {}
        for name in files.names:
            where, record = files.where(name), Path(name).stem
            if record in seen:
                raise InvalidDataError(f"{where}: patient {record} is there twice, also as {seen[record]}")
            seen[record] = where
            one, fixed, sepsis = parse_record(files.text(name), where)
            if MIN_HOURS <= len(one.times) <= MAX_HOURS:
                series.append(one)
                static.append(fixed)
                labels.append(sepsis)
                ids.append(record)
        if not series:
            raise InvalidDataError(f"{self.name}: no record has {MIN_HOURS} to {MAX_HOURS} hours")
        order = np.argsort(ids)
        names = np.array(ids)[order]
        sets = np.where(np.char.startswith(names, "p1"), "B", "A")
        panel = Panel.build(
            labels=[_name(labels[i]) for i in order],
            static=np.array(static, dtype=np.float32)[order],
            static_names=STATIC,
            meta={"record": names, "set": sets},
            channel_names=SENSORS,
            **stack([series[i] for i in order], space),
        )
        records = folds.grouped(panel.y, names)
        return Data(
            panel,
            folds.named(archive=records, records=records, sets=folds.by_membership(sets, ["A"], None, ["B"])),
        )


def parse_record(text: str, where: str) -> tuple[Series, list[float], bool]:
    """Return the observations of a record (hours, 34 sensors), its static values, and whether an hour is of sepsis.

    Raises InvalidDataError naming the line for a text in a number, an hour that does not follow the one before, or a
    label other than 0 and 1.
    """
    header, _, rest = text.partition("\n")
    names = header.strip().split("|")
    for name in COLUMNS:
        if names.count(name) != 1:
            raise InvalidDataError(f"{where}: has the column '{name}' {names.count(name)} times, expected once")
    try:
        values = matrix(rest, where, "|", len(names))
    except InvalidDataError as error:
        raise _one_line_on(str(error)) from None
    column = {name: values[:, names.index(name)] for name in COLUMNS}
    hours, label = column[TIME], column[LABEL]
    if np.isnan(hours).any() or (hours < 0).any():
        raise InvalidDataError(f"{where}: an hour has no {TIME}, or a negative one")
    back = np.flatnonzero(np.diff(hours) <= 0)
    if len(back):
        raise InvalidDataError(
            f"{where}, line {back[0] + 3}: {TIME} {hours[back[0] + 1]:g} is not after the one before"
        )
    if not np.isin(label, (0, 1)).all():
        raise InvalidDataError(f"{where}: {LABEL} is not 0 or 1 in every hour")
    static = {name: float(column[name][0]) for name in STATIC}
    check_between(static, RANGES, where)
    check_codes(static, ("Gender", "Unit1", "Unit2"), where)
    observations = np.stack([column[name] for name in SENSORS], axis=1)
    if (np.abs(np.nan_to_num(observations)) > 3e38).any():
        raise InvalidDataError(f"{where}: holds a value that is too large")
    return Series(hours, observations), [*static.values()], bool(label.any())


def _one_line_on(message: str) -> InvalidDataError:
    """Count the header in the line that a message about the rest of a table names."""
    return InvalidDataError(re.sub(r", line (\d+)", lambda match: f", line {int(match[1]) + 1}", message))


def _name(sepsis: bool) -> str:
    return "sepsis" if sepsis else "none"


def _processed(files: Files, space: Space) -> Data:
    """Read Raindrop's arrays, whose clock counts hours; the sixth static value, ICULOS, is left out."""
    outcomes = raindrop.array(files, "arr_outcomes_6.npy").ravel()
    found = raindrop.records(files, "PT_dict_list_6.npy", len(SENSORS), len(STATIC) + 1, per_hour=1)
    if len(found) != len(outcomes) or not np.isin(outcomes, (0, 1)).all():
        raise InvalidDataError(
            f"PT_dict_list_6.npy has {len(found)} records, arr_outcomes_6.npy {len(outcomes)} labels of 0 or 1"
        )
    empty = next((record.name for record in found if not len(record.series.times)), None)
    if empty is not None:
        raise InvalidDataError(f"PT_dict_list_6.npy: record {empty} has no observation")
    panel = Panel.build(
        labels=[_name(bool(label)) for label in outcomes],
        static=np.array([record.static[: len(STATIC)] for record in found], dtype=np.float32),
        static_names=STATIC,
        meta={"record": np.array([record.name for record in found])},
        channel_names=SENSORS,
        **stack([record.series for record in found], space),
    )
    rows = np.arange(len(panel))
    records = folds.grouped(panel.y, rows)
    splits = raindrop.splits(files, "phy19_split{}_new.npy", rows, len(panel))
    return Data(panel, folds.named(archive=records, records=records, raindrop=splits))
