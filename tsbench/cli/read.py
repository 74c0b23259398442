"""tsbench read."""

from __future__ import annotations

from pathlib import Path

import click

from tsbench.cli.options import bench, common_options
from tsbench.terminal import echo, echo_text


@click.command()
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
@click.option("--all-folds", is_flag=True, help="Also read the other folds of the run.")
@click.option(
    "--positive", metavar="CLASS", help="The class that is looked for.  [default: of two, the card's or the last]"
)
@click.option(
    "--by",
    multiple=True,
    metavar="COLUMN[=EDGE,EDGE]",
    help="Also by subgroup: static:sex, meta:unit, age=18,65,80; may be repeated.",
)
@click.option(
    "--against", multiple=True, metavar="KEY", help="Compare with another run on the same test part; DeLong's test."
)
@click.option(
    "--resamples", default=1000, show_default=True, type=click.IntRange(100, 100_000), help="Of the bootstrap."
)
@click.option("--format", "form", type=click.Choice(["csv", "md", "json"]), help="What to print.  [default: tables]")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Also write it to a .csv (a row per number), .md or .json file."
)
@common_options
def read(
    keys: tuple[str, ...],
    all_folds: bool,
    positive: str | None,
    by: tuple[str, ...],
    against: tuple[str, ...],
    resamples: int,
    form: str | None,
    out: Path | None,
) -> int:
    """Read what a run predicted as clinical papers report it: intervals by subject, subgroups, calibration, benefit.

    KEY is the start of a run's key; several are folds of one configuration. Intervals come of a bootstrap of subjects.

    \b
    Examples:
      tsbench read 3fa9c1
      tsbench read 3fa9c1 --all-folds --by static:sex --by age=40,65,80 --out read.json
      tsbench read 3fa9c1 --against 77b0e2
    """
    from tsbench.cli.ui.tables import print_blocks
    from tsbench.leaderboard.write import check_output
    from tsbench.output import write_bytes
    from tsbench.reading.report import FORMATS, blocks, text_of

    if out is not None:
        check_output(out, formats=FORMATS)
    found = bench().read(keys, positive, by, against, all_folds=all_folds, resamples=resamples)
    if out is not None:
        write_bytes(out, text_of(found, out.suffix.removeprefix(".")).encode())
    if form is None:
        print_blocks(blocks(found))
    else:
        echo_text(text_of(found, form))
    if out is not None:
        echo(f"written to {out}", err=form is not None)
    return 0
