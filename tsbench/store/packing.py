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
KINDS = {"cases": "i", "y_true": "i", "y_pred": "i", "scores": "f", "classes": "U"}


def pack(p: Predictions) -> bytes:
    """Return predictions as a compressed .npz."""
    buffer = io.BytesIO()
    arrays = {"cases": p.cases, "y_true": p.y_true, "y_pred": p.y_pred, "scores": p.scores}
    np.savez_compressed(buffer, classes=np.asarray(p.classes, dtype=np.str_), **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def unpack(content: Any) -> Predictions:
    """Read what `pack` wrote; raises StoreError on anything else, before that is unpacked."""
    check_packed(content)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            arrays = {name: _array(archive.read(f"{name}.npy")) for name in KINDS}
        classes = tuple(arrays.pop("classes").tolist())
        return Predictions(**arrays, classes=classes)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise StoreError(f"its predictions cannot be read: {error}") from None


def check_packed(content: Any) -> None:
    """Raise StoreError unless this is the size and shape of predictions, by what the bytes say of themselves."""
    try:
        shapes = _shapes(content)
    except Exception as error:  # whatever zipfile and numpy raise on rubbish
        raise StoreError(f"its predictions cannot be read: {error}") from None
    cases, classes = shapes["cases"], shapes["classes"]
    alike = len(cases) == len(classes) == 1 and shapes["y_true"] == shapes["y_pred"] == cases
    if not alike or 0 in (*cases, *classes) or shapes["scores"] != (*cases, *classes):
        raise StoreError(f"its predictions cannot be read: their shapes do not agree ({shapes})")
    if 8 * classes[0] ** 2 > MOST_BYTES:
        raise StoreError(f"its predictions cannot be read: {classes[0]} classes")


def _shapes(content: bytes) -> dict[str, tuple[int, ...]]:
    """Return the shape of each array, from the headers alone."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {member.filename: member for member in archive.infolist()}
        total = sum(member.file_size for member in archive.infolist())
        if members.keys() != {f"{name}.npy" for name in KINDS} or len(archive.infolist()) != len(KINDS):
            raise ValueError("these are not the arrays of predictions")
        if total > MOST_BYTES:
            raise ValueError(f"they unpack to {total} bytes, more than {MOST_BYTES}")
        shapes = {}
        for name, kind in KINDS.items():
            with archive.open(members[f"{name}.npy"]) as file:
                head = _head(file)
            shape, _, dtype = _header(head)
            stored = members[f"{name}.npy"].file_size - len(head)
            if dtype.kind != kind or math.prod(shape) * dtype.itemsize != stored:
                raise ValueError(f"{name} is not what its size says")
            shapes[name] = shape
    return shapes


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
