"""Samples that are left out: single observations, time points, a block."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tsbench.corruptions.base import Corruption, Draws, Levels, each_case
from tsbench.data.panel import Array, Panel


def drop_observations(x: Array, share: float, rng: np.random.Generator) -> Array:
    """Take a share of its observed values, rounded, from a case x (n_channels, length), and leave at least one."""
    seen = np.flatnonzero(~np.isnan(x))
    x.flat[_drawn(seen, share, rng)] = np.nan
    return x


def _drawn(these: Array, share: float, rng: np.random.Generator) -> Array:
    """Return a random share of these, rounded, at most all but one; those of a lower share are among them."""
    return rng.permutation(these)[: max(0, min(round(share * len(these)), len(these) - 1))]


class Samples(Corruption):
    """Leave out observed values of each case at random, exactly the share of them, rounded.

    Leave-samples-out is not specified in the SeqImage paper (arXiv 2502.06134), which names it; this is one reading.
    """

    levels: ClassVar[Levels] = Levels(0, 1, "share of the observed values that are left out", open=True)

    def __call__(self, panel: Panel, draws: Draws) -> Array:
        """Return X with the values NaN; a case keeps at least one."""
        return each_case(panel, draws, lambda x, rng: drop_observations(x, self.level, rng))


class SampledTimes(Corruption):
    """Leave out whole time points of each case at random: exactly the share of those at which a value is observed.

    One reading of leave-samples-out, which is not specified in the SeqImage paper (arXiv 2502.06134).
    """

    levels: ClassVar[Levels] = Levels(0, 1, "share of the time points that are left out", open=True)

    def __call__(self, panel: Panel, draws: Draws) -> Array:
        """Return X with the time points NaN in all channels; a case keeps at least one."""

        def change(x: Array, rng: np.random.Generator) -> Array:
            x[:, _drawn(np.flatnonzero(~np.isnan(x).all(axis=0)), self.level, rng)] = np.nan
            return x

        return each_case(panel, draws, change)


class SampledBlock(Corruption):
    """Leave out one block of neighbouring time points of each case, at a random place.

    One reading of leave-samples-out, which is not specified in the SeqImage paper (arXiv 2502.06134).
    """

    levels: ClassVar[Levels] = Levels(0, 1, "length of the block, as a share of the case's", open=True)

    def __call__(self, panel: Panel, draws: Draws) -> Array:
        """Return X with the block NaN in all channels; it is shorter where it would take a case's every value."""

        def change(x: Array, rng: np.random.Generator) -> Array:
            length, place = x.shape[1], rng.random()
            seen = np.flatnonzero(~np.isnan(x).all(axis=0))
            size = round(self.level * length)
            while size:
                start = int(place * (length - size + 1))  # the block of a lower level lies within
                if not len(seen) or seen[0] < start or seen[-1] >= start + size:
                    x[:, start : start + size] = np.nan
                    break
                size -= 1
            return x

        return each_case(panel, draws, change)
