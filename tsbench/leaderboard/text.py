"""Tables as CSV and Markdown in which every name stays a name: no formula, no markup, no further column."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from tsbench.text import plain, plain_lines

if TYPE_CHECKING:
    import pandas as pd

Side = Literal["left", "right"]
# What a spreadsheet takes for a formula, or cuts off before it looks for one (the full-width signs count there, too).
_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\n]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_MARKUP = re.compile(r"[\\`*\[\]<>|~&$]|(?<![^\W_])_|_(?![^\W_])")


def guarded(cell: Any) -> Any:
    """Return a cell of a CSV; text that a spreadsheet would run as a formula gets an apostrophe before it.

    A carriage return, which pandas leaves without quotes and a spreadsheet begins a row at, becomes a line feed; no
    other control character stays.
    """
    if not isinstance(cell, str):
        return cell
    text = plain_lines(cell.replace("\r\n", "\n").replace("\r", "\n"))
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def to_csv(frame: pd.DataFrame, header: bool = True, float_format: str | None = "%.6g") -> str:
    """Return a DataFrame as CSV, without its index; numbers at full precision where float_format is None."""
    import pandas as pd

    # By place, not by name: a dataset may be called as another column is.
    columns = [column if column.dtype.kind in "biuf" else column.map(guarded) for _, column in frame.items()]
    safe = pd.concat(columns, axis=1, keys=range(len(columns))).set_axis([*map(guarded, frame.columns)], axis=1)
    return str(safe.to_csv(index=False, header=header, float_format=float_format, lineterminator="\n"))


def to_markdown(columns: Sequence[tuple[str, Side]], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown, given the heading and the side of each column."""
    rule = ["---:" if side == "right" else "---" for _, side in columns]
    lines = [[markdown_cell(name) for name, _ in columns], rule, *([*map(markdown_cell, row)] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def markdown_cell(text: str) -> str:
    """Return a text that Markdown shows as it is, on one line."""
    return _MARKUP.sub(r"\\\g<0>", plain(" ".join(text.splitlines())))
