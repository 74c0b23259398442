"""Leaderboards and results as files, written by atomic rename."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd

from tsbench.errors import TsbenchError, UsageError
from tsbench.leaderboard.cells import Side, markdown_cell, to_csv, to_markdown
from tsbench.leaderboard.table import UNEVEN, Board, ranges
from tsbench.output import check_file
from tsbench.plan.exposure import CLEAN, EXPOSED, UNKNOWN, state
from tsbench.tasks import METRICS
from tsbench.text import to_json

FORMATS = (".csv", ".md", ".json")
NAMED = 5  # datasets in the line about those that are not here
MARKS = {EXPOSED: "!", UNKNOWN: "?"}
EXPLAINED = {
    EXPOSED: "Its method was pre-trained on data that holds this dataset, or may hold its test part (exposed).",
    UNKNOWN: "What its method was pre-trained on is not declared (unknown).",
}
HEADS = ("mean", "rank", "wins", "coverage", "seeds")


def check_output(out: Path) -> None:
    """Raise UsageError for a file that no board can be written to."""
    if out.suffix not in FORMATS:
        raise UsageError(f"--out {out}: choose a file that ends in {', '.join(FORMATS[:-1])} or {FORMATS[-1]}")
    check_file(out)


def write_board(board: Board, path: Path) -> None:
    """Write a board as .csv (every column), .md (as printed) or .json (with the evidence of every cell)."""
    check_output(path)
    write_bytes(path, text_of(board, path.suffix.removeprefix(".")).encode())


def text_of(board: Board, form: str) -> str:
    """Return a board as "csv", "md" or "json"."""
    if form == "json":
        return to_json(content(board)) + "\n"
    return to_csv(board.frame()) if form == "csv" else markdown(board)


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
    head: list[tuple[str, Side]] = [("method", "left"), *((name, "right") for name in (*HEADS, *columns))]
    table = to_markdown(head, ([method, *facts, *cells] for method, facts, cells in printed(board, columns)))
    return "\n".join([markdown_cell(title(board)), "", table, "\n\n".join(map(markdown_cell, notes(board)))]) + "\n"


def title(board: Board) -> str:
    """Return what the cells of a board are: metric and protocol, the latter with its hash."""
    protocol = board.protocol
    about = f"{protocol.hash()[:12]}: {protocol.summary}" if protocol.summary else protocol.hash()[:12]
    what = f"{board.metric} in {board.unit}" if board.unit else board.metric
    lower = "" if METRICS[board.metric].better == "high" else ", low is good"
    split = "" if protocol.archive_split else f", split {protocol.split.label}"
    reads = f", {protocol.condition.corruption} reads labels" * protocol.condition.uses_labels
    return f"{board.name}: {what}{lower}, protocol {protocol.name}{split}{reads} ({about})"


def notes(board: Board) -> list[str]:
    """Return what must be known of a board beside its cells, a line each."""
    whose = "all complete methods" if not board.summary["complete"].all() else "all methods"
    lines = [f"Mean, rank and wins are over the datasets that {whose} have: {len(board.common)}."]
    if len(board.common) > 1 and board.summary["mean"].isna().all():
        lines.append("No mean: the labels of these datasets are in units of their own.")
    seeds = board.summary["seeds"]
    if seeds[seeds != ""].nunique() > 1:
        lines.append("Rows are not of the same seeds (column seeds): their spread differs, and so may their means.")
    if seeds.str.endswith(UNEVEN).any():
        lines.append(f"{UNEVEN} Not every cell of this row has all of these seeds.")
    marked = {state(text) for text in board.exposures.values()}
    lines += [f"{MARKS[one]} {words}" for one, words in EXPLAINED.items() if one in marked]
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


def shown(board: Board) -> list[str]:
    """Return the datasets that some method has."""
    return [name for name in board.cells.columns if board.cells[name].notna().any()]


def printed(board: Board, columns: Sequence[str]) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield per method its name, the texts under HEADS, and those of the cells of some datasets."""
    for (method, row), values in zip(board.summary.iterrows(), board.cells[list(columns)].to_numpy(), strict=True):
        facts = [cell(row["mean"], board), rank(row["rank"]), whole(row["wins"]), row["coverage"], row["seeds"]]
        marks = [MARKS.get(state(board.exposures.get((str(method), name), CLEAN)), "") for name in columns]
        yield str(method), facts, [cell(value, board) + mark for value, mark in zip(values, marks, strict=True)]


def cell(value: Any, board: Board) -> str:
    """Return a value as the board's metric shows it; an unfinished cell is empty."""
    return "" if pd.isna(value) else METRICS[board.metric].text(value)


def rank(value: Any) -> str:
    """Return an average rank with two decimals; empty where there is none."""
    return "" if pd.isna(value) else f"{value:.2f}"


def whole(value: Any) -> str:
    """Return a whole number; empty where there is none."""
    return "" if pd.isna(value) else str(int(value))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that the old content stays until the new is complete."""
    with replacing(path) as file:
        file.write(content)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write, which takes the place of the old one when it is complete."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            yield file
        partial.replace(path)
    except OSError as error:
        raise TsbenchError(f"cannot write {path}: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
