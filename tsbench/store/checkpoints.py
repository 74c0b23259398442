"""Trained weights as safetensors files, written atomically, checked by sha256 when read."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from tsbench.errors import UsageError
from tsbench.store import artifacts
from tsbench.store.rows import file_name


@dataclass(frozen=True)
class Checkpoint:
    """Weights of a trained method and what is known of the training (curve, seconds, diagnosis)."""

    state: dict[str, Tensor]
    report: dict[str, Any]


def check_folder(folder: artifacts.Folder) -> None:
    """Make a local folder; raises UsageError where it cannot be made or written, before a training is lost on it."""
    if not isinstance(folder, Path):
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        reason = "" if os.access(folder, os.W_OK) else "it may only be read"
    except OSError as error:
        reason = error.strerror or str(error)
    if reason:
        raise UsageError(
            f"weights cannot be kept in {folder}: {reason}; name another folder by --artifacts or TSBENCH_ARTIFACTS"
        )


def save(folder: artifacts.Folder, pretrain_key: str, checkpoint: Checkpoint) -> tuple[str, str]:
    """Write a checkpoint; return (file name, sha256 of the file). Raises StoreError when it cannot be written."""
    from safetensors.torch import save as to_bytes

    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in checkpoint.state.items()}
    content = to_bytes(tensors, {"report": json.dumps(checkpoint.report)})
    name = file_name(pretrain_key)
    artifacts.write(folder, name, content)
    return name, hashlib.sha256(content).hexdigest()


def load(folder: artifacts.Folder, pretrain_key: str, sha256: str | None, device: str) -> Checkpoint | None:
    """Return the checkpoint of a pre-training, or None when there is none that can be trusted."""
    from safetensors import SafetensorError
    from safetensors.torch import load as from_bytes

    content = None if sha256 is None else artifacts.read(folder, file_name(pretrain_key))
    if content is None or hashlib.sha256(content).hexdigest() != sha256:
        return None
    try:
        state = {name: tensor.to(device) for name, tensor in from_bytes(content).items()}
        return Checkpoint(state, json.loads(metadata_of(content)["report"]))
    except (SafetensorError, KeyError, ValueError):
        return None


def metadata_of(content: bytes) -> dict[str, str]:
    """Return the metadata in the header of a safetensors file (its length in 8 bytes, then JSON); raises KeyError."""
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    metadata: dict[str, str] = header["__metadata__"]
    return metadata
