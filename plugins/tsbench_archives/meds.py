"""MedsCohort: events of patients in the format MEDS 0.4, with labels as of a time of prediction."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tsbench.data.dataset import Card, Data, Dataset, Fold
from tsbench.data.memory import check_room
from tsbench.data.panel import CASE, Panel
from tsbench.errors import InvalidDataError, TsbenchWarning, UsageError
from tsbench_archives.aces import extract
from tsbench_archives.cells import reason, shown
from tsbench_archives.labels import target
from tsbench_archives.statics import static_fields
from tsbench_archives.taken import Taken, taken_for

DATA, LABELS, SPLITS, ABOUT = "data", "labels", "metadata/subject_splits.parquet", "metadata/dataset.json"
TASKS = (".parquet", ".yaml")  # what a task in LABELS may be, beside a folder of .parquet files
PARTS = ("train", "tuning", "held_out")
BIRTH = "MEDS_BIRTH"
SUBJECT, TIME, CODE, NUMBER, AT = "subject_id", "time", "code", "numeric_value", "prediction_time"
TYPES = {
    **{SUBJECT: pa.int64(), TIME: pa.timestamp("us"), AT: pa.timestamp("us"), CODE: pa.string(), NUMBER: pa.float32()},
    **{"split": pa.string(), "boolean_value": pa.bool_(), "integer_value": pa.int64(), "float_value": pa.float64()},
    "categorical_value": pa.string(),
}
VALUES = ("boolean_value", "integer_value", "float_value", "categorical_value")
MOST_CODES = 256
AND = " + "  # between the values of a subject that has several
HOUR, YEAR = 3.6e9, 365.25 * 24 * 3.6e9  # microseconds


class MedsCohort(Dataset):
    """A folder in the format MEDS: data/*.parquet, metadata/dataset.json and, for a task, labels/NAME.

    labels/NAME.parquet, or a folder NAME of such files, has a row per case: `subject_id`, `prediction_time` and one of
    `boolean_value`, `integer_value`, `float_value`, `categorical_value`. labels/NAME.yaml is a task for ACES, which
    makes such rows (extra `clinical`). metadata/subject_splits.parquet, where it is there, says which subjects are for
    training ("train"), validation ("tuning") and the test ("held_out").

    A case holds the events of its subject up to and including the time of prediction. Channels are codes, at most
    MOST_CODES, the most frequent ones of the training part; a code without any number is 1 where it happened. Of
    several numbers of one code at one time the last counts. Events without a time are static values, NAME//VALUE a
    category; `age` is that since MEDS_BIRTH, in years.

    path : the folder, or labels/NAME within it. task : what the labels are, "" for what their column says.
    skip_bad : leave out, with a warning, cases without an event.
    """

    def __init__(self, path: Path, task: str = "", skip_bad: bool = False) -> None:
        root = root_of(path)
        assert root is not None
        self.root, self.task, self.skip_bad = root, task, skip_bad
        self.labels = _task_of(root, path)
        self.name = f"{root.resolve().name}-{self.labels.stem}"

    @property
    def card(self) -> Card:
        """The dataset's card: grouped by subject; what the dataset says of itself."""
        says, (task, why) = self._about(), self._taken
        split = (self.root / SPLITS).is_file()
        facts = {
            "prediction": "at prediction_time; events up to and including it",
            "version": says.get("dataset_version"),
            "made by": says.get("etl_name"),
            "labels": f"{why}; --task says otherwise" if why else None,
        }
        return Card(
            name=self.name,
            summary=f"MEDS cohort {says.get('dataset_name', self.root.resolve().name)}, task {self.labels.stem}",
            source=str(self.root.resolve()),
            licence=str(says.get("license", "")),
            task=task,
            group="subject",
            positive="True" if self._value == "boolean_value" else "",
            default_protocol=("svm-rbf" if task == "classification" else "ridge") + "-cv5" * (not split),
            facts={name: shown(str(value)) for name, value in facts.items() if value},
        )

    def files(self) -> list[Path]:
        """Return all files that are read."""
        about = [self.root / ABOUT, self.root / SPLITS]
        return [*self._events, *_of(self.labels), *(path for path in about if path.is_file())]

    def load(self) -> Data:
        """Read the data; raises InvalidDataError naming the file, and subject or code, when it cannot be used."""
        if self._value is None:
            raise InvalidDataError(f"{self.labels}: has none of the columns {', '.join(VALUES)}; labels are in one")
        panel = self.cases()
        return Data(panel, {"archive": [fold]} if (fold := self._fold(panel)) else {})

    def cases(self) -> Panel:
        """Read all cases, with their labels where they have some."""
        rows, events = self._rows, self._read_events()
        timeless = events[TIME].isna() | (events[CODE] == BIRTH)
        facts, events = events[timeless], events[~timeless]
        spans = _spans(rows, events)
        empty = spans[:, 0] == spans[:, 1]
        if empty.any():
            first = rows[empty].iloc[0]
            what = f"{int(empty.sum())} cases have no event, subject {first[SUBJECT]} at {first[AT]} the first"
            if not self.skip_bad or empty.all():
                raise InvalidDataError(f"{self.labels}: {what}; drop such rows, or give --skip-bad")
            warnings.warn(f"{self.labels}: {what}: they are left out", TsbenchWarning, stacklevel=2)
            rows, spans = rows[~empty], spans[~empty]
        subjects = rows[SUBJECT].astype(str).to_numpy(dtype=str)
        at = rows[AT].dt.strftime("%Y-%m-%dT%H:%M:%S.%f").to_numpy(dtype=str)
        names = np.char.add(np.char.add(subjects, "@"), at)
        train = np.isin(self._part(rows), ["train", ""])
        panel = _stacked(events, spans, train, str(self.root / DATA))
        about = {"meta": {"subject": subjects, AT: at, CASE: names}, **self._target(rows), **self._statics(rows, facts)}
        return Panel.build(**panel, **about)

    @cached_property
    def _events(self) -> list[Path]:
        return _of(self.root / DATA)

    def _about(self) -> dict[str, Any]:
        try:
            says = json.loads((self.root / ABOUT).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise InvalidDataError(f"{self.root / ABOUT}: cannot be read ({reason(error)})") from error
        if not isinstance(says, dict):
            raise InvalidDataError(f"{self.root / ABOUT}: holds no mapping")
        return says

    @cached_property
    def _rows(self) -> pd.DataFrame:
        """Return the rows of the labels, in the order of subject and time."""
        if self.labels.suffix == ".yaml":
            found = extract(self.labels, self.root / DATA)
            rows: pd.DataFrame = _typed(found, self.labels, (SUBJECT, AT), VALUES).to_pandas()
        else:
            rows = _frame(_of(self.labels), (SUBJECT, AT), VALUES)
        if rows.empty:
            raise InvalidDataError(f"{self.labels}: has no row")
        twice = rows.duplicated([SUBJECT, AT])
        if twice.any():
            first = rows[twice].iloc[0]
            raise InvalidDataError(f"{self.labels}: subject {first[SUBJECT]} at {first[AT]} is there twice")
        return rows.sort_values([SUBJECT, AT], ignore_index=True)

    @cached_property
    def _value(self) -> str | None:
        """Return the column of the labels; None where there is none. Raises InvalidDataError where it is not whole."""
        given = [name for name in VALUES if name in self._rows and self._rows[name].notna().any()]
        if len(given) > 1:
            raise InvalidDataError(f"{self.labels}: has labels in {' and '.join(given)}; give them in one column")
        if given and (bad := self._rows[self._rows[given[0]].isna()]).size:
            one = bad.iloc[0]
            raise InvalidDataError(f"{self.labels}: subject {one[SUBJECT]} at {one[AT]} has no {given[0]}")
        return given[0] if given else None

    @property
    def _taken(self) -> Taken:
        """Return what the labels are, and why where nobody says it."""
        if self.task or self._value is None:
            return self.task or "classification", ""
        if self._value == "float_value":
            return "regression", ""
        return taken_for(self._cells(self._rows)) if self._value == "integer_value" else ("classification", "")

    def _cells(self, rows: pd.DataFrame) -> list[str]:
        return [str(value) for value in rows[self._value].tolist()]

    def _target(self, rows: pd.DataFrame) -> dict[str, Any]:
        if self._value is None:
            return {}
        whose = rows[SUBJECT].tolist()
        return target(self._cells(rows), self._taken[0], lambda case: f"{self.labels}, subject {whose[case]}")

    def _part(self, rows: pd.DataFrame) -> npt.NDArray[np.str_]:
        """Return of which part each row is, "" where subjects are not divided."""
        path = self.root / SPLITS
        if not path.is_file():
            return np.full(len(rows), "", dtype=str)
        splits = _frame([path], (SUBJECT, "split"))
        if (twice := splits.duplicated(SUBJECT)).any():
            raise InvalidDataError(f"{path}: subject {splits[twice][SUBJECT].iloc[0]} is there twice")
        found = rows[SUBJECT].map(splits.set_index(SUBJECT)["split"])
        if (bad := ~found.isin(PARTS)).any():
            one, parts = rows[bad].iloc[0][SUBJECT], ", ".join(PARTS)
            what = found[bad].iloc[0]
            says = "has no row" if pd.isna(what) else f"is of '{shown(str(what))}'"
            raise InvalidDataError(f"{path}: subject {one} {says}; each with a label is of one of {parts}")
        return found.to_numpy(dtype=str)

    def _fold(self, panel: Panel) -> Fold | None:
        """Return the division of subjects, None where there is none."""
        part = self._part(pd.DataFrame({SUBJECT: np.asarray(panel.meta["subject"], dtype=np.int64)}))
        if not part[0]:
            return None
        train, validation, test = (np.flatnonzero(part == name) for name in PARTS)
        for name, cases in (("train", train), ("held_out", test)):
            if not len(cases):
                raise InvalidDataError(f"{self.root / SPLITS}: no subject with a label is of '{name}'")
        return Fold(train, validation if len(validation) else None, test)

    def _read_events(self) -> pd.DataFrame:
        """Return the events of subjects with a label, by subject and time; those of one moment in the files' order."""
        whose = set(self._rows[SUBJECT].tolist())
        check_room(sum(_rows_of(path) for path in self._events) * 48)
        events = _frame(self._events, (SUBJECT, TIME, CODE), (NUMBER,), lambda part: part[part[SUBJECT].isin(whose)])
        if NUMBER not in events:
            events[NUMBER] = np.float32(np.nan)
        return events.sort_values([SUBJECT, TIME], kind="stable", na_position="first", ignore_index=True)

    def _statics(self, rows: pd.DataFrame, facts: pd.DataFrame) -> dict[str, Any]:
        """Return the static values of a Panel: events without a time, and the age."""
        found: dict[str, dict[int, str]] = {}
        births: dict[int, pd.Timestamp] = {}
        for subject, time, code, number in facts[[SUBJECT, TIME, CODE, NUMBER]].itertuples(index=False, name=None):
            if code == BIRTH:
                births[subject] = time
            elif not math.isnan(number):
                found.setdefault(code, {})[subject] = repr(float(number))
            else:
                name, _, value = code.rpartition("//")
                cells = found.setdefault(name or code, {})
                before = cells[subject].split(AND) if subject in cells else []
                cells[subject] = AND.join(sorted({*before, value if name else "yes"}))
        subjects = rows[SUBJECT].tolist()
        columns = {name: [cells.get(subject, "") for subject in subjects] for name, cells in sorted(found.items())}
        ages = [_age(births.get(subject), at) for subject, at in zip(subjects, rows[AT], strict=True)]
        columns |= {"age": ages} if any(ages) else {}
        return static_fields(columns, lambda case: f"{self.root / DATA}, subject {subjects[case]}")


def root_of(path: Path) -> Path | None:
    """Return the MEDS dataset that a path is, or lies within as one of its tasks; None for any other path."""
    for root in (path, *path.parents[:2]):
        task = root == path or (root / LABELS == path.parent)
        if task and (root / DATA).is_dir() and (root / ABOUT).is_file():
            return root
    return None


def _task_of(root: Path, path: Path) -> Path:
    """Return where the labels are; raises UsageError where there are none, or several to choose from."""
    if path != root:
        if not path.exists():
            raise UsageError(f"there is no such file or folder: {path}")
        return path
    folder = root / LABELS
    found = sorted(one for one in folder.glob("*") if one.is_dir() or one.suffix in TASKS)
    if not found:
        raise UsageError(f"{root}: is in the format MEDS and has no task; put NAME.parquet or NAME.yaml into {LABELS}/")
    if len(found) > 1:
        names = ", ".join(shown(f"{LABELS}/{one.name}") for one in found)
        raise UsageError(f"{root}: has several tasks; name one: {names}")
    return found[0]


def _of(path: Path) -> list[Path]:
    """Return the .parquet files that a path is or holds; raises InvalidDataError where a folder holds none."""
    if not path.is_dir():
        return [path]
    files = sorted(path.rglob("*.parquet"))
    if not files:
        raise InvalidDataError(f"{path}: holds no .parquet file")
    return files


def _rows_of(path: Path) -> int:
    with _reading(path) as file:
        return int(file.metadata.num_rows)


def _reading(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise InvalidDataError(f"{path}: cannot be read ({reason(error)})") from error


def _frame(files: Sequence[Path], needed: Sequence[str], more: Sequence[str] = (), keep: Any = None) -> pd.DataFrame:
    """Return columns of files, by the types that MEDS gives them; keep : what to take of each file."""
    return pd.concat(list(_frames(files, needed, more, keep)), ignore_index=True)


def _frames(files: Sequence[Path], needed: Sequence[str], more: Sequence[str], keep: Any) -> Iterator[pd.DataFrame]:
    for path in files:
        with _reading(path) as file:
            try:
                table = file.read([name for name in (*needed, *more) if name in file.schema_arrow.names])
            except (OSError, pa.ArrowException) as error:
                raise InvalidDataError(f"{path}: cannot be read ({reason(error)})") from error
        frame = _typed(table, path, needed, more).to_pandas()
        yield frame if keep is None else keep(frame)


def _typed(table: pa.Table, path: Path, needed: Sequence[str], more: Sequence[str]) -> pa.Table:
    """Return the columns of a table by the types that MEDS gives them; raises InvalidDataError where one is not so."""
    columns = {}
    for name in (*needed, *more):
        if name not in table.column_names:
            if name in needed:
                raise InvalidDataError(f"{path}: has no column '{name}'")
            continue
        try:
            columns[name] = table.column(name).cast(TYPES[name], safe=name != NUMBER)
        except pa.ArrowException as error:
            raise InvalidDataError(f"{path}: column '{name}' is not of {TYPES[name]} ({reason(error)})") from error
        if name in needed and name != TIME and columns[name].null_count:
            raise InvalidDataError(f"{path}: column '{name}' has empty cells")
    return pa.table(columns)


def _spans(rows: pd.DataFrame, events: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return (n, 2): from which event on and up to which one those of each case are."""
    subject, time = events[SUBJECT].to_numpy(), _micros(events[TIME])
    begin = np.searchsorted(subject, rows[SUBJECT].to_numpy(), "left")
    end = np.searchsorted(subject, rows[SUBJECT].to_numpy(), "right")
    last = [
        first + np.searchsorted(time[first:stop], at, "right")
        for first, stop, at in zip(begin, end, _micros(rows[AT]), strict=True)
    ]
    return np.stack([begin, np.asarray(last, dtype=np.int64)], axis=1)


def _micros(times: pd.Series) -> npt.NDArray[np.int64]:
    found: npt.NDArray[np.int64] = times.to_numpy(dtype="datetime64[us]").astype(np.int64)
    return found


def _stacked(
    events: pd.DataFrame, spans: npt.NDArray[np.int64], train: npt.NDArray[np.bool_], where: str
) -> dict[str, Any]:
    """Return X (n, codes, most moments), times in hours since the first event, lengths and names for `Panel.build`."""
    code, names = pd.factorize(events[CODE])
    channels = _channels(code, len(names), spans[train], np.asarray(names, dtype=str), where)
    column = np.full(len(names), -1)
    column[channels] = np.arange(len(channels))
    time, number = _micros(events[TIME]), events[NUMBER].to_numpy(dtype=np.float64)
    counted = np.zeros(len(names), dtype=bool)
    counted[code[~np.isnan(number)]] = True
    number = np.where(counted[code], number, 1.0)
    moments = [np.unique(time[first:stop]) for first, stop in spans]
    lengths = np.asarray([len(one) for one in moments])
    shape = (len(spans), len(channels), int(lengths.max()))
    check_room(8 * int(np.prod(shape)))
    X, times = np.full(shape, np.nan), np.full((shape[0], shape[2]), np.nan)
    for case, ((first, stop), own) in enumerate(zip(spans, moments, strict=True)):
        rows = np.flatnonzero((column[code[first:stop]] >= 0) & ~np.isnan(number[first:stop])) + first
        X[case, column[code[rows]], np.searchsorted(own, time[rows])] = number[rows]
        times[case, : len(own)] = (own - own[0]) / HOUR
    about: dict[str, Any] = {"lengths": lengths, "times": times, "time_unit": "h"}
    return {"X": X, **about, "channel_names": tuple(np.asarray(names, dtype=str)[channels].tolist())}


def _channels(
    code: npt.NDArray[np.int64], n: int, spans: npt.NDArray[np.int64], names: npt.NDArray[np.str_], where: str
) -> npt.NDArray[np.int64]:
    """Return the codes that are channels, the most frequent ones of the training part, by name."""
    counts = np.zeros(n, dtype=np.int64)
    for first, stop in spans:
        counts += np.bincount(code[first:stop], minlength=n)
    order = sorted(np.flatnonzero(counts).tolist(), key=lambda one: (-counts[one], names[one]))
    if len(order) > MOST_CODES:
        left = f"{len(order) - MOST_CODES} of {len(order)} codes, the rarest of the training part"
        warnings.warn(f"{where}: {left}, are left out, from '{shown(names[order[MOST_CODES]])}' on", TsbenchWarning, 3)
    return np.asarray(sorted(order[:MOST_CODES], key=lambda one: str(names[one])), dtype=np.int64)


def _age(birth: pd.Timestamp | None, at: pd.Timestamp) -> str:
    """Return years as a cell of a static value, "" where the birth is not known."""
    return "" if birth is None or pd.isna(birth) else repr((at - birth) / pd.Timedelta(microseconds=1) / YEAR)
