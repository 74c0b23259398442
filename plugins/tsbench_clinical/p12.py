"""P12: the PhysioNet/CinC 2012 challenge, 48 hours in intensive care, death in hospital or length of stay."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tsbench.data.dataset import Card, Data
from tsbench.data.panel import Panel
from tsbench.errors import InvalidDataError
from tsbench_clinical import folds, raindrop
from tsbench_clinical.base import ClinicalDataset, archives, one_of
from tsbench_clinical.cache import Space
from tsbench_clinical.files import Files
from tsbench_clinical.irregular import Series, stack
from tsbench_clinical.limits import P12_SENSORS, limits_of, units_of
from tsbench_clinical.numbers import check_between, check_codes, number, rows, whole

if TYPE_CHECKING:
    from tsbench.fetch.locations import Location

_NAMES = """
ALP ALT AST Albumin BUN Bilirubin Cholesterol Creatinine DiasABP FiO2 GCS Glucose HCO3 HCT HR K Lactate MAP MechVent Mg
NIDiasABP NIMAP NISysABP Na PaCO2 PaO2 Platelets RespRate SaO2 SysABP Temp TroponinI TroponinT Urine WBC pH
"""
SENSORS = tuple(_NAMES.split())
DESCRIPTORS = ("RecordID", "Age", "Gender", "Height", "ICUType", "Weight")
STATIC = ("Age", "Gender=0", "Gender=1", "Height", "ICUType=1", "ICUType=2", "ICUType=3", "ICUType=4", "Weight")
RANGES = {"Age": (0, 130), "Gender": (0, 1), "Height": (0, 1000), "ICUType": (1, 4), "Weight": (0, 1000)}
OUTCOMES = ("RecordID", "Length_of_stay", "In-hospital_death")
COLUMNS = ("Time", "Parameter", "Value")
SETS = "abc"
END_MINUTES = 48 * 60
SPLITS = ("P12", "phy12_split*.npy")
PLACE = {sensor: i for i, sensor in enumerate(SENSORS)}


class P12(ClinicalDataset):
    """P12 with the label `target`: "mortality" (death in hospital) or "los" (a stay of more than three days).

    unknown_stay : for "los", whether the records whose length of stay is not known (-1) count as "short", as in
    Raindrop, or are left out ("drop").
    """

    folders = ("p12", "P12*", "challenge-2012*", "physionet.org/files/challenge-2012/*", "raindrop/P12")
    whole = "11,988 records (sets a, b and c)"
    units, limits = units_of(P12_SENSORS), limits_of(P12_SENSORS)
    n_records = 11_988
    version = 2
    fetched = tuple(file for letter in SETS for file in (f"set-{letter}.tar.gz", f"Outcomes-{letter}.txt"))
    remedy = (
        "get it with 'tsbench data fetch p12', or put set-a.tar.gz (or the folder set-a) and Outcomes-a.txt, "
        "likewise b "
        "and c, or Raindrop's PTdict_list.npy and arr_outcomes.npy, into a folder 'p12' of one that --data-dir or "
        "TSBENCH_DATA names"
    )

    def __init__(
        self, name: str = "p12", target: str = "mortality", unknown_stay: str = "short", impossible: str = "keep"
    ) -> None:
        super().__init__(name, impossible)
        one_of("target", target, ("mortality", "los"))
        one_of("unknown_stay", unknown_stay, ("short", "drop"))
        self.target = target
        self.unknown_stay = unknown_stay

    @property
    def about(self) -> Card:
        """The card."""
        dies = self.target == "mortality"
        stay = "count as short" if self.unknown_stay == "short" else "are left out"
        return Card(
            name=self.name,
            own_folds={**folds.RECORDS, "raindrop": raindrop.N_SPLITS},
            summary=f"intensive care: {'death in hospital' if dies else 'stay of more than 3 days'}, 36 "
            f"irregular sensors, 48 h",
            source="https://physionet.org/content/challenge-2012/1.0.0/",
            licence="ODC-By 1.0",
            citation="Silva et al., Predicting in-hospital mortality of ICU patients, CinC 2012",
            cohort="12,000 stays of adults in four kinds of intensive care, each of at least 48 h; without the "
            "records that "
            "hold only descriptors (11,988 remain)",
            unit="times: hours since admission; sensors in the units of the challenge, as recorded",
            group="record",
            positive="died" if dies else "longer than 3 days",
            facts={
                "labels": "death in hospital"
                if dies
                else f"Length_of_stay > 3 days; the 157 stays of unknown length (-1) {stay}",
                "prediction": "at 48 h after admission; horizon: the rest of the hospital stay",
                "prevalence in full": "14.24 % die" if dies else "93.05 % stay longer",
                "static": ", ".join(STATIC) + "; -1 is missing",
                "values": "one row per time at which something was recorded; of two values at one minute the "
                "later counts; "
                "from 48:00 on nothing is taken; later weights are left out; MechVent is only ever 1; "
                "impossible values are kept as recorded (p12-plausible has them missing)",
                "splits": "archive = records: five folds of 6:2:2; official: set a trains and b tests (of a, b "
                "and c, b "
                "validates and c tests); raindrop: the five of Raindrop, restricted to the sets that are here",
                "leaks": "one record per stay; how often is measured tells of the label; Raindrop's splits are not "
                "stratified; 'P12' in papers is either target: Raindrop's table has the stay, most others the death",
            },
        )

    def homes(self) -> tuple[Location, ...]:
        """Return PhysioNet's address."""
        from tsbench.fetch.locations import PlainFiles

        url = "https://physionet.org/files/challenge-2012/1.0.0/"
        return (PlainFiles(url, tuple((file, file, "") for file in self.fetched), "ODC-By 1.0"),)

    def find(self, folder: Path) -> list[Path]:
        """Return the sets that are there with their outcomes and Raindrop's splits, else Raindrop's arrays."""
        found: list[Path] = []
        for letter in SETS:
            records, outcomes = folder / f"set-{letter}", folder / f"Outcomes-{letter}.txt"
            packed = archives(folder, f"set-{letter}.tar.gz", f"set-{letter}.zip", f"set-{letter}.tar")[:1]
            here = [records] if records.is_dir() else packed
            found += [*here, outcomes] if here and outcomes.is_file() else here
        if found:
            return found + raindrop.find_splits(folder, "arr_outcomes.npy", *SPLITS)
        return raindrop.find(folder, "PTdict_list.npy", "arr_outcomes.npy", *SPLITS)

    def wanted(self, name: str) -> bool:
        """Take the records, the outcomes and Raindrop's arrays."""
        return re.search(r"(^|/)(\d+|Outcomes-[abc])\.txt$|\.npy$", name) is not None

    def read(self, files: Files, space: Space) -> Data:
        """Read either form; cases are ordered by set and record."""
        if files.has("PTdict_list.npy"):
            return self._processed(files, space)
        outcomes = _outcomes(files)
        parsed = []
        seen: dict[str, str] = {}
        for name in files.names:
            record = Path(name).stem
            if not record.isdigit():
                continue
            where = files.where(name)
            if record in seen:
                raise InvalidDataError(f"{where}: patient {record} is there twice, also as {seen[record]}")
            seen[record] = where
            if record not in outcomes:
                raise InvalidDataError(f"{where}: record {record} has no outcome in Outcomes-a.txt, -b.txt or -c.txt")
            series, static = parse_record(files.text(name), where, record)
            if len(series.times) and self._known(outcomes[record]):
                parsed.append((outcomes[record]["set"], record, series, static))
        lost = sorted(set(outcomes) - set(seen))
        if lost:
            raise InvalidDataError(
                f"Outcomes-{outcomes[lost[0]]['set']}.txt: record {lost[0]} has no file {lost[0]}.txt"
            )
        if not parsed:
            raise InvalidDataError(f"{self.name}: no record holds an observation")
        parsed.sort(key=lambda entry: entry[:2])
        ids = [record for _, record, _, _ in parsed]
        described = np.array([static for *_, static in parsed])
        labels = [self._label(outcomes[record]) for record in ids]
        sets = np.array([letter for letter, *_ in parsed])
        return self._data([series for _, _, series, _ in parsed], described, labels, ids, sets, files, space)

    def _processed(self, files: Files, space: Space) -> Data:
        table = raindrop.array(files, "arr_outcomes.npy", ndim=2)
        found = raindrop.records(files, "PTdict_list.npy", len(SENSORS), len(STATIC), per_hour=60)
        if len(found) != len(table) or table.shape[1] != 6:
            raise InvalidDataError(
                f"PTdict_list.npy has {len(found)} records, arr_outcomes.npy the shape {table.shape}"
            )
        outcomes = [{"Length_of_stay": int(row[3]), "In-hospital_death": int(row[5]), "set": "?"} for row in table]
        kept = [i for i, record in enumerate(found) if len(record.series.times) and self._known(outcomes[i])]
        static = np.array([found[i].static for i in kept])
        static[static < 0] = np.nan
        labels = [self._label(outcomes[i]) for i in kept]
        ids = [str(int(table[i, 0])) for i in kept]
        return self._data([found[i].series for i in kept], static, labels, ids, np.full(len(kept), "?"), files, space)

    def _data(
        self,
        series: list[Series],
        static: npt.NDArray[Any],
        labels: list[str],
        ids: list[str],
        sets: npt.NDArray[Any],
        files: Files,
        space: Space,
    ) -> Data:
        panel = Panel.build(
            labels=labels,
            static=static.astype(np.float32),
            static_names=STATIC,
            meta={"record": np.array(ids), "set": sets},
            channel_names=SENSORS,
            **stack(series, space),
        )
        records = folds.grouped(panel.y, panel.meta["record"])
        here = sorted(set(sets.tolist()) - {"?"})
        official = folds.by_membership(sets, here[:1], here[1:-1] or None, here[1:][-1:])
        schemes = folds.named(archive=records, records=records, official=official, raindrop=_raindrop(files, ids))
        return Data(panel, schemes)

    def _known(self, outcome: dict[str, Any]) -> bool:
        return self.target == "mortality" or self.unknown_stay == "short" or outcome["Length_of_stay"] >= 0

    def _label(self, outcome: dict[str, Any]) -> str:
        if self.target == "mortality":
            return "died" if outcome["In-hospital_death"] else "alive"
        return "longer than 3 days" if outcome["Length_of_stay"] > 3 else "3 days or less"


def _outcomes(files: Files) -> dict[str, dict[str, Any]]:
    """Return {record: length of stay, death, set} of all outcome files."""
    found: dict[str, dict[str, Any]] = {}
    for letter in SETS:
        base = f"Outcomes-{letter}.txt"
        if not files.has(base):
            continue
        where = files.where(files.find(base, base))
        for line, row in rows(files.text(files.find(base, base)), OUTCOMES, where):
            place = f"{where}, line {line}"
            record = str(whole(row["RecordID"], place))
            if record in found:
                raise InvalidDataError(f"{place}: record {record} has an outcome already")
            death, stay = whole(row["In-hospital_death"], place), whole(row["Length_of_stay"], place)
            if death not in (0, 1) or stay < -1:
                raise InvalidDataError(
                    f"{place}: record {record} has death {death} (0 or 1) and stay {stay} (-1 or more)"
                )
            found[record] = {"In-hospital_death": death, "Length_of_stay": stay, "set": letter}
    if not found:
        raise InvalidDataError(
            "p12: there is no Outcomes-a.txt, Outcomes-b.txt or Outcomes-c.txt beside the sets; add it"
        )
    return found


def parse_record(text: str, where: str, record: str) -> tuple[Series, list[float]]:
    """Return the observations of a record (hours, 36 sensors) and its nine static values.

    Raises InvalidDataError naming the line for an unknown parameter, a text in a number, a time that runs backwards or
    a descriptor that is missing.
    """
    lines = text.splitlines()
    header = lines[0].split(",") if lines else []
    if sorted(header) != sorted(COLUMNS):
        raise InvalidDataError(f"{where}: its first line is not '{','.join(COLUMNS)}'")
    at_time, at_name, at_value = (header.index(name) for name in COLUMNS)
    described: dict[str, float] = {}
    cells: dict[int, list[float]] = {}
    row: list[float] | None = None
    minute, clock, unusual = 0, "00:00", "_" in text
    for line, content in enumerate(lines[1:], 2):
        fields = content.split(",")
        try:
            if len(fields) != 3:
                raise ValueError("it has not three fields")
            if fields[at_time] != clock:
                clock, row = fields[at_time], None
                before, minute = minute, _minutes(clock)
                if minute < before:
                    raise ValueError(f"its time {clock} is before the one above")
            name, value = fields[at_name], float(fields[at_value])
            if unusual or not -3e38 < value < 3e38:
                value = number(fields[at_value], "it")
                if value != value:
                    raise ValueError("its value is missing")
        except (ValueError, InvalidDataError) as error:
            raise InvalidDataError(f"{where}, line {line}: '{content[:60]}' cannot be read: {error}") from None
        place = PLACE.get(name)
        if place is not None:
            if minute < END_MINUTES:
                if row is None:
                    row = cells.setdefault(minute, [np.nan] * len(SENSORS))
                row[place] = value
        elif name not in DESCRIPTORS:
            raise InvalidDataError(f"{where}, line {line}: '{name}' is no parameter of the challenge")
        elif minute == 0:
            described.setdefault(name, value)
        elif name != "Weight":
            raise InvalidDataError(f"{where}, line {line}: the descriptor {name} is given at {clock}, expected 00:00")
    missing = [name for name in DESCRIPTORS if name not in described]
    if missing:
        raise InvalidDataError(f"{where}: has no {missing[0]} at 00:00")
    if described["RecordID"] != int(record):
        raise InvalidDataError(f"{where}: states RecordID {described['RecordID']:g}; the file was renamed")
    times = np.array(list(cells), dtype=np.float64) / 60
    values = np.array(list(cells.values()), dtype=np.float64).reshape(len(cells), len(SENSORS))
    return Series(times, values), _static(described, where)


def _minutes(clock: str) -> int:
    hours, colon, minutes = clock.partition(":")
    if not (colon and hours.isdecimal() and minutes.isdecimal() and len(minutes) == 2 and int(minutes) < 60):
        raise ValueError(f"'{clock}' is no time")
    return int(hours) * 60 + int(minutes)


def _static(described: dict[str, float], where: str) -> list[float]:
    """Return the static values in the order of STATIC; -1 is missing."""
    known = {name: np.nan if described[name] == -1 else described[name] for name in RANGES}
    check_between(known, RANGES, where)
    check_codes(known, ("Gender", "ICUType"), where)
    age, gender, height, kind, weight = known.values()
    return [
        age,
        *(np.nan if np.isnan(gender) else float(gender == code) for code in (0, 1)),
        height,
        *(np.nan if np.isnan(kind) else float(kind == code) for code in (1, 2, 3, 4)),
        weight,
    ]


def _raindrop(files: Files, ids: list[str]) -> list[Any]:
    """Return Raindrop's splits, its rows found by the RecordID in its outcomes."""
    if not files.has("arr_outcomes.npy"):
        return []
    table = raindrop.array(files, "arr_outcomes.npy", ndim=2)
    row_of = {str(int(record)): row for row, record in enumerate(table[:, 0])}
    found = np.array([row_of.get(record, -1) for record in ids], dtype=np.int64)
    return raindrop.splits(files, "phy12_split{}.npy", found, len(table))
