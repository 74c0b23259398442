"""Printing tables: as wide as they need to be in a pipe, in pieces that fit on a terminal."""

from __future__ import annotations

from rich.console import Console
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
