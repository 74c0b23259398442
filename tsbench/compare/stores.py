"""What changed between two stores: runs, versions, and scores by more than the noise of their seeds."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from tsbench.compare.paired import Paired, paired
from tsbench.discovery.catalog import did_you_mean
from tsbench.discovery.plugins import Plugins
from tsbench.errors import UsageError
from tsbench.leaderboard.newest import newest
from tsbench.leaderboard.table import in_several_units
from tsbench.plan.asked import with_tasks
from tsbench.plan.exposure import CLEAN
from tsbench.plan.plan import expand_datasets
from tsbench.registry import Registry
from tsbench.statistics.ranks import differences
from tsbench.store.merge import metrics_apart
from tsbench.store.schema import runs
from tsbench.store.store import Store
from tsbench.tasks import MEASURED, METRICS, POSED, metric_for

ROW = ["label", "protocol", "protocol_hash", "metric"]  # what may be averaged
CELL = [*ROW, "dataset"]
RUN = [*CELL, "fold", "seed"]
SIDES = ("first", "second")
DATA = {"fingerprint": "data", "split": "split"}
TIMES = 2
RULE = f"beyond noise: by more than {TIMES} times the larger standard deviation over seeds"


@dataclass(frozen=True)
class Asked:
    """Which results are compared: of these datasets, protocols (hashes) and rows, all where empty.

    known : {hash: name} of protocols, whatever a store calls them. metric : None for the primary one of each task.
    clean : without what is exposed, or may be.
    """

    datasets: Sequence[str] = ()
    hashes: Collection[str] = ()
    metric: str | None = None
    labels: Sequence[str] = ()
    clean: bool = False
    known: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Moved:
    """How a method's scores moved under a protocol: over the datasets of both stores, the second less the first.

    paired : of the cells; of labels in units of their own the counts alone, all else is NaN.
    """

    label: str
    protocol: str
    metric: str
    paired: Paired


@dataclass(frozen=True)
class Difference:
    """What changed from the first store to the second.

    only : the runs that one of them has alone, a table each: key and what RUN names. n_both : runs that both have.
    apart : {key: {metric: (first, second)}} of one run with two results, which should never be. changes : what tells
    the two runs of a cell apart: label, protocol, what, n. cells : per label, protocol, metric and dataset, over the
    folds and seeds that both have: first, second, difference, spread (the larger standard deviation over seeds),
    n_seeds, beyond (True, False, or None where one seed tells nothing of noise). moved : one per label and protocol.
    """

    names: tuple[str, str]
    only: tuple[pd.DataFrame, pd.DataFrame]
    n_both: int
    apart: dict[str, dict[str, tuple[float | None, float | None]]]
    changes: pd.DataFrame
    cells: pd.DataFrame
    moved: list[Moved] = field(default_factory=list)

    @property
    def unlike(self) -> pd.DataFrame:
        """The cells that differ by more than noise, or of which no noise is known, the largest difference first."""
        found = self.cells[(self.cells["difference"] != 0) & (self.cells["beyond"] != False)]  # noqa: E712
        return found.sort_values("difference", key=abs, ascending=False, kind="stable")

    @property
    def differs(self) -> bool:
        """Say whether a result changed otherwise than by what is known to be noise."""
        return bool(self.apart) or not self.unlike.empty


def ask(
    names: Sequence[str],
    protocols: Sequence[str],
    metric: str | None,
    task: str | None,
    labels: Sequence[str],
    clean: bool,
    plugins: Plugins,
    registry: Registry,
) -> Asked:
    """Return what is asked for by name: collections, datasets or paths, protocols, rows. Raises UsageError."""
    handles = expand_datasets(with_tasks(names, task, plugins, registry), plugins, registry) if names else []
    known = {one.hash(): name for name, one in registry.protocols.items()}
    chosen = [registry.protocol(name, plugins) for name in protocols]
    if metric is not None and not any(metric == one.name for task in POSED.values() for one in task.metrics):
        metric_for({handle.name: handle.card.task for handle in handles}, metric)
    hashes = {one.hash(): protocol.name for protocol in chosen for one in (protocol.own(), protocol)}
    return Asked([handle.name for handle in handles], hashes, metric, labels, clean, known | hashes)


def difference(first: Store, second: Store, asked: Asked, names: tuple[str, str]) -> Difference:
    """Compare two stores, shown by these names; of each cell the runs count that a board would take, from stores alone.

    Raises UsageError for a row that neither has.
    """
    protocols = _protocols(first) | _protocols(second) | dict(asked.known)
    left, right = (_scores(one, asked, protocols) for one in (first, second))
    known = {*left["label"], *right["label"]}
    for label in asked.labels:
        if label not in known:
            raise UsageError(f"--method {label}: neither store has such a row{did_you_mean(label, known)}")
    keys = set(left["key"]) & set(right["key"])
    with first.read() as here, second.read() as there:
        apart = metrics_apart(here, there, keys)
    only = tuple(one.loc[~one["key"].isin(keys), ["key", *RUN]] for one in (left, right))
    both = _counting(left).merge(_counting(right), on=RUN, suffixes=("_first", "_second"))
    cells = _cells(both)
    return Difference(names, (only[0], only[1]), len(keys), apart, _changes(both), cells, list(_moved(cells)))


def _protocols(store: Store) -> dict[str, str]:
    """Return {hash: name} of the protocols of a store."""
    query = sa.select(runs.c.protocol_hash, runs.c.protocol).distinct()
    with store.read() as connection:
        return {row.protocol_hash: str(row.protocol) for row in connection.execute(query)}


def _scores(store: Store, asked: Asked, protocols: Mapping[str, str]) -> pd.DataFrame:
    """Return the results asked for, each by the metric of its task, with the name of its protocol."""
    primary = dict.fromkeys(task.primary for task in MEASURED.values())
    parts = []
    for metric in [asked.metric] if asked.metric else primary:
        rows = store.scores(metric, asked.hashes, asked.datasets)
        parts.append(rows.rename(columns={metric: "value"}).assign(metric=metric))
    found = pd.concat(parts, ignore_index=True)
    found = found[found["status"] == "succeeded"].drop_duplicates("key")
    found = found.assign(protocol=found["protocol_hash"].map(protocols))
    if asked.labels:
        found = found[found["label"].isin(asked.labels)]
    return found[found["exposure"] == CLEAN] if asked.clean else found


def _counting(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that may stand beside each other on a board, of each protocol and metric."""
    groups = [newest(group, {}).rows for _, group in rows.groupby(["protocol_hash", "metric"])]
    return pd.concat(groups, ignore_index=True) if groups else newest(rows, {}).rows


def _changes(both: pd.DataFrame) -> pd.DataFrame:
    """Count, by label and protocol, the cells whose two runs differ, by what tells them apart."""
    unlike = both[(both["key_first"] != both["key_second"]) | (both["split_first"] != both["split_second"])]
    what = ["; ".join(_told_apart(row)) or "what was not noted then" for row in unlike.to_dict("records")]
    return unlike.assign(what=what).value_counts(["label", "protocol", "what"], sort=False).rename("n").reset_index()


def _told_apart(row: Mapping[Any, Any]) -> list[str]:
    """Return what differs between the two runs of a cell, in words."""
    found = []
    then, now = ({"method": row[f"method_version_{one}"], **_parts(row[f"versions_{one}"])} for one in SIDES)
    for part in sorted(then.keys() | now.keys()):
        if then.get(part) != now.get(part):
            found.append(f"version of {part}: {then.get(part, 'none')} -> {now.get(part, 'none')}")
    if row["normalisation_first"] != row["normalisation_second"]:
        found.append("normalisation")
    (params, others), (params_now, others_now) = (_digests(row[f"configuration_{one}"]) for one in SIDES)
    if params and params_now and params != params_now:
        found.append("parameters")
    elif params and params_now and others != others_now and not found:  # that digest is of the versions, too
        found.append("threads, groups or sources")
    return found + [what for column, what in DATA.items() if row[f"{column}_first"] != row[f"{column}_second"]]


def _parts(versions: str) -> dict[str, str]:
    """Return {part: version} of what `newest` wrote."""
    return {part: version for part, _, version in (text.rpartition("=") for text in versions.split())}


def _digests(configuration: str) -> tuple[str, str]:
    params, _, others = configuration.partition(":")
    return params, others


def _cells(both: pd.DataFrame) -> pd.DataFrame:
    """Return `Difference.cells`."""
    seeds = both.groupby([*CELL, "seed"])[["value_first", "value_second"]].mean().groupby(CELL)
    means, spreads = seeds.mean(), seeds.std().max(axis=1)
    cells = means.set_axis(["first", "second"], axis=1).assign(spread=spreads, n_seeds=seeds.size())
    cells["difference"] = differences(cells["second"].to_numpy(), cells["first"].to_numpy())
    beyond = (cells["difference"].abs() > TIMES * cells["spread"]).astype(object)
    cells["beyond"] = beyond.where(cells["n_seeds"] > 1, None)
    return cells.reset_index()


def _moved(cells: pd.DataFrame) -> Iterator[Moved]:
    for names, rows in cells.groupby(ROW):
        label, protocol, _, metric = map(str, names)
        by_name = rows.set_index("dataset")
        test = paired(by_name["second"], by_name["first"], METRICS[metric].sign)
        if in_several_units(metric, {}, by_name.index):  # a store notes no unit of labels
            test = replace(test, mean=np.nan, low=np.nan, high=np.nan, p=np.nan)
        yield Moved(label, protocol, metric, test)
