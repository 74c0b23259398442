"""The reader of a user's own arrays (.npz), returning one Panel."""

from __future__ import annotations

import math
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tsbench.data.dataset import check_times
from tsbench.data.memory import check_room
from tsbench.data.panel import Panel, normalise_label
from tsbench.data.stream import CaseFile, Streamed, open_cases
from tsbench.errors import InvalidDataError
from tsbench_archives.cells import MISSING, reason, shown, why_missing
from tsbench_archives.dates import seconds
from tsbench_archives.labels import several, target
from tsbench_archives.statics import PREFIX, static_fields

META = ("subject", "record", "fold", "group")
ARRAYS = ("X", "y", "classes", "lengths", "times", "static")
LOCAL_HEADER = 30  # bytes in front of a member of a zip file; its name and extra fields follow
OBJECT_BYTES = 100  # what a label or a fact about a case takes as an object
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_npz(path: Path, task: str = "", labelled: bool = True) -> Panel:
    """Read arrays from a .npz file. Raises InvalidDataError.

    X (n_cases, n_channels, n_timepoints) or (n_cases, n_timepoints), and y (n_cases,), of which `task` says the meaning
    (see `labels.target`), or for multilabel y (n_cases, n_labels) of 0 and 1, with the names in classes (n_labels,);
    optionally lengths (n_cases,), times (n_cases, n_timepoints) of numbers or dates, static (n_cases, n_static) or any
    static_<name> (n_cases,) of numbers or text, and any meta_<name> (n_cases,). Values beyond a case's length are
    ignored. The sizes the headers state are checked, and the memory they take, before anything is unpacked.

    Without X in it, X is the `.npy` file of the same name beside it, which is never held in memory as a whole. An X
    that memory does not hold stays in the file where it is not compressed.
    """
    try:
        with path.open("rb") as raw:
            with zipfile.ZipFile(raw) as archive:
                streams = _streams(archive)
            raw.seek(0)
            with np.load(raw, allow_pickle=False) as file:
                arrays: dict[str, Any] = {name: file[name] for name in file.files if name != "X" or streams is None}
    except InvalidDataError as error:
        raise InvalidDataError(f"{path}: {error}") from error
    except Exception as error:  # a damaged archive raises errors of many kinds
        raise InvalidDataError(f"{path}: not a .npz file of plain arrays: {reason(error)}") from error
    if streams is not None:
        arrays["X"] = open_npy(path, *_place(path, streams))
    elif "X" not in arrays and (beside := values_beside(path)):
        arrays["X"] = open_npy(beside)
    try:
        return from_arrays(arrays, task, labelled)
    except InvalidDataError as error:
        raise InvalidDataError(f"{path}: {error}") from error


def values_beside(path: Path) -> Path | None:
    """Return the .npy file of the same name beside a .npz file, if there is one."""
    beside = path.with_suffix(".npy")
    return beside if beside.is_file() else None


def open_npy(path: Path, begin: int = 0, end: int | None = None) -> CaseFile:
    """Open a .npy file of cases, or the one that lies within a file from begin to end.

    Raises InvalidDataError where it holds no such numbers, or not those it states.
    """
    try:
        with path.open("rb") as file:
            file.seek(begin)
            shape, fortran, dtype = _HEADERS[np.lib.format.read_magic(file)](file)  # type: ignore[no-untyped-call]
            start = file.tell()
    except Exception as error:  # a damaged header raises errors of many kinds
        raise InvalidDataError(f"{path}: not a .npy file: {reason(error)}") from error
    if dtype.kind not in "iufb" or len(shape) not in (2, 3):
        raise InvalidDataError(
            f"{path}: must hold numbers of 2 or 3 axes (cases, channels, time points), got {shown(str(dtype))} of "
            f"shape {shape}"
        )
    if fortran and math.prod(shape) > max(shape):
        raise InvalidDataError(f"{path}: its cases do not lie one after the other; save it with np.ascontiguousarray")
    found = open_cases(path, start, dtype, shape)
    there = (found.size if end is None else end) - start
    if there != math.prod(shape) * dtype.itemsize:
        raise InvalidDataError(
            f"{path}: {dtype} of shape {shape} takes {math.prod(shape) * dtype.itemsize} bytes, but {there} are there"
        )
    return found


def _streams(archive: zipfile.ZipFile) -> zipfile.ZipInfo | None:
    """Return the member X where it stays in its file: memory does not hold it, and it is not compressed.

    Raises InvalidDataError where memory does not hold what is to be read.
    """
    sizes = {member.filename: _size(archive, member) for member in archive.infolist()}
    member = archive.NameToInfo.get("X.npy")
    try:
        check_room(sum(sizes.values()))
    except InvalidDataError as error:
        if member is None or member.compress_type != zipfile.ZIP_STORED:
            hint = "; saved by numpy.savez, not savez_compressed, X would stay in its file" if member else ""
            raise InvalidDataError(f"{error}{hint}") from None
        check_room(sum(size for name, size in sizes.items() if name != "X.npy"))
        return member
    return None


def _place(path: Path, member: zipfile.ZipInfo) -> tuple[int, int]:
    """Return where a member that is not compressed begins and ends in its file."""
    with path.open("rb") as file:
        file.seek(member.header_offset)
        begin = member.header_offset + LOCAL_HEADER + sum(struct.unpack("<HH", file.read(LOCAL_HEADER)[26:]))
    return begin, begin + member.file_size


def array_names(path: Path) -> list[str]:
    """Return the names of the arrays of a .npz file without reading them; raises errors of many kinds."""
    with zipfile.ZipFile(path) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist()]


def label_array(path: Path) -> npt.NDArray[Any]:
    """Return the array y of a .npz file; raises errors of many kinds, for one that no memory holds, too."""
    with zipfile.ZipFile(path) as archive:
        check_room(_size(archive, archive.getinfo("y.npy")))
        with archive.open("y.npy") as file:
            return np.asarray(np.lib.format.read_array(file, allow_pickle=False))  # type: ignore[no-untyped-call]


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


def from_arrays(arrays: dict[str, Any], task: str, labelled: bool) -> Panel:
    """Return the Panel of arrays as `read_npz` has them; X may be a file of cases too, or `Streamed`."""
    there = ", ".join(map(shown, sorted(arrays))) or "none"
    unknown = [name for name in arrays if name not in ARRAYS and not name.startswith(("meta_", PREFIX))]
    if unknown or "X" not in arrays or (labelled and "y" not in arrays):
        raise InvalidDataError(
            f"needs arrays X and y, may have {', '.join(ARRAYS[2:])}, static_<name> and meta_<name>, and X in a .npy "
            f"file of the same name; it has {there}"
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
    several_labels = labelled and arrays["y"].ndim == 2
    expected = {"y": 1 + several_labels, "lengths": 1, "times": 2, "static": 2}
    for name, array in arrays.items():
        if name not in ("X", "classes") and (array.ndim != expected.get(name, 1) or len(array) != len(X)):
            raise InvalidDataError(f"array {shown(name)} has shape {array.shape}, which does not fit {len(X)} cases")
    fields: dict[str, Any] = _target(arrays, task) if labelled else {}
    fields |= {"meta": {n[5:]: _names(n, arrays[n]) for n in arrays if n.startswith("meta_")}}
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
    if isinstance(X, CaseFile):
        X = Streamed.of(X, fields.get("lengths"))
    elif "lengths" in fields and not isinstance(X, Streamed):
        beyond = np.arange(X.shape[2]) >= fields["lengths"][:, None]
        X = np.where(beyond[:, None, :], np.nan, X)
    return Panel.build(X, **fields)


def _target(arrays: dict[str, npt.NDArray[Any]], task: str) -> dict[str, Any]:
    """Return y, classes and task of a Panel."""
    y, names = arrays["y"], arrays.get("classes")
    if y.ndim == 1:
        if names is not None:
            raise InvalidDataError("array classes names the columns of y, which has one axis; leave out classes")
        if task != "multilabel":
            _refuse_missing("y", y, "label")
        cells = [str(cell).strip() for cell in y.tolist()] if task == "regression" else _cells(y)
        return target(cells, task, lambda case: f"array y: case {case}")
    if not y.shape[1]:
        raise InvalidDataError(f"array y has shape {y.shape}: there is no label; give it a column for each")
    if task not in ("", "multilabel"):
        raise InvalidDataError(f"array y has shape {y.shape}: several labels per case, where {task} needs one")
    wrong = np.argwhere(~np.isin(y, (0, 1))) if y.dtype.kind in "iufb" else np.zeros((1, 2), dtype=int)
    if len(wrong):
        raise InvalidDataError(f"array y: case {wrong[0][0]}: {y[tuple(wrong[0])]} is no label; a label is 0 or 1")
    named = [str(number) for number in range(y.shape[1])] if names is None else list(map(str, names.tolist()))
    if len(named) != y.shape[1] or (names is not None and names.ndim != 1):
        raise InvalidDataError(f"array classes must name each of the {y.shape[1]} columns of y")
    return several(y, named)


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
