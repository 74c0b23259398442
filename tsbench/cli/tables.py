"""Printing tables: as wide as they need to be in a pipe, in pieces that fit on a terminal."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence

import click
from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.table import Table

UNLIMITED = 100_000


def table_width(table: Table) -> int:
    """Return the columns of text a table needs."""
    return Console(width=UNLIMITED).measure(table).maximum


def terminal_width() -> int:
    """Return the width of the terminal, or no limit where the output goes elsewhere."""
    console = Console()
    return console.width if console.is_terminal else UNLIMITED


def print_table(table: Table) -> None:
    """Print a table at its full width."""
    Console(highlight=False, width=max(Console().width, table_width(table))).print(table)


def print_facts(title: str, facts: Mapping[str, object]) -> None:
    """Print a title and a line per fact below it."""
    click.echo(title)
    width = max((len(str(key)) for key in facts), default=0)
    for key, value in facts.items():
        click.echo(f"  {key:<{width}}  {plain(str(value))}")


def print_long_table(columns: Mapping[str, JustifyMethod], rows: Iterable[Sequence[str]]) -> None:
    """Print a table of any number of rows at its full width, as `print_table` does, holding none of them.

    columns : {heading: "left" or "right"}. Rows wait in a temporary file until the widths of all are known.
    """
    widths = [cell_len(name) for name in columns]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as waiting:
        for row in rows:
            cells = [plain(cell) for cell in row]
            widths = [max(width, cell_len(cell)) for width, cell in zip(widths, cells, strict=True)]
            waiting.write(json.dumps(cells) + "\n")
        waiting.seek(0)
        *head, blank, bottom = _frame(columns, widths)
        click.echo("\n".join(head))
        for line in waiting:
            parts = [
                " " * room + cell if side == "right" else cell + " " * room
                for cell, width, side in zip(json.loads(line), widths, columns.values(), strict=True)
                for room in [width - cell_len(cell)]
            ]
            click.echo(f"{blank[0]} " + f" {blank[0]} ".join(parts) + f" {blank[0]}")
        click.echo(bottom)


def plain(text: str) -> str:
    """Return a text with every character that would break the line or steer the terminal written as an escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _frame(columns: Mapping[str, JustifyMethod], widths: Sequence[int]) -> list[str]:
    """Return the lines of a table of these widths with one empty row."""
    table = Table()
    for (name, side), width in zip(columns.items(), widths, strict=True):
        table.add_column(name, justify=side, no_wrap=True, min_width=width)
    table.add_row()
    console = Console(highlight=False, width=table_width(table))
    with console.capture() as caught:
        console.print(table)
    return caught.get().splitlines()
