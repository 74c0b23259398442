"""Tuning: a search over declared parameters by their score within the training part of a fold."""

from __future__ import annotations

import importlib.util

from tsbench.errors import UsageError


def require(module: str) -> None:
    """Raise UsageError, naming the remedy, where a library of the extra `tune` is not installed."""
    if importlib.util.find_spec(module) is None:
        raise UsageError(f"this needs {module.replace('_', '-')}; install tsbench[tune]")
