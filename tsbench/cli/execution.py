"""Executing a plan from the command line: what run and reproduce share."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from tsbench.cli.options import open_store, settings
from tsbench.errors import UsageError
from tsbench.terminal import echo, echo_json

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Where:
    """Where runs are done and what each may take: the options of `executor_options`."""

    workers: int = 1
    executor: str = "local"
    address: str = ""
    time_limit: float | None = None
    memory_limit: str | None = None

    def check(self) -> Any:
        """Return the limits of a run; raises UsageError on values that cannot be had.

        What memory there is matters where the runs are done: the nodes of a Ray cluster look themselves.
        """
        from tsbench.execute.limits import check_memory, parse_limits

        if self.address and self.executor != "ray":
            raise UsageError("--address is for --executor ray")
        limits = parse_limits(self.time_limit, self.memory_limit)
        if self.executor != "ray":
            check_memory(limits)
        return limits


def executor_options(command: F) -> F:
    """Add the options that say where runs are done; their values make a `Where`."""
    for option in reversed(_EXECUTOR_OPTIONS):
        command = option(command)
    return command


def _limit_reading(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Let planning, too, read no dataset that takes more than a run may."""
    from tsbench.data.memory import limit_reading
    from tsbench.execute.limits import parse_limits

    limit_reading(parse_limits(None, value).memory)
    context.call_on_close(lambda: limit_reading(None))
    return value


_EXECUTOR_OPTIONS = (
    click.option(
        "--workers",
        default=1,
        show_default=True,
        type=click.IntRange(1, 1024),
        help="Runs at a time on each device: small runs share a GPU.",
    ),
    click.option(
        "--executor",
        default="local",
        show_default=True,
        type=click.Choice(["local", "ray"]),
        help="This machine, or a Ray cluster.",
    ),
    click.option(
        "--address", default="", metavar="HOST:PORT", help="Ray cluster.  [default: RAY_ADDRESS, or a new one]"
    ),
    click.option(
        "--time-limit", type=float, metavar="SECONDS", help="End a run that takes longer.  [default: no limit]"
    ),
    click.option(
        "--memory-limit",
        metavar="SIZE",
        callback=_limit_reading,
        help="End a run whose processes take more memory, such as 512M or 4G.  [default: none]",
    ),
)


def execute_plan(
    plan: Any,
    device: str,
    retry: bool,
    force: bool,
    available: bool,
    as_json: bool,
    budget: float = float("inf"),
    where: Where = Where(),
) -> Any:
    """Run what a plan asks for and the store lacks, showing progress and what came of it; return the Outcome."""
    from tsbench.execute.display import Display, quiet
    from tsbench.execute.driver import choose, execute

    where.check()
    store = open_store()
    with contextlib.closing(store):
        todo, outcome = choose(plan, store, retry, force)
        for problem in _problems(plan, available):
            echo(problem, err=True)
        for note in unread_notes(plan):
            echo(note, err=True)
        if todo:
            executor = make_executor(where, device, max(spec.threads for spec in todo), store, force)
            with quiet() if as_json else Display() as display:
                execute(todo, outcome, executor, store, display, budget, force)
    if as_json:
        echo_json(_as_json(outcome, available))
    else:
        _summarise(outcome, store.name)
    return outcome


def make_executor(where: Where, device: str, threads: int, store: Any = None, force: bool = False) -> Any:
    """Return what has the runs done: this process, worker processes (several, or with limits), or a Ray cluster.

    Checkpoints are kept beside the store, for `force` without using what is there; without a store there are none.
    """
    from tsbench.execute.executors.process import WorkerSettings
    from tsbench.measure.resources import pick_devices
    from tsbench.store.checkpoints import check_folder

    limits = where.check()
    if store is not None:
        check_folder(store.checkpoint_folder)
    settings_ = WorkerSettings(
        plugin_files=_plugin_files(),
        store="" if force or store is None else _shareable_url(store),
        checkpoint_folder=None if store is None else _absolute(store.checkpoint_folder),
        environment={name: os.environ[name] for name in ("TSBENCH_DATA", "TSBENCH_OFFLINE") if name in os.environ},
    )
    if where.executor == "ray":
        from tsbench.execute.executors.ray import Ray

        return Ray(settings_, limits, where.address, where.workers, device, threads)
    devices = pick_devices(device)
    if where.workers == 1 and len(devices) == 1 and not limits:
        from tsbench.execute.executors.inline import Inline

        return Inline(make_worker(store, device, force))
    from tsbench.execute.executors.local import Local

    return Local([replace(settings_, device=name) for name in devices for _ in range(where.workers)], limits)


def _plugin_files() -> tuple[Path, ...]:
    """Return the plugins that were loaded from single files, for other processes to load them too."""
    files = (Path(health.origin) for health in settings().plugins().health.values())
    return tuple(file.resolve() for file in files if file.suffix == ".py")


def _shareable_url(store: Any) -> str:
    """Return the store's URL for other processes of this user: an absolute file name, or with its password."""
    return str(store.file.resolve()) if store.file else store.url.render_as_string(hide_password=False)


def _absolute(folder: Any) -> Any:
    return folder.resolve() if isinstance(folder, Path) else folder


def make_worker(store: Any, device: str, force: bool = False) -> Any:
    """Return a Worker that keeps its checkpoints beside the store, if any; `force` uses none that is there."""
    from tsbench.measure.resources import pick_device
    from tsbench.measure.worker import Worker

    if store is None:
        return Worker(settings().plugins(), pick_device(device))
    sha256_of = (lambda key: None) if force else store.checkpoint_sha256
    return Worker(settings().plugins(), pick_device(device), store.checkpoint_folder, sha256_of)


def unread_notes(plan: Any) -> list[str]:
    """Say, in a line per dataset, what its cases have that no method of the plan reads."""
    noted = plan.unread.items()
    return [f"note: {name} has {' and '.join(words)}, which none of the chosen methods reads" for name, words in noted]


def _problems(plan: Any, available: bool) -> list[str]:
    """Say which datasets cannot take part, in one line per kind of reason."""
    lines = [f"error: {reason}" for reason in plan.invalid.values()]
    for missing, what in ((plan.missing, "datasets"), (plan.missing_sources, "datasets of --pretrain-on")):
        several = [name for name in missing if name in plan.fetchable]
        if len(several) > 1:
            lines.append(
                f"{len(several)} {what} are not on this machine: {', '.join(several)}. Get them with 'tsbench data "
                "fetch NAME...', or add the folder that holds them with --data-dir or TSBENCH_DATA."
            )
        lines += [reason for name, reason in missing.items() if len(several) < 2 or name not in several]
    if (plan.missing or plan.missing_sources) and not available:
        lines.append("--available takes what is on this machine and exits 0.")
    return lines


def _summarise(outcome: Any, store: str) -> None:
    counts = {
        "succeeded": len(outcome.results) - len(outcome.failures()) - len(outcome.cut_short()),
        "already in the store": len(outcome.already_done),
        "failed": len(outcome.failures()),
        "failed earlier (--retry runs them again)": len(outcome.earlier_failures),
        "interrupted": len(outcome.cut_short()),
        "with another driver": len(outcome.elsewhere),
    }
    counts["not started"] = len(outcome.plan.specs) - sum(counts.values())
    parts = [f"{count} {what}" for what, count in counts.items() if count or what == "succeeded"]
    echo(f"{len(outcome.plan.specs)} runs: {', '.join(parts)}. Store: {store}")


def _as_json(outcome: Any, available: bool) -> dict[str, Any]:
    return {
        "exit_code": outcome.exit_code(available),
        "interrupted": outcome.interrupted,
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
                "metrics": dict(result.metrics),
                "warnings": list(result.warnings),
            }
            for result in outcome.results
        ],
    }
