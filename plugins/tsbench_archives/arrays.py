"""The reader of a user's own arrays (.npz), returning one Panel."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tsbench.data.dataset import check_times
from tsbench.data.memory import check_room
from tsbench.data.panel import Panel, normalise_label
from tsbench.errors import InvalidDataError
from tsbench_archives.cells import MISSING, reason, shown, why_missing
from tsbench_archives.dates import seconds
from tsbench_archives.statics import PREFIX, static_fields

META = ("subject", "record", "fold", "group")
ARRAYS = ("X", "y", "lengths", "times", "static")
OBJECT_BYTES = 100  # what a label or a fact about a case takes as an object
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_npz(path: Path, labelled: bool = True) -> Panel:
    """Read arrays from a .npz file. Raises InvalidDataError.

    X (n_cases, n_channels, n_timepoints) or (n_cases, n_timepoints), y (n_cases,); optionally lengths (n_cases,), times
    (n_cases, n_timepoints) of numbers or dates, static (n_cases, n_static) or any static_<name> (n_cases,) of numbers
    or text, and any meta_<name> (n_cases,). Values beyond a case's length are ignored. The sizes the headers state are
    checked, and the memory they take, before anything is unpacked.
    """
    try:
        with path.open("rb") as raw:
            with zipfile.ZipFile(raw) as archive:
                sizes = {member.filename: _size(archive, member) for member in archive.infolist()}
                check_room(sum(sizes.values()))
            raw.seek(0)
            with np.load(raw, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
    except InvalidDataError as error:
        raise InvalidDataError(f"{path}: {error}") from error
    except Exception as error:  # a damaged archive raises errors of many kinds
        raise InvalidDataError(f"{path}: not a .npz file of plain arrays: {reason(error)}") from error
    try:
        return _from_arrays(arrays, labelled)
    except InvalidDataError as error:
        raise InvalidDataError(f"{path}: {error}") from error


def array_names(path: Path) -> list[str]:
    """Return the names of the arrays of a .npz file without reading them; raises errors of many kinds."""
    with zipfile.ZipFile(path) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist()]


def _size(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> int:
    """Return the bytes that reading an array takes, by what its header states.

    Raises InvalidDataError where the values are not there. An array may take no bytes and have any number of entries.
    """
    name = shown(member.filename.removesuffix(".npy"))
    if not member.filename.endswith(".npy") or archive.NameToInfo[member.filename] is not member:
        raise InvalidDataError(f"not a .npz file of plain arrays: its member {name} is no array, or there twice")
    with archive.open(member) as file:
        shape, _, dtype = _HEADERS[np.lib.format.read_magic(file)](file)  # type: ignore[no-untyped-call]
        if dtype.hasobject:
            raise InvalidDataError(
                f"not a .npz file of plain arrays: array {name} holds Python objects; save it as numbers or text"
            )
        size, there = math.prod(shape) * dtype.itemsize, member.file_size - file.tell()
    if size != there:
        raise InvalidDataError(
            f"not a .npz file of plain arrays: array {name} of shape {shape} takes {size} bytes, but {there} are there"
        )
    count = math.prod(shape)
    least = OBJECT_BYTES * count if len(shape) < 2 else 0 if dtype == np.float32 else 16 * count
    return max(2 * int(size), least)


def _from_arrays(arrays: dict[str, npt.NDArray[Any]], labelled: bool) -> Panel:
    there = ", ".join(map(shown, sorted(arrays))) or "none"
    unknown = [name for name in arrays if name not in ARRAYS and not name.startswith(("meta_", PREFIX))]
    if unknown or "X" not in arrays or (labelled and "y" not in arrays):
        raise InvalidDataError(
            f"needs arrays X and y, may have {', '.join(ARRAYS[2:])}, static_<name> and meta_<name>; it has {there}"
        )
    named = [name for name in arrays if name.startswith(PREFIX)]
    if named and "static" in arrays:
        raise InvalidDataError(f"has both an array static and {shown(named[0])}; give static values in one way")
    kinds = {"lengths": ("iu", "whole numbers"), **dict.fromkeys(("X", "static"), ("iufb", "numbers"))}
    kinds["times"] = ("iufbUM", "numbers or dates")
    for name, array in arrays.items():
        allowed, wanted = kinds.get(name, ("iufbU", "numbers or text"))
        if array.dtype.kind not in allowed:
            raise InvalidDataError(f"array {shown(name)} is of type {shown(str(array.dtype))}, not of {wanted}")
    X = arrays["X"] if arrays["X"].ndim != 2 else arrays["X"][:, None, :]
    if X.ndim != 3:
        raise InvalidDataError(f"array X must have 2 or 3 axes (cases, channels, time points), got shape {X.shape}")
    expected = {"y": 1, "lengths": 1, "times": 2, "static": 2}
    for name, array in arrays.items():
        if name != "X" and (array.ndim != expected.get(name, 1) or len(array) != len(X)):
            raise InvalidDataError(f"array {shown(name)} has shape {array.shape}, which does not fit {len(X)} cases")
    labels = arrays["y"].tolist() if labelled else None
    if labels is not None:
        _refuse_missing("y", arrays["y"], "label")
    fields: dict[str, Any] = {"meta": {n[5:]: _names(n, arrays[n]) for n in arrays if n.startswith("meta_")}}
    fields |= {name: arrays[name] for name in ("lengths", "times", "static") if name in arrays}
    if "times" in fields and fields["times"].shape != (len(X), X.shape[2]):
        raise InvalidDataError(f"array times has shape {fields['times'].shape}, expected {(len(X), X.shape[2])}")
    fields |= static_fields({n.removeprefix(PREFIX): _cells(arrays[n]) for n in named}, "case {}".format)
    if "static" in arrays:
        with np.errstate(over="ignore"):  # Panel refuses the infinite values that result
            fields["static"] = fields["static"].astype(np.float32)
    if "times" in fields:
        lengths = fields.get("lengths", np.full(len(X), X.shape[2]))
        fields["times"] = _seconds(fields["times"], lengths)
        try:
            check_times(fields["times"], lengths)
        except InvalidDataError as error:
            raise InvalidDataError(f"array times: {error}") from None
    if "lengths" in fields:
        beyond = np.arange(X.shape[2]) >= fields["lengths"][:, None]
        X = np.where(beyond[:, None, :], np.nan, X)
    return Panel.build(X, labels, **fields)


def _refuse_missing(name: str, array: npt.NDArray[Any], what: str) -> None:
    missing = [case for case, cell in enumerate(array.tolist()) if str(cell).strip() in MISSING]
    if missing:
        cell = array[missing[0]]
        why = why_missing(cell.strip() if isinstance(cell, str) else str(cell), len(missing), "case")
        raise InvalidDataError(f"array {name}: case {missing[0]} has no {what} {why}; give it one or remove it")


def _names(name: str, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return an array of facts about cases, those that name somebody spelt alike: 1.0 and 1 are one subject."""
    if name.removeprefix("meta_") in META:
        _refuse_missing(name, array, name.removeprefix("meta_"))
    if array.dtype.kind == "f" and all(value.is_integer() and abs(value) < 2**63 for value in array.tolist()):
        return array.astype(np.int64)  # numbers stay numbers: the order of groups decides how they are split
    return np.asarray([normalise_label(cell) for cell in array.tolist()]) if array.dtype.kind == "U" else array


def _cells(array: npt.NDArray[Any]) -> list[str]:
    """Return an array of numbers or text as cells of text, "" where a number is missing."""
    return ["" if cell != cell else normalise_label(cell) for cell in array.tolist()]


def _seconds(times: npt.NDArray[Any], lengths: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return times (n, t) as float64: numbers as they are, dates as seconds since the first of their case."""
    if times.dtype.kind not in "UM":
        return times.astype(np.float64)
    case, point = np.nonzero(np.arange(times.shape[1]) < lengths[:, None])
    given = times[case, point]
    cells = given.tolist() if given.dtype.kind == "U" else np.datetime_as_string(given).tolist()
    found = np.full(times.shape, np.nan)
    found[case, point] = seconds(
        [cell.strip() for cell in cells], case, lambda row: f"array times: case {case[row]}, time point {point[row]}"
    )
    return found
