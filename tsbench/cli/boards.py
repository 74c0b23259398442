"""tsbench boards."""

from __future__ import annotations

from pathlib import Path

import click

from tsbench.cli.options import common_options, open_registry, settings
from tsbench.cli.ui.refusals import echo_refused
from tsbench.terminal import echo

HOME = Path("leaderboards")


@click.command()
@click.option(
    "--from",
    "evidence",
    default=HOME / "results",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder of the evidence.",
)
@click.option("--out", default=HOME, show_default=True, type=click.Path(path_type=Path), help="Folder of the boards.")
@common_options
def boards(evidence: Path, out: Path) -> int:
    """Make every board anew that follows from a folder of evidence, which is verified first.

    The boards are of the evidence alone, whatever data is on this machine. Exit code 1: some run was refused, or
    contradicts others.

    One board for each collection and protocol, as CSV and Markdown, and one beside it that ranks every method on the
    datasets that all have.

    \b
    Example:
      tsbench boards --from leaderboards/results --out leaderboards
    """
    from tsbench.evidence.boards import make_boards
    from tsbench.output import check_folder

    check_folder(out)
    made = make_boards(evidence, out, settings().plugins(), open_registry())
    echo_refused(made.refused)
    for line in made.conflicts:
        echo(f"conflict, left out: {line}", err=True)
    for folder in made.unknown:
        echo(f"{folder}: is called as no collection whose datasets are of one task: no board", err=True)
    for path in made.files:
        echo(path)
    return 1 if made.refused or made.conflicts else 0
