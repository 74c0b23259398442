"""tsbench show."""

from __future__ import annotations

from pathlib import Path

import click

from tsbench.cli.options import common_options, plot_option
from tsbench.cli.show.corruption import show_corruption
from tsbench.cli.show.dataset import show_dataset
from tsbench.cli.show.method import show_method
from tsbench.errors import UsageError


@click.command()
@click.argument("kind", type=click.Choice(["method", "transform", "corruption", "dataset", "run"]))
@click.argument("name")
@click.option("--dataset", metavar="NAME", help="Draw a transform of this dataset, one case of each class.")
@click.option("--case", "cases", type=int, multiple=True, metavar="I", help="Draw this case; may be repeated.")
@click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="Parameter of the transform.")
@click.option("--out", type=click.Path(path_type=Path), help="File of the transform's drawing.  [default: NAME.png]")
@plot_option("Draw a run's training curve and confusion matrix, or a few series of a dataset, to this file.")
@click.option("--json", "as_json", is_flag=True, help="Print a run as JSON.")
@common_options
def show(
    kind: str,
    name: str,
    dataset: str | None,
    cases: tuple[int, ...],
    pairs: tuple[str, ...],
    out: Path | None,
    plot: Path | None,
    as_json: bool,
) -> int:
    """Show a method, a transform, a corruption, a dataset with its card, or a run (by the start of its key).

    \b
    Examples:
      tsbench show method trls
      tsbench show transform gasf --dataset GunPoint --out gasf.png
      tsbench show run 3fa9c1 --plot run.svg
    """
    if kind != "transform" and (dataset or cases or pairs or out):
        raise UsageError("--dataset, --case, --set and --out are for 'tsbench show transform'")
    if plot and kind not in ("run", "dataset"):
        raise UsageError("--plot is for 'tsbench show run' and 'tsbench show dataset'")
    if as_json and kind != "run":
        raise UsageError("--json is for 'tsbench show run'")
    if kind == "transform":
        from tsbench.cli.show.transform import show_transform
        from tsbench.plan.request import parse_overrides

        return show_transform(name, dataset, cases, parse_overrides(pairs), out)
    if kind == "dataset":
        return show_dataset(name, plot)
    if kind == "corruption":
        return show_corruption(name)
    if kind == "run":
        from tsbench.cli.show.run import show_run

        return show_run(name, as_json, plot)
    return show_method(name)
