"""tsbench stats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tsbench.cli.leaderboard import selection
from tsbench.cli.options import bench, common_options
from tsbench.terminal import echo, echo_text


@click.command()
@selection
@click.option(
    "--rope",
    type=click.FloatRange(min=0),
    help="Differences up to this, in the metric's unit, are equal in the Bayesian test.  [default: 0.01 of fractions]",
)
@click.option("--format", "form", type=click.Choice(["csv", "md", "json"]), help="What to print.  [default: tables]")
@click.option("--out", type=click.Path(path_type=Path), help="Also write it to a .csv (the pairs), .md or .json file.")
@common_options
def stats(rope: float | None, form: str | None, out: Path | None, **selected: Any) -> int:
    """Test what a leaderboard shows: all methods at once, average ranks with intervals and groups, and every two.

    It takes the datasets that all complete methods of the board have; --shared and --method choose others. CSV has the
    pairs alone.

    \b
    Examples:
      tsbench stats uea --shared
      tsbench stats ucr --method ts2vec,random:ts2vec --rope 0.005 --out pairs.csv
    """
    from tsbench.leaderboard.analysis import analyse, text_of, write_stats
    from tsbench.leaderboard.write import check_output

    if out is not None:
        check_output(out, formats=("csv", "md", "json"))
    found = analyse(bench().leaderboard(**selected), rope)
    if out is not None:  # before the screen: its reader may be gone
        write_stats(found, out)
    if form is None:
        _print(found)
    else:
        echo_text(text_of(found, form))
    if out is not None:
        echo(f"written to {out}", err=form is not None)
    return 0


def _print(found: Any) -> None:
    from tsbench.cli.ui.tables import print_table
    from tsbench.leaderboard.analysis import LEAST, lines, tables

    echo(found.title, *lines(found))
    for columns, rows in tables(found):
        print_table(columns, rows, least=[name for name in LEAST if name in dict(columns)])
    echo(*found.notes)
