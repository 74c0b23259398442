"""Imputation: what a corruption hides of the test part is filled in by a method, and kept beside what was there."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from tsbench.data.panel import CASE, Array, Panel
from tsbench.data.stream import blocks
from tsbench.errors import InvalidDataError
from tsbench.learning.learner import Learner
from tsbench.measure.folds import Parts
from tsbench.tasks import IMPUTATION
from tsbench.tasks.score import Predictions

MOST_WINDOWS = 2000
MOST_SCORED = 50_000  # values: 0.3 MB of a store, whatever the size of the data


class Hidden(NamedTuple):
    """Hidden values of a test part: places int32 (m, 3), case of the part, channel and time point; values float32 (m,).

    total : how many there are; of more than MOST_SCORED these are a part, drawn by the digest of the mask, so
    that it is the same for every method.
    """

    places: Array
    values: Array
    total: int


def hidden_values(parts: Parts) -> Hidden:
    """Return what a condition hides of the test part: observed before, missing now.

    Raises InvalidDataError where that is nothing.
    """
    assert parts.whole is not None
    places, values = [], []
    for block in blocks(parts.whole.X):
        before, now = parts.whole.X[block], parts.test.X[block]
        hidden = np.isnan(now) & ~np.isnan(before)
        where = np.argwhere(hidden)
        where[:, 0] += block.start
        places.append(where.astype(np.int32))
        values.append(before[hidden])
    where, what = np.concatenate(places), np.concatenate(values)
    if not len(where):
        advice = "take a higher level, unless its cases have one value each or none"
        raise InvalidDataError(f"{parts.corruption} hides no observed value of the test part: {advice}")
    if len(where) <= MOST_SCORED:
        return Hidden(where, what, len(where))
    rng = np.random.default_rng(int(parts.missing["test_mask"]))
    some = np.sort(rng.choice(len(where), MOST_SCORED, replace=False))
    return Hidden(where[some], what[some], len(where))


class Windows(NamedTuple):
    """Cases of a test part with a hidden value, at most MOST_WINDOWS: as they were, and with those values filled in.

    share : of their observed values that were hidden.
    """

    true: Panel
    filled: Panel
    share: float


def windows(learner: Learner, parts: Parts) -> Windows:
    """Return windows as they were and filled in: of both the same values are missing, those that really are.

    Raises InvalidDataError where nothing is hidden.
    """
    assert parts.whole is not None
    cases = np.unique(hidden_values(parts).places[:, 0])
    if len(cases) > MOST_WINDOWS:
        rng = np.random.default_rng(int(parts.missing["test_mask"]))
        cases = np.sort(rng.choice(cases, MOST_WINDOWS, replace=False))
    true, given = parts.whole.select(cases).loaded(), parts.test.select(cases).loaded()
    X = np.concatenate(list(learner.reconstruct_prepared(given)))
    hidden = np.isnan(given.X) & ~np.isnan(true.X)
    return Windows(true, replace(true, X=np.where(hidden, X, true.X)), float(hidden.sum() / (~np.isnan(true.X)).sum()))


def impute(learner: Learner, parts: Parts, hidden: Hidden) -> Predictions:
    """Have a trained method fill in the hidden values of the test part; raises MethodError as the learner does."""
    case, channel, step = hidden.places.T
    filled, first = np.empty(len(case), dtype=np.float32), 0
    for X in learner.reconstruct_prepared(parts.test):
        of = slice(*np.searchsorted(case, [first, first + len(X)]))
        filled[of] = X[case[of] - first, channel[of], step[of]]
        first += len(X)
    cases: Array = parts.fold.test
    return Predictions(
        cases=cases.astype(np.int32),
        y_true=hidden.values,
        y_pred=filled,
        scores=np.empty((len(cases), 0), dtype=np.float32),
        classes=(),
        task=IMPUTATION.name,
        names=parts.test.meta.get(CASE),
        places=hidden.places,
    )
