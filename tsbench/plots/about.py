"""What a picture of a board says beside its numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import pandas as pd

from tsbench.errors import UsageError
from tsbench.leaderboard.export import caption
from tsbench.leaderboard.table import Board, in_several_units
from tsbench.plots.drawing import short
from tsbench.tasks import METRICS
from tsbench.text import command_line

LONGEST = 100  # letters of a board's name


@dataclass(frozen=True)
class About:
    """title : above the picture. value : what numbers are, with their unit. scale : times this they are in that unit.

    sign : 1 where a high number is good, -1 where a low one is. digits : after the point, of numbers that are written.
    units_differ : numbers of the datasets are in several units, and only ranks compare.
    """

    title: str = ""
    value: str = "value"
    scale: float = 1.0
    sign: int = 1
    digits: int = 3
    units_differ: bool = False

    def text(self, number: float) -> str:
        """Return a number as it is written in the picture."""
        return f"{self.scale * number:.{self.digits}f}"


def about(board: Board, title: str = "") -> About:
    """Return what a picture of a board says; title : in place of the board's caption."""
    unit, sign = board.unit, METRICS[board.metric].sign
    value = f"{board.metric} in {unit}" if unit else board.metric
    value += "" if sign > 0 else ", low is good"
    scale, digits = (100.0, 1) if unit == "%" else (1.0, 3)
    return About(title or caption(named(board)), value, scale, sign, digits, board.in_several_units)


def named(board: Board) -> Board:
    """Return a board with a name that a title has room for: of many paths it is a paragraph."""
    return replace(board, name=short(board.name, LONGEST))


def check_units(board: Board, datasets: Iterable[str]) -> None:
    """Raise UsageError where numbers of these datasets are in several units, for a picture of means or differences."""
    if in_several_units(board.metric, board.units, datasets):
        raise UsageError(
            f"this compares {board.metric} between datasets, and the labels of these are in units of their own: name "
            "datasets of one unit; 'tsbench plot cd' and 'tsbench stats' take ranks alone"
        )


def compared(board: Board, methods: int = 2, datasets: int = 1) -> pd.DataFrame:
    """Return the cells of the complete methods on the datasets that all of them have, the best rank first.

    Raises UsageError where there are fewer methods or datasets than a picture needs.
    """
    cells = board.cells.loc[board.summary["complete"], list(board.common)]
    if len(cells) < methods or len(board.common) < datasets:
        command = command_line(["tsbench", "leaderboard", *board.name.split(", "), "--protocol", board.protocol.name])
        hint = "; --shared takes all methods" if len(board.cells) > len(cells) else ""
        raise UsageError(
            f"this needs {_count(methods, 'method')} on {_count(datasets, 'dataset')} that all of them have, and here "
            f"{_count(len(cells), 'method')} {'has' if len(cells) == 1 else 'have'} "
            f"{_count(len(board.common), 'dataset')} in common{hint}; see: {command}"
        )
    return cells


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
