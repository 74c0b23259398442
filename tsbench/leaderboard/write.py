"""A board as a file or a text of a format that its reader wants."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from tsbench.errors import UsageError
from tsbench.leaderboard.cells import to_csv
from tsbench.leaderboard.export import content, markdown
from tsbench.leaderboard.latex import latex
from tsbench.leaderboard.table import Board
from tsbench.leaderboard.tidy import tidy, to_parquet
from tsbench.output import check_file, write_bytes
from tsbench.text import to_json

FORMATS = ("csv", "md", "tex", "parquet", "json")
TABLES = ("csv", "parquet")  # which may have a row per cell


def check_output(out: Path, cells: bool = False, formats: Sequence[str] = FORMATS) -> None:
    """Raise UsageError for a file of another format, of one that has no row per `cells`, or that cannot be written."""
    if out.suffix.removeprefix(".") not in formats:
        names = [f".{name}" for name in formats]
        raise UsageError(f"--out {out}: choose a file that ends in {', '.join(names[:-1])} or {names[-1]}")
    check_form(out.suffix.removeprefix("."), cells)
    check_file(out)


def check_form(form: str, cells: bool) -> None:
    """Raise UsageError for a format that has no row per cell, where such is asked for."""
    if cells and form not in TABLES:
        raise UsageError(f"--tidy: a row per cell is for {' and '.join(TABLES)}, not for {form}")


def write_board(board: Board, path: Path, cells: bool = False) -> None:
    """Write a board as the name of the file says, see `bytes_of`."""
    check_output(path, cells)
    write_bytes(path, bytes_of(board, path.suffix.removeprefix("."), cells))


def bytes_of(board: Board, form: str, cells: bool = False) -> bytes:
    """Return a board as "parquet", or what `text_of` does."""
    return to_parquet(_table(board, cells)) if form == "parquet" else text_of(board, form, cells).encode()


def text_of(board: Board, form: str, cells: bool = False) -> str:
    """Return a board as "csv" (every column), "md" (as printed), "tex", or "json" (with the evidence of every cell).

    cells : a row per cell, as `tidy` has it, in place of one per method; for "csv".
    """
    if form == "csv":
        return to_csv(_table(board, cells))
    return to_json(content(board)) + "\n" if form == "json" else latex(board) if form == "tex" else markdown(board)


def _table(board: Board, cells: bool) -> pd.DataFrame:
    return tidy(board) if cells else board.frame()
