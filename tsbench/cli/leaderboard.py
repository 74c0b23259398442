"""tsbench leaderboard."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tsbench.cli.options import common_options, open_registry, open_store, settings
from tsbench.cli.output import check_file
from tsbench.cli.run import split_names
from tsbench.cli.ui.terminal import echo
from tsbench.discovery.catalog import did_you_mean
from tsbench.errors import UsageError
from tsbench.text import command_line

if TYPE_CHECKING:
    from tsbench.plan.datasets import DatasetHandle


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="COLLECTION|DATASET|PATH...")
@click.option("--protocol", help="Protocol of the board.  [default: the collection's]")
@click.option("--metric", default="accuracy", show_default=True, help="Metric of the cells.")
@click.option("--method", "methods", multiple=True, help="Only these rows, comma-separated.  [default: all]")
@click.option("--shared", is_flag=True, help="Rank every method, on the datasets that all of them have.")
@click.option("--out", type=click.Path(path_type=Path), help="Also write the board to a .csv or .md file.")
@common_options
def leaderboard(
    names: tuple[str, ...],
    protocol: str | None,
    metric: str,
    methods: tuple[str, ...],
    shared: bool,
    out: Path | None,
) -> int:
    """Rank the methods of collections or datasets from stored results; a path names a dataset as in 'tsbench run'.

    Mean, average rank and wins are over the datasets that all complete methods have, a method being complete when no
    other covers more; incomplete methods stand apart, unless --shared.

    \b
    Examples:
      tsbench leaderboard uea
      tsbench leaderboard uea --metric f1_macro --out uea.csv
      tsbench leaderboard ucr --method trls,random:trls,ts2vec --shared
      tsbench leaderboard ./icu.csv ./ward/
    """
    from tsbench.leaderboard.newest import present
    from tsbench.leaderboard.table import build
    from tsbench.tasks.metrics import METRICS

    if metric not in METRICS:
        raise UsageError(f"unknown metric '{metric}'; choose one of {', '.join(METRICS)}")
    if out is not None:
        _check_output(out)
    registry = open_registry()
    asked, handles, default = _datasets(names, registry)
    datasets = [handle.name for handle in handles]
    chosen = registry.protocol(protocol or default)
    with contextlib.closing(open_store(must_exist=True)) as store:
        rows = store.scores(metric, {chosen.hash(), chosen.own().hash()}, datasets)
    have = set(rows["dataset"])
    now = present([handle for handle in handles if handle.name in have], chosen)
    known = sorted(rows["label"].unique())
    wanted = split_names(methods, known.__contains__)
    for method in wanted:
        if method not in known:
            raise UsageError(
                f"--method {method}: no such row{did_you_mean(method, known) or '; rows: ' + ', '.join(known)}"
            )
    board = build(", ".join(names), datasets, chosen, rows, metric, shared, wanted, now)
    if board.cells.empty:
        aside = f" ({board.outdated} results are of older versions, data or splits)" if board.outdated else ""
        command = command_line(["tsbench", "run", "--dataset", ",".join(asked), "--protocol", chosen.name])
        raise UsageError(
            f"no result for {', '.join(names)} under protocol '{chosen.name}' in {store.name}{aside}; "
            f"make some: {command} --method ..."
        )
    if out is not None:  # before the screen: its reader may be gone
        from tsbench.leaderboard.export import write_board

        write_board(board, out)
    _print(board)
    if out is not None:
        echo(f"written to {out}")
    return 0


def _check_output(out: Path) -> None:
    from tsbench.leaderboard.export import FORMATS

    if out.suffix not in FORMATS:
        raise UsageError(f"--out {out}: choose a file that ends in {' or '.join(FORMATS)}")
    check_file(out)


def _datasets(names: Iterable[str], registry: Any) -> tuple[list[str], list[DatasetHandle], str]:
    """Return what 'tsbench run --dataset' takes for these names, the datasets, and the default protocol.

    A suite stands for its collection. The default is that of what was named first.
    """
    from tsbench.plan.plan import expand_datasets

    parts = split_names(names, os.path.exists)
    if not parts:
        raise UsageError("name a collection, a dataset or a path; see 'tsbench leaderboard --help'")
    asked = [registry.suites[name].collection if name in registry.suites else name for name in parts]
    handles = expand_datasets(asked, settings().plugins(), registry)
    if parts[0] in registry.suites:
        default = registry.suites[parts[0]].protocols[0]
    elif parts[0] in registry.collections:
        default = registry.collections[parts[0]].protocol
    else:
        default = handles[0].card.default_protocol or handles[0].default_protocol
    return asked, handles, default


def _print(board: Any) -> None:
    """Print the board; datasets that do not fit the terminal beside each other follow in further tables."""
    from tsbench.cli.ui.tables import print_table, table_width
    from tsbench.cli.ui.terminal import width
    from tsbench.leaderboard.export import notes, shown, title

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
    from tsbench.cli.ui.terminal import width
    from tsbench.leaderboard.export import HEADS, printed

    heads = HEADS if summary else ()
    rows = [
        [cut(method, width() // 2), *(facts if summary else ()), *cells]
        for method, facts, cells in printed(board, columns)
    ]
    return [("method", "left"), *((name, "right") for name in (*heads, *columns))], rows
