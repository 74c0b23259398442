"""A paper's table: the runs that stand for its rows, and ours beside the published numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

import pandas as pd

from tsbench.data.splits import counts_for
from tsbench.discovery.plugins import Plugins
from tsbench.identity import base_method
from tsbench.leaderboard.cells import Side, markdown_cell, to_markdown
from tsbench.methods.capabilities import check_able
from tsbench.papers.columns import Column, column_of, columns_of
from tsbench.papers.published import Number, load_published
from tsbench.plan.methods import accepts
from tsbench.plan.plan import expand_datasets, make_plan
from tsbench.plan.prepared import take_apart
from tsbench.plan.request import Plan, Request
from tsbench.plan.spec import RunSpec
from tsbench.plan.summaries import summarise
from tsbench.registry import Paper, PaperRow, PaperTable, Registry
from tsbench.tasks import METRICS

RULE = (
    "Verdict: 'within' when ours and the published mean differ by no more than both spreads (standard deviation over "
    "folds, of one fold over seeds) together, 'outside' when by more, 'not comparable' when one of the two is missing."
)
MARKDOWN: tuple[tuple[str, Side], ...] = (
    *((name, "left") for name in ("row", "dataset", "metric")),
    *((name, "right") for name in ("ours", "published", "difference")),
    ("verdict", "left"),
)


@dataclass(frozen=True)
class TablePlan:
    """The plan of a whole table, which of its runs stand for which row, and the datasets of its groups by name."""

    plan: Plan
    rows: tuple[tuple[PaperRow, tuple[RunSpec, ...]], ...]
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)


def plan_paper(
    name: str,
    datasets: Sequence[str],
    seeds: Sequence[int],
    overrides: Mapping[str, str],
    plugins: Plugins,
    registry: Registry,
    threads: int = 1,
    protocol: str | None = None,
) -> TablePlan:
    """List the runs of a table by its name ("trls/table1"), on the paper's datasets and stand-ins where none are given.

    protocol : in place of the table's; a row that has one of its own keeps it.
    """
    _, table = registry.table(name)
    table = table.under(protocol)
    all_of_it = [*table.datasets, *table.stand_ins]
    known = [one for one in all_of_it if _known(one, plugins, registry)]
    planned = plan_table(table, datasets or known, seeds, overrides, plugins, registry, threads)
    unknown = [] if datasets else [one for one in all_of_it if one not in known]
    planned.plan.missing |= {one: f"no plugin brings {one}; --dataset A,B uses other data" for one in unknown}
    return planned


def plan_table(
    table: PaperTable,
    datasets: Sequence[str],
    seeds: Sequence[int],
    overrides: Mapping[str, str],
    plugins: Plugins,
    registry: Registry,
    threads: int = 1,
) -> TablePlan:
    """List the runs of every row on the given datasets, those that share a pre-training beside each other."""
    whole, rows = Plan(missing=_without_split(table, datasets, plugins, registry)), []
    here = [name for name in datasets if name not in whole.missing]
    for row in _overridden(table.rows, overrides, plugins):
        if table.kind == "tsne":  # a map of features
            check_able(row.run, plugins["methods"].get(base_method(row.run)), "represent")
        settings = {key: _text(value) for key, value in row.set.items()}
        specs: list[RunSpec] = []
        for protocol, names in _protocols(table, row, here, plugins, registry).items():
            request = Request(
                [row.run],
                names,
                [protocol],
                seeds,
                settings,
                threads=threads,
                pretrain_on=row.pretrain_on,
                exclude_target=row.exclude_target,
            )
            part = make_plan(request, plugins, registry)
            whole.missing |= part.missing
            whole.missing_sources |= part.missing_sources
            whole.invalid |= part.invalid
            whole.fetchable |= part.fetchable
            specs += part.specs
        rows.append((row, tuple(specs)))
    unique = {spec.key: spec for _, specs in rows for spec in specs}
    whole.specs = sorted(unique.values(), key=lambda s: (s.dataset, s.fold, s.label, s.seed))
    groups = {name: [one.name for one in expand_datasets([name], plugins, registry)] for name in table.groups}
    return TablePlan(whole, tuple(rows), groups)


def _overridden(rows: Sequence[PaperRow], overrides: Mapping[str, str], plugins: Plugins) -> list[PaperRow]:
    """Return the rows with what is overridden, each with the parameters that its method has.

    What no method has is left with all rows, so that it is refused.
    """
    runs = {row.run for row in rows}
    takers = {key: {run for run in runs if accepts(run, key, plugins)} or runs for key in overrides}
    return [
        row.model_copy(update={"set": {**row.set, **{k: v for k, v in overrides.items() if row.run in takers[k]}}})
        for row in rows
    ]


def _without_split(table: PaperTable, datasets: Sequence[str], plugins: Plugins, registry: Registry) -> dict[str, str]:
    """Return the datasets that are here without the split that the table runs them on, each with what to do."""
    found = {}
    for name in [one for one in datasets if one in table.splits]:
        (handle,), split = expand_datasets([name], plugins, registry), table.splits[name]
        if handle.available() and split not in (known := summarise(handle).own_folds):
            has = f"the table is on its split '{split}', and the files here make {', '.join(known) or 'none'}"
            found[name] = f"{name}: {has}; 'tsbench data info {name}' says what is needed"
    return found


def _known(name: str, plugins: Plugins, registry: Registry) -> bool:
    """Say whether there is a dataset or collection of a name, which may have steps after it."""

    def known(base: str) -> bool:
        return base in plugins["datasets"] or base in registry.collections

    return known(take_apart(name, known)[0])


def _protocols(
    table: PaperTable, row: PaperRow, datasets: Sequence[str], plugins: Plugins, registry: Registry
) -> dict[str, Sequence[str]]:
    """Return the protocols that a row is run under, each with its datasets."""
    reference = row.protocol or table.protocol
    found: dict[str, Sequence[str]] = {reference: [name for name in datasets if name not in table.splits]}
    for split in dict.fromkeys(table.splits.values()):
        found[f"{reference}+split={split}"] = [name for name in datasets if table.splits.get(name) == split]
    protocol = registry.protocol(reference, plugins)
    if table.at_random and not protocol.needs_own_split and protocol.split.group is not None:
        handles = expand_datasets(found[reference], plugins, registry)
        if grouped := [handle.reference for handle in handles if protocol.group(handle.card)]:
            found[f"{reference}+group=none"] = grouped
    return found


def tabulate(
    paper: Paper, table: PaperTable, planned: TablePlan, datasets: Sequence[str], results: Sequence[Mapping[str, Any]]
) -> pd.DataFrame:
    """Return one row per table row, column and metric: ours, published, difference and verdict, as fractions.

    dataset : what `Column.name` calls it.
    ours_std is the standard deviation (ddof 0) over folds of the mean over seeds, over seeds where there is one fold,
    and empty of one run; n_runs counts the runs behind it.
    A cell with a run missing is empty. Lines whose `average` is True are means over datasets.
    """
    published = load_published(paper.csv, paper.unit)
    made_on = {spec.key: spec.made_on for _, specs in planned.rows for spec in specs}
    by_key = {row["key"]: row for row in results if counts_for(row["split"], made_on.get(row["key"], ""))}

    def find(row: PaperRow, dataset: str, metric: str) -> Number | None:
        return published.find(table.published, row.method, row.variant, row.setting, dataset, metric)

    lines, columns = [], columns_of(table, (spec for _, specs in planned.rows for spec in specs), datasets)
    for row, specs in planned.rows:
        means: dict[tuple[Column, str], float | None] = {}
        for column in columns:
            here = [spec for spec in specs if column_of(table, spec) == column]
            theirs_called = "" if column.stands_for else paper.datasets.get(column.dataset, "")
            for theirs, ours in table.metrics.items():
                number = find(row, theirs_called, theirs)
                mean, std = _cell(here, by_key, ours)
                means[column, ours] = mean
                if mean is None:
                    verdict = _lacking(here, by_key) if here else "not run"
                else:
                    verdict = _verdict(mean, std, number, paper.doubt, column.incomparable)
                lines.append(_line(row, table, here, by_key, column.name, ours, (mean, std), number, verdict))
        averaged = _averaged(table, planned, columns)
        for name, members in averaged.items():
            here = [spec for spec in specs if column_of(table, spec) in members]
            for theirs, ours in table.metrics.items():
                values = [means[column, ours] for column in members]
                known = [value for value in values if value is not None]
                mean = fmean(known) if known and len(known) == len(values) else None
                number = find(row, table.average, theirs) if name == next(iter(averaged)) else None
                verdict = _verdict_of_mean(number, len(members), table.average)
                verdict = verdict if mean is not None else _lacking(here, by_key)
                lines.append(_line(row, table, here, by_key, name, ours, (mean, None), number, verdict, True))
    return pd.DataFrame(lines)


def _averaged(table: PaperTable, planned: TablePlan, columns: Sequence[Column]) -> dict[str, Sequence[Column]]:
    """Return the means that a table has, by name, with the columns they are of."""
    if not (table.average or table.kind == "grid"):
        return {}
    here = {column_of(table, spec) for spec in planned.plan.specs}
    columns = [one for one in columns if one in here] or columns  # data that is missing leaves no mean empty
    groups = {name: [one for one in columns if one.dataset in members] for name, members in planned.groups.items()}
    named = {f"{name} ({len(members)})": members for name, members in groups.items() if members}
    return {f"mean of {len(columns)}": columns, **named}


def _line(
    row: PaperRow,
    table: PaperTable,
    specs: Sequence[RunSpec],
    by_key: Mapping[str, Mapping[str, Any]],
    dataset: str,
    metric: str,
    ours: tuple[float | None, float | None],
    number: Number | None,
    verdict: str,
    average: bool = False,
) -> dict[str, Any]:
    mean, std = ours
    return {
        "row": row.name,
        "settings": ", ".join(f"{key}={_text(value)}" for key, value in row.set.items()),
        "method": specs[0].label if specs else row.run,
        "protocol": specs[0].protocol.name if specs else row.protocol or table.protocol,
        "dataset": dataset,
        "average": average,
        "metric": metric,
        "ours": mean,
        "ours_std": std,
        "n_runs": len(specs),
        "published": number.mean if number else None,
        "published_std": number.spread if number else None,
        "difference": mean - number.mean if number and mean is not None else None,
        "verdict": verdict,
        "note": number.note if number else "",
        **_costs([by_key[spec.key] for spec in specs if spec.key in by_key]),
    }


def _costs(results: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Return the mean seconds of the runs' trainings, and the largest memory of those that trained themselves."""
    seconds = [float(row["durations"]["fit"]) for row in results if "fit" in row.get("durations", {})]
    trained = [row for row in results if not row.get("facts", {}).get("reused_pretraining")]
    memory = [float(row["peak_memory_bytes"]) for row in trained if row.get("peak_memory_bytes")]
    return {"fit_seconds": fmean(seconds) if seconds else None, "peak_memory_bytes": max(memory, default=None)}


def markdown(title: str, frame: pd.DataFrame) -> str:
    """Return the table as Markdown, fractions in percent."""
    rows = []
    for line in frame.to_dict("records"):
        metric, difference = line["metric"], signed(line["metric"], line["difference"])
        ours, theirs = (shown(metric, line[whose], line[f"{whose}_std"]) for whose in ("ours", "published"))
        rows.append([line["row"], line["dataset"], metric, ours, theirs, difference, line["verdict"]])
    return f"# {markdown_cell(title)}\n\n{RULE}\n\n{to_markdown(MARKDOWN, rows)}"


def _cell(
    specs: Sequence[RunSpec], by_key: Mapping[str, Mapping[str, Any]], metric: str
) -> tuple[float | None, float | None]:
    found = [(spec.fold, by_key[spec.key].get(metric)) for spec in specs if spec.key in by_key]
    values = [(fold, value) for fold, value in found if isinstance(value, int | float)]
    if not specs or len(values) < len(specs):
        return None, None
    runs = pd.Series([value for _, value in values])
    folds = runs.groupby([fold for fold, _ in values]).mean()
    spread = folds if len(folds) > 1 else runs
    return float(folds.mean()), float(spread.std(ddof=0)) if len(spread) > 1 else None


def _lacking(specs: Sequence[RunSpec], by_key: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the verdict on a cell of which some runs have not succeeded."""
    count = sum(by_key.get(spec.key, {}).get("status") == "succeeded" for spec in specs)
    return f"not comparable: {count} of {len(specs)} runs of ours succeeded"


def _verdict(mean: float, std: float | None, number: Number | None, doubt: str, incomparable: str) -> str:
    if incomparable:
        return f"not comparable: {incomparable}"
    if number is None:
        return "not comparable: no published number for this dataset"
    if number.spread is None:
        return "not comparable: no published spread"
    if std is None:
        return "not comparable: one run of ours, which has no spread"
    verdict = "within" if abs(mean - number.mean) <= std + number.spread else "outside"
    return f"{verdict} ({doubt})" if doubt else verdict


def _verdict_of_mean(number: Number | None, n_datasets: int, average: str) -> str:
    if number is None:
        return "not comparable: no published number"
    return f"not comparable: ours is the mean of {n_datasets} datasets, theirs the {average}"


def shown(metric: str, mean: float | None, std: float | None = None) -> str:
    """Return a mean and its spread: a fraction in percent, another number as it is; "" where there is none."""
    if mean is None or pd.isna(mean):
        return ""
    fraction = metric not in METRICS or METRICS[metric].unit == "fraction"
    known = [mean] if std is None or pd.isna(std) else [mean, std]
    return " ± ".join(f"{100 * value:.2f}" if fraction else f"{value:.4g}" for value in known)


def signed(metric: str, difference: float | None) -> str:
    """Return a difference of means as `shown`, with its sign."""
    text = shown(metric, difference)
    return text if not text or text.startswith("-") else f"+{text}"


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
