"""What Raindrop (ICLR 2022) published: processed arrays of P12, P19 and PAM, and five splits of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tsbench.data.dataset import Fold
from tsbench.data.places import search_path
from tsbench.errors import InvalidDataError
from tsbench_clinical.files import Files
from tsbench_clinical.irregular import Series
from tsbench_clinical.pickles import read_npy

N_SPLITS = 5


def find(folder: Path, records: str, outcomes: str, family: str, pattern: str) -> list[Path]:
    """Return the processed records, outcomes and splits below a folder; empty where the records are not there.

    family : P12, P19 or PAM. pattern : of the names of the splits.
    """
    for place in (folder, folder / "processed_data"):
        if (place / records).is_file():
            found = [place / records, *find_splits(folder, outcomes, family, pattern)]
            if (place / outcomes).is_file() and place / outcomes not in found:
                found = [path for path in found if path.name != outcomes] + [place / outcomes]
            return found
    return []


def find_splits(folder: Path, outcomes: str, family: str, pattern: str) -> list[Path]:
    """Return the files of the splits, and the outcomes that number their rows; empty where they are not there.

    They are looked for in the folder itself and in raindrop/FAMILY of the folders of TSBENCH_DATA.
    """
    places = [folder, *(root / "raindrop" / family for root in search_path())]
    for place in (inner for outer in places for inner in (outer, outer / "splits")):
        splits = sorted(place.glob(pattern))
        if splits:
            near = (place / outcomes, place.parent / "processed_data" / outcomes)
            return [*splits, *[path for path in near if path.is_file()][:1]]
    return []


def array(files: Files, base: str, ndim: int | None = None) -> npt.NDArray[Any]:
    """Return an array of finite numbers from a .npy file."""
    name = files.find(base, base)
    values = read_npy(files.read(name), files.where(name))
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "biuf" or ndim not in (None, values.ndim):
        raise InvalidDataError(f"{files.where(name)}: is no array of numbers{f' of {ndim} dimensions' if ndim else ''}")
    if values.size == 0 or not np.isfinite(values).all():
        raise InvalidDataError(f"{files.where(name)}: is empty or holds what is not finite")
    return values


def splits(files: Files, pattern: str, rows: npt.NDArray[np.int64], n_rows: int) -> list[Fold]:
    """Return the five splits, restricted to the cases that are here; none where their files are not there.

    pattern : name of a file with {} for its number. rows : row of each case in Raindrop's arrays, -1 for none. n_rows :
    rows of Raindrop's arrays.
    """
    found = []
    case_of = {int(row): case for case, row in enumerate(rows) if row >= 0}
    for number in range(1, N_SPLITS + 1):
        base = pattern.format(number)
        if not files.has(base):
            return []
        name = files.find(base, base)
        where = files.where(name)
        parts = read_npy(files.read(name), where)
        if np.shape(parts)[:1] != (3,):
            raise InvalidDataError(f"{where}: does not hold three parts (train, validation and test)")
        joined = np.concatenate([np.asarray(part).ravel() for part in parts])
        if joined.dtype.kind not in "iu" or sorted(joined.tolist()) != list(range(n_rows)):
            raise InvalidDataError(f"{where}: its parts are not a split of the rows 0 to {n_rows - 1}")
        kept = [np.array([case_of[i] for i in np.asarray(part).tolist() if i in case_of], np.int64) for part in parts]
        if any(len(part) == 0 for part in kept):
            return []
        found.append(Fold(*kept))
    return found


class Record(NamedTuple):
    """A processed record: its observations, with NaN where the arrays have 0, and its static values."""

    name: str
    series: Series
    static: list[float]


def records(files: Files, base: str, n_sensors: int, n_static: int, per_hour: float) -> list[Record]:
    """Return the records of a processed file of P12 or P19; per_hour : units of its clock in an hour."""
    name = files.find(base, base)
    found = np.atleast_1d(read_npy(files.read(name), files.where(name)))
    kept = []
    for number, record in enumerate(found):
        where = f"{files.where(name)}, record {number}"
        try:
            values, times = np.asarray(record["arr"], float), np.asarray(record["time"], float).ravel() / per_hour
            length, static = int(record["length"]), np.asarray(record["extended_static"], float).ravel()
        except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
            raise InvalidDataError(f"{where}: has no arr, time, length and extended_static of numbers") from error
        if values.ndim != 2 or values.shape[1] != n_sensors or len(times) != len(values) or len(static) != n_static:
            raise InvalidDataError(
                f"{where}: arr {values.shape}, time {times.shape} and extended_static {static.shape} do not fit "
                f"together; "
                f"expected {n_sensors} sensors and {n_static} static values"
            )
        if not 0 <= length <= len(values):
            raise InvalidDataError(f"{where}: its length {length} is not between 0 and {len(values)}")
        values, times = values[:length], times[:length]
        if not (np.isfinite(values).all() and np.isfinite(times).all() and (np.diff(times) > 0).all()):
            raise InvalidDataError(f"{where}: its times do not rise, or it holds a value that is not finite")
        observed = np.where(values == 0, np.nan, values)
        kept.append(Record(str(record.get("id", number)), Series(times, observed), static.tolist()))
    if not kept:
        raise InvalidDataError(f"{files.where(name)}: holds no record")
    return kept
