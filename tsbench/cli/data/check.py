"""tsbench data check."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from tsbench.cli.options import common_options, open_registry, settings, skip_bad_option, task_option
from tsbench.errors import UsageError
from tsbench.terminal import echo, echo_json, echo_text

if TYPE_CHECKING:
    from tsbench.data_check.found import Found
    from tsbench.plan.datasets import DatasetHandle

COLUMNS = ("check", "severity", "what", "remedy")


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="DATASET|COLLECTION...")
@click.option("--protocol", metavar="NAME", help="Whose split is checked.  [default: the dataset's default protocol]")
@click.option("--fold", default=0, show_default=True, type=click.IntRange(min=0), help="Which fold of it.")
@click.option("--format", "form", type=click.Choice(["json", "md"]), help="What to print.  [default: a line each]")
@click.option("--strict", is_flag=True, help="Exit 1 where anything is found.")
@task_option
@skip_bad_option
@common_options
def check(
    names: tuple[str, ...],
    protocol: str | None,
    fold: int,
    form: str | None,
    strict: bool,
    task: str | None,
    skip_bad: bool,
) -> int:
    """Look for leaks and shortcuts in datasets and their split.

    Copies and shared stretches of test cases in training, subjects on both sides, labels that are told by what is
    missing, by the length or by static values alone, an order of time that does not matter, channels that say nothing.
    Exits 3 when a dataset is not on this machine.

    \b
    Examples:
      tsbench data check ./recordings.csv --strict
      tsbench data check hapt --protocol linear-cv5 --format md
    """
    from tsbench.plan.asked import with_tasks
    from tsbench.plan.plan import expand_datasets

    plugins, registry = settings().plugins(), open_registry()
    handles = expand_datasets(with_tasks(names, task, plugins, registry, skip_bad), plugins, registry)
    missing = [handle for handle in handles if not handle.available()]
    for handle in missing:
        echo(f"missing: {handle.name}: {handle.remedy()}", err=True)
    reports = []
    for handle in handles:
        if handle in missing:
            continue
        started = time.monotonic()
        report = _report(handle, protocol, fold)
        if form is None:
            _print(report)
        elif form == "md":
            echo_text(_markdown(report))
        echo(f"{handle.name}: {time.monotonic() - started:.1f} s", err=True)
        reports.append(report)
    if form == "json":
        echo_json([{**report, "found": [vars(found) for found in report["found"]]} for report in reports])
    if missing:
        return 3
    return int(strict and any(found.finding for report in reports for found in report["found"]))


def _report(handle: DatasetHandle, name: str | None, number: int) -> dict[str, Any]:
    """Return what is checked, by its name, split and fold, and what was found of it."""
    from tsbench.data_check.check import check_data
    from tsbench.data_check.parts import Sides
    from tsbench.protocol import Protocol

    known: Protocol = open_registry().protocol(
        name or handle.card.default_protocol or handle.default_protocol, settings().plugins()
    )
    data = handle.load()
    folds = known.folds(data, handle.card)
    if number >= len(folds):
        have = f"folds 0 to {len(folds) - 1}" if len(folds) > 1 else "fold 0 alone"
        raise UsageError(f"--fold {number}: {handle.name} has {have} under {known.name}")
    card = handle.card
    found: list[Found] = check_data(Sides(data, folds[number], known.group(card), known.archive_split, card.limits))
    about = {"dataset": handle.name, "split": known.split.label, "fold": number, "folds": len(folds)}
    return {**about, "found": found}


def _title(report: dict[str, Any]) -> str:
    of = f", fold {report['fold']} of {report['folds']}" if report["folds"] > 1 else ""
    count = sum(found.finding for found in report["found"])
    return f"{report['dataset']}, split {report['split']}{of}: {count} finding{'s' * (count != 1)}"


def _print(report: dict[str, Any]) -> None:
    echo(_title(report))
    width = max(len(found.check) for found in report["found"])
    for found in report["found"]:
        echo(f"  {found.severity:<7}  {found.check:<{width}}  {found.what}")
        if found.remedy:
            echo(f"  {'':<7}  {'':<{width}}  -> {found.remedy}")


def _markdown(report: dict[str, Any]) -> str:
    rows = [COLUMNS, ["---"] * len(COLUMNS)]
    rows += [[getattr(found, name).replace("|", "\\|") for name in COLUMNS] for found in report["found"]]
    return f"### {_title(report)}\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"
