"""tsbench show."""

from __future__ import annotations

import contextlib
import datetime
import shlex
from pathlib import Path
from typing import Any

import click

from tsbench.cli.options import common_options, open_registry, open_store, settings
from tsbench.cli.show_transform import show_transform
from tsbench.errors import UsageError


@click.command()
@click.argument("kind", type=click.Choice(["method", "transform", "dataset", "run"]))
@click.argument("name")
@click.option("--dataset", metavar="NAME", help="Draw a transform of this dataset, one case of each class.")
@click.option("--case", "cases", type=int, multiple=True, metavar="I", help="Draw this case; may be repeated.")
@click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="Parameter of the transform.")
@click.option("--out", type=click.Path(path_type=Path), help="File of the drawing.  [default: NAME.png]")
@common_options
def show(
    kind: str, name: str, dataset: str | None, cases: tuple[int, ...], pairs: tuple[str, ...], out: Path | None
) -> int:
    """Show a method or a transform with its parameters, a dataset with its card, or a run (by the start of its key).

    \b
    Examples:
      tsbench show method trls
      tsbench show transform gasf --dataset GunPoint --out gasf.png
      tsbench show run 3fa9c1
    """
    if kind == "transform":
        from tsbench.run.plan import parse_overrides

        return show_transform(name, dataset, cases, parse_overrides(pairs), out)
    if dataset or cases or pairs or out:
        raise UsageError("--dataset, --case, --set and --out are for 'tsbench show transform'")
    return {"method": show_method, "dataset": show_dataset, "run": show_run}[kind](name)


def show_method(name: str) -> int:
    """Print what a method is and every parameter it takes, those of its default components included."""
    from tsbench.params import declarations, resolve
    from tsbench.run.spec import UNTRAINED

    plugins = settings().plugins()
    entry = plugins["methods"].entry(name.removeprefix(UNTRAINED))
    cls = entry.load()
    click.echo(f"{name} (version {cls.version}, plugin {entry.plugin})\n{entry.summary} {entry.paper}".rstrip())
    if cls.__doc__:
        click.echo("\n" + "\n".join(line.strip() for line in cls.__doc__.strip().splitlines()))
    chosen = resolve(cls.Params, {}, lambda kind, part: plugins[kind].get(part), name)
    owners = [("", cls.Params), *((f"{slot}.", part.cls.Params) for slot, part in chosen.components.items())]
    click.echo("\nParameters (--set KEY=VALUE):")
    for prefix, params in owners:
        for declared in declarations(params):
            limits = [f">= {declared.low:g}" if declared.low is not None else ""]
            limits += [f"<= {declared.high:g}" if declared.high is not None else ""]
            bounds = ", ".join(limit for limit in limits if limit)
            kind = f"{declared.type}{', ' + bounds if bounds else ''}"
            click.echo(f"  {prefix}{declared.name} = {declared.default!r}  ({kind})\n      {declared.doc}")
    return 0


def show_dataset(name: str) -> int:
    """Print a dataset's card and, where it is on this machine, what it holds."""
    import numpy as np

    from tsbench.run.plan import expand_datasets

    for handle in expand_datasets([name], settings().plugins(), open_registry()):
        card = handle.card
        facts = {
            k: getattr(card, k) for k in ("summary", "task", "source", "licence", "citation", "cohort", "unit", "group")
        }
        facts |= {"normalised": card.normalised, "checksum": card.checksum, **card.facts}
        _table(handle.name, {key: value for key, value in facts.items() if value not in ("", None)})
        if not handle.available():
            remedy = f"'tsbench data fetch {handle.name}', or add the folder that holds it with --data-dir"
            click.echo(f"  not on this machine: {remedy}")
            continue
        data = handle.load()
        panel = data.panel
        held: dict[str, object] = {"cases": len(panel), "channels": panel.n_channels, "time points": panel.n_timepoints}
        if panel.lengths.min() < panel.lengths.max():
            held["time points"] = f"{panel.lengths.min()} to {panel.lengths.max()}"
        inside = np.arange(panel.n_timepoints) < panel.lengths[:, None]
        held["missing values"] = int((np.isnan(panel.X) & inside[:, None, :]).sum())
        for scheme, folds in data.folds.items():
            sizes = "; ".join(f"{len(f.train)} train, {len(f.test)} test" for f in folds)
            held[f"{scheme} split"] = sizes
        if panel.y is not None and panel.classes:
            counts = np.bincount(panel.y, minlength=len(panel.classes))
            held["classes"] = ", ".join(f"{c} ({n})" for c, n in zip(panel.classes, counts, strict=True))
        held["files"] = ", ".join(str(path) for path in handle.files())
        held["fingerprint"] = panel.fingerprint()
        _table("on this machine", held)
    return 0


def show_run(prefix: str) -> int:
    """Print everything stored about a run and the command that repeats it."""
    with contextlib.closing(open_store(must_exist=True)) as store:
        run = store.find(prefix)
    spec, last = run["spec"], run["attempts"][-1]
    when = datetime.datetime.fromtimestamp(last["started"], datetime.UTC).isoformat(timespec="seconds")
    about = {name: run[name] for name in ("method", "method_version", "dataset", "protocol", "fold", "seed", "status")}
    _table(f"run {run['key']}", {**about, "attempts": len(run["attempts"]), "started": when, "device": last["device"]})
    _table("parameters", spec["params"])
    _table("protocol", {**spec["protocol"], "hash": run["protocol_hash"], "normalisation used": spec["normalisation"]})
    _table("metrics", run["metrics"])
    _table("seconds", last["durations"])
    _table("facts", {**last["facts"], "peak_memory_bytes": last["peak_memory_bytes"]})
    _table("environment", run["environment"])
    for warning in last["warnings"]:
        click.echo(f"warning: {warning}")
    if last["error"]:
        click.echo(f"error: {last['error']}\n{last['traceback']}")
    click.echo(f"repeat: {repeat_command(run)}")
    return 0


def repeat_command(run: dict[str, Any]) -> str:
    """Return the command that executes a stored run again; all folds of its split run with it."""
    spec = run["spec"]
    words = ["tsbench", "run", "--method", spec["method"], "--dataset", spec["dataset_ref"] or spec["dataset"]]
    words += ["--protocol", spec["protocol"]["name"] if spec["protocol"]["probe"] != "own" else run["protocol"]]
    words += ["--seeds", f"{spec['seed']},"]
    overrides = dict(spec["overrides"])
    if tuned := overrides.pop("tuned", None):
        words += ["--tuned", *str(tuned).split(":")[1:]]
    if sources := str(overrides.pop("pretrain_on", "")):
        words += ["--pretrain-on", ",".join(source["dataset_ref"] for source in spec["sources"])]
        words += ["--exclude-target"] * ("-target" in sources)
    for key, value in sorted(overrides.items()):
        words += ["--set", f"{key}={value}"]
    if spec["threads"] != 1:
        words += ["--threads", str(spec["threads"])]
    return shlex.join([*words, "--force"])


def _table(title: str, facts: dict[str, Any]) -> None:
    click.echo(title)
    width = max((len(str(key)) for key in facts), default=0)
    for key, value in facts.items():
        click.echo(f"  {key:<{width}}  {value}")
