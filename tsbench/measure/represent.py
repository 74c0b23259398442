"""The features that a trained method gives of the parts of a fold, each computed once."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tsbench.data.scratch import on_disk
from tsbench.learning.learner import Learner
from tsbench.measure.folds import Parts

ROWS = 4096  # of features on disk, copied at a time
LOOKED = 512  # cases looked at for being alike
ROUNDING = 1e-6  # of a feature: batches of other sizes round differently


def alike(features: npt.NDArray[np.float32]) -> str:
    """Say how many cases of features (n, d) have those of the most, where these are more than half; else ""."""
    some = features[:: max(1, len(features) // LOOKED)]
    if len(some) < 2 or not np.isfinite(some).all():
        return ""
    middle = np.median(some, axis=0)  # theirs, where more than half have the same
    size = np.abs(middle)
    same = int((np.abs(some - middle) <= ROUNDING * np.maximum(size, np.median(size))).all(axis=1).sum())
    if 2 * same <= len(some):
        return ""
    looked = "" if len(some) == len(features) else " that were looked at"
    return f"{same} of {len(some)} training cases{looked} have one and the same representation: it tells none apart"


class Representation:
    """What a learner gave of the parts of one fold, clean and corrupted, so that several probes share it."""

    def __init__(self, learner: Learner) -> None:
        self.learner = learner
        self._fold: Any = None
        self._features: dict[tuple[str, str], npt.NDArray[np.float32]] = {}

    def of(self, parts: Parts, part: Literal["train", "validation", "test"]) -> npt.NDArray[np.float32]:
        """Return float32 features (n, d) of a part of a fold; raises MethodError as `Learner.encode` does."""
        if self._fold != parts.key:
            self._fold, self._features = parts.key, {}
        key = part, parts.corruption
        if key not in self._features:
            self._features[key] = self.learner.encode_prepared(getattr(parts, part))
        return self._features[key]


class WithStatic(Representation):
    """The same features with the static values of the cases beside them, as the protocol's `static: append` has it."""

    def __init__(self, features: Representation) -> None:
        self.learner, self.features = features.learner, features

    def of(self, parts: Parts, part: Literal["train", "validation", "test"]) -> npt.NDArray[np.float32]:
        """Return float32 features (n, d + n_static) of a part of a fold; raises what `Representation.of` does."""
        x, static = self.features.of(parts, part), getattr(parts, part).static
        if not isinstance(x, np.memmap):
            return np.concatenate([x, static], axis=1, dtype=np.float32)
        cuts = (slice(first, first + ROWS) for first in range(0, len(x), ROWS))
        return on_disk(np.concatenate([x[cut], static[cut]], axis=1, dtype=np.float32) for cut in cuts)
