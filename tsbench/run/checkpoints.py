"""Trained weights on disk: safetensors, written atomically, checked by sha256 when read."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Checkpoint:
    """Weights of a trained method and what is known of the training (curve, seconds, diagnosis)."""

    state: dict[str, Tensor]
    report: dict[str, Any]


def save(folder: Path, pretrain_key: str, checkpoint: Checkpoint) -> tuple[str, str]:
    """Write a checkpoint by atomic rename; return (file name, sha256 of the file)."""
    from safetensors.torch import save as to_bytes

    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in checkpoint.state.items()}
    content = to_bytes(tensors, {"report": json.dumps(checkpoint.report)})
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{pretrain_key}.safetensors"
    partial = folder / f".{name}.{os.getpid()}.tmp"
    try:
        partial.write_bytes(content)
        partial.replace(folder / name)
    finally:
        partial.unlink(missing_ok=True)
    return name, hashlib.sha256(content).hexdigest()


def load(folder: Path, pretrain_key: str, sha256: str | None, device: str) -> Checkpoint | None:
    """Return the checkpoint of a pre-training, or None when there is none that can be trusted."""
    from safetensors import SafetensorError, safe_open
    from safetensors.torch import load as from_bytes

    path = folder / f"{pretrain_key}.safetensors"
    if sha256 is None:
        return None
    try:
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != sha256:
            return None
        state = {name: tensor.to(device) for name, tensor in from_bytes(content).items()}
        with safe_open(path, "pt") as file:
            report = json.loads(file.metadata()["report"])
    except (OSError, SafetensorError, KeyError, ValueError):
        return None
    return Checkpoint(state, report)
