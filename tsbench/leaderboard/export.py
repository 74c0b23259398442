"""Leaderboards and results as files, written by atomic rename."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd

from tsbench.errors import TsbenchError, UsageError
from tsbench.leaderboard.table import Board
from tsbench.text import plain, plain_lines

FORMATS = (".csv", ".md")


def write_board(board: Board, path: Path) -> None:
    """Write a board as .csv (every column, full precision) or .md (as printed)."""
    if path.suffix not in FORMATS:
        raise UsageError(f"--out {path}: choose a file that ends in {' or '.join(FORMATS)}")
    text = to_csv(board.frame().reset_index()) if path.suffix == ".csv" else markdown(board)
    write_bytes(path, text.encode())


def to_csv(frame: pd.DataFrame, header: bool = True, float_format: str | None = "%.6g") -> str:
    """Return a DataFrame as CSV without its index, in which no text can steer the terminal that shows it."""
    columns = [column if column.dtype.kind in "biuf" else column.map(_plain_cell) for _, column in frame.items()]
    shown = pd.concat(columns, axis=1, keys=range(len(columns))).set_axis([*map(plain, frame.columns)], axis=1)
    return str(shown.to_csv(index=False, header=header, float_format=float_format, lineterminator="\n"))


def markdown(board: Board) -> str:
    """Return the board as a Markdown table of percentages; datasets nobody has are left out."""
    columns = [name for name in board.cells.columns if board.cells[name].notna().any()]
    head = ["method", "mean", "rank", "wins", "coverage", *map(plain, columns)]
    lines = [" | ".join(head), " | ".join(["---"] + ["---:"] * (len(head) - 1))]
    for method, row in board.summary.iterrows():
        cells = [percent(value) for value in board.cells.loc[[method], columns].iloc[0]]
        facts = [percent(row["mean"]), rank(row["rank"]), whole(row["wins"]), str(row["coverage"])]
        lines.append(" | ".join([plain(str(method)).replace("|", "\\|"), *facts, *cells]))
    return "\n".join(f"| {line} |" for line in lines) + "\n"


def _plain_cell(cell: Any) -> Any:
    return plain_lines(cell) if isinstance(cell, str) else cell


def percent(fraction: Any) -> str:
    """Return a fraction in percent with one decimal; an unfinished cell is empty."""
    return "" if pd.isna(fraction) else f"{100 * fraction:.1f}"


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
