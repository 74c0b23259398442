"""tsbench leaderboard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tsbench.cli.options import METRIC_HELP, bench, common_options, task_option
from tsbench.terminal import echo, echo_text


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="COLLECTION|DATASET|PATH...")
@click.option("--protocol", help="Protocol of the board.  [default: the collection's]")
@click.option("--metric", help=METRIC_HELP)
@task_option
@click.option("--method", "methods", multiple=True, help="Only these rows, comma-separated.  [default: all]")
@click.option("--shared", is_flag=True, help="Rank every method, on the datasets that all of them have.")
@click.option("--clean", is_flag=True, help="Leave out cells that are exposed to their test part, or may be (unknown).")
@click.option("--format", "form", type=click.Choice(["csv", "md", "json"]), help="What to print.  [default: a table]")
@click.option("--out", type=click.Path(path_type=Path), help="Also write the board to a .csv, .md or .json file.")
@common_options
def leaderboard(
    names: tuple[str, ...],
    protocol: str | None,
    metric: str | None,
    task: str | None,
    methods: tuple[str, ...],
    shared: bool,
    clean: bool,
    form: str | None,
    out: Path | None,
) -> int:
    """Rank the methods of collections or datasets from stored results; a path names a dataset as in 'tsbench run'.

    Mean, average rank and wins are over the datasets that all complete methods have, a method being complete when no
    other covers more; incomplete methods stand apart, unless --shared. As JSON each cell has its runs' keys, number
    and spread.

    \b
    Examples:
      tsbench leaderboard uea
      tsbench leaderboard uea --metric f1_macro --out uea.csv
      tsbench leaderboard ucr --method trls,random:trls,ts2vec --shared
      tsbench leaderboard ./icu.csv ./ward/
    """
    from tsbench.leaderboard.export import check_output, text_of, write_board

    if out is not None:
        check_output(out)
    board = bench().leaderboard(names, protocol, metric, task=task, methods=methods, shared=shared, clean=clean)
    if out is not None:  # before the screen: its reader may be gone
        write_board(board, out)
    if form is None:
        _print(board)
    else:
        echo_text(text_of(board, form))
    if out is not None:
        echo(f"written to {out}", err=form is not None)
    return 0


def _print(board: Any) -> None:
    """Print the board; datasets that do not fit the terminal beside each other follow in further tables."""
    from tsbench.cli.ui.tables import print_table, table_width
    from tsbench.leaderboard.export import notes, shown, title
    from tsbench.terminal import width

    columns, first, n_complete = shown(board), True, int(board.summary["complete"].sum())
    echo(title(board))
    while first or columns:
        count = len(columns)
        while count > 1 and table_width(*_table(board, columns[:count], first)) > width():
            count -= 1
        print_table(*_table(board, columns[:count], first), rule=n_complete)
        columns, first = columns[count:], False
    echo(*notes(board))


def _table(board: Any, columns: list[str], summary: bool) -> tuple[list[tuple[str, str]], list[list[str]]]:
    """Return headings and rows of the table of some datasets; on a terminal a long label is cut."""
    from tsbench.cli.ui.tables import cut
    from tsbench.leaderboard.export import HEADS, printed
    from tsbench.terminal import width

    heads = HEADS if summary else ()
    rows = [
        [cut(method, width() // 2), *(facts if summary else ()), *cells]
        for method, facts, cells in printed(board, columns)
    ]
    return [("method", "left"), *((name, "right") for name in (*heads, *columns))], rows
