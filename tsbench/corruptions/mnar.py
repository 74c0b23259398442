"""Values that are missing not at random: more of some cases' than of others'."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from tsbench.corruptions.base import Corruption, Draws, Levels
from tsbench.corruptions.importance import CASES
from tsbench.corruptions.samples import drop_observations
from tsbench.data.normalise import channel_statistics
from tsbench.data.panel import Array, Panel
from tsbench.data.stream import blocks
from tsbench.errors import UsageError

Numbers = npt.NDArray[np.float64]


class _NotAtRandom(Corruption):
    """Take from each case a share of its observed values that grows with how grave it is.

    The share is sigmoid(a + strength s) for a gravity s in [-1, 1]; `a` is such that the training cases lose the level
    in all, but for rounding and the value that each case keeps. The strength is 2; others are written after the name:
    "mnar:4=0.5" is steeper, "mnar:-2=0.5" takes most from the least grave, "mnar:0=0.5" as much from each.
    """

    levels: ClassVar[Levels] = Levels(0, 1, "share of the observed values of the training cases that go", open=True)
    strengths: ClassVar[Levels] = Levels(-20, 20, "by how much the log odds rise from the middle to the gravest case")
    strength = 2.0

    @abstractmethod
    def gravity(self, panel: Panel) -> Numbers:
        """Return how grave each case is, in [-1, 1]."""

    def fit(self, train: Panel) -> None:
        """Find the intercept at which the training cases lose the level."""
        s, n = self.gravity(train), np.concatenate([_observed(train.X[block]) for block in blocks(train.X)])
        low, high = -100.0, 100.0
        for _ in range(100):
            self.intercept = (low + high) / 2
            lost = float((_sigmoid(self.intercept + self.strength * s) * n).sum() / max(1, n.sum()))
            low, high = (self.intercept, high) if lost < self.level else (low, self.intercept)

    def __call__(self, panel: Panel, draws: Draws) -> Array:
        """Return X with the values NaN; a case keeps at least one."""
        X = panel.X.copy()
        shares = _sigmoid(self.intercept + self.strength * self.gravity(panel)) if self.level else np.zeros(len(X))
        for x, length, share, rng in zip(X, panel.lengths, shares, draws, strict=True):
            x[:, :length] = drop_observations(x[:, :length].copy(), share, rng)
        return X


class MnarLabel(_NotAtRandom):
    """Take more values from cases of later classes: what is missing then tells the label.

    An upper bound of what missingness can tell, since it reads the labels of the test part too. Classes are evenly
    apart from -1, the first, to 1, the last; a case without a label is in the middle. The mechanism is not specified in
    the SeqImage paper (arXiv 2502.06134), which asks for values that are missing not at random.
    """

    uses_labels = True

    def check(self, task: str, n_channels: int) -> None:
        """Refuse labels that are not one class per case."""
        if task != "classification":
            raise UsageError(f"it goes by one class per case, and the labels are for {task}; take mnar-severity")

    def fit(self, train: Panel) -> None:
        """Learn how many classes there are, and what all do."""
        self.last = max(1, len(train.classes) - 1)
        super().fit(train)

    def gravity(self, panel: Panel) -> Numbers:
        """Return the place of each case's class."""
        return np.zeros(len(panel)) if panel.y is None else 2.0 * panel.y / self.last - 1


class MnarSeverity(_NotAtRandom):
    """Take more values from cases that are far from the mean, as from grave ones who are less often examined.

    The severity of a case is hidden, since it is of values some of which then go: the mean distance of its values from
    the mean of their channel, in deviations of the training cases, as its rank among theirs. The mechanism is not
    specified in the SeqImage paper (arXiv 2502.06134), which asks for values that are missing not at random.
    """

    def fit(self, train: Panel) -> None:
        """Learn the severities of the training cases, and what all do."""
        self.statistics = channel_statistics(train, np.arange(len(train)), unseen=True)
        self.known = np.sort(self._distance(train))
        super().fit(train)

    def gravity(self, panel: Panel) -> Numbers:
        """Return the rank of each case's distance among those of the training cases."""
        found = self._distance(panel)
        below, upto = (np.searchsorted(self.known, found, side=side) for side in ("left", "right"))
        ranks: Numbers = (below + upto) / len(self.known) - 1
        return ranks

    def _distance(self, panel: Panel) -> Numbers:
        mean, std = (values[:, None] for values in (self.statistics.mean, self.statistics.std))
        parts = []
        for block in blocks(panel.X, CASES):
            z = np.abs(panel.X[block].astype(np.float64) - mean) / std
            count = np.maximum(1, (~np.isnan(z)).sum(axis=(1, 2)))
            parts.append(np.nansum(z, axis=(1, 2)) / count)
        return np.concatenate(parts)


def _observed(X: Array) -> Array:
    return np.asarray((~np.isnan(X)).sum(axis=(1, 2)))


def _sigmoid(x: Numbers) -> Numbers:
    return 1 / (1 + np.exp(-x))
