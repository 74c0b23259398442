"""tsbench status."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from tsbench.cli.options import common_options, open_store
from tsbench.terminal import echo, echo_json

RECENT_SECONDS = 600.0


@dataclass
class Waiting:
    """What a driver's log says is left of its plan: shortened keys. force : runs that have succeeded as well."""

    since: float
    force: bool
    keys: set[str]

    def has_ended(self, row: dict[str, Any]) -> bool:
        """Say whether a stored run of the plan need not be done any more: another driver may have done it."""
        ended_since = row["finished"] > self.since and row["status"] != "interrupted"
        return not self.force and (row["status"] == "succeeded" or ended_since)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@common_options
def status(as_json: bool) -> int:
    """Show what drivers are doing with a store: runs under way, ended by status, rate, and what is left.

    What is queued, and so the time left, is known of drivers whose log is beside the store on this machine. Of 'tsbench
    tune' each study under way has a line.

    \b
    Examples:
      tsbench status
      watch tsbench status --store postgresql://host/results
    """
    from tsbench.execute.log import log_folder
    from tsbench.tune.tables import studies_under_way

    with contextlib.closing(open_store(must_exist=True)) as store:
        claimed = store.claimed()
        plans = read_logs(log_folder(store), claimed.values())
        facts = summarise(claimed, store.endings(), plans, time.time())
        facts["studies"] = studies_under_way(store)
        name = store.name
    if as_json:
        echo_json({"store": name, **facts})
        return 0
    echo(f"store     {name}")
    drivers = ", ".join(f"{owner} ({count})" for owner, count in facts["drivers"].items())
    echo(f"running   {facts['running']}{f' by {drivers}' if drivers else ''}")
    echo(f"queued    {'unknown' if facts['queued'] is None else facts['queued']}")
    for kind, count in facts["runs"].items():
        echo(f"{kind:<11} {count}")
    echo(f"rate      {facts['per_minute']:.1f} runs a minute over the last {RECENT_SECONDS / 60:.0f} minutes")
    if facts["seconds_left"] is not None:
        echo(f"left      about {_duration(facts['seconds_left'])}")
    for study in facts["studies"]:
        of = "" if study["wanted"] is None else f" of {study['wanted']}"
        trials = f"{study['running']} running, {study['ended']}{of} ended, {study['failed']} failed"
        echo(f"study     {study['study']}: {trials}")
    return 0


def summarise(
    claimed: dict[str, str], rows: Iterable[dict[str, Any]], plans: dict[str, Waiting], now: float
) -> dict[str, Any]:
    """Return counts, rate and time left from a store's claims and endings, and what each driver's log says is left.

    A run that several drivers have in their plans is queued once. The rate counts the runs that ended within
    RECENT_SECONDS, over the time since the first of them began where that is shorter.
    """
    from tsbench.execute.log import KEY_DIGITS

    runs: Counter[str] = Counter()
    recent = []
    left = Counter(key for plan in plans.values() for key in plan.keys)
    for row in rows:
        runs[row["status"]] += 1
        if row["finished"] > now - RECENT_SECONDS:
            recent.append(row["started"])
        key = row["key"][:KEY_DIGITS]
        if key in left:
            left[key] -= sum(key in plan.keys and plan.has_ended(row) for plan in plans.values())
    span = min(RECENT_SECONDS, now - min(recent, default=now))
    rate = len(recent) / span if span > 0 else 0.0
    drivers = Counter(claimed.values())
    queued = None
    if drivers.keys() <= plans.keys():
        queued = len((+left).keys() - {key[:KEY_DIGITS] for key in claimed})
    unfinished = 0 if queued is None else queued + len(claimed)
    return {
        "running": len(claimed),
        "drivers": dict(drivers),
        "queued": queued,
        "runs": dict(runs.most_common()),
        "per_minute": 60 * rate,
        "seconds_left": unfinished / rate if unfinished and rate else None,
    }


def read_logs(folder: Path, owners: Iterable[str]) -> dict[str, Waiting]:
    """Return {owner: what is left of its plan} of the drivers whose log is there; damaged lines are skipped."""
    from tsbench.execute.log import KEY_DIGITS

    plans: dict[str, Waiting] = {}
    for owner in filter(re.compile(r"[\w.-]+").fullmatch, set(owners)):  # a name from elsewhere leads nowhere else
        with contextlib.suppress(OSError), (folder / f"{owner}.jsonl").open("rb") as lines:
            for line in lines:
                with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
                    entry = json.loads(line)
                    if entry["event"] == "plan":
                        since = datetime.fromisoformat(entry["time"]).timestamp()
                        plans[owner] = Waiting(since, entry["force"], set(entry["keys"]))
                    elif entry["event"] == "finished":
                        plans[owner].keys.discard(entry["key"][:KEY_DIGITS])
    return plans


def _duration(seconds: float) -> str:
    minutes, hours = seconds / 60, seconds / 3600
    return f"{seconds:.0f} s" if minutes < 2 else f"{minutes:.0f} minutes" if hours < 2 else f"{hours:.1f} hours"
