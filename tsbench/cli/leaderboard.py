"""tsbench leaderboard."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import click

from tsbench.catalog import did_you_mean
from tsbench.cli.options import common_options, open_registry, open_store, settings
from tsbench.cli.output import check_file
from tsbench.cli.run import split_commas
from tsbench.cli.terminal import echo
from tsbench.errors import UsageError


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
    from tsbench.leaderboard.table import build
    from tsbench.metrics import METRICS

    if metric not in METRICS:
        raise UsageError(f"unknown metric '{metric}'; choose one of {', '.join(METRICS)}")
    if out is not None:
        _check_output(out)
    registry = open_registry()
    datasets, default = _datasets(collection, registry)
    chosen = registry.protocol(protocol or default)
    with contextlib.closing(open_store(must_exist=True)) as store:
        rows = store.scores(metric, {chosen.hash(), chosen.own().hash()}, datasets)
    known = sorted(rows["label"].unique())
    for method in methods:
        if method not in known:
            raise UsageError(
                f"--method {method}: no such row{did_you_mean(method, known) or '; rows: ' + ', '.join(known)}"
            )
    board = build(collection, datasets, chosen, rows, metric, shared, methods)
    if board.cells.empty:
        raise UsageError(
            f"no result for '{collection}' under protocol '{chosen.name}' in {store.name}; "
            f"make some: tsbench run --dataset {collection} --protocol {chosen.name} --method ..."
        )
    _print(board)
    if out is not None:
        from tsbench.leaderboard.export import write_board

        write_board(board, out)
        echo(f"written to {out}")
    return 0


def _check_output(out: Path) -> None:
    from tsbench.leaderboard.export import FORMATS

    if out.suffix not in FORMATS:
        raise UsageError(f"--out {out}: choose a file that ends in {' or '.join(FORMATS)}")
    check_file(out)


def _datasets(collection: str, registry: Any) -> tuple[list[str], str]:
    """Return dataset names and the default protocol of a collection, a suite or a list of datasets."""
    from tsbench.run.plan import expand_datasets

    if collection in registry.suites:
        suite = registry.suites[collection]
        names, default = [suite.collection], suite.protocols[0]
    else:
        names = collection.split(",")
        default = registry.collections[collection].protocol if collection in registry.collections else ""
    handles = expand_datasets(names, settings().plugins(), registry)
    own = handles[0].card.default_protocol or handles[0].default_protocol
    return [handle.name for handle in handles], default or own


def _print(board: Any) -> None:
    """Print the board; datasets that do not fit the terminal beside each other follow in further tables."""
    from tsbench.cli.tables import print_table, table_width
    from tsbench.cli.terminal import width

    columns = [name for name in board.cells.columns if board.cells[name].notna().any()]
    echo(f"{board.name}: {board.metric} in %, protocol {board.protocol.name} ({board.protocol.summary})")
    first, n_complete = True, int(board.summary["complete"].sum())
    while first or columns:
        count = len(columns)
        while count > 1 and table_width(*_table(board, columns[:count], first)) > width():
            count -= 1
        print_table(*_table(board, columns[:count], first), rule=n_complete)
        columns, first = columns[count:], False
    whose = "all complete methods" if not board.summary["complete"].all() else "all methods"
    echo(f"Mean, rank and wins are over the datasets that {whose} have: {len(board.common)}.")
    if board.outdated:
        echo(f"Left out: {board.outdated} results of older versions or data; 'tsbench run' makes them anew.")


def _table(board: Any, columns: list[str], summary: bool) -> tuple[list[tuple[str, str]], list[list[str]]]:
    """Return headings and rows of the table of some datasets; on a terminal a long label is cut."""
    from tsbench.cli.tables import cut
    from tsbench.cli.terminal import width
    from tsbench.leaderboard.export import percent, rank, whole

    heads = ["mean", "rank", "wins", "coverage"] if summary else []
    rows = []
    for (method, row), values in zip(board.summary.iterrows(), board.cells[columns].to_numpy(), strict=True):
        facts = [percent(row["mean"]), rank(row["rank"]), whole(row["wins"]), row["coverage"]] if summary else []
        rows.append([cut(str(method), width() // 2), *facts, *map(percent, values)])
    return [("method", "left"), *((name, "right") for name in (*heads, *columns))], rows
