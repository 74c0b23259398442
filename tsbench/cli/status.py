"""tsbench status."""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import click

from tsbench.cli.options import common_options, open_store

RECENT_SECONDS = 600.0


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@common_options
def status(as_json: bool) -> int:
    """Show what drivers are doing with a store: runs under way, ended by status, rate, and what is left.

    What is queued, and so the time left, is known of drivers whose log is beside the store on this machine.

    \b
    Examples:
      tsbench status
      watch tsbench status --store postgresql://host/results
    """
    from tsbench.run.log import log_folder

    with contextlib.closing(open_store(must_exist=True)) as store:
        facts = summarise(
            store.claimed(), chain.from_iterable(store.batches()), read_logs(log_folder(store)), time.time()
        )
        name = store.name
    if as_json:
        click.echo(json.dumps({"store": name, **facts}, indent=2))
        return 0
    click.echo(f"store     {name}")
    drivers = ", ".join(f"{owner} ({count})" for owner, count in facts["drivers"].items())
    click.echo(f"running   {facts['running']}{f' by {drivers}' if drivers else ''}")
    click.echo(f"queued    {'unknown' if facts['queued'] is None else facts['queued']}")
    for kind, count in facts["runs"].items():
        click.echo(f"{kind:<11} {count}")
    click.echo(f"rate      {facts['per_minute']:.1f} runs a minute over the last {RECENT_SECONDS / 60:.0f} minutes")
    if facts["seconds_left"] is not None:
        click.echo(f"left      about {_duration(facts['seconds_left'])}")
    return 0


def summarise(
    claimed: dict[str, str], rows: Iterable[dict[str, Any]], left: dict[str, int], now: float
) -> dict[str, Any]:
    """Return counts, rate and time left from a store's live claims and rows, and what each driver's log says is left.

    left : {owner: runs not ended}. The rate counts the runs that ended within RECENT_SECONDS, over the time since the
    first of them began where that is shorter.
    """
    runs: Counter[str] = Counter()
    recent = []
    for row in rows:
        runs[row["status"]] += 1
        if row["finished"] > now - RECENT_SECONDS:
            recent.append(row["started"])
    span = min(RECENT_SECONDS, now - min(recent, default=now))
    rate = len(recent) / span if span > 0 else 0.0
    drivers = Counter(claimed.values())
    known = [left[owner] for owner in drivers if owner in left]
    unfinished = sum(known) if len(known) == len(drivers) else None
    return {
        "running": len(claimed),
        "drivers": dict(drivers),
        "queued": None if unfinished is None else max(0, unfinished - len(claimed)),
        "runs": dict(runs.most_common()),
        "per_minute": 60 * rate,
        "seconds_left": unfinished / rate if unfinished and rate else None,
    }


def read_logs(folder: Path) -> dict[str, int]:
    """Return {owner: runs of its plan that have not ended} from the logs of drivers; damaged lines are skipped."""
    left: dict[str, int] = {}
    for file in folder.glob("*.jsonl"):
        with file.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    entry = json.loads(line)
                    if entry["event"] == "plan":
                        left[file.stem] = int(entry["todo"])
                    elif entry["event"] == "finished":
                        left[file.stem] -= 1
    return left


def _duration(seconds: float) -> str:
    minutes, hours = seconds / 60, seconds / 3600
    return f"{seconds:.0f} s" if minutes < 2 else f"{minutes:.0f} minutes" if hours < 2 else f"{hours:.1f} hours"
