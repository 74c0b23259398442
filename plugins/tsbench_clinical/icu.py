"""Hourly intensive-care cohorts as YAIB writes them (dyn, sta and outc .parquet), of the open demo databases."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tsbench.data.dataset import Card, Data
from tsbench.data.panel import Panel
from tsbench.errors import InvalidDataError
from tsbench.text import plain
from tsbench_clinical import folds
from tsbench_clinical.base import ClinicalDataset, one_of
from tsbench_clinical.cache import Space
from tsbench_clinical.files import Files
from tsbench_clinical.irregular import Series, stack
from tsbench_clinical.limits import ICU_SENSORS, limits_of
from tsbench_clinical.numbers import check_between

if TYPE_CHECKING:
    import pandas as pd

STATIC = ("age", "sex", "height", "weight")
RANGES = {"age": (0, 130), "height": (0, 1000), "weight": (0, 1000)}
SEX = {"Male": 0.0, "Female": 1.0}
_NAMES = """
alb alp alt ast be bicar bili bili_dir bnd bun ca cai ck ckmb cl crea crp dbp fgn fio2 glu hgb hr inr_pt k lact lymph
map mch mchc mcv methb mg na neut o2sat pco2 ph phos plt po2 ptt resp sbp temp tnt urine wbc
"""
VARIABLES = tuple(_NAMES.split())
TABLES = {"dyn.parquet": ("stay_id", "time"), "sta.parquet": ("stay_id", *STATIC), "outc.parquet": ("stay_id", "label")}


class IcuDemo(ClinicalDataset):
    """One cohort: task "mortality24" or "sepsis", source "eicu" or "mimic"."""

    folders = ("icu-demo", "yaib", "YAIB*")
    limits = limits_of(ICU_SENSORS)
    whole = "the cohorts of the demos are complete; those of the databases need their credentials"
    n_records = 1  # a cohort is three files, which are here or not
    fetched = tuple(TABLES)

    def __init__(self, name: str, task: str, source: str, impossible: str = "keep") -> None:
        super().__init__(name, impossible)
        one_of("task", task, ("mortality24", "sepsis"))
        one_of("source", source, ("eicu", "mimic"))
        self.task = task
        self.source = source

    @property
    def remedy(self) -> str:  # type: ignore[override]
        """What to get and where to put it."""
        return (
            f"put {', '.join(TABLES)}, as made by YAIB (https://github.com/rvandewater/YAIB-cohorts), into the folder "
            f"icu-demo/{self.task}/{self.source}_demo of one that --data-dir or TSBENCH_DATA names"
        )

    @property
    def about(self) -> Card:
        """The card."""
        database = "eICU" if self.source == "eicu" else "MIMIC-III"
        dies = self.task == "mortality24"
        return Card(
            name=self.name,
            own_folds=folds.RECORDS,
            summary=f"{database} demo: {'death in intensive care' if dies else 'sepsis'}, 48 variables by the hour",
            source="https://github.com/rvandewater/YAIB-cohorts; https://physionet.org/content/"
            + ("eicu-crd-demo/2.0.1/" if self.source == "eicu" else "mimiciii-demo/1.4/"),
            licence="MIT (cohorts); ODbL 1.0 (data)",
            citation="van de Water et al., Yet Another ICU Benchmark, ICLR 2024",
            cohort="stays of the open demo of the database, chosen by YAIB; small: for trying out, not for conclusions",
            unit="times: hours since admission; variables in YAIB's units",
            group="record",
            positive="died" if dies else "sepsis",
            facts={
                "labels": "death in intensive care" if dies else "any hour of the stay is labelled as sepsis",
                "prediction": "at 24 h after admission; horizon: the rest of the stay"
                if dies
                else "at the end of the stay, which is after the onset where there is one: no horizon",
                "static": f"{', '.join(STATIC)}; sex 1 is female",
                "channels": "a variable that no stay has a value of is left out",
                "splits": "archive = records: five folds of 6:2:2 by stay",
                "leaks": "stays of one patient may be on both sides"
                + ("" if dies else "; length tells of the label, and hours after the onset of its treatment"),
            },
        )

    def find(self, folder: Path) -> list[Path]:
        """Return the folder of the three tables."""
        place = folder / self.task / f"{self.source}_demo"
        return [place] if any((place / name).is_file() for name in TABLES) else []

    def wanted(self, name: str) -> bool:
        """Take the three tables."""
        return name in TABLES

    def read(self, files: Files, space: Space) -> Data:
        """Read the three tables; cases are ordered by stay."""
        hourly, fixed, outcome = (_table(files, name) for name in TABLES)
        where = files.where("dyn.parquet")
        variables = [name for name in hourly.columns if name not in TABLES["dyn.parquet"]]
        lost = [name for name in VARIABLES if name not in variables]
        if lost:
            more = f", nor {len(lost) - 1} more of its {len(VARIABLES)} variables" if len(lost) > 1 else ""
            raise InvalidDataError(f"{where}: has no column '{lost[0]}'{more}; leave one empty that was not measured")
        values = np.stack([_numbers(hourly, name, where) for name in variables], axis=1)
        hours = _hours(hourly, where)
        observed = ~np.isnan(values).all(axis=0)
        label = _labels(outcome, files.where("outc.parquet"), several=self.task == "sepsis")
        static = _static(fixed, files.where("sta.parquet"))
        series, ids = [], []
        for stay, rows in sorted(hourly.groupby("stay_id").indices.items()):
            if (np.diff(hours[rows]) <= 0).any():
                raise InvalidDataError(f"{where}: stay {stay}: its times run backwards or repeat")
            for what, known in (("sta.parquet", static), ("outc.parquet", label)):
                if stay not in known:
                    raise InvalidDataError(f"{where}: stay {stay} is not in {what}")
            series.append(Series(hours[rows], values[rows][:, observed]))
            ids.append(stay)
        without = sorted(set(label) - set(ids))
        if without:
            raise InvalidDataError(f"{where}: stay {without[0]} of outc.parquet has no hour")
        steps = np.concatenate([np.diff(one.times) for one in series])
        if len(steps) and np.median(steps) != 1:
            raise InvalidDataError(f"{where}: most rows are {np.median(steps):g} after the one before, expected 1 hour")
        names = ("alive", "died") if self.task == "mortality24" else ("none", "sepsis")
        panel = Panel.build(
            labels=[names[int(label[stay])] for stay in ids],
            static=np.array([static[stay] for stay in ids], dtype=np.float32),
            static_names=STATIC,
            meta={"record": np.array(ids)},
            channel_names=tuple(name for name, kept in zip(variables, observed, strict=True) if kept),
            **stack(series, space),
        )
        records = folds.grouped(panel.y, panel.meta["record"])
        return Data(panel, folds.named(archive=records, records=records))


def _table(files: Files, name: str) -> pd.DataFrame:
    import pandas as pd

    where = files.where(files.find(name, "icu-demo"))
    try:
        table = pd.read_parquet(io.BytesIO(files.read(name)))
        for column in table.columns:  # texts are decoded here, where what a damaged one leads to is caught
            if table[column].dtype.kind not in "biufmM":
                table[column] = table[column].astype(object)
    except InvalidDataError:
        raise
    except Exception as error:  # pyarrow raises whatever a damaged file leads to
        raise InvalidDataError(f"{where}: is no parquet table ({str(error)[:200]})") from error
    for column in TABLES[name]:
        if list(table.columns).count(column) != 1:
            raise InvalidDataError(f"{where}: has the column '{column}' {list(table.columns).count(column)} times")
    if not len(table) or table["stay_id"].dtype.kind not in "iu":
        raise InvalidDataError(f"{where}: is empty, or its stay_id is no whole number")
    return table


def _numbers(table: pd.DataFrame, name: str, where: str) -> np.ndarray:
    column = table[name]
    if column.dtype.kind not in "biuf":
        texts = [row for row, value in enumerate(column.tolist()) if not isinstance(value, int | float | None)]
        first = f", '{plain(str(column.iloc[texts[0]])[:40])}' {_at(table, texts[0])}" if texts else ""
        raise InvalidDataError(f"{where}: the column '{name}' holds what is no number{first} ({column.dtype})")
    values: np.ndarray = column.to_numpy(dtype=np.float64, na_value=np.nan)
    large = np.abs(np.nan_to_num(values, posinf=np.inf)) > 3e38
    if large.any():
        at = _at(table, int(large.argmax()))
        raise InvalidDataError(f"{where}: the column '{name}' holds a value that is infinite or too large {at}")
    return values


def _at(table: pd.DataFrame, row: int) -> str:
    """Return how messages name a row."""
    return f"in row {row}, of stay {table['stay_id'].iloc[row]}"


def _hours(table: pd.DataFrame, where: str) -> np.ndarray:
    """Return the column time in hours, whether it is a duration or a number of hours."""
    if table["time"].dtype.kind == "m":
        hours: np.ndarray = table["time"].dt.total_seconds().to_numpy(dtype=np.float64) / 3600
    else:
        hours = _numbers(table, "time", where)
    if np.isnan(hours).any():
        raise InvalidDataError(f"{where}: a row has no time, {_at(table, int(np.isnan(hours).argmax()))}")
    return hours


def _labels(table: pd.DataFrame, where: str, several: bool) -> dict[Any, bool]:
    """Return the label of each stay; of several per stay, whether any is true."""
    values = _numbers(table, "label", where)
    wrong = ~np.isin(values, (0, 1))
    if wrong.any():
        at = _at(table, int(wrong.argmax()))
        raise InvalidDataError(f"{where}: a label is not 0 or 1 but {values[wrong][0]:g}, {at}")
    if not several:
        _check_once(table, where)
    return dict(table.assign(label=values > 0).groupby("stay_id")["label"].any())


def _static(table: pd.DataFrame, where: str) -> dict[Any, list[float]]:
    _check_once(table, where)
    columns = {name: _numbers(table, name, where) for name in STATIC if name != "sex"}
    sex = [np.nan if value is None or value != value else SEX.get(str(value)) for value in table["sex"].tolist()]
    if None in sex:
        row = sex.index(None)
        given = plain(str(table["sex"].iloc[row])[:40])
        raise InvalidDataError(f"{where}: sex is '{given}', expected Male or Female, {_at(table, row)}")
    columns["sex"] = np.array(sex, dtype=np.float64)
    found = {}
    for i, stay in enumerate(table["stay_id"].tolist()):
        fixed = {name: float(columns[name][i]) for name in STATIC}
        check_between(fixed, RANGES, f"{where}: stay {stay}")
        found[stay] = [*fixed.values()]
    return found


def _check_once(table: pd.DataFrame, where: str) -> None:
    twice = table["stay_id"][table["stay_id"].duplicated()]
    if len(twice):
        raise InvalidDataError(f"{where}: stay {twice.iloc[0]} is there twice")
