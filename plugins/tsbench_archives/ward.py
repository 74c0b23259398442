"""RecordingsFolder: one file per recording, their labels in labels.csv and static values in static.csv."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tsbench.data.channel_units import factor
from tsbench.data.dataset import Card, Data, Dataset
from tsbench.data.limb_leads import MEASURED, TOGETHER, check_limb_leads
from tsbench.data.memory import check_room
from tsbench.data.panel import CASE, RECORD, Panel, normalise_label
from tsbench.data.partly import partly_labelled
from tsbench.errors import InvalidDataError, TsbenchWarning, UsageError
from tsbench.text import first_few
from tsbench_archives.cells import MISSING, composed, shown
from tsbench_archives.columns import header_of
from tsbench_archives.labels import PREFIX as LABEL
from tsbench_archives.labels import number, of_columns, target
from tsbench_archives.recordings import READERS, Recording, headless, other_rate, read_recording, recording_files
from tsbench_archives.sources import check_channels
from tsbench_archives.statics import PREFIX, static_fields
from tsbench_archives.table import Table, check_columns, read
from tsbench_archives.taken import Taken, taken_for

LABELS, STATIC = "labels.csv", "static.csv"
NAME, RATE = "recording", "sampling_rate"
WORDS = (NAME, RATE, "label", "subject", "group", RECORD, CASE)
SHOWN = 5  # recordings that a warning names


class RecordingsFolder(Dataset):
    """A folder of recordings: NAME.csv, .parquet, .edf, or .hea with its signals, and labels.csv.

    labels.csv has a row per recording: `recording`, then `label` (or `label_NAME` of 0 and 1 for several), and any
    facts, of which `subject` (else `group`) keeps recordings together and `sampling_rate` is in Hz. A recording whose
    label is empty is unlabelled: for pre-training alone, or to be predicted, and so are all without such a column.
    static.csv has static values by `recording` or `subject`.
    task : what the labels are, "" for what they are taken for. skip_bad : leave out, with a warning, recordings that
    cannot be used, and rows without one.
    """

    def __init__(self, path: Path, task: str = "", skip_bad: bool = False) -> None:
        self.folder, self.task, self.skip_bad = path, task, skip_bad
        self.name = path.resolve().name

    @property
    def card(self) -> Card:
        """The dataset's card: grouped by subject, else by group, else by recording."""
        labels, (task, why) = self._labels, self._taken
        return Card(
            name=self.name,
            summary="a folder of recordings",
            source=str(self.folder.resolve()),
            task=task,
            group=next((name for name in ("subject", "group") if name in labels.names), RECORD),
            default_protocol="svm-rbf-cv5" if task == "classification" else "ridge-cv5",
            facts={"labels": f"{why}; --task says otherwise"} if why else {},
        )

    def files(self) -> list[Path]:
        """Return the tables, and all files beside them that may be part of a recording."""
        kinds = {*READERS, ".dat", ".mat"}
        return [path for path in sorted(self.folder.iterdir()) if path.suffix.lower() in kinds and path.is_file()]

    def load(self) -> Data:
        """Read the data; raises InvalidDataError naming file and line, or record, when it cannot be used."""
        recordings, rows = self._usable()
        labelled = np.asarray([self._has_label(row) for row in rows])
        if not labelled.any():
            raise InvalidDataError(
                f"{self.folder / LABELS}: no recording has a label; give some of them one, in a column 'label' or in "
                f"columns '{LABEL}NAME'"
            )
        panel = self._panel(recordings, rows)
        own = replace(panel.select(np.flatnonzero(labelled)), **self._target([r for r in rows if self._has_label(r)]))
        check_channels(own, str(self.folder))
        return Data(own, unlabelled=None if labelled.all() else panel.select(np.flatnonzero(~labelled)))

    def cases(self) -> Panel:
        """Read all recordings, of which none needs a label."""
        recordings, rows = self._usable()
        panel = self._panel(recordings, rows)
        labelled = np.asarray([self._has_label(row) for row in rows])
        known = [row for row in rows if self._has_label(row)]
        return partly_labelled(panel, labelled, self._target(known)) if known else panel

    def _usable(self) -> tuple[dict[str, Recording], list[int]]:
        """Return the recordings and their rows; warn of those that are left out."""
        skipped: dict[str, str] = {}
        recordings, rows = self._recordings(skipped)
        if skipped:
            named = "; ".join(f"{name}: {why}" for name, why in list(skipped.items())[:SHOWN])
            more = f"; and {len(skipped) - SHOWN} more" if len(skipped) > SHOWN else ""
            text = f"{self.folder}: {len(skipped)} recordings are left out ({named}{more})"
            warnings.warn(text, TsbenchWarning, stacklevel=2)
        if facts := [name for name in self._labels.names if name.startswith(PREFIX)]:
            text = (
                f"{self.folder / LABELS}: column '{shown(facts[0])}' is kept as a fact, which no method reads; write "
                f"static values in {STATIC}, by '{NAME}' or 'subject'"
            )
            warnings.warn(text, TsbenchWarning, stacklevel=2)
        if not recordings:
            raise InvalidDataError(
                f"{self.folder}: no recording can be used; the first: {next(iter(skipped.values()))}"
            )
        return recordings, rows

    @cached_property
    def _labels(self) -> Table:
        table = read(self.folder / LABELS, _check_labels, None, WORDS)
        _check_once(table, NAME, self._name)
        return table

    @cached_property
    def _files(self) -> dict[str, Path]:
        return recording_files(self.folder, (LABELS, STATIC))

    def _name(self, cell: str) -> str:
        """Return the name of a recording for how a table may write it: with the ending of its file, or without."""
        name = composed(cell)
        ending = Path(name).suffix
        return name.removesuffix(ending) if name not in self._files and ending.lower() in READERS else name

    @property
    def _taken(self) -> Taken:
        """Return what the labels are, and why where nobody says it."""
        if self.task:
            return self.task, ""
        if self._labels.labels:
            return "multilabel", ""
        return taken_for([cell for cell in self._cells.get("label", []) if cell not in MISSING])

    def _has_label(self, row: int) -> bool:
        """Say whether a row has a label: with names in one cell, an empty one means that none of them holds."""
        several_cells = self._labels.labels
        if several_cells:
            return any(self._cell(name, row) not in MISSING for name in several_cells)
        if "label" not in self._cells:
            return False
        cell = self._cell("label", row)
        return cell not in MISSING or (not cell and self._taken[0] == "multilabel")

    def _cell(self, name: str, row: int) -> str:
        return self._cells[name][row]

    @cached_property
    def _cells(self) -> dict[str, list[str]]:
        return {name: self._labels.cells(name) for name in self._labels.names}

    def _target(self, rows: Sequence[int]) -> dict[str, Any]:
        def where(case: int) -> str:
            return self._labels.where(rows[case])

        names = self._labels.labels
        if not names:
            return target([self._cell("label", row) for row in rows], self._taken[0], where)
        return of_columns({name: [self._cell(name, row) for row in rows] for name in names}, where)

    def _recordings(self, skipped: dict[str, str]) -> tuple[dict[str, Recording], list[int]]:
        """Return the recordings that fit together, in the order of their rows, and these rows."""
        labels = self._labels
        files = self._files
        if not files:
            raise InvalidDataError(f"{self.folder}: holds no recording ({', '.join(READERS)}) beside {LABELS}")
        rows = {self._name(cell): row for row, cell in enumerate(self._cells[NAME])}
        for name in sorted(files.keys() - rows.keys()):
            with self._leaving_out(name, skipped):
                what = f"recording '{name}' has no row in {LABELS}"
                raise InvalidDataError(f"{files[name]}: {what}; add one, with an empty label where it has none")
        for path in headless(self.folder, files):
            with self._leaving_out(path.name, skipped):
                raise InvalidDataError(f"{path}: no header (.hea) names these signals; add it, or remove the file")
        found: dict[str, Recording] = {}
        for name, row in rows.items():
            with self._leaving_out(name, skipped):
                if name not in files:
                    what = f"there is no file of recording '{shown(name)}'"
                    raise InvalidDataError(f"{labels.where(row)}: {what}; add it, or drop the row")
                found[name] = self._with_rate(read_recording(files[name]), name, row)
        most = Counter(map(_kind, found.values())).most_common(1)
        units = _usual_units(found.values())
        fitting: dict[str, Recording] = {}
        for name, one in found.items():
            with self._leaving_out(name, skipped):
                _check_kind(one, most[0][0], files[name])
                _check_units(one, units, files[name])
                check_limb_leads(one.channels, one.values, str(files[name]), TOGETHER, MEASURED)
                fitting[name] = one
        if text := _lone_units(fitting):
            warnings.warn(f"{self.folder}: {text}", TsbenchWarning, stacklevel=2)
        return fitting, [rows[name] for name in fitting]

    @contextmanager
    def _leaving_out(self, name: str, skipped: dict[str, str]) -> Iterator[None]:
        """Note what is wrong with a recording where such are left out."""
        try:
            yield
        except InvalidDataError as error:
            if not self.skip_bad:
                raise
            skipped[name] = str(error)

    def _with_rate(self, one: Recording, name: str, row: int) -> Recording:
        """Return a recording with the sampling rate that its row states."""
        cell = self._cells[RATE][row] if RATE in self._cells else ""
        if cell in MISSING:
            return one
        where, rate = self._labels.where(row), number(cell)
        if not 0 < rate < float("inf"):
            raise InvalidDataError(f"{where}: {RATE} {shown(cell)!r} of recording '{name}' is no number of Hz")
        if one.rate not in (None, rate):
            raise InvalidDataError(
                f"{where}: {RATE} is {rate:g} Hz, the file of recording '{name}' says {one.rate:g} Hz"
            )
        if one.times is not None and (times := other_rate(one.times, rate)):
            raise InvalidDataError(
                f"{where}: {RATE} is {rate:g} Hz, the times of recording '{name}' (in seconds) are of {times:g} Hz; "
                "correct one of the two"
            )
        return replace(one, rate=rate)

    def _panel(self, recordings: dict[str, Recording], rows: Sequence[int]) -> Panel:
        """Return the recordings side by side, with what is known of each but the labels."""
        first, names = next(iter(recordings.values())), np.asarray(list(recordings))
        lengths = np.asarray([one.values.shape[1] for one in recordings.values()])
        shape = (len(lengths), len(first.channels), int(lengths.max()))
        check_room(2 * 8 * int(np.prod(shape)))
        X, times = np.full(shape, np.nan), np.full((shape[0], shape[2]), np.nan)
        for case, one in enumerate(recordings.values()):
            order = [one.channels.index(channel) for channel in first.channels]
            X[case, :, : lengths[case]] = one.values[order]
            if one.times is not None:
                times[case, : lengths[case]] = one.times
        facts = [
            name for name in self._labels.names if name not in (NAME, RATE, "label") and not name.startswith(LABEL)
        ]
        meta = {RECORD: names, CASE: names}
        for name in facts:
            column = self._labels.text(name) if name in ("subject", "group") else np.asarray(self._cells[name])
            meta[name] = column[list(rows)].astype(str)
        about: dict[str, Any] = {"meta": meta, "channel_names": first.channels, "sampling_rate": first.rate}
        about |= {"units": first.stated_units}
        about |= {} if first.times is None else {"times": times}
        return Panel.build(X, lengths=lengths, **about, **self._statics(meta))

    def _statics(self, meta: dict[str, Any]) -> dict[str, Any]:
        """Return the static values of a Panel, missing for a recording that static.csv does not have."""
        path = self.folder / STATIC
        if not path.is_file():
            return {}
        table = read(path, check_columns, None, (NAME, "subject"))
        keys = [name for name in (NAME, "subject") if name in table.names]
        if len(keys) != 1:
            raise InvalidDataError(f"{path}: needs a column '{NAME}' or 'subject', one of the two")
        key = keys[0]
        spelt = self._name if key == NAME else normalise_label
        _check_once(table, key, spelt)
        whose = table.text(key).tolist() if key == "subject" else [spelt(cell) for cell in table.cells(key)]
        known = set(map(self._name, self._cells[NAME]))
        if key != NAME:
            known = set(self._labels.text(key).tolist()) if key in self._cells else set()
        row = {name: i for i, name in enumerate(whose)}
        for name in sorted(row.keys() - known):
            raise InvalidDataError(
                f"{table.where(row[name])}: {key} '{shown(name)}' is not in {LABELS}; correct it, or drop the row"
            )
        cases = [row.get(name) for name in meta[RECORD if key == NAME else key].tolist()]
        columns = {
            name: ["" if i is None else cells[i] for i in cases]
            for name, cells in ((name, table.cells(name)) for name in table.names if name != key)
        }
        at = [i if i is not None else 0 for i in cases]
        return static_fields(columns, lambda case: table.where(at[case]))


def is_recordings(path: Path) -> bool:
    """Say whether a folder is one of recordings: labels.csv names them, or there are EDF or WFDB files."""
    if not path.is_dir():
        return False
    if (path / LABELS).is_file():
        try:
            return NAME in map(str.casefold, header_of(path / LABELS))
        except OSError:
            return True
    if any(file.suffix.lower() in (".edf", ".hea") for file in path.iterdir()):
        raise UsageError(f"{path}: holds recordings, but no {LABELS}, which names each in a column '{NAME}'")
    return False


def _check_labels(path: Path, names: Sequence[str]) -> None:
    check_columns(path, names)
    if NAME not in names:
        raise InvalidDataError(f"{path}: needs a column '{NAME}'")
    if "label" in names and any(name.startswith(LABEL) for name in names):
        raise InvalidDataError(f"{path}: has both a column 'label' and columns '{LABEL}NAME'; give labels in one way")
    if taken := {RECORD, CASE} & set(names):
        raise InvalidDataError(f"{path}: calls a column '{taken.pop()}', which the recordings are; call it otherwise")


def _check_once(table: Table, key: str, spelt: Callable[[str], str]) -> None:
    """Raise InvalidDataError, naming both rows, where two are of one recording or subject, or one is of none.

    spelt : returns what a cell of the key names.
    """
    seen: dict[str, int] = {}
    for row, cell in enumerate(table.cells(key)):
        if not cell:
            raise InvalidDataError(f"{table.where(row)}: column '{key}' is empty; fill it, or remove the row")
        before = seen.setdefault(spelt(cell), row)
        if before != row:
            raise InvalidDataError(
                f"{table.where(row)}: {key} '{shown(cell)}' is there before, in {table.where(before)}"
            )


@dataclass(frozen=True)
class _Kind:
    """What all recordings of a folder share."""

    channels: frozenset[str]
    rate: float | None
    timed: bool


def _kind(one: Recording) -> _Kind:
    return _Kind(frozenset(one.channels), one.rate, one.times is not None)


def _check_kind(one: Recording, most: _Kind, path: Path) -> None:
    """Raise InvalidDataError, which says what is different, for a recording that is not as most others are."""
    own = _kind(one)
    if own.channels != most.channels:
        lacks, more = (
            sorted(map(shown, names)) for names in (most.channels - own.channels, own.channels - most.channels)
        )
        differs = " and ".join(
            f"{word} channel{'s' * (len(names) > 1)} {', '.join(names)}"
            for word, names in (("lacks", lacks), ("has", more))
            if names
        )
        raise InvalidDataError(f"{path}: {differs}, unlike most recordings; all need the same channels, in any order")
    if own.timed != most.timed:
        raise InvalidDataError(
            f"{path}: has {'' if own.timed else 'no '}times, unlike most recordings; give all of them times, or none"
        )
    if own.rate != most.rate:
        own_rate, rate = ("an unknown rate" if r is None else f"{r:g} Hz" for r in (own.rate, most.rate))
        raise InvalidDataError(
            f"{path}: is sampled at {own_rate}, most recordings at {rate}; bring all to one rate first"
        )


def _usual_units(found: Iterable[Recording]) -> dict[str, str]:
    """Return the unit that most recordings state of each channel."""
    stated: dict[str, Counter[str]] = {}
    for one in found:
        for channel, unit in zip(one.channels, one.units, strict=False):
            stated.setdefault(channel, Counter())[unit] += 1
    return {channel: units.most_common(1)[0][0] for channel, units in stated.items()}


def _lone_units(found: Mapping[str, Recording]) -> str:
    """Return what is to be said where files of some kinds state units and others, which cannot, do not; else ""."""
    silent = [name for name, one in found.items() if not one.units]
    stated = {channel: unit for one in found.values() for channel, unit in one.stated_units.items()}
    if not (silent and stated):
        return ""
    units = first_few([f"'{shown(channel)}' in '{shown(unit)}'" for channel, unit in stated.items()])
    return (
        f"EDF and WFDB files have {units}, other files state no unit and are read as they are "
        f"({len(silent)} of {len(found)} recordings: {first_few(silent)}); see that these hold the same unit"
    )


def _check_units(one: Recording, usual: Mapping[str, str], path: Path) -> None:
    """Raise InvalidDataError for a recording one of whose channels is in another unit than most state of it."""
    for channel, unit in zip(one.channels, one.units, strict=False):
        if factor(unit, usual[channel]) != 1:
            is_in, most = (f"in '{shown(u)}'" if u else "without a unit" for u in (unit, usual[channel]))
            raise InvalidDataError(
                f"{path}: channel '{shown(channel)}' is {is_in}, in most recordings {most}; bring all to one unit first"
            )
