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
    task = check_packed(content)
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            fields = {name: arrays[name] for name in arrays.files}
            if fields.pop("task", [task])[0] != task:
                raise ValueError("they are of another task than their arrays")
            scores = fields.pop("scores", np.empty((len(fields["cases"]), 0), dtype=np.float32))
            classes = tuple(fields.pop("classes").tolist()) if "classes" in fields else ()
            probabilities = "probabilities" in fields and bool(fields.pop("probabilities").all())
            return Predictions(**fields, scores=scores, classes=classes, task=task, probabilities=probabilities)
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
        found = {name: _header(archive, members[f"{name}.npy"]) for name in sorted(names)}
    kinds = {name: kind for name, (_, kind) in found.items()}
    plain = {name: kind for name, kind in kinds.items() if PROBABILITIES.get(name) != kind}
    task = next((task for task, expected in KINDS.items() if expected == plain), None)
    if task is None:
        raise ValueError("these are not the arrays of predictions")
    return task, {name: shape for name, (shape, _) in found.items()}


def _header(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple[tuple[int, ...], str]:
    """Return shape and kind of an array; raises ValueError where its header says another size than it has."""
    with archive.open(member) as file:
        version = npy.read_magic(file)  # type: ignore[no-untyped-call]
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(file)  # type: ignore[no-untyped-call]
        # An array is made as large as its header says before any of it is read.
        stored = member.file_size - file.tell()
    if math.prod(shape) * dtype.itemsize != stored:
        raise ValueError(f"{member.filename.removesuffix('.npy')} is not what its size says")
    return tuple(shape), dtype.kind
