"""LocalDataset: a user's own file or folder."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tsbench.data.dataset import Card, Data, Dataset
from tsbench.data.panel import Panel
from tsbench.data.partly import partly_labelled
from tsbench.errors import InvalidDataError, MissingDataError, UsageError
from tsbench_archives import arrays, arrow, readers, sources, tables
from tsbench_archives.arff import scan_arff
from tsbench_archives.cells import MISSING, composed
from tsbench_archives.labels import target
from tsbench_archives.meds import MedsCohort, root_of
from tsbench_archives.scan import scan_ts
from tsbench_archives.single import SINGLE, OneRecording
from tsbench_archives.taken import Taken, label_cells, taken
from tsbench_archives.ward import LABELS, NAME, RecordingsFolder, is_recordings

READERS = {
    "ts": readers.read_ts,
    "arff": readers.read_arff,
    "tsv": readers.read_tsv,
    "csv": tables.read_table,
    "parquet": tables.read_table,
    "npz": arrays.read_npz,
    "arrow": arrow.read_arrow,
    "feather": arrow.read_arrow,
}
TABLES = ("csv", "parquet", "npz", "arrow", "feather")
# By whether labels are classes, and whether there is a test file.
DEFAULTS = {(True, True): None, (True, False): "svm-rbf-cv5", (False, True): "ridge", (False, False): "ridge-cv5"}
SCANS = {"ts": scan_ts, "arff": scan_arff}  # formats whose header says what labels are
KNOWN = ", ".join(f".{extension}" for extension in READERS)


def open_local(path: str | Path, task: str = "", skip_bad: bool = False) -> Dataset:
    """Return the dataset of a path: a `meds.MedsCohort`, a `ward.RecordingsFolder`, or any other (`LocalDataset`).

    skip_bad : leave out recordings that cannot be used. Raises UsageError as they do, and for skip_bad of another path.
    """
    path = Path(path).expanduser()
    if root_of(path):
        return MedsCohort(path, task, skip_bad)
    if is_recordings(path):
        return RecordingsFolder(path, task, skip_bad)
    if path.is_file() and path.suffix.lower() in SINGLE and not skip_bad:
        return OneRecording(path)
    if skip_bad:
        raise UsageError(f"--skip-bad: {path} is no folder of recordings with labels.csv, and none in the format MEDS")
    return LocalDataset(path, task)


class Local(Dataset):
    """What `open_local` opens."""

    def __init__(self, path: str | Path, task: str = "", skip_bad: bool = False) -> None:
        self.dataset = open_local(path, task, skip_bad)

    @property
    def card(self) -> Card:
        """The dataset's card."""
        return self.dataset.card

    def files(self) -> list[Path]:
        """Return the files the data is read from."""
        return self.dataset.files()

    def load(self) -> Data:
        """Read the data; raises InvalidDataError when it cannot be used."""
        return self.dataset.load()

    def cases(self) -> Panel:
        """Read all cases, which need no labels."""
        return self.dataset.cases()


class LocalDataset(Dataset):
    """A file, or a folder that holds one dataset, in any of the formats of READERS, or a .npy file beside a .npz file.

    X_TRAIN.ext beside X_TEST.ext, or train.ext beside test.ext, has that split as the fold "archive"; a single file has
    none and is cross-validated by default. X_UNLABELLED.ext (a table or arrays) beside them holds further cases for
    pre-training. A folder may hold one .arff file per channel (XDimension1_TRAIN.arff ...).
    task : what the labels are, "" for what the file says of them, or `taken` where it says nothing.
    Raises UsageError when the path does not exist, is of an unknown format, or names several datasets.
    """

    def __init__(self, path: str | Path, task: str = "") -> None:
        path = Path(path).expanduser()
        if path.suffix.lower() == ".npy" and path.exists():
            path = _described(path)
        if not path.exists():
            raise UsageError(f"there is no such file or folder: {path}")
        if path.is_file() and _extension(path) not in READERS:
            raise UsageError(f"{path}: unknown format '{path.suffix}'; known are {KNOWN}")
        self.name, self.source = _resolve(path)
        self.task = task

    @property
    def card(self) -> Card:
        """The dataset's card: not normalised; grouped by subject, else by group, where the file has such a column."""
        first, (task, why) = self.source.train[0], self._taken()
        names = tables.meta_names(first) if _extension(first) in TABLES else ()
        return Card(
            name=self.name,
            summary=f"local {_extension(first)} file",
            source=str(first.resolve().parent),
            task=task,
            normalised=False,
            group=next((name for name in ("subject", "group") if name in names), None),
            default_protocol=DEFAULTS[task == "classification", bool(self.source.test)],
            facts={"labels": f"{why}; --task says otherwise"} if why else {},
        )

    def _taken(self) -> Taken:
        """Return what the labels are, and why, where neither the user nor the header of the train file says it."""
        first = self.source.train[0]
        if self.task:
            return self.task, ""
        with contextlib.suppress(InvalidDataError, OSError):  # which loading it tells
            if _extension(first) in SCANS:
                return SCANS[_extension(first)](first).task or "classification", ""
            if _extension(first) in ("csv", "parquet") and tables.several_labels(first):
                return "multilabel", ""
        return taken(first)

    def files(self) -> list[Path]:
        """Return the train file(s), then the test file(s) if any, then files of values beside them."""
        beside = [arrays.values_beside(file) for file in self.source.files if _extension(file) == "npz"]
        return [*self.source.files, *(file for file in beside if file is not None)]

    def load(self) -> Data:
        """Read the data; raises InvalidDataError naming file and line when it cannot be used."""
        return sources.load(self.source, self._read)

    def cases(self) -> Panel:
        """Read all cases; a single table or file of arrays needs no labels, or those of some cases."""
        try:
            return super().cases()
        except InvalidDataError:
            files = self.source.files
            if len(files) == 1 and _extension(files[0]) in TABLES:
                with contextlib.suppress(InvalidDataError):
                    return self._with_labels(tables.read_unlabelled(files[0]), files[0])
            raise

    def _with_labels(self, panel: Panel, path: Path) -> Panel:
        """Return the cases of a file with the labels that some of them have."""
        cells: Sequence[object] | None = None
        with contextlib.suppress(Exception):  # the libraries raise errors of many kinds where there are none
            cells = label_cells(path)
        task, texts = self._taken()[0], [composed(str(cell).strip()) for cell in cells or ()]
        several = task == "multilabel"
        known = [case for case, text in enumerate(texts) if text not in MISSING or (several and not text)]
        if not known or len(texts) != len(panel):
            return panel
        labels = target([texts[case] for case in known], task, lambda case: f"{path}, case {known[case]}")
        return partly_labelled(panel, np.isin(np.arange(len(panel)), known), labels)

    def _read(self, paths: tuple[Path, ...]) -> Panel:
        if paths == self.source.unlabelled:
            return tables.read_unlabelled(paths[0])
        task = self.task or ("" if _extension(paths[0]) in SCANS else self._taken()[0])
        if len(paths) > 1:
            return readers.read_channels(paths, task)
        return READERS[_extension(paths[0])](paths[0], task)


def _extension(path: Path) -> str:
    return path.suffix[1:].lower()


def _described(path: Path) -> Path:
    """Return the .npz file beside a .npy file; raises UsageError where there is none."""
    beside = path.with_suffix(".npz")
    if not beside.is_file():
        raise UsageError(f"{path}: what its cases are is missing; save y, or meta_<name> alone, in {beside.name}")
    return beside


def _only_dataset(folder: Path) -> str:
    """Return the name of the one dataset in a folder; the one called like the folder is preferred."""
    names = {sources.split_name(file)[0] for file in folder.iterdir() if file.is_file() and _extension(file) in READERS}
    if not names:
        raise UsageError(f"{folder}: holds no file of a known format ({KNOWN})")
    if len(names) > 1 and folder.resolve().name not in names:
        listed = ", ".join(sorted(name or "train/test" for name in names)[:10])
        lacks = f"{LABELS} lacks a column '{NAME}'" if (folder / LABELS).is_file() else f"{LABELS} is missing"
        raise UsageError(
            f"{folder}: holds {len(names)} datasets ({listed}); name one of the files instead. As a folder of "
            f"recordings it is not read: {lacks}"
        )
    return folder.resolve().name if len(names) > 1 else names.pop()


def _resolve(path: Path) -> tuple[str, sources.Source]:
    """Return the dataset's name and files."""
    if path.is_dir():
        folder, extensions = path, list(READERS)
        stem, part = _only_dataset(path), ""
    else:
        folder, extensions = path.parent, [path.suffix[1:]]
        stem, part = sources.split_name(path)
    name = stem or folder.resolve().name
    single = [] if part or not stem else [folder / f"{stem}.{extension}" for extension in extensions]
    pair = sources.find_pair(folder, stem, extensions) if part or path.is_dir() else None
    found = pair or next((sources.Source((file,)) for file in single if file.is_file()), None)
    if found is None and part == "UNLABELLED":  # with nothing beside it, it is not the unlabelled part of anything
        return path.stem, sources.Source((path,))
    if found is None:
        raise MissingDataError(
            f"{folder}: dataset {name} has only one of its train and test files; add the other, "
            "or drop _TRAIN or _TEST from the name of a file that is to be cross-validated"
        )
    for values in sources.find_part(folder, stem, "UNLABELLED", "npy"):
        _described(values)
    extra = [file for extension in READERS for file in sources.find_part(folder, stem, "UNLABELLED", extension)]
    if len(extra) > 1 or any(_extension(file) not in TABLES for file in extra):
        raise UsageError(f"{extra[0]}: give the unlabelled cases in one file, of {', '.join(TABLES)}")
    return name, replace(found, unlabelled=tuple(extra))
