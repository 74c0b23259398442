"""Printing tables: as wide as they need to be in a pipe, cut to what fits on a terminal."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.box import ASCII, HEAVY_HEAD
from rich.cells import cell_len, set_cell_size

from tsbench import terminal
from tsbench.text import plain

if TYPE_CHECKING:
    from tsbench.compare.blocks import Block

NARROW = 16  # columns of text are not cut below this as long as there are others that may be left out


def print_facts(title: str, facts: Mapping[str, object]) -> None:
    """Print a title and a line per fact below it."""
    terminal.echo(title)
    names = [plain(str(key)) for key in facts]
    width = max(map(cell_len, names), default=0)
    for name, value in zip(names, facts.values(), strict=True):
        terminal.echo(f"  {_padded(name, width, 'left')}  {value}")


def print_table(
    columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[str]], least: Sequence[str] = (), rule: int = 0
) -> bool:
    """Print a table of any number of rows, holding none of them; say whether a terminal had room for all of it.

    columns : (heading, "left" or "right") of each. least : those that may be left out, the first one first; what is
    still too wide is cut. rule : the rows above a line.

    Rows wait in a temporary file until the widths of all are known.
    """
    names = [plain(name) for name, _ in columns]
    widths = [cell_len(name) for name in names]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as waiting:
        for row in rows:
            cells = [plain(cell) for cell in row]
            widths = [max(width, cell_len(cell)) for width, cell in zip(widths, cells, strict=True)]
            waiting.write(json.dumps(cells) + "\n")
        waiting.seek(0)
        keep, fitting = _fit(names, widths, least, terminal.width())
        box = ASCII if terminal.ascii_only() else HEAVY_HEAD
        padded = [width + 2 for width in fitting]

        def line(cells: Sequence[str], left: str, between: str, right: str) -> str:
            shown = [_padded(cells[i], width, columns[i][1]) for i, width in zip(keep, fitting, strict=True)]
            return f"{left} " + f" {between} ".join(shown) + f" {right}"

        terminal.echo(box.get_top(padded))
        terminal.echo(line(names, box.head_left, box.head_vertical, box.head_right))
        terminal.echo(box.get_row(padded, "head"))
        for number, text in enumerate(waiting, start=1):
            if 0 < rule == number - 1:
                terminal.echo(box.get_row(padded, "row"))
            terminal.echo(line(json.loads(text), box.mid_left, box.mid_vertical, box.mid_right))
        terminal.echo(box.get_bottom(padded))
    return fitting == widths


def print_blocks(blocks: Iterable[Block]) -> None:
    """Print lines and tables."""
    for one in blocks:
        if isinstance(one, str):
            terminal.echo(one)
        else:
            print_table(one.columns, one.rows)


def table_width(columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[str]]) -> int:
    """Return the columns of text that a table of these headings and rows takes."""
    texts = zip([name for name, _ in columns], *rows, strict=True)
    return _width([max(cell_len(plain(text)) for text in column) for column in texts])


def cut(text: str, width: int) -> str:
    """Return a text on one line, cut to this many columns."""
    text = plain(text)
    return text if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"


def _width(cells: Sequence[int]) -> int:
    return sum(cells) + 3 * len(cells) + 1


def _fit(names: Sequence[str], widths: list[int], least: Sequence[str], room: int) -> tuple[list[int], list[int]]:
    """Return which columns are shown, and their widths, where the table may take `room`."""
    keep = list(range(len(names)))
    # What may be left out is, unless cutting long texts a little makes room for it.
    for name in least:
        if _width([min(widths[i], max(NARROW, cell_len(names[i]))) for i in keep]) <= room:
            break
        keep.remove(names.index(name))
    widths = [widths[i] for i in keep]
    while _width(widths) > room and max(widths) > 1:
        widths[widths.index(max(widths))] -= 1
    return keep, widths


def _padded(text: str, width: int, side: str) -> str:
    text = cut(text, width)
    blanks = " " * (width - cell_len(text))
    return blanks + text if side == "right" else text + blanks
