"""The runs of a picture, and how they are called beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

PARTS = ("label", "dataset", "protocol", "fold", "seed")


def names_of(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a name for each run: what differs between them, or label and dataset; if need be its key."""
    apart = [part for part in PARTS if len({run[part] for run in runs}) > 1] or ["label", "dataset"]
    names = [_said(run, apart) for run in runs]
    if len(set(names)) == len(names):
        return names
    return [f"{name} ({run['key'][:8]})" for name, run in zip(names, runs, strict=True)]


def shared(runs: Sequence[Mapping[str, Any]]) -> str:
    """Return what all runs have in common, for a title."""
    return _said(runs[0], [part for part in PARTS if len({run[part] for run in runs}) == 1])


def _said(run: Mapping[str, Any], parts: Sequence[str]) -> str:
    return ", ".join(f"{part} {run[part]}" if part in ("fold", "seed") else str(run[part]) for part in parts)
