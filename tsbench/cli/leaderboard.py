"""tsbench leaderboard."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tsbench.catalog import did_you_mean
from tsbench.cli.options import common_options, open_registry, open_store, settings
from tsbench.cli.output import check_file
from tsbench.cli.run import split_commas
from tsbench.errors import UsageError

if TYPE_CHECKING:
    from tsbench.run.datasets import DatasetHandle

NAMED = 5  # datasets in the line about those that are not here


@click.command()
@click.argument("collection")
@click.option("--protocol", help="Protocol of the board.  [default: the collection's]")
@click.option("--metric", default="accuracy", show_default=True, help="Metric of the cells.")
@click.option("--method", "methods", multiple=True, callback=split_commas, help="Only these rows.  [default: all]")
@click.option("--shared", is_flag=True, help="Rank every method, on the datasets that all of them have.")
@click.option("--out", type=click.Path(path_type=Path), help="Also write the board to a .csv or .md file.")
@common_options
def leaderboard(
    collection: str, protocol: str | None, metric: str, methods: list[str], shared: bool, out: Path | None
) -> int:
    """Rank the methods of a collection (or a comma-separated list of datasets) from stored results.

    Mean, average rank and wins are over the datasets that all complete methods have, a method being complete when no
    other covers more; incomplete methods stand apart, unless --shared.

    \b
    Examples:
      tsbench leaderboard uea
      tsbench leaderboard uea --metric f1_macro --out uea.csv
      tsbench leaderboard ucr --method trls,random:trls,ts2vec --shared
    """
    from tsbench.leaderboard.newest import present
    from tsbench.leaderboard.table import build
    from tsbench.metrics import METRICS

    if metric not in METRICS:
        raise UsageError(f"unknown metric '{metric}'; choose one of {', '.join(METRICS)}")
    if out is not None:
        _check_output(out)
    registry = open_registry()
    handles, default = _datasets(collection, registry)
    datasets = [handle.name for handle in handles]
    chosen = registry.protocol(protocol or default)
    with contextlib.closing(open_store(must_exist=True)) as store:
        rows = store.scores(metric, {chosen.hash(), chosen.own().hash()}, datasets)
    wanted = set(rows["dataset"])
    now = present([handle for handle in handles if handle.name in wanted], chosen)
    known = sorted(rows["label"].unique())
    for method in methods:
        if method not in known:
            raise UsageError(
                f"--method {method}: no such row{did_you_mean(method, known) or '; rows: ' + ', '.join(known)}"
            )
    board = build(collection, datasets, chosen, rows, metric, shared, methods, now)
    if board.cells.empty:
        aside = f" ({board.outdated} results are of older versions, data or splits)" if board.outdated else ""
        raise UsageError(
            f"no result for '{collection}' under protocol '{chosen.name}' in {store.name}{aside}; "
            f"make some: tsbench run --dataset {collection} --protocol {chosen.name} --method ..."
        )
    _print(board)
    if out is not None:
        from tsbench.leaderboard.export import write_board

        write_board(board, out)
        click.echo(f"written to {out}")
    return 0


def _check_output(out: Path) -> None:
    from tsbench.leaderboard.export import FORMATS

    if out.suffix not in FORMATS:
        raise UsageError(f"--out {out}: choose a file that ends in {' or '.join(FORMATS)}")
    check_file(out)


def _datasets(collection: str, registry: Any) -> tuple[list[DatasetHandle], str]:
    """Return the datasets and the default protocol of a collection, a suite or a list of datasets."""
    from tsbench.run.plan import expand_datasets

    if collection in registry.suites:
        suite = registry.suites[collection]
        names, default = [suite.collection], suite.protocols[0]
    else:
        names = collection.split(",")
        default = registry.collections[collection].protocol if collection in registry.collections else ""
    handles = expand_datasets(names, settings().plugins(), registry)
    own = handles[0].card.default_protocol or handles[0].default_protocol
    return handles, default or own


def _print(board: Any) -> None:
    """Print the board; datasets that do not fit the terminal beside each other follow in further tables."""
    from tsbench.cli.tables import UNLIMITED, print_table, table_width, terminal_width

    room = terminal_width()
    columns = [name for name in board.cells.columns if board.cells[name].notna().any()]
    click.echo(f"{board.name}: {board.metric} in %, protocol {board.protocol.name} ({board.protocol.summary})")
    first = True
    while first or columns:
        count = len(columns)
        while room < UNLIMITED and count > 1 and table_width(_table(board, columns[:count], first)) > room:
            count -= 1
        print_table(_table(board, columns[:count], first))
        columns, first = columns[count:], False
    whose = "all complete methods" if not board.summary["complete"].all() else "all methods"
    click.echo(f"Mean, rank and wins are over the datasets that {whose} have: {len(board.common)}.")
    for line in _left_out(board):
        click.echo(line)


def _left_out(board: Any) -> Iterator[str]:
    """Yield a line for each reason why results are not on the board, and for data that could not be looked at."""
    if board.outdated:
        yield f"Left out: {board.outdated} results of older versions, data or splits; 'tsbench run' makes them anew."
    if board.others:
        yield f"Left out: {board.others} results of the same names with other settings; the newest are shown."
    if board.unreadable:
        yield f"Left out: {board.unreadable} results that cannot be read; see 'tsbench store check'."
    if board.absent:
        more = f" and {len(board.absent) - NAMED} more" if len(board.absent) > NAMED else ""
        names = ", ".join(board.absent[:NAMED])
        yield f"Not on this machine, or not readable: {names}{more}. There the data that was run last counts."


def _table(board: Any, columns: list[str], summary: bool) -> Any:
    from rich.markup import escape
    from rich.table import Table

    from tsbench.leaderboard.export import percent, rank, whole

    table = Table()
    heads = ["mean", "rank", "wins", "coverage"] if summary else []
    for name in ("method", *heads, *columns):
        table.add_column(name, justify="left" if name == "method" else "right", no_wrap=True)
    n_complete = int(board.summary["complete"].sum())
    values = board.cells[columns].to_numpy()
    for number, (method, row) in enumerate(board.summary.iterrows(), start=1):
        facts = [percent(row["mean"]), rank(row["rank"]), whole(row["wins"]), row["coverage"]] if summary else []
        cells = [percent(value) for value in values[number - 1]]
        table.add_row(escape(str(method)), *facts, *cells, end_section=number == n_complete)
    return table
