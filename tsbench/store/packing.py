"""Predictions as the bytes that the store keeps; nothing is unpacked that would not fit."""

from __future__ import annotations

import io
import math
import zipfile
from functools import lru_cache
from typing import IO, Any, NamedTuple

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
PROBABILITIES = {"probabilities": "b"}  # there where it is true


def pack(p: Predictions) -> bytes:
    """Return predictions as a compressed .npz."""
    buffer = io.BytesIO()
    arrays = {"cases": p.cases, "y_true": p.y_true, "y_pred": p.y_pred, "scores": p.scores}
    more = {"task": np.asarray([p.task])} if "task" in KINDS[p.task] else {}
    more |= {"probabilities": np.ones(1, dtype=bool)} if p.probabilities else {}
    arrays = {"classes": np.asarray(p.classes, dtype=np.str_), **arrays, **more}
    kept = {name: array for name, array in arrays.items() if name in {**KINDS[p.task], **PROBABILITIES}}
    np.savez_compressed(buffer, **kept)  # type: ignore[arg-type]
    return buffer.getvalue()


def unpack(content: Any) -> Predictions:
    """Read what `pack` wrote; raises StoreError on anything else, before that is unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            task, parts = _checked(archive)
            fields = {name: part.array() for name, part in parts.items()}
        if fields.pop("task", [task])[0] != task:
            raise ValueError("they are of another task than their arrays")
        scores = fields.pop("scores", np.empty((len(fields["cases"]), 0), dtype=np.float32))
        classes = tuple(fields.pop("classes").tolist()) if "classes" in fields else ()
        probabilities = "probabilities" in fields and bool(fields.pop("probabilities").all())
        return Predictions(**fields, scores=scores, classes=classes, task=task, probabilities=probabilities)
    except Exception as error:  # whatever zipfile and numpy raise on rubbish
        raise _unreadable(error) from None


def check_packed(content: Any) -> str:
    """Return the task; raises StoreError unless this is the size and shape of predictions, by what the bytes say."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _checked(archive)[0]
    except Exception as error:  # as above
        raise _unreadable(error) from None


def _unreadable(error: Exception) -> StoreError:
    return StoreError(f"its predictions cannot be read: {error}")


class _Part(NamedTuple):
    """An array of an archive, of which the header alone was read; by_column : columns come first."""

    file: IO[bytes]
    shape: tuple[int, ...]
    by_column: bool
    dtype: np.dtype[Any]

    def array(self) -> Array:
        """Read the values, as numpy.load does in twice the time."""
        flat = np.frombuffer(self.file.read(), self.dtype).copy()
        return flat.reshape(self.shape[::-1]).T if self.by_column else flat.reshape(self.shape)


def _checked(archive: zipfile.ZipFile) -> tuple[str, dict[str, _Part]]:
    """Return the task and the arrays, not yet read; raises ValueError where their headers do not fit each other."""
    members = archive.infolist()
    names = [member.filename.removesuffix(".npy") for member in members]
    if len(set(names)) != len(members) or any(member.filename != f"{name}.npy" for member, name in zip(members, names, strict=True)):
        raise ValueError("these are not the arrays of predictions")
    total = sum(member.file_size for member in members)
    if total > MOST_BYTES:
        raise ValueError(f"they unpack to {total} bytes, more than {MOST_BYTES}")
    parts = {name: _begun(archive, member, name) for name, member in zip(names, members, strict=True)}
    kinds = {name: part.dtype.kind for name, part in parts.items() if PROBABILITIES.get(name) != part.dtype.kind}
    task = next((task for task, expected in KINDS.items() if expected == kinds), None)
    if task is None:
        raise ValueError("these are not the arrays of predictions")
    _check_shapes(task, {name: part.shape for name, part in parts.items()})
    return task, parts


def _check_shapes(task: str, shapes: dict[str, tuple[int, ...]]) -> None:
    cases, classes = shapes["cases"], shapes.get("classes", (0,))
    answers = (*cases, *classes) if task == "multilabel" else cases
    alike = len(cases) == len(classes) == 1 and shapes["y_true"] == shapes["y_pred"] == answers
    if not alike or 0 in cases or shapes.get("task", (1,)) != (1,) or shapes.get("probabilities", (1,)) != (1,):
        raise ValueError(f"their shapes do not agree ({shapes})")
    if "scores" in shapes and (0 in classes or shapes["scores"] != (*cases, *classes)):
        raise ValueError(f"their shapes do not agree ({shapes})")
    if 8 * classes[0] ** 2 > MOST_BYTES:
        raise ValueError(f"{classes[0]} classes")


def _begun(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> _Part:
    """Read an array's header; raises ValueError where that says another size than the array has."""
    file = archive.open(member)
    head = _head(file)
    shape, by_column, dtype = _header(head)
    # An array is made as large as its header says before any of it is read.
    if math.prod(shape) * dtype.itemsize != member.file_size - len(head):
        raise ValueError(f"{name} is not what its size says")
    return _Part(file, shape, by_column, dtype)


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
