"""Predictions as the bytes that the store keeps; nothing is unpacked that would not fit."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from functools import lru_cache
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from tsbench.errors import StoreError
from tsbench.tasks.score import Predictions

MOST_BYTES = 2**30
MOST_HEADER = 10_000  # as numpy has it
Array = npt.NDArray[Any]
# The arrays of each task with their kinds. Whatever is no classification names its task.
KINDS = {
    "classification": {"cases": "i", "y_true": "i", "y_pred": "i", "scores": "f", "classes": "U"},
    "multilabel": {"cases": "i", "y_true": "u", "y_pred": "u", "scores": "f", "classes": "U", "task": "U"},
    "regression": {"cases": "i", "y_true": "f", "y_pred": "f", "task": "U"},
}
OPTIONAL = {"probabilities": "b", "names": "U"}  # there where it is true, and where cases have names


def pack(p: Predictions) -> bytes:
    """Return predictions as a compressed .npz."""
    buffer = io.BytesIO()
    arrays = {"cases": p.cases, "y_true": p.y_true, "y_pred": p.y_pred, "scores": p.scores}
    more = {"task": np.asarray([p.task])} if "task" in KINDS[p.task] else {}
    more |= {"probabilities": np.ones(1, dtype=bool)} if p.probabilities else {}
    more |= {} if p.names is None else {"names": np.asarray(p.names, dtype=np.str_)}
    arrays = {"classes": np.asarray(p.classes, dtype=np.str_), **arrays, **more}
    kept = {name: array for name, array in arrays.items() if name in {**KINDS[p.task], **OPTIONAL}}
    np.savez_compressed(buffer, **kept)  # type: ignore[arg-type]
    return buffer.getvalue()


def unpack(content: Any) -> Predictions:
    """Read what `pack` wrote; raises StoreError on anything else, before that is unpacked."""
    task = check_packed(content)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            fields = {name.removesuffix(".npy"): _array(archive.read(name)) for name in archive.namelist()}
        if fields.pop("task", [task])[0] != task:
            raise ValueError("they are of another task than their arrays")
        scores = fields.pop("scores", np.empty((len(fields["cases"]), 0), dtype=np.float32))
        classes = tuple(fields.pop("classes").tolist()) if "classes" in fields else ()
        probabilities = "probabilities" in fields and bool(fields.pop("probabilities").all())
        names = fields.pop("names", None)
        return Predictions(
            **fields, scores=scores, classes=classes, task=task, probabilities=probabilities, names=names
        )
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise StoreError(f"its predictions cannot be read: {error}") from None


def check_packed(content: Any) -> str:
    """Return the task; raises StoreError unless this is the size and shape of predictions, by what the bytes say."""
    try:
        task, shapes = _shapes(content)
    except Exception as error:  # whatever zipfile and numpy raise on rubbish
        raise StoreError(f"its predictions cannot be read: {error}") from None
    cases, classes = shapes["cases"], shapes.get("classes", (0,))
    answers = (*cases, *classes) if task == "multilabel" else cases
    alike = len(cases) == len(classes) == 1 and shapes["y_true"] == shapes["y_pred"] == answers
    alike &= shapes.get("names", cases) == cases
    if not alike or 0 in cases or shapes.get("task", (1,)) != (1,) or shapes.get("probabilities", (1,)) != (1,):
        raise StoreError(f"its predictions cannot be read: their shapes do not agree ({shapes})")
    if "scores" in shapes and (0 in classes or shapes["scores"] != (*cases, *classes)):
        raise StoreError(f"its predictions cannot be read: their shapes do not agree ({shapes})")
    if 8 * classes[0] ** 2 > MOST_BYTES:
        raise StoreError(f"its predictions cannot be read: {classes[0]} classes")
    return task


def _shapes(content: bytes) -> tuple[str, dict[str, tuple[int, ...]]]:
    """Return the task and the shape of each array, from the headers alone."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {member.filename: member for member in archive.infolist()}
        total = sum(member.file_size for member in archive.infolist())
        names = {name.removesuffix(".npy") for name in members}
        if len(members) != len(archive.infolist()) or members.keys() != {f"{name}.npy" for name in names}:
            raise ValueError("these are not the arrays of predictions")
        if total > MOST_BYTES:
            raise ValueError(f"they unpack to {total} bytes, more than {MOST_BYTES}")
        found = {name: _checked(archive, members[f"{name}.npy"]) for name in sorted(names)}
    kinds = {name: kind for name, (_, kind) in found.items()}
    plain = {name: kind for name, kind in kinds.items() if OPTIONAL.get(name) != kind}
    task = next((task for task, expected in KINDS.items() if expected == plain), None)
    if task is None:
        raise ValueError("these are not the arrays of predictions")
    return task, {name: shape for name, (shape, _) in found.items()}


def _checked(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple[tuple[int, ...], str]:
    """Return shape and kind of an array; raises ValueError where its header says another size than it has."""
    with archive.open(member) as file:
        head = _head(file)
    shape, _, dtype = _header(head)
    # An array is made as large as its header says before any of it is read.
    if math.prod(shape) * dtype.itemsize != member.file_size - len(head):
        raise ValueError(f"{member.filename.removesuffix('.npy')} is not what its size says")
    return shape, dtype.kind


def _array(content: bytes) -> Array:
    """Return the array of an .npy whose header was checked, as numpy.load does in twice the time."""
    head = _head(io.BytesIO(content))
    shape, by_column, dtype = _header(head)
    flat = np.frombuffer(content, dtype, offset=len(head)).copy()
    return flat.reshape(shape[::-1]).T if by_column else flat.reshape(shape)


def _head(file: IO[bytes]) -> bytes:
    """Return the bytes of an .npy up to its values; raises ValueError where they are none or too many."""
    begin = file.read(8)
    size = file.read(2 if begin[6:7] == b"\x01" else 4)
    length = int.from_bytes(size, "little")
    if length > MOST_HEADER:
        raise ValueError(f"a header of {length} bytes")
    return begin + size + file.read(length)


@lru_cache(maxsize=1024)
def _header(head: bytes) -> tuple[tuple[int, ...], bool, Any]:
    """Return shape, whether columns come first, and dtype; many runs have the same headers."""
    file = io.BytesIO(head)
    version = npy.read_magic(file)  # type: ignore[no-untyped-call]
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, by_column, dtype = read(file)  # type: ignore[no-untyped-call]
    return tuple(shape), bool(by_column), dtype
