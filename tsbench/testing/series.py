"""Small panels, and the step that a method would be given for one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from tsbench.data.batch import Batch
from tsbench.data.panel import Panel
from tsbench.methods.stages import Step


def noise(n: int = 6, c: int = 2, length: int = 40, seed: int = 0) -> Panel:
    """Return n cases of standard normal values, c channels and length time points, without labels."""
    return Panel.build(np.random.default_rng(seed).normal(size=(n, c, length)))


def unequal(lengths: Sequence[int], c: int = 2, seed: int = 0) -> Panel:
    """Return a case of standard normal values of each length, padded behind with missing values."""
    X = np.random.default_rng(seed).normal(size=(len(lengths), c, max(lengths)))
    for case, length in enumerate(lengths):
        X[case, :, length:] = np.nan
    return Panel.build(X, lengths=lengths)


def gaps() -> Panel:
    """Return 6 cases of 2 channels and 9 to 40 time points, one of them with missing values inside."""
    X = np.random.default_rng(1).normal(size=(6, 2, 40))
    X[1, :, 25:] = X[4, :, 9:] = X[0, 1, 3:7] = np.nan
    return Panel.build(X, lengths=[40, 25, 40, 40, 9, 40])


def one_step(data: Batch, seed: int = 0) -> Step:
    """Return the first step of training on a prepared set that is one batch, with a generator of its own."""
    return Step(data, data, torch.Generator(data.x.device).manual_seed(seed), 0, 0, 0, lambda *_, **__: None)
