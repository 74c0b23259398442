"""tsbench data: the group, and the commands list and info."""

from __future__ import annotations

from pathlib import Path

import click

from tsbench.cli.data.check import check
from tsbench.cli.data.fetch import fetch
from tsbench.cli.data.path import path
from tsbench.cli.data.verify import verify
from tsbench.cli.options import common_options, open_registry, plot_option, settings, skip_bad_option, task_option
from tsbench.cli.show.dataset import show_dataset
from tsbench.errors import InvalidDataError
from tsbench.terminal import echo


@click.group()
def data() -> None:
    """See which datasets are known and which are on this machine; fetch the others."""


@data.command("list")
@click.argument("collection", required=False)
@click.option("--available", is_flag=True, help="Only those on this machine.")
@common_options
def list_data(collection: str | None, available: bool) -> int:
    """List datasets, all or those of a collection, and whether they are on this machine.

    \b
    Example:
      tsbench data list uea --data-dir ~/archives
    """
    from tsbench.plan.plan import expand_datasets

    plugins = settings().plugins()
    names = [collection] if collection else [name for name in plugins["datasets"].names() if name != "local"]
    handles = expand_datasets(names, plugins, open_registry())
    here = 0
    for handle in handles:
        try:
            present, summary = handle.available(), handle.card.summary
        except InvalidDataError as error:
            echo(f"broken   {handle.name:<32}  {error}")
            continue
        here += present
        if present or not available:
            echo(f"{'here   ' if present else 'missing'}  {handle.name:<32}  {summary}".rstrip())
    echo(f"{here} of {len(handles)} datasets are on this machine.", err=True)
    return 0


@data.command()
@click.argument("name")
@task_option
@skip_bad_option
@plot_option("Draw a few series of each class, of the training part, to this file.")
@common_options
def info(name: str, task: str | None, skip_bad: bool, plot: Path | None) -> int:
    """Print a dataset's card and, where the data is on this machine, its sizes, classes and fingerprint.

    \b
    Examples:
      tsbench data info GunPoint
      tsbench data info ./recordings.csv --plot recordings.svg
    """
    from tsbench.plan.asked import with_tasks

    return show_dataset(with_tasks([name], task, settings().plugins(), open_registry(), skip_bad)[0], plot)


for command in (fetch, verify, path, check):
    data.add_command(command)
