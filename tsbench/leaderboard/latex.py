r"""A board as a LaTeX table, ready for \input beside \usepackage{booktabs}."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from tsbench.leaderboard.export import MARKS, asides, caption, cell, facts_of, legend, notes, shown
from tsbench.leaderboard.table import Board
from tsbench.plan.exposure import CLEAN, state
from tsbench.statistics.ranks import rounded
from tsbench.tasks import METRICS
from tsbench.text import plain

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    # After the end of a row these would be an argument of it.
    **{character: f"{{{character}}}" for character in "[]*"},
    **{character: f"\\{character}" for character in "{}$&#_%"},
}
_ESCAPED = re.compile("[{}]".format(re.escape("".join(_SPECIAL))))
PLUS_MINUS = r"$\pm$"
PLACES = {1: "textbf", 2: "underline"}
_DASHES = re.compile("-(?=-)")  # which would be one long one


def escaped(text: str) -> str:
    """Return a text that LaTeX sets as it is, on one line."""
    text = _ESCAPED.sub(lambda match: _SPECIAL[match[0]], plain(" ".join(text.split())))
    return _DASHES.sub("{-}", text)


def latex(board: Board) -> str:
    r"""Return a board as a table of booktabs: the best cell of a dataset bold, the second underlined, ± as of `legend`.

    Methods are rows, or columns where there are more datasets than methods: a page is higher than wide.
    """
    columns = shown(board)
    facts = [[escaped(name), *map(escaped, texts)] for name, texts in facts_of(board).items()]
    table = _cells(board, columns)
    # A row per fact and dataset, a column per method.
    cells = [[escaped(name), *row] for name, row in zip(columns, zip(*table, strict=True), strict=True)]
    head = ["dataset" if len(columns) > len(board.cells) else "method", *map(escaped, board.cells.index)]
    blocks = [[head], cells, facts]
    if len(columns) <= len(board.cells):
        first, *rest = map(list, zip(head, *facts, *cells, strict=True))
        blocks = [[first], rest]
    body = "\\midrule\n".join("".join(f"{' & '.join(row)} \\\\\n" for row in block) for block in blocks)
    sides = "l" + "r" * (len(blocks[0][0]) - 1)
    below = "\n".join(f"\\par\\footnotesize {escaped(line)}" for line in notes(board))
    return (
        "% needs \\usepackage{booktabs}\n\\begin{table}\n\\centering\n"
        f"\\caption{{{escaped(caption(board))}{_marks(board)}}}\n"
        f"\\begin{{tabular}}{{{sides}}}\n\\toprule\n{body}\\bottomrule\n\\end{{tabular}}\n{below}\n\\end{{table}}\n"
    )


def _marks(board: Board) -> str:
    lines = "".join(f" {escaped(line).replace('±', PLUS_MINUS)}" for line in legend(board))
    return f". Best of a dataset bold, second underlined.{lines}"


def _cells(board: Board, columns: Sequence[str]) -> list[list[str]]:
    """Return the texts of the cells, a row per method."""
    aside, rows = asides(board), []
    table = board.cells[list(columns)]
    signed = METRICS[board.metric].sign * pd.DataFrame(rounded(table.to_numpy()), table.index, table.columns)
    places = signed.rank(axis=0, ascending=False, method="dense")
    for (method, values), ranked in zip(table.iterrows(), places.to_numpy(), strict=True):
        row = []
        for (name, value), rank in zip(values.items(), ranked, strict=True):
            text, place = cell(value, board), (str(method), str(name))
            if text and (mark := PLACES.get(rank)):
                text = f"\\{mark}{{{text}}}"
            if text and place in aside:
                text += aside[place].replace("±", f"{PLUS_MINUS} ")
            row.append(text + MARKS.get(state(board.exposures.get(place, CLEAN)), ""))
        rows.append(row)
    return rows
