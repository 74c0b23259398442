"""Vectors of what a run can find, kept beside its checkpoint as safetensors; made anew where they cannot be trusted."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tsbench.errors import StoreError, TsbenchWarning
from tsbench.store import artifacts
from tsbench.store.checkpoints import metadata_of
from tsbench.urls import shown

Vectors = npt.NDArray[np.float32]
FORMAT = "1"  # of the files; another is made anew


@dataclass(frozen=True)
class VectorFiles:
    """Where the vectors of a run are kept; folder None : nowhere. run : its key. data : the data's fingerprint.

    A file is used for this run, data, weights, kind and device alone, and while its content is what was written.
    """

    folder: artifacts.Folder | None
    run: str
    data: str

    def load(self, kind: str, device: str, weights: str, n: int) -> Vectors | None:
        """Return the n vectors of a kind, None where there are none; warns of a file that is not used."""
        name = self._name(kind, device)
        content = None if self.folder is None else artifacts.read(self.folder, name)
        if self.folder is None or content is None:
            return None
        found = _read(content, self._about(kind, device, weights), n)
        if found is None:
            _warn(f"{name} in {shown(self.folder)} is damaged, or of other weights or data: it is made anew")
        return found

    def save(self, kind: str, device: str, weights: str, vectors: Vectors) -> None:
        """Keep vectors for the next time; where that fails, a warning says so."""
        from safetensors.numpy import save as to_bytes

        if self.folder is None:
            return
        about = {**self._about(kind, device, weights), "sha256": _digest(vectors)}
        try:
            content = to_bytes({"vectors": np.ascontiguousarray(vectors)}, about)
            artifacts.write(self.folder, self._name(kind, device), content)
        except StoreError as error:  # what was embedded is here all the same
            _warn(f"vectors are not kept for the next time: {error}")

    def _name(self, kind: str, device: str) -> str:
        return f"{self.run}.{kind}.{device}.safetensors"

    def _about(self, kind: str, device: str, weights: str) -> dict[str, str]:
        stated = {"run": self.run, "data": self.data, "weights": weights}
        return {"format": FORMAT, **stated, "kind": kind, "device": device}


def weights_digest(state: Mapping[str, Tensor]) -> str:
    """Return the sha256 (hex) of the weights of a method: names, types, shapes and values."""
    found = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        found.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def _read(content: bytes, about: Mapping[str, str], n: int) -> Vectors | None:
    """Return the n vectors of a file that says all this of itself, and holds what was written; else None."""
    from safetensors import SafetensorError
    from safetensors.numpy import load as from_bytes

    try:
        vectors: Vectors = from_bytes(content)["vectors"]
        stated = metadata_of(content)
    except (SafetensorError, KeyError, ValueError, TypeError):
        return None
    written = stated == {**about, "sha256": _digest(vectors)}
    return vectors if written and vectors.ndim == 2 and len(vectors) == n else None


def _digest(vectors: Vectors) -> str:
    found = hashlib.sha256(f"{vectors.dtype} {vectors.shape}\n".encode())
    found.update(np.ascontiguousarray(vectors).data)
    return found.hexdigest()


def _warn(text: str) -> None:
    warnings.warn(text, TsbenchWarning, stacklevel=3)
