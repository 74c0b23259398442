"""Executing a plan from the command line: what run and reproduce share."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import click

from tsbench.cli.options import open_store, settings


def execute_plan(
    plan: Any,
    device: str,
    retry: bool,
    force: bool,
    available: bool,
    as_json: bool,
    budget: float = float("inf"),
) -> Any:
    """Run what a plan asks for and the store lacks, showing progress and what came of it; return the Outcome."""
    from tsbench.cli.progress import Display, quiet
    from tsbench.run.driver import choose, execute

    store = open_store()
    with contextlib.closing(store):
        todo, outcome = choose(plan, store, retry, force)
        for problem in _problems(plan, available):
            click.echo(problem, err=True)
        if todo:
            worker = make_worker(store, device, force)
            with quiet() if as_json else Display() as display:
                execute(todo, outcome, worker, store, display, budget)
    if as_json:
        click.echo(json.dumps(_as_json(outcome, available), indent=2))
    else:
        _summarise(outcome, store.name)
    return outcome


def make_worker(store: Any, device: str, force: bool = False) -> Any:
    """Return a Worker that keeps its checkpoints beside the store; `force` uses none that is there."""
    from tsbench.run.resources import pick_device
    from tsbench.run.worker import Worker

    sha256_of = (lambda key: None) if force else store.checkpoint_sha256
    return Worker(settings().plugins(), pick_device(device), store.artifacts / "checkpoints", sha256_of)


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
