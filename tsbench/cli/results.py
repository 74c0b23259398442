"""tsbench results."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tsbench.cli.options import bench, common_options, open_registry, open_store, settings
from tsbench.errors import UsageError
from tsbench.output import check_file
from tsbench.terminal import echo, echo_text

if TYPE_CHECKING:
    import pandas as pd

    from tsbench.store.store import Store
    from tsbench.store.wanted import Wanted

FORMATS = (".parquet", ".csv", ".jsonl")
LEAST = (
    "exposure",
    "fit_seconds",
    "f1_macro",
    "fold",
    "seed",
    "protocol",
    "status",
)  # left out first where there is no room


@click.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "parquet"]),
    help="What to print or write.  [default: a table, or what the name of --out ends in]",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Write to a .parquet, .csv or .jsonl file in place of the terminal."
)
@click.option("--method", "methods", multiple=True, help="Only runs of these methods, or with these labels.")
@click.option("--dataset", "datasets", multiple=True, help="Only runs on these datasets or collections.")
@click.option("--protocol", multiple=True, help="Only runs under these protocols.")
@click.option("--status", multiple=True, help="Only runs that are succeeded, failed, timeout, oom, crashed, ...")
@click.option("--since", metavar="DATE|AGE", help="Only runs that ended since 2026-01-31, 2026-01-31T12:00 (UTC), 36h.")
@click.option("--predictions", is_flag=True, help="A row per test case: its name, subject, truth, prediction, scores.")
@common_options
def results(form: str | None, out: Path | None, predictions: bool, **asked: Any) -> int:
    """Print or export a row per run: key, method, dataset, protocol, fold, seed, status, metrics, costs, parameters.

    Options that choose runs take names with commas and may be repeated; a run must suit all of them.

    \b
    Examples:
      tsbench results
      tsbench results --out results.parquet
      tsbench results --method trls,ts2vec --dataset ucr --status failed --since 7d
      tsbench results --predictions --dataset p12 --out predictions.parquet
    """
    if form == "parquet" and out is None:
        raise UsageError("--format parquet needs --out FILE")
    written = form_of(out, form) if out else ""
    if form in (None, "table") and out is None and predictions:
        _print_predictions(bench().prediction_frames(**asked))
        return 0
    if form in (None, "table") and out is None:
        with contextlib.closing(open_store(must_exist=True)) as store:
            _print(store, _wanted(store, **asked))
        return 0
    frames = bench().prediction_frames(**asked) if predictions else bench().frames(**asked)
    if out:
        from tsbench.leaderboard.results import write_results

        write_results(frames, out, written)
    else:
        from tsbench.leaderboard.cells import to_csv

        for number, frame in enumerate(frames):
            echo_text(to_csv(frame, header=number == 0, float_format=None))
    return 0


def form_of(out: Path, form: str | None = None) -> str:
    """Return what the name of --out says is to be written: "parquet", "csv" or "jsonl".

    Raises UsageError where --format says otherwise, and where nothing can be written there.
    """
    if out.suffix not in FORMATS:
        raise UsageError(f"--out {out}: choose a file that ends in .parquet, .csv or .jsonl")
    named = out.suffix.removeprefix(".")
    if form not in (None, named):
        raise UsageError(f"--format {form} --out {out}: the file's name says {named}; leave --format out")
    check_file(out)
    return named


def _wanted(store: Store, **asked: Any) -> Wanted:
    """Return the runs asked for; options are those of `Bench.results`."""
    from tsbench.leaderboard.wanted import read_wanted

    asked["protocols"], asked["statuses"] = asked.pop("protocol"), asked.pop("status")
    return read_wanted(store, settings().plugins(), open_registry(), time.time(), **asked)


def _print(store: Store, wanted: Wanted) -> None:
    from tsbench.cli.ui.tables import print_table

    texts = ["key", "method", "dataset", "protocol", "fold", "seed", "status", "exposure"]
    metrics = _metrics(store.metric_names())
    numbers = [*metrics, "fit_seconds"]
    cells = (
        [row["key"][:10], row["label"], row["dataset"], _protocol(row), *(str(row[name]) for name in texts[4:])]
        + [_number(row.get(name), form) for name, form in metrics.items()]
        + [_number(row["durations"].get("fit"), ".1f")]
        for batch in store.batches(wanted)
        for row in batch
    )
    columns = [*((name, "left") for name in texts), *((name, "right") for name in numbers)]
    if not print_table(columns, cells, least=LEAST):
        echo("Cut to the terminal: 'tsbench results | less -S' or '--format csv' shows all.")


def _print_predictions(frames: Iterator[pd.DataFrame]) -> None:
    from itertools import chain

    from tsbench.cli.ui.tables import print_table

    first = next(frames)
    names = [str(name) for name in first]
    numbers = [name for name in names if name.startswith("score:") or name in ("case", "fold", "seed")]
    columns = [(name, "right" if name in numbers else "left") for name in names]
    rows = (
        [_cell(name, value) for name, value in zip(names, row, strict=True)]
        for frame in chain([first], frames)
        for row in frame.itertuples(index=False, name=None)
    )
    if not print_table(columns, rows, least=("seed", "protocol", "fold", "case")):
        echo("Cut to the terminal: 'tsbench results --predictions | less -S' or '--format csv' shows all.")


def _cell(name: str, value: Any) -> str:
    if name == "key":
        return str(value)[:10]
    return _number(value, ".4g") if isinstance(value, float) else str(value)


def _protocol(row: Mapping[str, Any]) -> str:
    """Return the protocol of a row, with what must be said of its corruption."""
    from tsbench.leaderboard.results import corruption_label

    reads = "reads labels" in corruption_label(row.get("protocol_condition"))
    return f"{row['protocol']}{', reads labels' * reads}"


def _metrics(known: set[str]) -> dict[str, str]:
    """Return {name: format} of the primary metric of each task that has rows, and f1_macro."""
    from tsbench.tasks import MEASURED, METRICS

    primary = [task.primary for task in MEASURED.values() if task.primary in known]
    primary = primary or [MEASURED["classification"].primary]
    names = [*primary, *(["f1_macro"] if "f1_macro" in known or not known else [])]
    return {name: ".4f" if METRICS[name].unit == "fraction" else ".4g" for name in names}


def _number(value: float | None, form: str) -> str:
    return "" if value is None or value != value else format(value, form)
