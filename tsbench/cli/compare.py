"""tsbench compare."""

from __future__ import annotations

from pathlib import Path

import click

from tsbench.cli.options import METRIC_HELP, bench, common_options, fetch_option, fetch_published, task_option
from tsbench.terminal import echo, echo_text


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="COLLECTION|DATASET|PATH...")
@click.option("--method", required=True, help="The row of ours.")
@click.option("--published", required=True, metavar="SOURCE/METHOD", help="See 'tsbench list published'.")
@click.option("--protocol", help="Protocol of ours.  [default: the collection's]")
@click.option("--metric", help=METRIC_HELP)
@task_option
@click.option("--clean", is_flag=True, help="Leave out cells that are exposed to their test part, or may be (unknown).")
@fetch_option
@click.option("--format", "form", type=click.Choice(["csv", "md", "json"]), help="What to print.  [default: a table]")
@click.option("--out", type=click.Path(path_type=Path), help="Also write it to a .csv, .md or .json file.")
@common_options
def compare(
    names: tuple[str, ...],
    method: str,
    published: str,
    protocol: str | None,
    metric: str | None,
    task: str | None,
    clean: bool,
    fetch: bool,
    form: str | None,
    out: Path | None,
) -> int:
    """Put the results of a method beside published ones: the difference on each dataset, its mean, a paired test.

    How either was measured stands below, with a warning where that is not the same, and what is doubtful.

    \b
    Examples:
      tsbench compare ucr --method ts2vec --published rankscl/ts2vec
      tsbench compare ucr --method t-loss --published srl/t-loss/k=10 --out t-loss.md
      tsbench compare ucr --method minirocket --published bakeoff/MiniROCKET --fetch
    """
    from tsbench.cli.ui.tables import print_blocks
    from tsbench.compare.blocks import check_output
    from tsbench.leaderboard.export import write_bytes

    if out is not None:
        check_output(out)
    if fetch:
        fetch_published([published])
    found = bench().compare(names, method, published, protocol, metric, task=task, clean=clean)
    if out is not None:
        write_bytes(out, found.text(out.suffix.removeprefix(".")).encode())
    if form is None:
        print_blocks(found.blocks())
    else:
        echo_text(found.text(form))
    if out is not None:
        echo(f"written to {out}", err=form is not None)
    return 0
