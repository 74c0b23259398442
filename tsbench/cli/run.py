"""tsbench run."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import click

from tsbench.cli.options import common_options, open_registry, open_store, settings
from tsbench.errors import UsageError


def _split(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> list[str]:
    """Read a comma-separated option that may be repeated."""
    return [part.strip() for text in value for part in text.split(",") if part.strip()]


@click.command()
@click.option("--method", "methods", multiple=True, callback=_split, help="Methods, comma-separated.")
@click.option("--dataset", "datasets", multiple=True, callback=_split, help="Datasets, collections or paths.")
@click.option("--protocol", "protocols", multiple=True, callback=_split, help="Protocols.  [default: the dataset's]")
@click.option("--suite", help="A suite of registry.yaml in place of --method, --dataset and --protocol.")
@click.option("--seeds", metavar="N|0,1,2", help="A number of seeds, or a list of them.  [default: 1]")
@click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="Override a parameter; may be repeated.")
@click.option("--floors", is_flag=True, help="Add majority, 1nn-ed and the untrained twin of each method.")
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda|cuda:N", help="Where to compute.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1, 1024), help="CPU threads of a run.")
@click.option("--available", is_flag=True, help="Take the datasets that are on this machine and name the rest.")
@click.option("--retry", is_flag=True, help="Run again what failed before.")
@click.option("--force", is_flag=True, help="Run everything again.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
@common_options
def run(
    methods: list[str],
    datasets: list[str],
    protocols: list[str],
    suite: str | None,
    seeds: str | None,
    pairs: tuple[str, ...],
    floors: bool,
    device: str,
    threads: int,
    available: bool,
    retry: bool,
    force: bool,
    as_json: bool,
) -> int:
    """Run methods on datasets and store every result.

    What the store already has is not done again: the same command after an interruption goes on where it stopped.

    \b
    Exit codes: 0 all that was asked succeeded, 1 some run failed, 2 wrong usage, 3 only data is missing,
    130 interrupted.

    \b
    Examples:
      tsbench run --method trls --dataset uea --offline --available --floors
      tsbench run --method trls --dataset ./recordings.csv --set encoder.cell=gru --seeds 3
    """
    from tsbench.run.plan import Request, make_plan, parse_overrides, parse_seeds

    registry, plugins = open_registry(), settings().plugins()
    overrides, default_seeds = parse_overrides(pairs), (0,)
    if suite is not None:
        if methods or datasets or protocols or floors:
            raise UsageError("--suite brings its own methods, datasets and protocols; drop the other options")
        chosen = registry.find("suites", suite)
        methods, datasets, protocols = list(chosen.methods), [chosen.collection], list(chosen.protocols)
        floors, default_seeds = chosen.floors, chosen.all_seeds()
    if not methods or not datasets:
        raise UsageError("name at least one --method and one --dataset, or a --suite; see 'tsbench run --help'")
    numbers = parse_seeds(seeds) if seeds else default_seeds
    request = Request(methods, datasets, protocols, numbers, overrides, floors, threads)
    plan = make_plan(request, plugins, registry)
    outcome = _execute(plan, device, retry, force, available, as_json)
    return int(outcome.exit_code(available))


def _execute(plan: Any, device: str, retry: bool, force: bool, available: bool, as_json: bool) -> Any:
    from tsbench.cli.progress import Display, quiet
    from tsbench.run.driver import choose, execute

    store = open_store()
    with contextlib.closing(store):
        todo, outcome = choose(plan, store, retry, force)
        for problem in _problems(plan, available):
            click.echo(problem, err=True)
        if todo:
            from tsbench.run.resources import pick_device
            from tsbench.run.worker import Worker

            worker = Worker(
                settings().plugins(),
                pick_device(device),
                store.artifacts / "checkpoints",
                (lambda key: None) if force else store.checkpoint_sha256,
            )
            with quiet() if as_json else Display() as display:
                execute(todo, outcome, worker, store, display)
    if as_json:
        click.echo(json.dumps(_as_json(outcome, available), indent=2))
    else:
        _summarise(outcome, store.name)
    return outcome


def _problems(plan: Any, available: bool) -> list[str]:
    """Say which datasets cannot take part, in one line per kind of reason."""
    lines = [f"error: {reason}" for reason in plan.invalid.values()]
    if len(plan.missing) == 1:
        lines += list(plan.missing.values())
    elif plan.missing:
        names = ", ".join(plan.missing)
        lines.append(
            f"{len(plan.missing)} datasets are not on this machine: {names}. "
            "Add the folder that holds them with --data-dir or TSBENCH_DATA."
        )
    if plan.missing and not available:
        lines.append("--available takes what is on this machine and exits 0.")
    return lines


def _summarise(outcome: Any, store: str) -> None:
    failures = outcome.failures()
    succeeded = len(outcome.results) - len(failures)
    parts = [f"{succeeded} succeeded"]
    parts += [f"{len(outcome.already_done)} already in the store"] if outcome.already_done else []
    parts += [f"{len(failures)} failed"] if failures else []
    parts += [f"{len(outcome.earlier_failures)} failed earlier (--retry runs them again)"] * bool(
        outcome.earlier_failures
    )
    left = len(outcome.plan.specs) - len(outcome.results) - len(outcome.already_done) - len(outcome.earlier_failures)
    parts += [f"{left} not started"] if left else []
    click.echo(f"{len(outcome.plan.specs)} runs: {', '.join(parts)}. Store: {store}")


def _as_json(outcome: Any, available: bool) -> dict[str, Any]:
    return {
        "exit_code": outcome.exit_code(available),
        "missing": outcome.plan.missing,
        "invalid": outcome.plan.invalid,
        "already_done": [spec.key for spec in outcome.already_done],
        "earlier_failures": {spec.key: status for spec, status in outcome.earlier_failures},
        "results": [
            {
                "key": result.spec.key,
                "method": result.spec.label,
                "dataset": result.spec.dataset,
                "protocol": result.spec.protocol.name,
                "fold": result.spec.fold,
                "seed": result.spec.seed,
                "status": result.status,
                "error": result.error,
                "metrics": {n: v if abs(v) < float("inf") else None for n, v in result.metrics.items()},
                "warnings": list(result.warnings),
            }
            for result in outcome.results
        ],
    }
