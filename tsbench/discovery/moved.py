"""Where modules of version 0.1 are now, for whoever imports one by its name of then."""

from __future__ import annotations

MOVED = {
    "tsbench.batch": "tsbench.data.batch",
    "tsbench.catalog": "tsbench.discovery.catalog",
    "tsbench.dataset": "tsbench.data.dataset",
    "tsbench.hookspecs": "tsbench.discovery.hookspecs",
    "tsbench.interfaces": "tsbench",
    "tsbench.metrics": "tsbench.tasks.metrics",
    "tsbench.normalise": "tsbench.data.normalise",
    "tsbench.panel": "tsbench.data.panel",
    "tsbench.params": "tsbench.methods.params",
    "tsbench.plugins": "tsbench.discovery.plugins",
    "tsbench.splits": "tsbench.data.splits",
    "tsbench.training": "tsbench.learning.loop",
}


def described(error: BaseException) -> str:
    """Return an error's kind and text, and where a module is that has moved."""
    home = MOVED.get(str(error.name)) if isinstance(error, ModuleNotFoundError) else None
    return f"{type(error).__name__}: {error}" + (f"; import from {home} now" if home else "")
