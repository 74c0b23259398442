"""Series and steps that the tests of several methods share."""

import numpy as np
import torch

from tsbench.interfaces import Step
from tsbench.panel import Panel


def noise(n=6, c=2, length=40, seed=0):
    return Panel.build(np.random.default_rng(seed).normal(size=(n, c, length)))


def gaps():
    """Cases of unequal length with missing values."""
    X = np.random.default_rng(1).normal(size=(6, 2, 40))
    X[1, :, 25:] = X[4, :, 9:] = X[0, 1, 3:7] = np.nan
    return Panel.build(X, lengths=[40, 25, 40, 40, 9, 40])


def a_step(data, seed=0):
    """The step of a whole set as one batch, with a generator of its own."""
    return Step(data, data, torch.Generator().manual_seed(seed), 0, 0, 0, lambda *_, **__: None)
