"""Predictions as the bytes that the store keeps; nothing is unpacked that would not fit."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from typing import Any

import numpy as np
from numpy.lib import format as npy

from tsbench.errors import StoreError
from tsbench.tasks.score import Predictions

MOST_BYTES = 2**30
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
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            fields = {name: arrays[name] for name in ("cases", "y_true", "y_pred", "scores")}
            return Predictions(**fields, classes=tuple(arrays["classes"].tolist()))
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
                version = npy.read_magic(file)  # type: ignore[no-untyped-call]
                read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
                shape, _, dtype = read(file)  # type: ignore[no-untyped-call]
                # An array is made as large as its header says before any of it is read.
                stored = members[f"{name}.npy"].file_size - file.tell()
            if dtype.kind != kind or math.prod(shape) * dtype.itemsize != stored:
                raise ValueError(f"{name} is not what its size says")
            shapes[name] = tuple(shape)
    return shapes
