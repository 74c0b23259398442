"""tsbench data path, and the folder that fetch writes to."""

from __future__ import annotations

from pathlib import Path

import click
from click.core import ParameterSource

from tsbench.cli.options import common_options, open_registry, settings
from tsbench.terminal import echo


@click.command()
@click.argument("name", required=False)
@common_options
def path(name: str | None) -> int:
    """Print the files of a dataset or, without a name, the folder that 'tsbench data fetch' writes to.

    \b
    Examples:
      tsbench data path
      tsbench data path GunPoint
    """
    from tsbench.plan.plan import expand_datasets

    if name is None:
        echo(destination())
        return 0
    for handle in expand_datasets([name], settings().plugins(), open_registry()):
        if not handle.available():
            handle.load()  # raises MissingDataError with the dataset's own remedy
        for file in handle.files():
            echo(file)
    return 0


def destination() -> Path:
    """Return the folder for fetched datasets: the one --data-dir names on the command line, else that of the cache."""
    from tsbench.data.places import fetched_folder, search_path

    context: click.Context | None = click.get_current_context()
    while context is not None:
        if context.get_parameter_source("data_dir") == ParameterSource.COMMANDLINE:
            return search_path()[0]
        context = context.parent
    return fetched_folder()
