"""tsbench diff."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click

from tsbench.cli.options import common_options, open_registry, settings, split_commas, task_option
from tsbench.terminal import echo, echo_text


@click.command()
@click.argument("first", metavar="STORE_A")
@click.argument("second", metavar="STORE_B")
@click.argument("names", nargs=-1, metavar="[COLLECTION|DATASET|PATH...]")
@click.option("--protocol", "protocols", multiple=True, callback=split_commas, help="Only these.  [default: all]")
@click.option("--metric", help="What is compared.  [default: that of each task]")
@task_option
@click.option(
    "--method",
    "methods",
    multiple=True,
    callback=split_commas,
    help="Only these rows.  [default: all]",
)
@click.option("--clean", is_flag=True, help="Leave out what is exposed to its test part, or may be (unknown).")
@click.option("--verbose", is_flag=True, help="Name every run that one store lacks, and every cell that changed.")
@click.option("--strict", is_flag=True, help="Exit 1 where a result changed by more than the noise of its seeds.")
@click.option("--format", "form", type=click.Choice(["csv", "md", "json"]), help="What to print.  [default: tables]")
@click.option("--out", type=click.Path(path_type=Path), help="Also write it to a .csv (the cells), .md or .json file.")
@common_options
def diff(
    first: str,
    second: str,
    names: tuple[str, ...],
    protocols: list[str],
    metric: str | None,
    task: str | None,
    methods: list[str],
    clean: bool,
    verbose: bool,
    strict: bool,
    form: str | None,
    out: Path | None,
) -> int:
    """Say what changed from one store to another: runs, versions, and scores by more than the noise of their seeds.

    A store is a file, a database's URL, or evidence (a .parquet file, or a folder of such), which is verified first:
    what is refused of it is named, and the exit code is 1.
    --strict: runs that one store lacks do not count; a cell that changed counts where its noise is not known, too.

    \b
    Examples:
      tsbench diff before.db after.db
      tsbench diff leaderboards/results results.db ucr --protocol svm-rbf --method ts2vec --strict
    """
    from tsbench.cli.ui.tables import print_blocks
    from tsbench.compare.report import blocks, text_of
    from tsbench.compare.stores import ask, difference
    from tsbench.evidence import is_evidence
    from tsbench.evidence.opened import open_results
    from tsbench.leaderboard.write import check_output
    from tsbench.output import write_bytes

    if out is not None:
        check_output(out, formats=("csv", "md", "json"))
    known = settings().plugins(), open_registry()
    asked = ask(names, protocols, metric, task, methods, clean, *known)
    refused = list[str]()

    def told(line: str) -> None:
        refused.append(line)
        echo(line, err=True)

    with contextlib.ExitStack() as opened:
        stores = [opened.enter_context(open_results(name, *known, told)) for name in (first, second)]
        shown = [name if is_evidence(name) else store.name for name, store in zip((first, second), stores, strict=True)]
        found = difference(stores[0], stores[1], asked, (shown[0], shown[1]))
    if out is not None:
        write_bytes(out, text_of(found, out.suffix.removeprefix("."), verbose).encode())
    if form is None:
        print_blocks(blocks(found, verbose))
    else:
        echo_text(text_of(found, form, verbose))
    if out is not None:
        echo(f"written to {out}", err=form is not None)
    if refused:
        echo(f"{len(refused)} rows or files of the evidence do not count: the comparison lacks them", err=True)
    return 1 if refused or (strict and found.differs) else 0
