"""Finding the files of one dataset, and reading its parts into Data."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tsbench.data.dataset import Data, Fold
from tsbench.data.join import concatenate
from tsbench.data.panel import Panel
from tsbench.data.stream import blocks
from tsbench.errors import InvalidDataError

_PART = re.compile(r"(?:(?P<stem>.+?)(?:Dimension\d+)?_)?(?P<part>TRAIN|TEST|UNLABELLED)", re.IGNORECASE)


@dataclass(frozen=True)
class Source:
    """The files of one dataset, all of one folder and format; several per part hold one channel each.

    test : empty where the dataset comes as a single file without a split of its own. unlabelled : a file of further
    cases without labels, if any.
    """

    train: tuple[Path, ...]
    test: tuple[Path, ...] = ()
    unlabelled: tuple[Path, ...] = ()

    @property
    def files(self) -> list[Path]:
        """All files, train first."""
        return [*self.train, *self.test, *self.unlabelled]


def split_name(path: Path) -> tuple[str, str]:
    """Return (name of the dataset, "TRAIN", "TEST", "UNLABELLED" or "") of a file; the name is empty for train.csv."""
    match = _PART.fullmatch(path.stem)
    return (match["stem"] or "", match["part"].upper()) if match else (path.stem, "")


def find_part(folder: Path, name: str, part: str, extension: str) -> tuple[Path, ...]:
    """Return the file(s) of one part, such as "TRAIN", of a dataset; empty when there is none."""
    for spelling in (part, part.lower()):
        file = folder / f"{name}_{spelling}.{extension}" if name else folder / f"{spelling}.{extension}"
        if file.is_file():
            return (file,)
    if extension == "arff" and (folder / f"{name}Dimension1_{part}.arff").is_file():
        return _channel_files(folder, name, part)
    return ()


def find_pair(folder: Path, name: str, extensions: Sequence[str]) -> Source | None:
    """Return the first format in which a folder, which need not exist, holds both parts of a dataset."""
    if not folder.is_dir():
        return None
    for extension in extensions:
        train, test = (find_part(folder, name, part, extension) for part in ("TRAIN", "TEST"))
        if train and test:
            return Source(train, test)
    return None


def load(source: Source, read: Callable[[tuple[Path, ...]], Panel]) -> Data:
    """Read all parts into one Panel, train cases first; a split becomes the fold "archive".

    Raises InvalidDataError when a part cannot be read, the parts do not fit together, or a channel is empty.
    """
    train = read(source.train)
    unlabelled = read(source.unlabelled) if source.unlabelled else None
    if not source.test:
        check_channels(train, str(source.train[0]))
        return Data(train, unlabelled=unlabelled)
    test = read(source.test)
    where = f"{source.train[0]} and {source.test[0].name}"
    try:
        panel = concatenate([train, test])
    except InvalidDataError as error:
        raise InvalidDataError(f"{where}: {error}") from error
    check_channels(panel, where)
    fold = Fold(np.arange(len(train)), None, np.arange(len(train), len(panel)))
    return Data(panel, {"archive": [fold]}, unlabelled)


def check_channels(panel: Panel, where: str) -> None:
    """Raise InvalidDataError when a channel has no observed value in any case."""
    empty = np.flatnonzero(np.all([np.isnan(panel.X[block]).all(axis=(0, 2)) for block in blocks(panel.X)], axis=0))
    if len(empty):
        name = f" ('{panel.channel_names[empty[0]]}')" if panel.channel_names else ""
        raise InvalidDataError(f"{where}: channel {empty[0]}{name} has no observed value in any case; drop it")


def _channel_files(folder: Path, name: str, part: str) -> tuple[Path, ...]:
    pattern = re.compile(rf"{re.escape(name)}Dimension(\d+)_{part}\.arff")
    numbered = {
        int(match[1]): file
        for file in folder.glob(f"{glob.escape(name)}Dimension*_{part}.arff")
        if (match := pattern.fullmatch(file.name))
    }
    missing = set(range(1, max(numbered) + 1)) - set(numbered)
    if missing:
        raise InvalidDataError(
            f"{folder}: {name}Dimension{min(missing)}_{part}.arff is missing; there must be one file for each channel"
        )
    return tuple(numbered[number] for number in sorted(numbered))
