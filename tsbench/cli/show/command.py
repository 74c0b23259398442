"""tsbench show."""

from __future__ import annotations

from pathlib import Path

import click

from tsbench.cli.options import common_options, plot_option, settings
from tsbench.cli.show.dataset import show_dataset
from tsbench.errors import UsageError
from tsbench.terminal import echo


@click.command()
@click.argument("kind", type=click.Choice(["method", "transform", "dataset", "run"]))
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
    """Show a method or a transform with its parameters, a dataset with its card, or a run (by the start of its key).

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
        from tsbench.plan.plan import parse_overrides

        return show_transform(name, dataset, cases, parse_overrides(pairs), out)
    if kind == "dataset":
        return show_dataset(name, plot)
    if kind == "run":
        from tsbench.cli.show.run import show_run

        return show_run(name, as_json, plot)
    return show_method(name)


def show_method(name: str) -> int:
    """Print what a method is and every parameter it takes, those of its default components included."""
    from tsbench.methods.params import declarations, resolve
    from tsbench.plan.spec import UNTRAINED

    plugins = settings().plugins()
    entry = plugins["methods"].entry(name.removeprefix(UNTRAINED))
    cls = entry.load()
    echo(f"{name} (version {cls.version}, plugin {entry.plugin})", f"{entry.summary} {entry.paper}".rstrip())
    if cls.__doc__:
        echo("", *(line.strip() for line in cls.__doc__.strip().split("\n")))
    chosen = resolve(cls.Params, {}, lambda kind, part: plugins[kind].get(part), name)
    owners = [("", cls.Params), *((f"{slot}.", part.cls.Params) for slot, part in chosen.components.items())]
    echo("", "Parameters (--set KEY=VALUE):")
    for prefix, params in owners:
        for declared in declarations(params):
            limits = [f">= {declared.low:g}" if declared.low is not None else ""]
            limits += [f"<= {declared.high:g}" if declared.high is not None else ""]
            bounds = ", ".join(limit for limit in limits if limit)
            kind = f"{declared.type}{', ' + bounds if bounds else ''}"
            echo(f"  {prefix}{declared.name} = {declared.default!r}  ({kind})", f"      {declared.doc}")
    return 0
