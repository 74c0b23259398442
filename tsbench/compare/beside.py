"""Published results below a board: in its columns, and never in its ranks, wins and means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from tsbench.compare.blocks import Block, Table, columns, markdown
from tsbench.errors import UsageError
from tsbench.leaderboard.cells import Side, to_csv
from tsbench.leaderboard.export import cell, content, shown
from tsbench.leaderboard.export import markdown as board_markdown
from tsbench.leaderboard.table import Board
from tsbench.leaderboard.write import text_of, write_board
from tsbench.output import write_bytes
from tsbench.papers.named import Results
from tsbench.text import to_json

FORMATS = ("csv", "md", "json")
MARK = "published:"
CAPTION = "Published results: each was measured as its source says, and none is in a rank, a win or a mean."


def check_published(form: str, cells: bool) -> None:
    """Raise UsageError for a format of boards that has no place for published results, and for one row per cell."""
    if form not in FORMATS or cells:
        what = "--tidy" if cells else form
        raise UsageError(f"--published: such rows go with {', '.join(FORMATS[:-1])} or {FORMATS[-1]}, not with {what}")


@dataclass(frozen=True)
class Beside:
    """A board and the published results that stand below it."""

    board: Board
    results: Sequence[Results]

    def table(self, names: Sequence[str], first: bool = True) -> tuple[list[tuple[str, Side]], list[list[str]]]:
        """Return headings and rows: name, coverage where this is the first table, and the cells of some datasets."""
        rows = []
        for one in self.results:
            numbers = [one.numbers.get(name) for name in names]
            cells = ["" if number is None else cell(number.mean, self.board) for number in numbers]
            rows.append([f"{MARK}{one.name}", *([self._coverage(one)] if first else []), *cells])
        return columns(["method"], [*(["coverage"] if first else []), *names]), rows

    def notes(self) -> list[str]:
        """Return how each was measured, and what is doubtful, a line each."""
        return [
            "; ".join(
                [
                    f"{one.name}: protocol {one.protocol_text}: {one.setting}",
                    *(f"doubt: {text}" for text in one.said("doubts")),
                ]
            )
            for one in (one.on(self.board.cells.columns) for one in self.results)
        ]

    def write(self, path: Path, cells: bool = False) -> None:
        """Write board and published results as the name of the file says."""
        if not self.results:
            write_board(self.board, path, cells)
            return
        write_bytes(path, self.text(path.suffix.removeprefix(".")).encode())

    def text(self, form: str, cells: bool = False) -> str:
        """Return them as "csv", "md" or "json"; without published results as `write.text_of` does."""
        if not self.results:
            return text_of(self.board, form, cells)
        if form == "csv":
            return to_csv(pd.concat([self.board.frame(), self._frame()], ignore_index=True))
        if form == "json":
            return to_json({**content(self.board), "published": [self._content(one) for one in self.results]}) + "\n"
        below: list[Block] = [CAPTION, Table(*self.table(shown(self.board))), *self.notes()]
        return "\n".join([board_markdown(self.board), markdown(below)])

    def _frame(self) -> pd.DataFrame:
        """Return the results in the columns of `Board.frame`."""
        rows = []
        for one in self.results:
            about = {"method": f"{MARK}{one.name}", "protocol": one.protocol, "metric": one.metric, "complete": False}
            cells = {name: number.mean for name, number in one.on(self.board.cells.columns).numbers.items()}
            rows.append({**about, "coverage": self._coverage(one), **cells})
        return pd.DataFrame(rows)

    def _content(self, one: Results) -> dict[str, Any]:
        numbers = one.on(self.board.cells.columns).numbers
        return {
            "name": one.name,
            "protocol": one.protocol,
            "setting": one.setting,
            "source": sorted({row.source for row in one.rows}),
            "doubts": one.said("doubts"),
            "cells": {name: {"value": number.mean, "std": number.spread} for name, number in numbers.items()},
        }

    def _coverage(self, one: Results) -> str:
        names = self.board.cells.columns
        return f"{len(one.on(names).numbers)}/{len(names)}"
