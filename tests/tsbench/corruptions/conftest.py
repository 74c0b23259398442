"""Panels to corrupt, and a corruption ready for use by its name."""

import numpy as np
import pytest

from tsbench.corruptions.base import Corrupter
from tsbench.data.panel import Panel


@pytest.fixture(scope="session")
def waves():
    rng = np.random.default_rng(0)
    return Panel.build(5 + rng.normal(size=(8, 3, 4000)) * np.array([1.0, 10.0, 0.1])[:, None])


@pytest.fixture(scope="session")
def few():
    """Two cases of a channel and six time points."""
    return Panel.build(np.arange(12, dtype=float).reshape(2, 1, 6) ** 1.5)


@pytest.fixture(scope="session")
def corrupted(installed):
    def apply(panel, kind, level, key="k"):
        cls = kind if isinstance(kind, type) else installed["corruptions"].get(kind)
        name = kind if isinstance(kind, str) else "mine"
        return Corrupter(cls(level), name, f"{name}={level:g}@all", key).apply(panel)

    return apply
