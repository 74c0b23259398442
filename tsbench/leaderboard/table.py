"""The leaderboard: a row per method, a column per dataset, from the succeeded runs of one protocol."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tsbench.leaderboard.newest import Present, newest
from tsbench.plan.exposure import CLEAN, STATES, state
from tsbench.protocol import Protocol
from tsbench.statistics.clusters import Interval
from tsbench.statistics.summary import summary
from tsbench.tasks import METRICS

if TYPE_CHECKING:
    from pandas.api.typing import SeriesGroupBy


@dataclass(frozen=True)
class Board:
    """A leaderboard.

    cells : one row per method label (index), one column per dataset of the collection; mean over folds and seeds of
        the metric (in its own unit, a fraction say), NaN where a fold is missing.
    summary : per method what `statistics.summary` says over `common` (mean, rank, wins, intervals, iqm, group),
        coverage, complete, seeds (in words, see `_seeds`), seeds_std and folds_std (see `_spread`), method_version,
        versions (of encoder, transforms and probe), normalisation, exposure (in words).
    outdated, others, unreadable : how many results are left out, as `Chosen` counts them.
    runs : the rows behind the cells: label, dataset, fold, seed, key, value, exposure.
    units : {dataset: unit of its labels}, where they are numbers.
    absent : datasets with results whose present state was looked for and is not known: the data of the last run counts.
    common : the datasets that all complete methods have. A method is complete when none covers more datasets; on a
        shared board every method is.
    unclean : how many results are left out since they are not clean.
    costs : COSTS of each cell (method, dataset), the mean over its runs; empty where they were not asked for.
    extents : {dataset: how much of it is here}, as its card says.
    beside : {dataset: {metric: mean over the runs}} of the metrics that this one is to be read beside.
    intervals : {(method, dataset): Interval} of cells, over other test cases; empty where they were not asked for.
    """

    name: str
    metric: str
    protocol: Protocol
    cells: pd.DataFrame
    summary: pd.DataFrame
    common: tuple[str, ...]
    outdated: int
    others: int
    unreadable: int
    absent: tuple[str, ...]
    runs: pd.DataFrame
    units: Mapping[str, str] = field(default_factory=dict)
    unclean: int = 0
    costs: pd.DataFrame = field(default_factory=pd.DataFrame)
    extents: Mapping[str, str] = field(default_factory=dict)
    beside: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    intervals: Mapping[tuple[str, str], Interval] = field(default_factory=dict)

    @property
    def unit(self) -> str:
        """Unit of the cells: "%", "prepared units", that of the labels where all columns share one, "" for none."""
        of_metric = METRICS[self.metric].unit
        if of_metric != "label":
            return {"fraction": "%", "prepared": "prepared units"}.get(of_metric, "")
        found = {self.units.get(name, "") for name in self.cells.columns if self.cells[name].notna().any()}
        return (found.pop() if len(found) == 1 else "") or "units of the labels"

    @property
    def in_several_units(self) -> bool:
        """Whether the datasets' labels are in units of their own, so that neither means nor differences compare."""
        return in_several_units(self.metric, self.units, self.common)

    @cached_property
    def exposures(self) -> dict[tuple[str, str], str]:
        """{(method, dataset): what its runs state} of the cells that are not clean; of several the worst."""
        return _exposures(self.runs)

    @cached_property
    def evidence(self) -> pd.DataFrame:
        """A row per cell: method, dataset, mean, n, n_seeds, n_folds, std_seeds, std_folds, keys.

        n : runs, whose keys are in the order of their seeds and folds. std_seeds : sample standard deviation (ddof 1)
        over seeds of the mean over folds; std_folds : over folds of the mean over seeds; NaN where there is only one.
        """
        cell = ["label", "dataset"]
        runs = self.runs.sort_values(["seed", "fold"])
        cells = runs.groupby(cell)
        over_folds, over_seeds = _means_per(runs, "seed"), _means_per(runs, "fold")
        found = {
            "mean": over_folds.mean(),
            "n": cells.size(),
            "n_seeds": over_folds.size(),
            "n_folds": over_seeds.size(),
            "std_seeds": over_folds.std(),
            "std_folds": over_seeds.std(),
            "keys": cells["key"].agg(list),
        }
        order = pd.MultiIndex.from_product([self.cells.index, self.cells.columns], names=["method", "dataset"])
        table = pd.DataFrame(found).rename_axis(["method", "dataset"])
        return table.reindex(order[order.isin(table.index)]).reset_index()

    def frame(self) -> pd.DataFrame:
        """Return the board as one table, best rank first, incomplete methods last; what `--out` writes."""
        facts = pd.DataFrame(index=self.cells.index)
        facts["protocol"] = self.protocol.name
        facts["protocol_hash"] = self.protocol.hash()[:12]
        facts["metric"] = self.metric
        if METRICS[self.metric].unit in ("label", "prepared"):
            facts["unit"] = self.unit
        table = pd.concat([facts, self.summary.assign(split=self.protocol.split.label), self.cells], axis=1)
        return table.reset_index(names="method", allow_duplicates=True)  # a dataset may be called as a column is


def in_several_units(metric: str, units: Mapping[str, str], datasets: Iterable[str]) -> bool:
    """Whether numbers of these datasets are in units of their own; a dataset without a unit is alone with its own."""
    return METRICS[metric].unit == "label" and len({units.get(name) or name for name in datasets}) > 1


UNEVEN = "*"
OF_ONE_UNIT = ("mean", "mean_low", "mean_high", "iqm", "seeds_std", "folds_std")  # no others have these
COSTS = ("fit_seconds", "probe_seconds", "peak_memory_bytes")
BEHIND = ["label", "dataset", "fold", "seed", "key", "value", "exposure"]
CODED = dict.fromkeys(
    ("label", "dataset"), "category"
)  # rows are grouped by them a dozen times: texts take twice as long
COLUMNS = [
    *(
        "key",
        "label",
        "method",
        "method_version",
        "dataset",
        "protocol_hash",
        "fold",
        "seed",
        "status",
        "normalisation",
    ),
    *("fingerprint", "split", "configuration", "exposure", "versions", "finished"),
]


def build(
    name: str,
    datasets: Sequence[str],
    protocol: Protocol,
    rows: pd.DataFrame | Sequence[Mapping[str, Any]],
    metric: str,
    shared: bool = False,
    labels: Sequence[str] = (),
    now: Mapping[str, Present] | None = None,
    units: Mapping[str, str] | None = None,
    clean: bool = False,
) -> Board:
    """Make the board of a collection from the rows of `Store.scores` (or of `Store.results`).

    Only rows of this protocol (or of its `own()` form, for methods with their own decision rule) may be given; which of
    them count, `newest` says. A cell needs every fold of a seed: seeds with a fold missing are left out.
    shared : rank every method, on the datasets that all of them have. labels : only these rows; all when empty. now :
    what the datasets are at present, as `present` gives it; of one that is not in it, the data of the last run counts.
    units : as `Board.units`; there is no mean over several. clean : leave out what is exposed, and what is unknown.
    """
    values, now = pd.DataFrame(rows, columns=[*COLUMNS, metric]), now or {}
    values = values.rename(columns={metric: "value"}).astype(CODED)
    values = values[(values["status"] == "succeeded") & values["dataset"].isin(datasets) & values["value"].notna()]
    if not values["protocol_hash"].isin([protocol.hash(), protocol.own().hash()]).all():
        raise ValueError("rows of different protocols must not share a leaderboard")
    chosen = newest(values, now)
    parts = (chosen.rows, chosen.outdated, chosen.others)
    values, outdated, others = (part[part["label"].isin(labels)] if labels else part for part in parts)
    is_clean = values["exposure"] == CLEAN
    unclean = int((~is_clean).sum()) if clean else 0
    values = values[is_clean] if clean else values
    shown = set(values["dataset"].unique())
    absent = tuple(name for name in datasets if name in shown and name not in now)
    behind = _whole_seeds(values, protocol, now)
    whole = behind.groupby(["label", "dataset", "seed"], observed=True)["value"].mean()
    cells = _cells(values, whole, datasets)
    table, common = _summary(values, cells, _seeds(whole), shared, METRICS[metric].sign)
    rising = [False, True, METRICS[metric].better == "low"]
    for place, part in enumerate(("seed", "fold"), start=[*table].index("seeds") + 1):
        table.insert(place, f"{part}s_std", _spread(behind, part, common).reindex(table.index).where(table["complete"]))
    table["exposure"] = _exposure_in_words(cells, _exposures(behind))
    order = table.sort_values(["complete", "rank", "mean"], ascending=rising, kind="stable").index
    table, units = table.loc[order], units or {}
    if in_several_units(metric, units, common):
        table[[*OF_ONE_UNIT]], table["group"] = np.nan, ""
    left_out = (len(outdated), len(others), chosen.unreadable)
    behind = behind.astype(dict.fromkeys(CODED, object))
    return Board(name, metric, protocol, cells.loc[order], table, common, *left_out, absent, behind, units, unclean)


def _whole_seeds(values: pd.DataFrame, protocol: Protocol, now: Mapping[str, Present]) -> pd.DataFrame:
    """Return the rows of the seeds of which every fold is there.

    A dataset's own split has the folds that it has now, of a dataset that is not here those of its rows.
    """
    here = {name: len(one.splits) for name, one in now.items() if one.splits}
    last = values.groupby("dataset", observed=True)["fold"].max()
    folds = pd.Series({name: protocol.n_folds(here.get(str(name), fold + 1)) for name, fold in last.items()}, dtype=int)
    count = values.groupby(["label", "dataset", "seed"], observed=True)["value"].transform("size")
    return values.loc[count == values["dataset"].map(folds), BEHIND]


def _cells(values: pd.DataFrame, whole: pd.Series, datasets: Sequence[str]) -> pd.DataFrame:
    cells = whole.groupby(["label", "dataset"], observed=True).mean().unstack("dataset")
    methods = pd.Index(sorted(values["label"].unique()), name="method")
    return cells.reindex(index=methods, columns=pd.Index(datasets, name="dataset")).astype(float)


def _seeds(whole: pd.Series) -> dict[str, str]:
    """Return the seeds behind each label's cells, such as "0-2" or "0,5"; UNEVEN follows where cells differ in them."""
    runs = whole.index.to_frame(index=False)
    seeds = runs[["label", "seed"]].drop_duplicates().groupby("label", observed=True)["seed"].agg(list)
    fewest = runs.groupby(["label", "dataset"], observed=True).size().groupby("label", observed=True).min()
    return {
        str(label): ranges(map(int, of)) + UNEVEN * (least < len(of))
        for (label, of), least in zip(seeds.items(), fewest, strict=True)
    }


def _means_per(runs: pd.DataFrame, part: str) -> SeriesGroupBy[float, Any]:
    """Return the means of each cell's runs per seed, or per fold, grouped by cell."""
    return (
        runs.groupby(["label", "dataset", part], observed=True)["value"]
        .mean()
        .groupby(["label", "dataset"], observed=True)
    )


def _spread(runs: pd.DataFrame, part: str, common: Sequence[str]) -> pd.Series:
    """Return per label how far a cell's values lie apart from seed to seed, or from fold to fold.

    That is the root mean square, over the common datasets with several, of the cells' sample standard deviations.
    """
    of_cells = _means_per(runs[runs["dataset"].isin(common)], part).std().round(12)  # of equal values it is 1e-17
    return (of_cells**2).groupby("label", observed=True).mean() ** 0.5


def _exposures(runs: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Return {(label, dataset): exposure} of the cells with a run that is not clean, of several the worst."""
    found: dict[tuple[str, str], str] = {}
    marked = runs.loc[runs["exposure"] != CLEAN, ["label", "dataset", "exposure"]].drop_duplicates()
    for label, dataset, text in sorted(marked.itertuples(index=False), key=lambda row: STATES.index(state(row[2]))):
        found[label, dataset] = text
    return found


def _exposure_in_words(cells: pd.DataFrame, marked: Mapping[tuple[str, str], str]) -> list[str]:
    """Return "clean" or "exposed" per row, or, where cells differ, "exposed: A, B; unknown: C"."""
    words = []
    for label, row in cells.iterrows():
        by_state: dict[str, list[str]] = {}
        for name in row.index[row.notna()]:
            by_state.setdefault(state(marked.get((str(label), name), CLEAN)), []).append(name)
        apart = [f"{one}: {', '.join(by_state[one])}" for one in reversed(STATES[1:]) if one in by_state]
        words.append(next(iter(by_state), CLEAN) if len(by_state) < 2 else "; ".join(apart))
    return words


def ranges(numbers: Iterable[int]) -> str:
    """Return whole numbers in short: "0-2,5"."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(f"{low}" if low == high else f"{low}-{high}" for low, high in runs)


def _summary(
    values: pd.DataFrame, cells: pd.DataFrame, seeds: Mapping[str, str], shared_board: bool, sign: int
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    covered = cells.notna().sum(axis=1)
    complete = (covered > 0) & ((covered == covered.max()) | shared_board)
    common = [
        name for name in cells.columns if len(cells) and cells.loc[complete, name].notna().all() and complete.any()
    ]
    table = summary(cells.loc[complete, common], sign).reindex(cells.index)
    table["group"] = table["group"].fillna("")
    table.insert(3, "coverage", [f"{count}/{len(cells.columns)}" for count in covered])
    table.insert(4, "complete", complete)
    table.insert(5, "seeds", [seeds.get(label, "") for label in cells.index])
    table["method_version"] = values.groupby("label", observed=True)["method_version"].max()
    for name in ("versions", "normalisation"):
        made = values[["label", name]].drop_duplicates()
        table[name] = made.groupby("label", observed=True)[name].agg(lambda column: "/".join(sorted(column)))
    return table, tuple(common)
