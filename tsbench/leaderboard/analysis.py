"""The tests behind a board, as tables and files: Friedman, average ranks, and every two methods."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tsbench.errors import UsageError
from tsbench.leaderboard.cells import Side, markdown_cell, to_csv, to_markdown
from tsbench.leaderboard.export import certainty, facts_of, title
from tsbench.leaderboard.table import Board
from tsbench.output import write_bytes
from tsbench.statistics.bayes import bayesian
from tsbench.statistics.friedman import Friedman, critical_difference, friedman
from tsbench.statistics.groups import ALPHA, groups
from tsbench.statistics.intervals import FEWEST
from tsbench.statistics.pairs import pairs
from tsbench.tasks import METRICS
from tsbench.text import to_json

ROPE = 0.01  # of metrics that are fractions
RANKS = ("mean", "mean 95%", "iqm", "rank", "rank 95%", "group", "wins")
MEASURED = ("mean", "mean_low", "mean_high", "iqm", "rank", "rank_low", "rank_high", "group", "wins")
# Left out of a narrow terminal, the first one first.
LEAST = ("iqm", "mean 95%", "equal", "worse", "better", "ties", "p")
Table = tuple[list[tuple[str, Side]], list[list[str]]]


@dataclass(frozen=True)
class Stats:
    """What is tested of the complete methods of a board, on the datasets that they all have.

    friedman : None where there is nothing to test. critical_difference : Nemenyi's, of average ranks. groups : as of
    `statistics.groups`. pairs : as of `statistics.pairs`, with better, equal and worse of the Bayesian test within
    `rope`, where that is not None.
    """

    board: Board
    friedman: Friedman | None
    critical_difference: float
    groups: list[tuple[str, ...]]
    pairs: pd.DataFrame
    rope: float | None
    notes: list[str]

    @property
    def title(self) -> str:
        """What is compared: metric, protocol, datasets and methods."""
        methods = int(self.board.summary["complete"].sum())
        return f"{title(self.board)}; {methods} methods on {len(self.board.common)} datasets"


def analyse(board: Board, rope: float | None = None) -> Stats:
    """Test a board; rope : as of `bayesian`, None for ROPE of fractions and no such test of others.

    Raises UsageError for less than two methods or no dataset in common, and for a rope where baycomp is not installed.
    """
    complete = board.summary.index[board.summary["complete"]]
    cells, sign = board.cells.loc[complete, [*board.common]], METRICS[board.metric].sign
    if len(complete) < 2 or cells.empty:
        remedy = "--shared takes every method" if len(board.cells) > 1 else "tests need two methods"
        raise UsageError(
            f"{board.name}: nothing to compare, complete methods: {len(complete)}, datasets in common: "
            f"{len(board.common)}; {remedy}"
        )
    found, notes = pairs(cells, sign), certainty(board)
    alike = [] if board.in_several_units else groups(cells, sign)
    if board.in_several_units:  # their differences have no common order
        found[["difference", "p", "p_holm", "effect"]] = np.nan
        notes.append("No tests of two methods: the labels of these datasets are in units of their own.")
    within = ROPE if rope is None and METRICS[board.metric].unit == "fraction" else rope
    if within is not None and board.in_several_units:
        within = None
    elif within is not None and len(board.common) < FEWEST:
        notes, within = [*notes, f"No Bayesian probabilities: they need {FEWEST} datasets."], None
    if within is not None:
        try:
            found = found.merge(bayesian(cells, sign, within), on=["first", "second"])
        except UsageError as error:
            if rope is not None:
                raise
            notes, within = [*notes, f"No Bayesian probabilities: {error}."], None
    left = [str(name) for name in board.summary.index.difference(complete, sort=False)]
    if left:
        notes.append(f"Not compared, since they have fewer datasets: {', '.join(left)}; --shared takes them in.")
    notes.append(
        f"p: Wilcoxon's signed-rank test; Holm: adjusted for {len(found)} pairs; effect: rank-biserial, of the first."
    )
    if within is not None:
        notes.append(
            f"better, equal, worse: how probable that is of the first, within {within:g} of each other being equal."
        )
    distance = critical_difference(len(complete), len(board.common))
    return Stats(board, friedman(cells), distance, alike, found, within, notes)


def lines(stats: Stats) -> list[str]:
    """Return what is said of all methods at once."""
    one = stats.friedman
    if one is None:
        first = "Friedman: nothing to test, it takes three methods and two datasets that are not all ties."
    elif one.least >= ALPHA:
        first = f"Friedman: no test, on so few datasets no result tells {one.methods} methods apart."
    else:
        sure = f"F({one.methods - 1}, {(one.methods - 1) * (one.datasets - 1)}) = {one.f:.2f}, p = {one.p_f:.2g}"
        sure = sure if one.f < math.inf else "no F, since all datasets rank the methods alike"
        first = f"Friedman: chi2 = {one.chi2:.2f}, p = {one.p:.2g}; Iman and Davenport: {sure}."
    return [first, f"Critical difference of average ranks (Nemenyi, {ALPHA:.0%}): {stats.critical_difference:.2f}."]


def tables(stats: Stats) -> list[Table]:
    """Return headings and rows of the average ranks, and of every two methods."""
    summary = stats.board.summary
    facts = {name: texts for name, texts in facts_of(stats.board).items() if name in RANKS}
    texts = zip(map(str, summary.index), *facts.values(), strict=True)
    rows = [[*row] for row, complete in zip(texts, summary["complete"], strict=True) if complete]
    return [([("method", "left"), *((name, "right") for name in facts)], rows), _pairs(stats)]


def _pairs(stats: Stats) -> Table:
    value = METRICS[stats.board.metric].text
    texts: dict[str, Callable[[Any], str]] = {
        "difference": value,
        **dict.fromkeys(("wins", "ties", "losses"), str),
        **dict.fromkeys(("p", "p_holm"), p_text),
        **dict.fromkeys(("effect", "better", "equal", "worse"), "{:.2f}".format),
    }
    shown = [name for name in texts if name in stats.pairs]
    rows = [
        [
            str(row["first"]),
            str(row["second"]),
            *("" if pd.isna(row[name]) else texts[name](row[name]) for name in shown),
        ]
        for row in stats.pairs.to_dict("records")
    ]
    heads: list[tuple[str, Side]] = [("first", "left"), ("second", "left")]
    return [*heads, *(("Holm" if name == "p_holm" else name, "right") for name in shown)], rows


def p_text(p: float) -> str:
    """Return a probability of error with three decimals, small ones as what they are below."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def text_of(stats: Stats, form: str) -> str:
    """Return the tests as "csv" (the pairs alone), "md" or "json"."""
    if form == "json":
        return to_json(content(stats)) + "\n"
    return to_csv(stats.pairs) if form == "csv" else markdown(stats)


def write_stats(stats: Stats, path: Path) -> None:
    """Write the tests as .csv, .md or .json."""
    write_bytes(path, text_of(stats, path.suffix.removeprefix(".")).encode())


def markdown(stats: Stats) -> str:
    """Return the tests as Markdown."""
    said = [markdown_cell(line) for line in (stats.title, *lines(stats))]
    shown = [to_markdown(*table).rstrip() for table in tables(stats)]
    return "\n\n".join([*said, *shown, *map(markdown_cell, stats.notes)]) + "\n"


def content(stats: Stats) -> dict[str, Any]:
    """Return the tests as JSON has them; no number is in percent."""
    board = stats.board
    ranks = board.summary.loc[board.summary["complete"], [*MEASURED]]
    return {
        "name": board.name,
        "metric": board.metric,
        "better": METRICS[board.metric].better,
        "protocol": board.protocol.name,
        "hash": board.protocol.hash(),
        "datasets": list(board.common),
        "alpha": ALPHA,
        "friedman": _friedman(stats.friedman),
        "critical_difference": stats.critical_difference,
        "groups": [list(group) for group in stats.groups],
        "rope": stats.rope,
        "methods": [
            {"method": str(name), **row} for name, row in zip(ranks.index, ranks.to_dict("records"), strict=True)
        ],
        "pairs": stats.pairs.to_dict("records"),
        "notes": stats.notes,
    }


def _friedman(one: Friedman | None) -> dict[str, Any] | None:
    """Return the test for JSON, without what `lines` does not say either."""
    if one is None or one.least >= ALPHA:
        return None
    return vars(one) | ({} if one.f < math.inf else {"f": None, "p_f": None})
