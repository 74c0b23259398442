"""Data whose cases are parts of its recordings: what a transform that `gives` cases makes of it, before any split."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from tsbench.data.dataset import Data, Fold, Index
from tsbench.data.memory import check_room
from tsbench.data.panel import CASE, RECORD, Array, Panel
from tsbench.data.scratch import Rows
from tsbench.data.stream import Streamed, blocks
from tsbench.errors import MethodError
from tsbench.methods.applied import series_of
from tsbench.methods.transform import Transform


class _Parts(NamedTuple):
    """The cases to be: what recording each is of, and where in it it begins and ends."""

    recording: Index
    begin: Index
    end: Index


def cut(data: Data, transform: Transform, text: str) -> Data:
    """Return data whose cases are the parts that a transform cuts recordings into, in their order.

    All that is known of a recording goes to each of its parts: label, subject, static values, the side of each split.
    `meta` has the recording's name as `record` and each case's as `case`: of several "NAME[0]", "NAME[1]" ...
    text : the transform, for messages. Raises MethodError where it cuts what is not there.
    """
    panel, of = _cut(data.panel, transform, text)
    folds = {name: [_fold(of, fold) for fold in folds] for name, folds in data.folds.items()}
    unlabelled = None if data.unlabelled is None else _cut(data.unlabelled, transform, text)[0]
    return Data(panel, folds, unlabelled)


def _cut(panel: Panel, transform: Transform, text: str) -> tuple[Panel, Index]:
    parts = _parts(panel, transform, text)
    of, lengths = parts.recording, (parts.end - parts.begin).astype(np.int32)
    width = int(lengths.max())
    names = np.asarray(panel.case_names())
    count = np.bincount(of, minlength=len(panel))[of]
    number = np.arange(len(of)) - np.searchsorted(of, of)
    own = [f"{names[i]}[{k}]" if n > 1 else str(names[i]) for i, k, n in zip(of, number, count, strict=True)]
    # All but the values, which are cut below and may not fit into memory once more.
    about: dict[str, Any] = {
        "X": np.zeros((len(panel), 1, 1), np.float32),
        "lengths": np.ones(len(panel), np.int32),
        "times": None,
    }
    chosen = replace(panel, **about, channel_names=()).select(of)
    meta = {RECORD: names[of], **chosen.meta, CASE: np.asarray(own)}
    times = None if panel.times is None else np.concatenate([t for _, t in _cases(panel, panel.times, parts, width)])
    fields: dict[str, Any] = {"lengths": lengths, "times": times, "meta": meta, "channel_names": panel.channel_names}
    return replace(chosen, X=_values(panel, parts, width), **fields), of


def _parts(panel: Panel, transform: Transform, text: str) -> _Parts:
    found = [cuts for block in blocks(panel.X) for cuts in transform.cuts(series_of(_block(panel, block)))]
    rows = [(case, begin, end) for case, cuts in enumerate(found) for begin, end in cuts]
    parts = _Parts(*np.asarray(rows, dtype=np.int64).reshape(-1, 3).T)
    inside = (parts.begin >= 0) & (parts.begin < parts.end) & (parts.end <= panel.lengths[parts.recording])
    if len(found) != len(panel) or not all(found) or not inside.all():
        raise MethodError(f"transform {text} cuts no part of a recording, or one that leaves it")
    return parts


def _block(panel: Panel, block: slice) -> Panel:
    return panel.select(np.arange(block.start, block.stop)).loaded()


def _values(panel: Panel, parts: _Parts, width: int) -> Array | Streamed:
    """Return X (n, n_channels, width) of the parts; of a panel whose values stay in their file, in a temporary one."""
    if isinstance(panel.X, Streamed):
        with Rows() as rows:
            for _, block in _cases(panel, panel.X, parts, width):
                rows.add(block)
            return rows.cases()
    check_room(4 * len(parts.recording) * panel.n_channels * width)
    X = np.empty((len(parts.recording), panel.n_channels, width), dtype=np.float32)
    for index, block in _cases(panel, panel.X, parts, width):
        X[index] = block
    return X


def _cases(panel: Panel, array: Array | Streamed, parts: _Parts, width: int) -> Iterator[tuple[slice, Array]]:
    """Yield (which parts, their rows (n, ..., width) of an array) of one recording after the other."""
    edges = np.searchsorted(parts.recording, np.arange(len(panel) + 1))
    for case, (first, last) in enumerate(pairwise(edges.tolist())):
        row = array[case : case + 1][0]
        rows = np.full((last - first, *row.shape[:-1], width), np.nan, dtype=row.dtype)
        for i in range(first, last):
            rows[i - first, ..., : parts.end[i] - parts.begin[i]] = row[..., parts.begin[i] : parts.end[i]]
        yield slice(first, last), rows


def _fold(of: Index, fold: Fold) -> Fold:
    """Return the parts whose recordings are in each part of a fold."""

    def within(recordings: Index) -> Index:
        return np.flatnonzero(np.isin(of, recordings))

    validation = None if fold.validation is None else within(fold.validation)
    return Fold(within(fold.train), validation, within(fold.test))
