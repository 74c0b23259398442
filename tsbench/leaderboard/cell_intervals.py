"""Intervals on the cells of a board: over other test cases like these, from a bootstrap of the cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tsbench.errors import StoreError, UsageError
from tsbench.identity import stage_seed
from tsbench.leaderboard.table import Board
from tsbench.statistics.areas import areas
from tsbench.statistics.clusters import FEWEST, RESAMPLES, SEED, Interval, percentiles
from tsbench.tasks.metrics import between_cases
from tsbench.tasks.score import Predictions

if TYPE_CHECKING:
    from tsbench.store.store import Store

Array = npt.NDArray[Any]
METRICS = ("accuracy", "auroc", "auprc", "auroc_macro", "auprc_macro")
AT_ONCE = 4_000_000  # draws held in memory
NONE = Interval(np.nan, np.nan)


def with_intervals(board: Board, store: Store) -> Board:
    """Return a board with `intervals` of its cells, read from the store that it was made from.

    Cases of the test parts of all folds are drawn with replacement, the same for every seed; the metric is the mean
    over the runs of a cell. Cases count as independent, and a retraining is no part of it. NaN for fewer than FEWEST
    cases, where more than a tenth of the resamples leave it undefined in a run, and where predictions of a run are not
    there or cannot be read. Raises UsageError for a metric that is none of METRICS.
    """
    if board.metric not in METRICS:
        raise UsageError(f"intervals of cells are of {', '.join(METRICS)}, not of {board.metric}: see 'tsbench read'")
    found = {}
    for cell in board.evidence.to_dict("records"):
        try:
            answers = [store.predictions(key) for key in cell["keys"]]
        except StoreError:
            answers = [None]
        known = [one for one in answers if one is not None]
        whole = len(known) == len(answers)
        found[cell["method"], cell["dataset"]] = interval_of(known, board.metric) if whole else NONE
    return replace(board, intervals=found)


def interval_of(answers: Sequence[Predictions], metric: str, resamples: int = RESAMPLES) -> Interval:
    """Return the 95 % percentile interval of the mean of a metric over runs, from a bootstrap of their cases."""
    named, code = np.unique(np.concatenate([one.cases for one in answers]), return_inverse=True)
    n = len(named)
    if n < FEWEST:
        return NONE
    ends = np.cumsum([len(one.cases) for one in answers])[:-1]
    places = np.split(code, ends)
    rng = np.random.default_rng(stage_seed(SEED, "bootstrap"))
    found = np.empty(resamples)
    for first in range(0, resamples, size := max(1, AT_ONCE // n)):
        some = found[first : first + size]
        drawn = rng.multinomial(n, np.full(n, 1 / n), len(some))
        runs = [_measured(one, metric, drawn[:, at]) for one, at in zip(answers, places, strict=True)]
        some[:] = np.mean(runs, axis=0)  # undefined where it is in a run
    return percentiles(found)


def _measured(one: Predictions, metric: str, drawn: Array) -> Array:
    """Return the metric of one run over resamples, (r,)."""
    if metric == "accuracy":
        with np.errstate(invalid="ignore"):
            share: Array = drawn @ (one.y_true == one.y_pred) / drawn.sum(axis=1)
        return share
    several = one.task == "multilabel"
    truth = one.y_true == 1 if several else one.y_true[:, None] == np.arange(len(one.classes))
    scores = one.scores.astype(np.float64) if several else between_cases(one.scores, one.probabilities)
    which = int(metric.startswith("auprc"))
    columns = np.flatnonzero(truth.any(axis=0) & ~truth.all(axis=0))
    if not len(columns):
        return np.full(len(drawn), np.nan)
    values = np.stack([areas(truth[:, at], scores[:, at], drawn)[which] for at in columns])
    defined = ~np.isnan(values)  # a class that a resample lacks is left out of it, as in a run
    count = defined.sum(axis=0)
    return np.where(count > 0, np.where(defined, values, 0).sum(axis=0) / np.maximum(count, 1), np.nan)
