"""Cutting recordings into windows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from tsbench.errors import UsageError


def step_of(size: int, overlap: float) -> int:
    """Return the distance of the starts of windows of `size` points; `overlap` is the share in [0, 1) they share."""
    if size < 1:
        raise UsageError(f"a window needs at least one time point, got {size}")
    if not 0 <= overlap < 1:
        raise UsageError(f"the overlap of windows must be at least 0 and below 1, got {overlap}")
    return max(1, round(size * (1 - overlap)))


def starts(begin: int, end: int, size: int, step: int) -> range:
    """Return where the windows that lie wholly in [begin, end) start."""
    return range(begin, end - size + 1, step)


def runs(labels: npt.NDArray[Any]) -> Iterator[tuple[int, int, Any]]:
    """Yield (begin, end, label) of every stretch of one label."""
    if len(labels) == 0:
        return
    edges = [0, *(np.flatnonzero(labels[1:] != labels[:-1]) + 1).tolist(), len(labels)]
    for begin, end in pairwise(edges):
        yield begin, end, labels[begin]


def majority(pieces: list[tuple[int, int, str]], begin: int, end: int) -> str | None:
    """Return the label that covers most of [begin, end), given (begin, end, label) of stretches; the first of equals.

    None where most of the window has no label.
    """
    covered: dict[str, int] = {}
    for first, last, label in pieces:
        shared = min(end, last) - max(begin, first)
        if shared > 0:
            covered[label] = covered.get(label, 0) + shared
    best = max(covered, key=lambda label: covered[label], default=None)
    return best if best is not None and covered[best] >= end - begin - sum(covered.values()) else None
