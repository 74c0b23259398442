"""What a comparison says, as lines and tables: on the terminal, or in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tsbench.leaderboard.cells import Side, markdown_cell, to_markdown


@dataclass(frozen=True)
class Table:
    """A table of texts: heading and side of each column, and its rows."""

    columns: Sequence[tuple[str, Side]]
    rows: Sequence[Sequence[str]]


Block = str | Table


def markdown(blocks: Iterable[Block]) -> str:
    """Return blocks as Markdown, a line each, with an empty line between them."""
    texts = (
        to_markdown(one.columns, one.rows) if isinstance(one, Table) else markdown_cell(one) + "\n" for one in blocks
    )
    return "\n".join(texts)


def _markdown(one: Block) -> str:
    return to_markdown(one.columns, one.rows) if isinstance(one, Table) else f"{markdown_cell(one)}\n"


def columns(left: Sequence[str], right: Sequence[str]) -> list[tuple[str, Side]]:
    """Return the headings of columns of text, then of numbers."""
    return [*((name, "left") for name in left), *((name, "right") for name in right)]
