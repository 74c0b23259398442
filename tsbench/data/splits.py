"""Splits that a protocol makes itself, where it does not take the archive's, and what of a fold may be used."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tsbench.data.dataset import Data, Fold, Index, check_fold
from tsbench.data.panel import RECORD, Panel, normalise_label
from tsbench.errors import InvalidDataError, TsbenchWarning, UsageError
from tsbench.identity import digest

DIGITS = 16  # of a digest in `split_text`


def rotated_folds(
    y: npt.NDArray[np.int64],
    n_folds: int = 5,
    seed: int = 0,
    groups: npt.NDArray[Any] | None = None,
    classes: Sequence[str] = (),
) -> list[Fold]:
    """Split cases into train, validation and test by rotation: 6:2:2 with five folds (TRLS, arXiv 2401.05431).

    The cases are cut into n_folds stratified parts, shuffled with the seed. Fold i tests on part i, validates on part
    (i + 1) mod n_folds and trains on the rest, so that every case is tested once. The paper gives the proportions and
    the number of folds; stratification and rotation are not specified in it.

    Parameters
    ----------
    y : int64 (n,) class indices, or the strata of another task.
    groups : (n,) one label per case (subject, record); no group is in two parts. The parts are then those of
        scikit-learn's StratifiedGroupKFold and only about equal in size.
    classes : the labels in the order of the class index, by which messages name a class.

    A class with fewer cases than folds is warned of (TsbenchWarning), and the parts are then not stratified: shuffled
    cases, or shuffled groups. Raises UsageError for fewer than 3 folds and InvalidDataError when there are fewer cases
    or groups than folds, or when the groups leave a part empty.
    """
    if n_folds < 3:
        raise UsageError(f"train, validation and test need at least 3 folds, got {n_folds}")
    if len(y) < n_folds:
        raise InvalidDataError(
            f"{len(y)} cases cannot be split into {n_folds} folds; use fewer folds (at least 3) or more cases"
        )
    if groups is not None:
        _check_groups(groups, len(y), n_folds)
    parts = _parts(y, n_folds, seed, groups, classes)
    folds = []
    for i, test in enumerate(parts):
        following = (i + 1) % n_folds
        rest = [part for j, part in enumerate(parts) if j not in (i, following)]
        folds.append(Fold(np.sort(np.concatenate(rest)), parts[following], test))
        check_fold(folds[-1], len(y), f"fold {i} of {n_folds}")
    return folds


def _parts(
    y: npt.NDArray[np.int64], n_folds: int, seed: int, groups: npt.NDArray[Any] | None, classes: Sequence[str]
) -> list[Index]:
    from sklearn.model_selection import KFold, StratifiedGroupKFold, StratifiedKFold

    settings = {"n_splits": n_folds, "shuffle": True, "random_state": seed}
    counts = np.bincount(y)
    rare = np.flatnonzero((counts > 0) & (counts < n_folds))
    if len(rare):
        name, count = f"'{classes[rare[0]]}'" if classes else rare[0], counts[rare[0]]
        warnings.warn(
            f"class {name} has {count} case{'' if count == 1 else 's'} for {n_folds} folds ({len(rare)} such "
            f"class{'' if len(rare) == 1 else 'es'}): the split is not stratified",
            TsbenchWarning,
            stacklevel=3,
        )
        units = np.arange(len(y)) if groups is None else np.unique(groups, return_inverse=True)[1]
        drawn = KFold(**settings).split(np.unique(units))
        return [np.flatnonzero(np.isin(units, part)) for _, part in drawn]
    splitter = StratifiedKFold(**settings) if groups is None else StratifiedGroupKFold(**settings)
    return [part.astype(np.int64) for _, part in splitter.split(y, y, groups)]


def _check_groups(groups: npt.NDArray[Any], n_cases: int, n_folds: int) -> None:
    if len(groups) != n_cases:
        raise InvalidDataError(f"{len(groups)} group labels for {n_cases} cases")
    n_groups = len(np.unique(groups))
    if n_groups < n_folds:
        raise InvalidDataError(
            f"{n_groups} groups cannot be split into {n_folds} folds; use fewer folds (at least 3) or more groups"
        )


def resampled_folds(y: npt.NDArray[np.int64], fold: Fold, n_folds: int, classes: Sequence[str]) -> list[Fold]:
    """Return a split and n_folds - 1 stratified resamples of it: the same indices as those of aeon's bake-offs.

    Resample 0 is the split itself. Resample i > 0 shuffles the cases of each class by the seed i and gives as many of
    them to training as the split does, so that sizes and classes of both parts stay as they are.

    Parameters
    ----------
    y : int64 (n,) class indices; classes : their names, in whose order as text the classes are shuffled (in lower case,
        as aeon reads them from files).
    fold : the split, without a validation part; cases that are in neither part of it stay out.

    Raises InvalidDataError for a validation part, and for a class that only one of the two parts has.
    """
    if fold.validation is not None:
        raise InvalidDataError("its split has a validation part, which resamples do not keep: take the split itself")
    pooled = np.concatenate([fold.train, fold.test])
    for label in np.unique(y[pooled]):
        parts = {"training": np.sum(y[fold.train] == label), "test": np.sum(y[fold.test] == label)}
        for part, other in (("training", "test"), ("test", "training")):
            if not parts[part]:
                raise InvalidDataError(
                    f"its {part} part has no case of class '{classes[label]}' (the {other} part has {parts[other]}): "
                    "resamples keep the number of cases that each class has in either; take the split itself"
                )
    folds = [fold]
    for number in range(1, n_folds):
        rng, train, test = np.random.RandomState(number), list[Index](), list[Index]()
        for label in sorted(np.unique(y[pooled]), key=lambda label: (classes[label].lower(), classes[label])):
            members = np.flatnonzero(y[pooled] == label)
            rng.shuffle(members)
            n_train = int(np.sum(y[fold.train] == label))
            train.append(pooled[members[:n_train]])
            test.append(pooled[members[n_train:]])
        folds.append(Fold(np.concatenate(train), None, np.concatenate(test)))
    return folds


def label_subset(y: npt.NDArray[np.int64], fraction: float, seed: int) -> Index:
    """Return the sorted positions of a stratified share of the cases: of each class at least one, nested in fraction.

    y : int64 (n,) class indices, or the strata of another task. With the same seed a smaller fraction is a subset of a
    larger one (TRLS, arXiv 2401.05431, Fig. 3; nesting and stratification are not specified in the paper).
    """
    rng = np.random.default_rng(seed)
    kept = []
    for label in np.unique(y):
        members = rng.permutation(np.flatnonzero(y == label))
        kept.append(members[: max(1, round(fraction * len(members)))])
    return np.sort(np.concatenate(kept))


def untaught(panel: Panel, fold: Fold) -> list[str]:
    """Return what is to be said of each class, or label, of the test part of a fold that no training case has."""
    if panel.y is None or panel.task == "regression":
        return []
    several = panel.y.ndim == 2
    has = panel.y if several else np.eye(len(panel.classes), dtype=np.uint8)[panel.y]
    trained, tested = (has[cases].sum(axis=0, dtype=np.int64) for cases in (fold.train, fold.test))
    return [
        f"{'label' if several else 'class'} '{panel.classes[one]}' is in no training case, and in {tested[one]} of "
        f"{len(fold.test)} test cases: nothing can be learnt of it"
        for one in np.flatnonzero((trained == 0) & (tested > 0))
    ]


def unlabelled_index(data: Data, fold: Fold, group: str | None, own_split: bool) -> Index | None:
    """Return which of the unlabelled cases a fold may be pre-trained on; None for none.

    A TsbenchWarning says what `unlabelled_cases` has to say, which has the arguments.
    """
    index, said = unlabelled_cases(data, fold, group, own_split)
    if said:
        warnings.warn(said, TsbenchWarning, stacklevel=2)
    return index


def unlabelled_cases(data: Data, fold: Fold, group: str | None, own_split: bool) -> tuple[Index | None, str]:
    """Return which of the unlabelled cases a fold may be pre-trained on, None for none, and what is to be said of it.

    group : name of the `meta` array whose values (subjects, say) must not be on both sides; unlabelled cases of a group
    that is validated or tested on are left out, and where labelled and unlabelled cases share none at all, that is to
    be said, but of recordings: in a folder none is both. own_split : the fold is the archive's, whose test cases no
    unlabelled case may hold. Of another split, where nothing says which cases a recording holds, none is taken.
    """
    extra = data.unlabelled
    if extra is None:
        return None, ""
    if group is not None and group in extra.meta and group in data.panel.meta:
        held_out = fold.test if fold.validation is None else np.concatenate([fold.validation, fold.test])
        own, theirs = (list(map(normalise_label, panel.meta[group].tolist())) for panel in (data.panel, extra))
        said = ""
        if group != RECORD and not set(own) & set(theirs):
            said = (
                f"no {group} of the {len(extra)} unlabelled cases ('{theirs[0]}', say) is one of the labelled cases "
                f"('{own[0]}', say): all are pre-trained on; where both name the same {group}s, spell them alike"
            )
        left_out = {own[case] for case in held_out}
        kept = np.asarray([case for case, name in enumerate(theirs) if name not in left_out], dtype=np.int64)
        return kept if len(kept) else None, said
    if own_split:
        return np.arange(len(extra)), ""
    return None, (
        f"the {len(extra)} unlabelled cases are left out of pre-training: the protocol has another split than the "
        "archive's, and no group (subject, say) tells which of them hold test cases"
    )


def split_text(data: Data, fold: Fold, group: str | None, own_split: bool) -> str:
    """Return what a fold is made of, as digests: "test:... train:...", and "groups:..." where there is a group.

    train : the cases for training and validation and the unlabelled ones that may be used. groups : which training
    cases belong together; that shapes the folds of a search alone. Arguments are those of `unlabelled_index`.
    """
    extra, _ = unlabelled_cases(data, fold, group, own_split)
    used = [None if index is None else _index_digest(index) for index in (fold.train, fold.validation, extra)]
    text = f"{test_text(fold.test)} train:{digest(used)[:DIGITS]}"
    if group is None or group not in data.panel.meta:
        return text
    together = np.unique(data.panel.meta[group][fold.train], return_inverse=True)[1]
    return f"{text} groups:{_index_digest(together)[:DIGITS]}"


def test_text(cases: npt.NDArray[np.integer[Any]]) -> str:
    """Return the part of `split_text` that is known of predictions alone, from the indices of their cases."""
    return f"test:{_index_digest(cases)[:DIGITS]}"


def same_split(one: str | None, other: str | None) -> bool:
    """Say whether two texts of `split_text` agree in every part that both have."""
    left, right = (dict(part.partition(":")[::2] for part in (text or "").split()) for text in (one, other))
    return all(left[name] == right[name] for name in left.keys() & right.keys())


def counts_for(stored: str | None, split: str) -> bool:
    """Say whether a result whose split is stored so is one of this split; any is where "" says that it is not known."""
    return not split or (bool(stored) and same_split(stored, split))


def _index_digest(index: npt.NDArray[np.integer[Any]]) -> str:
    return hashlib.sha256(np.asarray(index, dtype="<i8").tobytes()).hexdigest()
