"""What the filters of 'tsbench results' ask for, checked against what a store holds."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from typing import get_args

from tsbench.discovery.catalog import did_you_mean
from tsbench.discovery.plugins import Plugins
from tsbench.errors import UsageError
from tsbench.plan.asked import Names, read_choice
from tsbench.plan.datasets import looks_like_path
from tsbench.plan.plan import expand_datasets
from tsbench.plan.result import Status
from tsbench.registry import Registry
from tsbench.store.store import Store
from tsbench.store.wanted import Wanted

STATUSES: tuple[str, ...] = get_args(Status)
SECONDS = {"m": 60, "h": 3600, "d": 86400, "w": 604800}


def read_wanted(
    store: Store,
    plugins: Plugins,
    registry: Registry,
    now: float,
    methods: Names = (),
    datasets: Names = (),
    protocols: Names = (),
    statuses: Names = (),
    since: str | None = None,
) -> Wanted:
    """Return what rows are asked for; raises UsageError for a name that no row of the store has.

    methods : of methods, or labels of rows. datasets : names, paths, or collections, which stand for those of their
    members that the store has. since : see `parse_since`.
    """

    def known(option: str, asked: Names, *columns: str) -> tuple[str, ...]:
        """Return names that some row has."""
        if not asked:
            return ()
        there = store.names(*columns)
        found = read_choice(asked, option, there.__contains__)
        for name in found:
            _check(option, name, there, store)
        return tuple(found)

    def members(asked: Names) -> tuple[str, ...]:
        """Return the datasets that names and collections stand for."""
        if not asked:
            return ()
        there, found = store.names("dataset"), dict[str, None]()
        for name in read_choice(asked, "--dataset", there.__contains__):
            if name in there or not (name in registry.collections or looks_like_path(name)):
                _check("--dataset", name, there, store, registry.collections)
                found[name] = None
                continue
            names = [handle.name for handle in expand_datasets([name], plugins, registry) if handle.name in there]
            if not names:
                what = "a dataset of this collection" if name in registry.collections else "it"
                raise UsageError(f"--dataset {name}: {store.name} has no run of {what}")
            found |= dict.fromkeys(names)
        return tuple(found)

    chosen = read_choice(statuses, "--status")
    for name in chosen:
        if name not in STATUSES:
            raise UsageError(f"--status {name}: choose one of {', '.join(STATUSES)}{did_you_mean(name, STATUSES)}")
    return Wanted(
        methods=known("--method", methods, "label", "method"),
        datasets=members(datasets),
        protocols=known("--protocol", protocols, "protocol"),
        statuses=tuple(chosen),
        since=None if since is None else parse_since(since, now),
    )


def parse_since(text: str, now: float) -> float:
    """Return the seconds since 1970 that a date, a time (in UTC, or with its zone) or an age (90m, 2w) means."""
    if age := re.fullmatch(r"(\d{1,6})([mhdw])", text):
        return now - int(age[1]) * SECONDS[age[2]]
    try:
        moment = datetime.datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp()
    except (ValueError, OverflowError):
        raise UsageError(
            f"--since {text}: write a date (2026-01-31), a time (2026-01-31T12:00, in UTC) or an age (90m, 36h, 7d, 2w)"
        ) from None


def _check(option: str, name: str, there: set[str], store: Store, others: Iterable[str] = ()) -> None:
    if name not in there:
        hint = did_you_mean(name, [*there, *others])
        raise UsageError(f"{option} {name}: no run in {store.name} is of it{hint}")
