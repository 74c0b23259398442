"""The training part of a fold as data of its own, split once more: all that a search gets to see."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tsbench.data.dataset import Data, Fold
from tsbench.data.join import narrowed
from tsbench.data.panel import Panel
from tsbench.data.splits import unlabelled_index
from tsbench.errors import InvalidDataError
from tsbench.plan.datasets import DatasetHandle
from tsbench.plan.spec import RunSpec
from tsbench.plan.summaries import check_planned, load_planned
from tsbench.protocol import Protocol, Split
from tsbench.tasks import labelled_task

# From this many training cases on one 75:25 split is scored, below it all of three folds: less noise where it is worst.
LARGE = 200
N_PARTS = 4  # of the split into 75:25; three below LARGE


@dataclass(frozen=True)
class Inner:
    """What a search works on: the training cases and their inner folds; protocol : the run's, on the inner split."""

    data: Data
    fingerprint: str
    protocol: Protocol

    @property
    def n_folds(self) -> int:
        """How many folds are scored."""
        return len(self.data.folds["archive"])


def training_part(spec: RunSpec, handle: DatasetHandle) -> Inner:
    """Cut the training part out of the fold of a run planned on this dataset, and split it.

    Raises InvalidDataError when the data has changed since the run was planned, or its training part is too small.
    """
    data = load_planned(handle, spec.fingerprint)
    fold = spec.protocol.folds(data, handle.card)[spec.fold]
    check_planned(handle, spec.split, data, fold, spec.protocol)
    panel, task = data.panel.select(fold.train), labelled_task(spec.dataset, data.panel)
    group = spec.protocol.group(handle.card)
    groups = panel.meta.get(group) if group else None
    try:
        task.check_learnable(task.target(panel), panel.classes)
        panel = on_its_own(panel)
        strata = task.strata(task.target(panel), N_PARTS)
        folds = inner_folds(strata, spec.protocol.split.seed, groups)
    except InvalidDataError as error:
        raise InvalidDataError(f"{spec.dataset}: {error}") from None
    protocol = spec.protocol.model_copy(update={"split": Split()})
    index = unlabelled_index(data, fold, group, spec.protocol.archive_split)
    extra = data.unlabelled
    unlabelled = None if extra is None or index is None else on_its_own(extra.select(index))
    part = Data(panel, {"archive": folds}, unlabelled)
    return Inner(part, part.fingerprint(), protocol)


def on_its_own(panel: Panel) -> Panel:
    """Cut off what only cases left behind need: the time axis beyond the longest series, labels that no case has."""
    panel = narrowed(panel)
    if panel.task == "classification" and panel.y is not None:
        present, y = np.unique(panel.y, return_inverse=True)
        panel = replace(panel, y=y.astype(np.int64), classes=tuple(panel.classes[i] for i in present))
    if panel.task == "multilabel" and panel.y is not None:
        present = np.flatnonzero(panel.y.any(axis=0))
        panel = replace(panel, y=panel.y[:, present], classes=tuple(panel.classes[i] for i in present))
    return panel


def inner_folds(y: npt.NDArray[np.int64], seed: int, groups: npt.NDArray[np.generic] | None = None) -> list[Fold]:
    """Split training cases of some strata, such as classes, for a search: the cases to validate on stand in `test`.

    Three stratified folds below LARGE cases, else the first of four (75:25). A class with a single case is never
    validated on, and every class keeps a case to train on. groups : (n,) labels, none of which is in two parts; the
    folds are then those of scikit-learn's StratifiedGroupKFold, which promise nothing about classes.

    Raises InvalidDataError when fewer than two classes have two cases, or there are fewer groups than folds.
    """
    n_parts = 3 if len(y) < LARGE else N_PARTS
    part = _deal(y, n_parts, seed) if groups is None else _deal_groups(y, groups, n_parts, seed)
    folds = [Fold(np.flatnonzero(part != i), None, np.flatnonzero(part == i)) for i in range(n_parts)]
    folds = folds if n_parts == 3 else folds[:1]
    for fold in folds:
        if not len(fold.test) or len(np.unique(y[fold.train])) < 2:
            raise InvalidDataError(
                f"its training part ({len(y)} cases) is too small to be split for tuning; use the method's defaults"
            )
    return folds


def _deal(y: npt.NDArray[np.int64], n_parts: int, seed: int) -> npt.NDArray[np.int64]:
    """Deal the shuffled cases of each class to the parts in turn; -1 for a class with a single case."""
    part, rng, dealt, classes = np.full(len(y), -1, dtype=np.int64), np.random.default_rng(seed), 0, 0
    for label in np.unique(y):
        members = rng.permutation(np.flatnonzero(y == label))
        if len(members) > 1:
            part[members] = (dealt + np.arange(len(members))) % n_parts
            dealt, classes = dealt + len(members), classes + 1
    if classes < 2:
        raise InvalidDataError(
            f"its training part ({len(y)} cases) is too small to be split for tuning: fewer than two classes have two "
            "cases; use the method's defaults"
        )
    return part


def _deal_groups(
    y: npt.NDArray[np.int64], groups: npt.NDArray[np.generic], n_parts: int, seed: int
) -> npt.NDArray[np.int64]:
    from sklearn.model_selection import StratifiedGroupKFold

    n_groups = len(np.unique(groups))
    if n_groups < n_parts:
        raise InvalidDataError(f"its training part has {n_groups} groups, too few for {n_parts} folds to tune on")
    part = np.empty(len(y), dtype=np.int64)
    splitter = StratifiedGroupKFold(n_parts, shuffle=True, random_state=seed)
    for i, (_, members) in enumerate(splitter.split(y, y, groups)):
        part[members] = i
    return part
