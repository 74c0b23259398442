"""Functions compiled for the CPU by numba, kept on disk where that is possible."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from numba import njit  # type: ignore[import-untyped]

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Return function compiled at its first call; the next process finds it on disk, if any folder can be written.

    It holds no lock of the interpreter, and divides by zero as numpy does.
    """
    options = {"nogil": True, "error_model": "numpy"}
    try:
        made: Callable[P, R] = njit(cache=True, **options)(function)
    except RuntimeError:  # numba found no folder it may write to
        made = njit(**options)(function)
    return made
