"""What a board says, in words and cells, as Markdown and for JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pandas as pd

from tsbench.leaderboard.cells import Side, markdown_cell, to_markdown
from tsbench.leaderboard.table import COSTS, UNEVEN, Board, ranges
from tsbench.plan.exposure import CLEAN, EXPOSED, UNKNOWN, state
from tsbench.statistics.clusters import FEWEST as FEWEST_CASES
from tsbench.statistics.groups import ALPHA, blunt
from tsbench.statistics.intervals import FEWEST, LEVEL
from tsbench.tasks import METRICS

NAMED = 5  # datasets in the line about those that are not here
MARKS = {EXPOSED: "!", UNKNOWN: "?"}
EXPLAINED = {
    EXPOSED: "Its method was pre-trained on data that holds this dataset, or may hold its test part (exposed).",
    UNKNOWN: "What its method was pre-trained on is not declared (unknown).",
}
ALWAYS = ("mean", "rank", "wins", "coverage", "seeds")


def content(board: Board) -> dict[str, Any]:
    """Return what a board is made of, as JSON has it: no number is in percent; a cell that is not there is left out."""
    cells: dict[str, dict[str, Any]] = {}
    for cell in board.evidence.itertuples():
        cells.setdefault(str(cell.method), {})[str(cell.dataset)] = {
            "value": cell.mean,
            "n": cell.n,
            "n_seeds": cell.n_seeds,
            "n_folds": cell.n_folds,
            "spread": {"seeds": cell.std_seeds, "folds": cell.std_folds},
            "keys": cell.keys,
            "exposure": board.exposures.get((str(cell.method), str(cell.dataset)), CLEAN),
        }
    for (method, dataset), ends in board.intervals.items():
        cells[method][dataset]["interval"] = [*ends]
    table = board.summary.astype(object).where(board.summary.notna(), None)
    return {
        "name": board.name,
        "metric": board.metric,
        "better": METRICS[board.metric].better,
        "unit": "fraction" if board.unit == "%" else board.unit,
        "protocol": board.protocol.name,
        "hash": board.protocol.hash(),
        "split": board.protocol.split.label,
        "seeds": ranges(board.runs["seed"].unique().tolist()),
        "datasets": list(board.cells.columns),
        "common": list(board.common),
        "notes": notes(board),
        "rows": [
            {"method": method, **row, "cells": cells.get(method, {})}
            for method, row in zip(table.index, table.to_dict("records"), strict=True)
        ],
    }


def markdown(board: Board) -> str:
    """Return the board as a Markdown table, fractions in percent; datasets nobody has are left out."""
    columns = shown(board)
    facts = facts_of(board)
    head: list[tuple[str, Side]] = [("method", "left"), *((name, "right") for name in (*facts, *columns))]
    rows = zip(board.cells.index, zip(*facts.values(), strict=True), cells_of(board, columns), strict=True)
    table = to_markdown(head, ([str(method), *texts, *cells] for method, texts, cells in rows))
    lines = map(markdown_cell, [*notes(board), *legend(board)])
    return "\n".join([markdown_cell(caption(board)), "", table, "\n\n".join(lines)]) + "\n"


def title(board: Board) -> str:
    """Return what the cells of a board are: metric and protocol, the latter with its hash."""
    protocol = board.protocol
    about = f"{protocol.hash()[:12]}: {protocol.summary}" if protocol.summary else protocol.hash()[:12]
    what = f"{board.metric} in {board.unit}" if board.unit else board.metric
    lower = "" if METRICS[board.metric].better == "high" else ", low is good"
    split = "" if protocol.archive_split else f", split {protocol.split.label}"
    reads = "".join(f", {one.corruption} reads labels" for one in protocol.condition.corrupted if one.uses_labels)
    return f"{board.name}: {what}{lower}, protocol {protocol.name}{split}{reads} ({about})"


def caption(board: Board) -> str:
    """Return the same with the seeds of its runs, for a table that stands alone."""
    return f"{title(board)}, seeds {ranges(board.runs['seed'].unique().tolist())}"


def notes(board: Board) -> list[str]:
    """Return what must be known of a board beside its cells, a line each."""
    whose = "all complete methods" if not board.summary["complete"].all() else "all methods"
    lines = [f"Mean, rank and wins are over the datasets that {whose} have: {len(board.common)}."]
    if board.in_several_units:
        lines.append("No mean: the labels of these datasets are in units of their own.")
    return [*lines, *certainty(board), *caveats(board)]


def caveats(board: Board) -> list[str]:
    """Return what must be known of the cells themselves, a line each."""
    lines, seeds = list[str](), board.summary["seeds"]
    if seeds[seeds != ""].nunique() > 1:
        lines.append("Rows are not of the same seeds (column seeds): their spread differs, and so may their means.")
    if seeds.str.endswith(UNEVEN).any():
        lines.append(f"{UNEVEN} Not every cell of this row has all of these seeds.")
    marked = {state(text) for text in board.exposures.values()}
    lines += [f"{MARKS[one]} {words}" for one, words in EXPLAINED.items() if one in marked]
    for name, values in board.beside.items():
        said = ", ".join(f"{one} {METRICS[one].text(value)}" for one, value in values.items())
        lines.append(f"To be read beside {board.metric} of {name}: {said}.")
    if board.extents:
        lines.append(f"How much of a dataset was read: {'; '.join(f'{k} {v}' for k, v in board.extents.items())}.")
    if board.unclean:
        lines.append(f"Left out: {board.unclean} results that are exposed, or of which that is unknown.")
    if board.outdated:
        lines.append(
            f"Left out: {board.outdated} results of older versions, data or splits; 'tsbench run' makes them anew."
        )
    if board.others:
        lines.append(f"Left out: {board.others} results of the same names with other settings; the newest are shown.")
    if board.unreadable:
        lines.append(f"Left out: {board.unreadable} results that cannot be read; see 'tsbench store check'.")
    if board.absent:
        more = f" and {len(board.absent) - NAMED} more" if len(board.absent) > NAMED else ""
        names = ", ".join(board.absent[:NAMED])
        lines.append(f"Not on this machine, or not readable: {names}{more}. There the data that was run last counts.")
    return lines


def certainty(board: Board) -> list[str]:
    """Return what intervals, groups and spreads mean where they are shown, and why not where they are not."""
    table, n = board.summary[board.summary["complete"]], len(board.common)
    if n == 0:
        return []
    if n < FEWEST:
        lines = [f"No intervals: they need {FEWEST} datasets."]
    else:
        lines = [f"{LEVEL:.0%}: an interval for the mean over other datasets like these, from a bootstrap over them."]
        if any((table[name].notna() & table[f"{name}_low"].isna()).any() for name in ("mean", "rank")):
            lines.append("No interval where a method has one value, or one rank, on all datasets.")
    if board.in_several_units:
        lines.append("No groups: differences in several units have no common order.")
    elif blunt(board.cells.loc[table.index, list(board.common)]):
        lines.append(f"No groups: on so few datasets no test tells two of {len(table)} methods apart.")
    elif len(table) > 1:
        lines.append(
            f"Methods that share a letter are not told apart (Wilcoxon and Holm, {ALPHA:.0%}): 'tsbench stats'."
        )
    if table[["seeds_std", "folds_std"]].notna().any(axis=None):
        lines.append("sd: how far a cell's values lie apart by seed or fold, root mean square over these datasets.")
    return lines


def legend(board: Board) -> list[str]:
    """Return the lines that say what ± in the cells, and an interval, is over; none where no cell has one."""
    cells = board.evidence
    seeds, folds = cells["std_seeds"].notna(), cells["std_seeds"].isna() & cells["std_folds"].notna()
    over = ["over seeds"] * bool(seeds.any()) + ["over folds"] * bool(folds.any())
    lines = [f"±: standard deviation {', of cells with one seed '.join(over)}."] if over else []
    if board.intervals and not any(low == low for low, _ in board.intervals.values()):
        lines.append(f"No intervals of cells: they need {FEWEST_CASES} test cases, and the predictions of every run.")
    elif board.intervals:
        lines.append(
            f"(a..b): {LEVEL:.0%} interval over other test cases like these, from a bootstrap of the cases, which "
            "counts them as independent; another training is no part of it."
        )
    return lines


def asides(board: Board) -> dict[tuple[str, str], str]:
    """Return {(method, dataset): what stands behind the cell}: ±, over folds where it has one seed, and an interval."""
    cells = board.evidence
    spread = cells["std_seeds"].fillna(cells["std_folds"]).round(12)  # of equal values it is 1e-17
    places = [(str(method), str(name)) for method, name in zip(cells["method"], cells["dataset"], strict=True)]
    found = {place: f" ±{cell(std, board)}" for place, std in zip(places, spread, strict=True) if std == std}
    for place, (low, high) in board.intervals.items():
        if low == low:
            found[place] = f"{found.get(place, '')} ({cell(low, board)}..{cell(high, board)})"
    return found


def shown(board: Board) -> list[str]:
    """Return the datasets that some method has."""
    return [name for name in board.cells.columns if board.cells[name].notna().any()]


def facts_of(board: Board) -> dict[str, list[str]]:
    """Return {heading: a text per method} of what stands before the cells; a column that is empty is left out."""
    table = board.summary

    def texts(name: str, text: Callable[[Any], str]) -> list[str]:
        return ["" if pd.isna(value) else text(value) for value in table[name]]

    def ends(name: str, text: Callable[[Any], str]) -> list[str]:
        both = zip(texts(f"{name}_low", text), texts(f"{name}_high", text), strict=True)
        return [f"{low}..{high}" if low else "" for low, high in both]

    value, rank = METRICS[board.metric].text, "{:.2f}".format
    columns = {
        "mean": texts("mean", value),
        f"mean {LEVEL:.0%}": ends("mean", value),
        "iqm": texts("iqm", value),
        "rank": texts("rank", rank),
        f"rank {LEVEL:.0%}": ends("rank", rank),
        "group": [*table["group"]],
        "wins": texts("wins", str),
        "coverage": [*table["coverage"]],
        "seeds": [*table["seeds"]],
        "sd seeds": texts("seeds_std", value),
        "sd folds": texts("folds_std", value),
    }
    if COSTS[0] in table:
        seconds = "{:.3g}".format
        columns |= {"fit s": texts("fit_seconds", seconds), "probe s": texts("probe_seconds", seconds)}
        columns["MiB"] = texts("peak_memory_bytes", lambda peak: f"{peak / 2**20:.0f}")
    return {name: found for name, found in columns.items() if name in ALWAYS or any(found)}


def cells_of(board: Board, columns: Sequence[str]) -> Iterator[list[str]]:
    """Yield per method the texts of the cells of some datasets, with what `legend` explains, marked if not clean."""
    aside = asides(board)
    for method, values in zip(board.cells.index, board.cells[list(columns)].to_numpy(), strict=True):
        marks = [MARKS.get(state(board.exposures.get((str(method), name), CLEAN)), "") for name in columns]
        beside = [aside.get((str(method), name), "") for name in columns]
        yield ["".join([cell(value, board), *more]) for value, *more in zip(values, beside, marks, strict=True)]


def cell(value: Any, board: Board) -> str:
    """Return a value as the board's metric shows it; an unfinished cell is empty."""
    return "" if pd.isna(value) else METRICS[board.metric].text(value)
