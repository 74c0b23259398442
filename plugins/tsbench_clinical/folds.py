"""Splits of the clinical datasets: leak-free ones by subject or record, and those of papers."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from tsbench.data.dataset import Fold
from tsbench.data.splits import rotated_folds
from tsbench.errors import InvalidDataError, TsbenchWarning

N_FOLDS = 5
RECORDS, SUBJECTS = ({"archive": N_FOLDS, name: N_FOLDS} for name in ("records", "subjects"))


def grouped(y: npt.NDArray[Any] | None, groups: npt.NDArray[Any]) -> list[Fold]:
    """Return five folds of 6:2:2 in which no group (subject, record) is in two parts; none for fewer than five groups.

    Stratified by class where y is one class per case; y of several labels per case is not looked at.
    """
    assert y is not None
    n_groups = len(np.unique(groups))
    if n_groups < N_FOLDS:
        return []
    classes = y if y.ndim == 1 else np.zeros(len(y), dtype=np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TsbenchWarning)  # that a class is too rare to stratify; the counts are shown
        try:
            return rotated_folds(classes, N_FOLDS, 0, None if n_groups == len(groups) else groups)
        except InvalidDataError:  # stratifying few groups left a part empty
            return rotated_folds(np.zeros_like(classes), N_FOLDS, 0, groups)


def by_membership(where: npt.NDArray[Any], train: Any, validation: Any, test: Any) -> list[Fold]:
    """Return the one fold of the cases whose entry of `where` is among those given; none where a part is empty.

    `validation` is None for a split that has none.
    """
    parts = [np.flatnonzero(np.isin(where, list(wanted))) for wanted in (train, validation or (), test)]
    if len(parts[0]) == 0 or len(parts[2]) == 0 or (validation and len(parts[1]) == 0):
        return []
    return [Fold(parts[0], parts[1] if validation else None, parts[2])]


def named(**schemes: list[Fold]) -> dict[str, list[Fold]]:
    """Return the schemes that have folds."""
    return {name: folds for name, folds in schemes.items() if folds}
