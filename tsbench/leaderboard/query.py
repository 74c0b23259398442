"""The query that makes a board: what is named becomes datasets, a protocol and the stored results they have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

import pandas as pd

from tsbench.discovery.catalog import did_you_mean
from tsbench.discovery.plugins import Plugins
from tsbench.errors import UsageError
from tsbench.leaderboard.cell_intervals import with_intervals
from tsbench.leaderboard.costs import with_costs
from tsbench.leaderboard.derived import scores_of
from tsbench.leaderboard.newest import Present, present
from tsbench.leaderboard.table import Board, build
from tsbench.plan.asked import Names, read_choice, with_tasks
from tsbench.plan.datasets import DatasetHandle
from tsbench.plan.plan import expand_datasets
from tsbench.protocol import Protocol
from tsbench.registry import Registry
from tsbench.store.store import Store
from tsbench.tasks import MEASURED, METRICS, metric_for
from tsbench.text import command_line


def query(
    names: Sequence[str],
    protocol: str | None,
    metric: str | None,
    task: str | None,
    methods: Names,
    shared: bool,
    plugins: Plugins,
    registry: Registry,
    open_store: Callable[[], AbstractContextManager[Store]],
    clean: bool = False,
    costs: bool | str = False,
    skip_bad: bool = False,
    look: bool = True,
    intervals: bool = False,
) -> Board:
    """Return the board of collections, datasets, paths or suites; raises UsageError where there is no result for it.

    metric : None for that of the first collection, or the primary one of the datasets' task. task : what labels of
    paths are; None: what they say.
    clean : as of `build`. costs : True for `Board.costs`; "sum" or "mean" for those of methods too (`with_costs`).
    skip_bad : as of `with_tasks`. look : False for a board of what is stored alone, whatever data is on this machine.
    intervals : of its cells, as `with_intervals` has them.
    """
    asked, handles = _opened(names, task, plugins, registry, skip_bad)
    datasets = [handle.name for handle in handles]
    chosen = _protocol(protocol, names, handles, plugins, registry)
    tasks = {handle.name: chosen.task_of(handle.card.task) for handle in handles}
    metric = metric_for(tasks, metric or _metric(asked[0], registry, tasks.values()), derived=True)
    positive = {handle.name: handle.card.positive for handle in handles}
    with open_store() as store:
        rows = scores_of(store, metric, {chosen.hash(), chosen.own().hash()}, datasets, positive)
        if rows.empty:
            _check_metric(metric, names, handles, chosen, store)
    have = set(rows["dataset"])
    now = present([handle for handle in handles if handle.name in have], chosen) if look else {}
    board = build(
        ", ".join(names),
        datasets,
        chosen,
        rows,
        metric,
        shared,
        _wanted(methods, rows),
        now,
        {handle.name: handle.card.label_unit for handle in handles},
        clean,
    )
    if board.cells.empty:
        aside = f" ({board.outdated} results are of older versions, data or splits)" if board.outdated else ""
        aside += f" ({board.unclean} results are not clean)" if board.unclean else ""
        command = command_line(["tsbench", "run", "--dataset", ",".join(asked), "--protocol", chosen.name])
        raise UsageError(
            f"no result for {', '.join(names)} under protocol '{chosen.name}' in {store.name}{aside}; "
            f"make some: {command} --method ..."
        )
    extents, absent = _extents(handles, rows, now, look), board.absent if look else ()
    board = replace(board, extents=extents, absent=absent, beside=_beside(board, open_store, positive))
    with open_store() as store:
        board = with_intervals(board, store) if intervals else board
        return with_costs(board, store, "" if costs is True else costs) if costs else board


def _wanted(methods: Names, rows: pd.DataFrame) -> list[str]:
    """Return the rows that are asked for; raises UsageError for one that there is not."""
    known = sorted(rows["label"].unique())
    wanted = read_choice(methods, "--method", known.__contains__)
    for method in wanted:
        if method not in known:
            rest = did_you_mean(method, known) or "; rows: " + ", ".join(known)
            raise UsageError(f"--method {method}: no such row{rest}")
    return wanted


def _metric(name: str, registry: Registry, tasks: Iterable[str]) -> str | None:
    """Return the metric of a collection's boards, None where it has none or a protocol measures something else."""
    own = registry.collections[name].metric if name in registry.collections else None
    measured = [MEASURED[task].metrics for task in tasks if task in MEASURED]
    return own if all(own in [metric.name for metric in metrics] for metrics in measured) else None


def _extents(
    handles: Iterable[DatasetHandle], rows: pd.DataFrame, now: Mapping[str, Present], look: bool
) -> dict[str, str]:
    """Return {dataset: how much of it was read}, as is known of its content; that of the last row where it is not here.

    Of a content that nobody knows, as the card counts what is here, where that is looked at.
    """
    rows = rows.sort_values("finished", kind="stable")
    content = dict(zip(rows["dataset"], rows["fingerprint"], strict=True))
    content |= {name: one.fingerprint for name, one in now.items()}
    cards = {one.name: one.card for one in handles if one.name in content}
    found = {name: card.known.get(content[name], card.extent if look else "") for name, card in cards.items()}
    return {name: extent for name, extent in found.items() if extent}


def _beside(
    board: Board, open_store: Callable[[], AbstractContextManager[Store]], positive: Mapping[str, str]
) -> dict[str, dict[str, float]]:
    """Return {dataset: {metric: mean over the runs of the board}} of what its metric is to be read beside."""
    found: dict[str, dict[str, float]] = {}
    for name in METRICS[board.metric].beside:
        with open_store() as store:
            hashes = {board.protocol.hash(), board.protocol.own().hash()}
            rows = scores_of(store, name, hashes, list(board.cells.columns), positive)
        means = rows[rows["key"].isin(board.runs["key"])].groupby("dataset")[name].mean()
        for dataset, value in means.items():
            found.setdefault(str(dataset), {})[name] = float(value)
    return found


def protocol_of(
    names: Sequence[str], protocol: str | None, task: str | None, plugins: Plugins, registry: Registry
) -> Protocol:
    """Return the protocol of the board that `query` makes of the same; None for that of what is named first."""
    return _protocol(protocol, names, _opened(names, task, plugins, registry)[1], plugins, registry)


def _opened(
    names: Sequence[str], task: str | None, plugins: Plugins, registry: Registry, skip_bad: bool = False
) -> tuple[list[str], list[DatasetHandle]]:
    """Return the names with suites as their collections, and the datasets that they stand for."""
    asked = [registry.suites[name].collection if name in registry.suites else name for name in names]
    asked = with_tasks(asked, task, plugins, registry, skip_bad)
    return asked, expand_datasets(asked, plugins, registry)


def _protocol(
    protocol: str | None, names: Sequence[str], handles: Sequence[DatasetHandle], plugins: Plugins, registry: Registry
) -> Protocol:
    return registry.protocol(protocol or _default(names[0], handles[0], registry), plugins)


def _check_metric(
    metric: str, names: Sequence[str], handles: Sequence[DatasetHandle], protocol: Protocol, store: Store
) -> None:
    """Raise UsageError where there are results, and they lack the metric alone."""
    tasks = {protocol.task_of(handle.card.task) for handle in handles} & MEASURED.keys()
    hashes = {protocol.hash(), protocol.own().hash()}
    defined = dict.fromkeys(one.name for task in sorted(tasks) for one in MEASURED[task].metrics)
    datasets = [handle.name for handle in handles]
    others = [name for name in defined if not store.scores(name, hashes, datasets).empty]
    if others:
        raise UsageError(
            f"no {metric} in {store.name} for {', '.join(names)} under protocol '{protocol.name}': not "
            f"defined on their test cases, or needs probabilities; there are {', '.join(others)}"
        )


def _default(name: str, handle: DatasetHandle, registry: Registry) -> str:
    """Return the protocol of what was named first; a suite stands for its collection."""
    if name in registry.suites:
        return registry.suites[name].protocols[0]
    if name in registry.collections:
        return registry.collections[name].protocol
    return handle.card.default_protocol or handle.default_protocol
