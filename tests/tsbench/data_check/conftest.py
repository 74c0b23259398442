"""A clean dataset, in which nothing but the order of time tells the class, and how it is looked at."""

from dataclasses import replace

import numpy as np
import pytest

from tsbench.data.dataset import Data, Fold
from tsbench.data.panel import Panel
from tsbench.data_check.parts import Sides

TRAIN, TEST = np.arange(160), np.arange(160, 240)


def ward(rng, n=240, length=48):
    """Two classes, noise smoothed forwards and its alternating twin: of one distribution, of another order."""
    y, noise = np.arange(n) % 2, rng.normal(size=(n, 2, length))
    X = noise.copy()
    for t in range(1, length):
        X[:, :, t] += 0.8 * np.where(y, 1, -1)[:, None] * X[:, :, t - 1]
    subjects = np.array([f"s{case // 8}" for case in range(n)])
    return Panel.build(X, y, meta={"subject": subjects})


@pytest.fixture
def clean():
    return ward(np.random.default_rng(0))


@pytest.fixture
def sides():
    def look(panel, unlabelled=None, group="subject", **fields):
        fold = Fold(TRAIN, None, TEST)
        return Sides(Data(replace(panel, **fields), unlabelled=unlabelled), fold, group)

    return look
