"""tsbench leaderboard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tsbench.cli.options import (
    METRIC_HELP,
    F,
    bench,
    common_options,
    fetch_option,
    fetch_published,
    open_registry,
    skip_bad_option,
    split_commas,
    task_option,
)
from tsbench.errors import UsageError
from tsbench.terminal import echo, echo_text

if TYPE_CHECKING:
    from tsbench.compare.beside import Beside

TableOf = Callable[[Sequence[str], bool], tuple[Sequence[tuple[str, str]], list[list[str]]]]
# Left out of a terminal that is too narrow, the first one first.
LEAST = ("sd folds", "sd seeds", "iqm", "seeds", "rank 95%", "mean 95%")


def selection(command: F) -> F:
    """Add what says of which results a board is: collections, protocol, metric, task, methods, shared, clean."""
    for option in reversed(_SELECTION):
        command = option(command)
    return command


_SELECTION = (
    click.argument("names", nargs=-1, required=True, metavar="COLLECTION|DATASET|PATH..."),
    click.option("--protocol", help="Protocol of the board.  [default: the collection's]"),
    click.option("--metric", help=METRIC_HELP),
    task_option,
    skip_bad_option,
    click.option("--method", "methods", multiple=True, help="Only these rows, comma-separated.  [default: all]"),
    click.option("--shared", is_flag=True, help="Rank every method, on the datasets that all of them have."),
    click.option(
        "--clean", is_flag=True, help="Leave out cells that are exposed to their test part, or may be (unknown)."
    ),
)


@click.command()
@selection
@click.option(
    "--costs",
    type=click.Choice(["sum", "mean"]),
    help="Also seconds of training and probe over the datasets of the mean, and peak memory (of a sum the largest).",
)
@click.option(
    "--published",
    multiple=True,
    metavar="SOURCE/METHOD",
    callback=split_commas,
    help="Also show published results, comma-separated, unranked below; see 'tsbench list published'.",
)
@fetch_option
@click.option("--intervals", is_flag=True, help="Also an interval of each cell over other test cases.")
@click.option("--tidy", is_flag=True, help="A row per cell, with spread, costs and keys, in place of one per method.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "md", "tex", "json", "parquet"]),
    help="What to print, Parquet to --out.  [default: a table]",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Also write the board to a .csv, .md, .tex, .parquet or .json file."
)
@common_options
def leaderboard(
    costs: str | None,
    published: list[str],
    fetch: bool,
    intervals: bool,
    tidy: bool,
    form: str | None,
    out: Path | None,
    **selected: Any,
) -> int:
    """Rank the methods of collections or datasets from stored results; a path names a dataset as in 'tsbench run'.

    Mean, average rank and wins are over the datasets that all complete methods have, a method being complete when no
    other covers more; incomplete methods stand apart, unless --shared. As JSON, and as CSV or Parquet with --tidy,
    each cell has its runs' keys, number and spread.

    \b
    Examples:
      tsbench leaderboard uea
      tsbench leaderboard uea --metric f1_macro --out uea.csv
      tsbench leaderboard ucr --method trls,random:trls,ts2vec --shared
      tsbench leaderboard ./icu.csv ./ward/
      tsbench leaderboard ucr --costs mean --out ucr.tex
      tsbench leaderboard ucr --tidy --out cells.csv
      tsbench leaderboard ucr --published rankscl/ts2vec,srl/t-loss/k=10
    """
    from tsbench.compare.beside import Beside
    from tsbench.papers.named import results

    form = _form(form, tidy, out, bool(published))
    if intervals and not tidy and (form == "csv" or (out is not None and out.suffix in (".csv", ".parquet"))):
        echo("note: intervals have no place in a row per method; --tidy gives a row per cell", err=True)
    if fetch:
        fetch_published(published)
    board = bench().leaderboard(**selected, costs=costs or tidy, intervals=intervals)
    beside = Beside(board, [results(name, board.metric, open_registry()) for name in published])
    if out is not None:  # before the screen: its reader may be gone
        beside.write(out, tidy)
    if form is None:
        _print(beside)
    else:
        echo_text(beside.text(form, tidy))
    if out is not None:
        echo(f"written to {out}", err=form is not None)
    return 0


def _form(form: str | None, tidy: bool, out: Path | None, published: bool) -> str | None:
    """Return what is to be printed, None for the table on the screen; raises UsageError where options disagree."""
    from tsbench.compare.beside import check_published
    from tsbench.leaderboard.write import check_form, check_output

    if published:
        check_published(form or (out.suffix.removeprefix(".") if out else "md"), tidy)

    if out is not None:
        check_output(out, tidy)
    if form is None:
        return "csv" if tidy and out is None else None
    check_form(form, tidy)
    if form != "parquet":
        return form
    if out is None or out.suffix != ".parquet":
        raise UsageError("--format parquet needs --out FILE.parquet")
    return None


def _print(beside: Beside) -> None:
    """Print the board, and below it what was published."""
    from tsbench.compare.beside import CAPTION
    from tsbench.leaderboard.export import legend, notes, shown, title

    board = beside.board
    echo(title(board))
    _print_wide(shown(board), partial(_table, board), int(board.summary["complete"].sum()))
    echo(*notes(board), *legend(board))
    if beside.results:
        echo(CAPTION)
        _print_wide(shown(board), beside.table)
        echo(*beside.notes())


def _print_wide(columns: Sequence[str], table_of: TableOf, rule: int = 0) -> None:
    """Print a table; datasets that do not fit the terminal beside each other follow in further ones."""
    from tsbench.cli.ui.tables import print_table, table_width
    from tsbench.terminal import width

    first = True
    while first or columns:
        count = len(columns)
        while count > (0 if first else 1) and table_width(*table_of(columns[:count], first)) > width():
            count -= 1
        heads, rows = table_of(columns[:count], first)
        print_table(heads, rows, least=[name for name in LEAST if (name, "right") in heads], rule=rule)
        columns, first = columns[count:], False


def _table(board: Any, columns: Sequence[str], first: bool) -> tuple[list[tuple[str, str]], list[list[str]]]:
    """Return headings and rows of the table of some datasets; on a terminal a long label is cut."""
    from tsbench.cli.ui.tables import cut
    from tsbench.leaderboard.export import cells_of, facts_of
    from tsbench.terminal import width

    names = [cut(str(method), width() // 2) for method in board.cells.index]
    facts = facts_of(board) if first else {}
    rows = zip(names, *facts.values(), *zip(*cells_of(board, columns), strict=True), strict=True)
    return [("method", "left"), *((name, "right") for name in (*facts, *columns))], [[*row] for row in rows]
