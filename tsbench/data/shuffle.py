"""Series whose time order is shuffled: what `permuted:<method>` is given, to tell whether a dataset is about time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from tsbench.data.dataset import Data
from tsbench.data.panel import Panel
from tsbench.data.scratch import in_blocks

SEED = 0


def shuffled(data: Data) -> Data:
    """Return the data with the values of all cases, test and unlabelled ones too, in one order of their time steps.

    The order is a permutation of the steps of the longest case, drawn from a fixed seed and that length: no split, seed
    or label changes it. A case of n steps has its own n in that order, the later ones left out. Missing values move
    like others and all channels together; times stay in place.
    """
    panels = [data.panel] if data.unlabelled is None else [data.panel, data.unlabelled]
    longest = max(int(panel.lengths.max()) for panel in panels)
    order = np.random.default_rng([SEED, longest]).permutation(longest)
    panel, *unlabelled = (in_blocks(panel, lambda part: _reordered(part, order)) for panel in panels)
    return replace(data, panel=panel, unlabelled=unlabelled[0] if unlabelled else None)


def _reordered(panel: Panel, order: npt.NDArray[np.int64]) -> Panel:
    X = panel.X[:].copy()
    for length in np.unique(panel.lengths):
        cases = np.flatnonzero(panel.lengths == length)
        X[cases, :, :length] = X[cases][:, :, order[order < length]]
    return replace(panel, X=X)
