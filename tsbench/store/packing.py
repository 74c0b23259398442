"""Predictions as the bytes that the store keeps; nothing is unpacked that would not fit."""

from __future__ import annotations

import contextlib
import io
import math
import zipfile
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from tsbench.errors import StoreError
from tsbench.store.archive import members
from tsbench.tasks.score import Predictions

MOST_BYTES = 2**30
MOST_HEADER = 10_000  # as numpy has it
USUAL_HEADER = 128  # bytes of all that comes before the values
Array = npt.NDArray[Any]
# The arrays of each task with their kinds. Whatever is no classification names its task.
KINDS = {
    "classification": {"cases": "i", "y_true": "i", "y_pred": "i", "scores": "f", "classes": "U"},
    "multilabel": {"cases": "i", "y_true": "u", "y_pred": "u", "scores": "f", "classes": "U", "task": "U"},
    "regression": {"cases": "i", "y_true": "f", "y_pred": "f", "task": "U"},
    "imputation": {"cases": "i", "y_true": "f", "y_pred": "f", "places": "i", "task": "U"},
    "retrieval": {"cases": "i", "y_true": "u", "y_pred": "i", "task": "U"},
}
ORDER = ("classes", "cases", "y_true", "y_pred", "scores", "task", "probabilities", "names", "places")
OPTIONAL = {"probabilities": "b", "names": "U"}  # there where it is true, and where cases have names


def pack(p: Predictions) -> bytes:
    """Return predictions as a compressed .npz."""
    buffer = io.BytesIO()
    arrays = {"cases": p.cases, "y_true": p.y_true, "y_pred": p.y_pred, "scores": p.scores}
    more = {"task": np.asarray([p.task])} if "task" in KINDS[p.task] else {}
    more |= {"probabilities": np.ones(1, dtype=bool)} if p.probabilities else {}
    more |= {} if p.names is None else {"names": np.asarray(p.names, dtype=np.str_)}
    more |= {} if p.places is None else {"places": p.places}
    arrays = {"classes": np.asarray(p.classes, dtype=np.str_), **arrays, **more}
    kept = {name: arrays[name] for name in ORDER if name in arrays and name in {**KINDS[p.task], **OPTIONAL}}
    np.savez_compressed(buffer, **kept)  # type: ignore[arg-type]
    return buffer.getvalue()


def unpack(content: Any, most: int = MOST_BYTES) -> Predictions:
    """Read what `pack` wrote; raises StoreError on anything else, or more than `most` bytes, before it is unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            task, parts = _checked(_files(archive), most)
            return _predictions(task, {name: part.array() for name, part in parts.items()})
    except Exception as error:  # whatever zipfile and numpy raise on rubbish
        raise _unreadable(error) from None


def unpack_exact(content: bytes, most: int = MOST_BYTES) -> Predictions:
    """Read what `pack` wrote, in less time than `unpack`.

    Raises StoreError on anything else, too where the same arrays are written in another order or form; how well they
    are compressed may differ, as it does between versions of zlib.
    """
    try:
        found = members(content, most)
        files = {name: _File(partial(io.BytesIO, array), len(array)) for name, array in found.items()}
        task, parts = _checked(files, most)
        if list(parts) != [name for name in ORDER if name in parts] or not all(p.usual for p in parts.values()):
            raise ValueError("their arrays are not as tsbench packs them")
        return _predictions(task, {name: part.array() for name, part in parts.items()})
    except Exception as error:  # as above
        raise _unreadable(error) from None


def _predictions(task: str, fields: dict[str, Array]) -> Predictions:
    if fields.pop("task", [task])[0] != task:
        raise ValueError("they are of another task than their arrays")
    scores = fields.pop("scores", np.empty((len(fields["cases"]), 0), dtype=np.float32))
    classes = tuple(fields.pop("classes").tolist()) if "classes" in fields else ()
    probabilities = "probabilities" in fields and bool(fields.pop("probabilities").all())
    names = fields.pop("names", None)
    if task == "imputation" and not _are_places(fields["places"], len(fields["cases"])):
        raise ValueError("they are of values that are not there")
    return Predictions(**fields, scores=scores, classes=classes, task=task, probabilities=probabilities, names=names)


def _are_places(places: Array, n_cases: int) -> bool:
    return bool(places.min() >= 0 and places[:, 0].max() < n_cases)


def check_packed(content: Any, most: int = MOST_BYTES) -> str:
    """Return the task; raises StoreError unless this is the size and shape of predictions, by what the bytes say."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _checked(_files(archive), most)[0]
    except Exception as error:  # as above
        raise _unreadable(error) from None


def _unreadable(error: Exception) -> StoreError:
    return StoreError(f"its predictions cannot be read: {str(error)[:200]}")


class _Part(NamedTuple):
    """An array of an archive, of which the header was read and `begun` behind it; by_column : columns come first.

    usual : the header is the one that numpy writes of such an array.
    """

    file: IO[bytes]
    begun: bytes
    shape: tuple[int, ...]
    by_column: bool
    dtype: np.dtype[Any]
    usual: bool

    def array(self) -> Array:
        """Read the values, as numpy.load does in twice the time."""
        flat = np.frombuffer(self.begun + self.file.read(), self.dtype).copy()
        return flat.reshape(self.shape[::-1]).T if self.by_column else flat.reshape(self.shape)


class _File(NamedTuple):
    """A file of an archive: how it is opened, and how large its header says that it is."""

    open: Callable[[], IO[bytes]]
    size: int


def _files(archive: zipfile.ZipFile) -> dict[str, _File]:
    found = archive.infolist()
    files = {member.filename: _File(partial(archive.open, member), member.file_size) for member in found}
    if len(files) != len(found):
        raise ValueError("these are not the arrays of predictions")
    return files


def _checked(files: Mapping[str, _File], most: int) -> tuple[str, dict[str, _Part]]:
    """Return the task and the arrays, not yet read; raises ValueError where their headers do not fit each other."""
    names = [name.removesuffix(".npy") for name in files]
    if list(files) != [f"{name}.npy" for name in names]:
        raise ValueError("these are not the arrays of predictions")
    total = sum(file.size for file in files.values())
    if total > most:
        raise ValueError(f"they unpack to {total} bytes, more than {most}")
    parts = {name: _begun(file, name) for name, file in zip(names, files.values(), strict=True)}
    kinds = {name: part.dtype.kind for name, part in parts.items() if OPTIONAL.get(name) != part.dtype.kind}
    task = next((task for task, expected in KINDS.items() if expected == kinds), None)
    if task is None:
        raise ValueError("these are not the arrays of predictions")
    _check_shapes(task, {name: part.shape for name, part in parts.items()}, most)
    return task, parts


def _check_shapes(task: str, shapes: dict[str, tuple[int, ...]], most: int) -> None:
    cases, classes = shapes["cases"], shapes.get("classes", (0,))
    answers = (*cases, *classes) if task == "multilabel" else cases
    if task == "imputation":
        answers = shapes["places"][:1]
        if shapes["places"] != (*answers, 3) or 0 in answers:
            raise ValueError(f"their shapes do not agree ({shapes})")
    alike = len(cases) == len(classes) == 1 and shapes["y_true"] == shapes["y_pred"] == answers
    if task == "retrieval":
        alike = len(cases) == 1 and shapes["y_true"] == 2 * cases and shapes["y_pred"] == (*cases, 2 * cases[0])
    alike &= shapes.get("names", cases) == cases
    if not alike or 0 in cases or shapes.get("task", (1,)) != (1,) or shapes.get("probabilities", (1,)) != (1,):
        raise ValueError(f"their shapes do not agree ({shapes})")
    if "scores" in shapes and (0 in classes or shapes["scores"] != (*cases, *classes)):
        raise ValueError(f"their shapes do not agree ({shapes})")
    if 8 * classes[0] ** 2 > most:
        raise ValueError(f"{classes[0]} classes")


def _begun(of: _File, name: str) -> _Part:
    """Read an array's header; raises ValueError where that says another size than the array has."""
    file = of.open()
    begun = file.read(USUAL_HEADER)
    n_sizes = 10 if begun[6:7] == b"\x01" else 12  # bytes up to the header's text
    length = int.from_bytes(begun[8:n_sizes], "little")
    if length > MOST_HEADER:
        raise ValueError(f"a header of {length} bytes")
    end = n_sizes + length
    begun += file.read(max(0, end - len(begun)))
    shape, by_column, dtype, usual = _header(begun[:end])
    # An array is made as large as its header says before any of it is read.
    if math.prod(shape) * dtype.itemsize != of.size - end:
        raise ValueError(f"{name} is not what its size says")
    return _Part(file, begun[end:], shape, by_column, dtype, usual)


@lru_cache(maxsize=1024)
def _header(head: bytes) -> tuple[tuple[int, ...], bool, Any, bool]:
    """Return shape, whether columns come first, dtype, and whether numpy writes it so; many runs have the same."""
    file = io.BytesIO(head)
    version = npy.read_magic(file)  # type: ignore[no-untyped-call]
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, by_column, dtype = read(file)  # type: ignore[no-untyped-call]
    by_column, again = bool(by_column), io.BytesIO()
    of_columns = by_column and sum(size > 1 for size in shape) > 1
    written = {"descr": dtype.str, "fortran_order": of_columns, "shape": tuple(shape)}
    with contextlib.suppress(ValueError):  # a header that only version 2 holds, which no array of ours has
        npy.write_array_header_1_0(again, written)  # type: ignore[no-untyped-call]
    return tuple(shape), by_column, dtype, again.getvalue() == head
