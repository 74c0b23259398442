"""A paper's table: the runs that stand for its rows, and ours beside the published numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from tsbench.data.splits import counts_for
from tsbench.discovery.plugins import Plugins
from tsbench.identity import UNTRAINED
from tsbench.leaderboard.cells import Side, markdown_cell, to_markdown
from tsbench.methods.capabilities import check_able
from tsbench.papers.published import Number, load_published
from tsbench.plan.plan import make_plan
from tsbench.plan.request import Plan, Request
from tsbench.plan.spec import RunSpec
from tsbench.registry import Paper, PaperRow, PaperTable, Registry

RULE = (
    "Verdict: 'within' when ours and the published mean differ by no more than both spreads (standard deviation over "
    "folds) together, 'outside' when by more, 'not comparable' when one of the two is missing."
)
MARKDOWN: tuple[tuple[str, Side], ...] = (
    *((name, "left") for name in ("row", "dataset", "metric")),
    *((name, "right") for name in ("ours", "published", "difference")),
    ("verdict", "left"),
)


@dataclass(frozen=True)
class TablePlan:
    """The plan of a whole table, and which of its runs stand for which row."""

    plan: Plan
    rows: tuple[tuple[PaperRow, tuple[RunSpec, ...]], ...]


def plan_paper(
    name: str,
    datasets: Sequence[str],
    seeds: Sequence[int],
    overrides: Mapping[str, str],
    plugins: Plugins,
    registry: Registry,
    threads: int = 1,
) -> TablePlan:
    """List the runs of a table by its name ("trls/table1"), on the paper's datasets where none are given."""
    _, table = registry.table(name)
    known = [one for one in table.datasets if one in plugins["datasets"] or one in registry.collections]
    planned = plan_table(table, datasets or known, seeds, overrides, plugins, registry, threads)
    unknown = [] if datasets else [one for one in table.datasets if one not in known]
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
    whole, rows = Plan(), []
    for row in table.rows:
        if table.kind == "tsne":  # a map of features
            check_able(row.run, plugins["methods"].get(row.run.removeprefix(UNTRAINED)), "represent")
        settings = {key: _text(value) for key, value in row.set.items()} | dict(overrides)
        request = Request(
            [row.run],
            datasets,
            [row.protocol or table.protocol],
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
        rows.append((row, tuple(part.specs)))
    unique = {spec.key: spec for _, specs in rows for spec in specs}
    whole.specs = sorted(unique.values(), key=lambda s: (s.dataset, s.fold, s.label, s.seed))
    return TablePlan(whole, tuple(rows))


def tabulate(
    paper: Paper, table: PaperTable, planned: TablePlan, datasets: Sequence[str], results: Sequence[Mapping[str, Any]]
) -> pd.DataFrame:
    """Return one row per table row, dataset and metric: ours, published, difference and verdict, as fractions.

    ours_std is the standard deviation over folds (ddof 0) of the mean over seeds; n_runs counts the runs behind it.
    A cell with a run missing is empty.
    """
    published = load_published(paper.csv, paper.unit)
    made_on = {spec.key: spec.made_on for _, specs in planned.rows for spec in specs}
    by_key = {row["key"]: row for row in results if counts_for(row["split"], made_on.get(row["key"], ""))}

    def find(row: PaperRow, dataset: str, metric: str) -> Number | None:
        return published.find(table.published, row.method, row.variant, row.setting, dataset, metric)

    lines = []
    for row, specs in planned.rows:
        means: dict[str, list[float | None]] = {metric: [] for metric in table.metrics}
        for dataset in datasets:
            here = [spec for spec in specs if spec.dataset == dataset]
            for theirs, ours in table.metrics.items():
                number = find(row, paper.datasets.get(dataset, ""), theirs)
                mean, std = _cell(here, by_key, ours)
                means[theirs].append(mean)
                verdict = _verdict(mean, std, number, paper.doubt) if here else "not run"
                lines.append(_line(row, table, here, dataset, ours, (mean, std), number, verdict))
        for theirs, ours in table.metrics.items() if table.average else ():
            values = [value for value in means[theirs] if value is not None]
            mean = sum(values) / len(values) if values and len(values) == len(means[theirs]) else None
            verdict = f"not comparable: ours is the mean of {len(datasets)} datasets, theirs the {table.average}"
            number = find(row, table.average, theirs)
            lines.append(_line(row, table, specs, f"mean of {len(datasets)}", ours, (mean, None), number, verdict))
    return pd.DataFrame(lines)


def _line(
    row: PaperRow,
    table: PaperTable,
    specs: Sequence[RunSpec],
    dataset: str,
    metric: str,
    ours: tuple[float | None, float | None],
    number: Number | None,
    verdict: str,
) -> dict[str, Any]:
    mean, std = ours
    return {
        "row": row.name,
        "method": specs[0].label if specs else row.run,
        "protocol": row.protocol or table.protocol,
        "dataset": dataset,
        "metric": metric,
        "ours": mean,
        "ours_std": std,
        "n_runs": len(specs),
        "published": number.mean if number else None,
        "published_std": number.spread if number else None,
        "difference": mean - number.mean if number and mean is not None else None,
        "verdict": verdict,
        "note": number.note if number else "",
    }


def markdown(title: str, frame: pd.DataFrame) -> str:
    """Return the table as Markdown, in percent."""
    rows = []
    for line in frame.to_dict("records"):
        ours, theirs = _percent(line["ours"], line["ours_std"]), _percent(line["published"], line["published_std"])
        difference = "" if pd.isna(line["difference"]) else f"{100 * line['difference']:+.2f}"
        rows.append([line["row"], line["dataset"], line["metric"], ours, theirs, difference, line["verdict"]])
    return f"# {markdown_cell(title)}\n\n{RULE}\n\n{to_markdown(MARKDOWN, rows)}"


def _cell(
    specs: Sequence[RunSpec], by_key: Mapping[str, Mapping[str, Any]], metric: str
) -> tuple[float | None, float | None]:
    found = [(spec.fold, by_key[spec.key].get(metric)) for spec in specs if spec.key in by_key]
    values = [(fold, value) for fold, value in found if isinstance(value, int | float)]
    if not specs or len(values) < len(specs):
        return None, None
    folds = pd.Series([value for _, value in values]).groupby([fold for fold, _ in values]).mean()
    return float(folds.mean()), float(folds.std(ddof=0))


def _verdict(mean: float | None, std: float | None, number: Number | None, doubt: str) -> str:
    if mean is None or std is None:
        return "not comparable: not all runs of ours succeeded"
    if number is None:
        return "not comparable: no published number for this dataset"
    if number.spread is None:
        return "not comparable: no published spread"
    verdict = "within" if abs(mean - number.mean) <= std + number.spread else "outside"
    return f"{verdict} ({doubt})" if doubt else verdict


def _percent(mean: float | None, std: float | None) -> str:
    if mean is None or pd.isna(mean):
        return ""
    return f"{100 * mean:.2f}" + ("" if std is None or pd.isna(std) else f" ± {100 * std:.2f}")


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
