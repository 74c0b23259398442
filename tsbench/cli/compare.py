"""tsbench compare."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tsbench.cli.options import (
    METRIC_HELP,
    bench,
    common_options,
    fetch_option,
    fetch_published,
    plot_option,
    task_option,
)
from tsbench.terminal import echo, echo_text

if TYPE_CHECKING:
    from tsbench.compare.published import Comparison


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
@plot_option("Also draw it, a point per dataset.")
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
    plot: Path | None,
) -> int:
    """Put the results of a method beside published ones: the difference on each dataset, its mean, a paired test.

    How either was measured stands below, with a warning where that is not the same, and what is doubtful.

    \b
    Examples:
      tsbench compare ucr --method ts2vec --published rankscl/ts2vec
      tsbench compare ucr --method t-loss --published srl/t-loss/k=10 --out t-loss.md --plot t-loss.svg
      tsbench compare ucr --method minirocket --published bakeoff/MiniROCKET --fetch
    """
    from tsbench.cli.ui.tables import print_blocks
    from tsbench.leaderboard.write import check_output
    from tsbench.output import write_bytes
    from tsbench.plots.drawing import check_output as check_picture

    if out is not None:
        check_output(out, formats=("csv", "md", "json"))
    if plot is not None:
        check_picture("--plot", plot)
    if fetch:
        fetch_published([published])
    found = bench().compare(names, method, published, protocol, metric, task=task, clean=clean)
    if out is not None:
        write_bytes(out, found.text(out.suffix.removeprefix(".")).encode())
    if plot is not None:
        _draw(found, plot)
    if form is None:
        print_blocks(found.blocks())
    else:
        echo_text(found.text(form))
    for path in filter(None, (out, plot)):
        echo(f"written to {path}", err=form is not None)
    return 0


def _draw(found: Comparison, path: Path) -> None:
    import pandas as pd

    from tsbench.plots.about import about
    from tsbench.plots.drawing import save
    from tsbench.plots.scatter import draw

    theirs, ours = found.frame["published"], found.frame["published"] + found.frame["difference"]  # as it was rounded
    frame = pd.DataFrame({"dataset": found.frame["dataset"], found.results.name: theirs, found.method: ours})
    save(draw(frame, about(found.board, f"{found.title}, each measured as its source says")), path)
