"""Sensors that are left out."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np

from tsbench.corruptions.base import Corruption, Draws, Levels, each_case
from tsbench.corruptions.importance import by_importance
from tsbench.data.panel import Array, Panel
from tsbench.errors import UsageError


def sensors_out(level: float, n_channels: int) -> int:
    """Return how many sensors a share of them is, rounded half to even as Raindrop's code does.

    Raises UsageError where a share above 0 is none of them, or all.
    """
    count = round(level * n_channels)
    if level > 0 and not 0 < count < n_channels:
        which = "all" if count else "none"
        raise UsageError(f"a share of {level:g} is {which} of its {n_channels} sensor{'s' * (n_channels != 1)}")
    return count


class _Sensors(Corruption):
    """A share of the sensors goes whole. A case that would lose every value keeps the sensor that would go last."""

    levels: ClassVar[Levels] = Levels(0, 1, "share of the sensors that are left out", open=True)

    def check(self, task: str, n_channels: int) -> None:
        """Refuse a share that is no sensor, or all."""
        sensors_out(self.level, n_channels)

    @abstractmethod
    def order(self, n_channels: int, rng: np.random.Generator) -> Array:
        """Return the order in which the sensors of a case go."""

    def __call__(self, panel: Panel, draws: Draws) -> Array:
        """Return X with the first sensors of each case's order NaN."""
        count = sensors_out(self.level, panel.n_channels)

        def change(x: Array, rng: np.random.Generator) -> Array:
            order = self.order(len(x), rng)
            seen: Array = np.asarray(~np.isnan(x).all(axis=1))
            out = order[:count]
            if seen.any() and not seen[order[count:]].any():
                out = out[out != out[seen[out]][-1]]
            x[out] = np.nan
            return x

        return each_case(panel, draws, change)


class Sensors(_Sensors):
    """Leave out the same sensors for all cases, the most informative first (Raindrop, arXiv 2110.05357, section 4.2).

    The order is that of `by_importance` on the training cases of the fold, with their labels. Raindrop's own order, of
    random forests, was made with the test cases and is not taken. That a case which would lose every value keeps the
    sensor that would go last is not specified in the paper.
    """

    def fit(self, train: Panel) -> None:
        """Order the sensors by what they tell of the training labels."""
        self.ranked = by_importance(train)

    def order(self, n_channels: int, rng: np.random.Generator) -> Array:
        """Return the order of all cases."""
        return self.ranked


class RandomSensors(_Sensors):
    """Leave out sensors of each case at random (Raindrop, arXiv 2110.05357, section 4.2).

    That a case which would lose every value keeps the sensor that would go last is not specified in the paper.
    """

    def order(self, n_channels: int, rng: np.random.Generator) -> Array:
        """Return an order of the case's own."""
        return rng.permutation(n_channels)
