"""What a run predicted, in lines for the terminal: labels and channels one by one, and numbers missed by most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean

from tsbench.text import plain

MOST_LINES = 10


def scores_of(table: Sequence[Sequence[int]]) -> tuple[int, int, float]:
    """Return, of the counts of one label (rows: without and with it), its cases, those predicted, and F1."""
    (_, wrong), (missed, right) = table
    return missed + right, wrong + right, 2 * right / max(2 * right + wrong + missed, 1)


def label_lines(tables: Sequence[Sequence[Sequence[int]]], names: Sequence[str]) -> Iterator[str]:
    """Yield for each label how many cases have it, how many were predicted to, and its F1; of many labels the worst."""
    found = sorted((scores_of(table)[2], name, scores_of(table)) for table, name in zip(tables, names, strict=True))
    yield f"labels, the lowest F1 first ({min(len(found), MOST_LINES)} of {len(found)})"
    for _, name, (count, predicted, f1) in found[:MOST_LINES]:
        yield f"  {plain(name)}: {count} cases, {predicted} predicted, F1 {f1:.2f}"


def error_lines(cases: Sequence[object], truth: Sequence[float], predicted: Sequence[float]) -> Iterator[str]:
    """Yield the cases, by number or name, whose numbers were missed by most."""
    found = sorted(zip(cases, truth, predicted, strict=True), key=lambda one: -abs(one[1] - one[2]))
    yield f"largest errors ({min(len(found), MOST_LINES)} of {len(found)} cases)"
    for case, true, given in found[:MOST_LINES]:
        yield f"  case {plain(str(case))}: {true:.4g}, predicted {given:.4g}"


def filled_lines(channels: Sequence[int], truth: Sequence[float], filled: Sequence[float]) -> Iterator[str]:
    """Yield the channels whose hidden values were missed by most, in prepared units."""
    errors: dict[int, list[float]] = {}
    for channel, true, given in zip(channels, truth, filled, strict=True):
        errors.setdefault(channel, []).append(abs(true - given))
    worst = sorted(errors.items(), key=lambda one: -fmean(one[1]))[:MOST_LINES]
    yield f"hidden values by channel, the largest mean error first ({len(worst)} of {len(errors)} channels)"
    for channel, found in worst:
        yield f"  channel {channel}: mean error {fmean(found):.4g} of {len(found)}"
