"""The scores of a run as a differentiable function of series: the method's own rule, or a linear probe on features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tsbench.data.batch import Batch
from tsbench.data.panel import Panel
from tsbench.methods.ssl import SSLMethod, prepared
from tsbench.tasks.base import Array


@dataclass(frozen=True)
class Decider:
    """Gives scores (n, n_classes) of unprepared cases, of regression the numbers (n, 1).

    head : weights (d, n_classes) and intercepts (n_classes,) on the method's features; None for its own rule.
    """

    method: SSLMethod
    head: tuple[Array, Array] | None

    def __call__(self, batch: Batch) -> Tensor:
        """Return the scores, in the state that the method is in, with gradients where they are on."""
        given = prepared(self.method, batch)
        if self.head is None:
            return self.method.decide(given)  # type: ignore[operator, no-any-return]
        weights, intercept = (torch.from_numpy(np.asarray(part)).to(batch.x.device) for part in self.head)
        return self.method.represent(given).double() @ weights + intercept


@dataclass(frozen=True)
class Explainable:
    """A run whose scores can be explained.

    trained, untrained : its decider, and the same on the method as it was built, under the same head. test : the cases
    of the test part, prepared; cases : which of the dataset they are; names : of all cases of the dataset. name : of
    the method.
    """

    trained: Decider
    untrained: Decider
    test: Panel
    cases: Array
    names: Sequence[str]
    classes: tuple[str, ...]
    task: str
    device: str
    name: str
