"""tsbench run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from tsbench.cli.options import (
    bench,
    common_options,
    executor_options,
    fold_option,
    seeds_option,
    settings,
    skip_bad_option,
    split_commas,
    task_option,
)
from tsbench.terminal import echo, echo_json
from tsbench.text import command_line


@click.command()
@click.option("--method", "methods", multiple=True, callback=split_commas, help="Methods, comma-separated.")
@click.option("--dataset", "datasets", multiple=True, callback=split_commas, help="Datasets, collections or paths.")
@task_option
@skip_bad_option
@click.option(
    "--protocol", "protocols", multiple=True, callback=split_commas, help="Protocols.  [default: the dataset's]"
)
@click.option("--suite", help="A suite of registry.yaml in place of --method, --dataset and --protocol.")
@seeds_option(None, "A number of seeds, or a list of them; 'N,' is seed N alone.  [default: 1]")
@fold_option
@click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="Override a parameter; may be repeated.")
@click.option("--train-on", metavar="NAME|PATH", help="Train on this dataset, and test on all cases of --dataset.")
@click.option(
    "--pretrain-on",
    multiple=True,
    callback=split_commas,
    metavar="D,COLLECTION,PATH",
    help="Pre-train once on the training parts of these datasets, for all targets.  [default: each target's own]",
)
@click.option("--exclude-target", is_flag=True, help="Leave each target out of --pretrain-on.")
@click.option(
    "--tuned",
    is_flag=False,
    flag_value="",
    metavar="[METRIC]",
    help="Take the parameters that 'tsbench tune' found best, by the task's metric (accuracy) or another.",
)
@click.option("--floors", is_flag=True, help="Add the floors that suit and the untrained twin of each method.")
@click.option(
    "--device", default="auto", show_default=True, metavar="auto|cpu|cuda|cuda:N,...", help="Where to compute."
)
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1, 1024), help="CPU threads of a run.")
@click.option(
    "--budget",
    default=float("inf"),
    metavar="HOURS",
    type=click.FloatRange(0, min_open=True),
    help="Start no further run of a method whose runs took as long, those in the store included.  [default: no limit]",
)
@executor_options
@click.option("--available", is_flag=True, help="Take the datasets that are on this machine and name the rest.")
@click.option("--retry", is_flag=True, help="Run again what failed before.")
@click.option("--force", is_flag=True, help="Run everything again.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
@common_options
def run(
    methods: list[str],
    datasets: list[str],
    task: str | None,
    skip_bad: bool,
    protocols: list[str],
    suite: str | None,
    seeds: tuple[int, ...] | None,
    folds: tuple[int, ...],
    pairs: tuple[str, ...],
    train_on: str | None,
    pretrain_on: list[str],
    exclude_target: bool,
    tuned: str | None,
    floors: bool,
    device: str,
    threads: int,
    budget: float,
    available: bool,
    retry: bool,
    force: bool,
    as_json: bool,
    **where: Any,
) -> int:
    """Run methods on datasets and store every result.

    What the store already has is not done again: the same command after an interruption goes on where it stopped. Small
    datasets come first.

    Exit codes: 0 all that was asked succeeded, 1 some run failed, 2 wrong usage, 3 only data is missing,
    130 interrupted.

    \b
    Examples:
      tsbench run --method trls --dataset uea --offline --available --floors
      tsbench run --method trls --dataset ./recordings.csv --set encoder.cell=gru --seeds 3
      tsbench run --method trls,ts2vec --dataset uea --workers 4 --time-limit 3600 --memory-limit 8G
      tsbench run --method ts2vec --train-on icu-demo-mortality24-mimic --dataset icu-demo-mortality24-eicu
      tsbench run --method aimts --dataset uea --pretrain-on uea,ucr --exclude-target --protocol finetune-aimts
    """
    from tsbench.plan.asked import trained_on, with_tasks
    from tsbench.plan.request import parse_overrides

    limits = {name: where.pop(name) for name in ("time_limit", "memory_limit")}
    door = bench(device=device, threads=threads, progress=not as_json, **where)
    ran = door.run(
        methods,
        datasets,
        protocols,
        seeds,
        suite=suite,
        task=task,
        skip_bad=skip_bad,
        folds=folds,
        params=parse_overrides(pairs),
        train_on=train_on,
        pretrain_on=pretrain_on,
        exclude_target=exclude_target,
        tuned=True if tuned == "" else tuned or False,
        floors=floors,
        available=available,
        retry=retry,
        force=force,
        budget=budget,
        **limits,
    )
    if as_json:
        echo(*ran.notes, err=True)
        echo_json(ran.as_json())
        return ran.exit_code
    echo(ran)
    if ran.outcome.already_done or any(result.status == "succeeded" for result in ran.outcome.results):
        asked = [door.registry.suites[suite].collection] if suite else datasets
        asked = with_tasks([*asked, *([train_on] if train_on else [])], task, door.plugins, door.registry, skip_bad)
        asked = trained_on(asked[:-1], asked[-1]) if train_on else asked
        for command in _boards(ran.outcome.plan, asked):
            echo(f"Board: {command}")
    return ran.exit_code


def _boards(plan: Any, asked: list[str]) -> Iterator[str]:
    """Yield the commands that rank what a plan runs, one per protocol and task."""
    references: dict[tuple[str, str], dict[str, None]] = {}
    for spec in plan.specs:
        references.setdefault((spec.protocol.name, spec.task), {})[spec.dataset_ref or spec.dataset] = None
    for (protocol, _), names in references.items():
        everything = len(references) == 1 or len(names) == len({spec.dataset for spec in plan.specs})
        words = ["tsbench", "leaderboard", *(asked if everything else names), "--protocol", protocol]
        yield command_line([*words, *settings().given])
