"""tsbench results."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tsbench.cli.options import common_options, open_store
from tsbench.cli.output import check_file
from tsbench.errors import UsageError
from tsbench.terminal import echo, echo_text

if TYPE_CHECKING:
    import pandas as pd

    from tsbench.store.store import Store

FORMATS = (".parquet", ".csv", ".jsonl")
LEAST = ("fit_seconds", "f1_macro", "fold", "seed", "protocol", "status")  # left out first where there is no room
PLACE = ("dataset", "protocol", "protocol_hash", "normalisation", "fold", "seed", "status")


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
@common_options
def results(form: str | None, out: Path | None) -> int:
    """Print or export a row per run: key, method, dataset, protocol, fold, seed, status, metrics, costs, parameters.

    \b
    Examples:
      tsbench results
      tsbench results --out results.parquet
    """
    if form == "parquet" and out is None:
        raise UsageError("--format parquet needs --out FILE")
    written = form_of(out, form) if out else ""
    with contextlib.closing(open_store(must_exist=True)) as store:
        if out:
            write_results(store, out, written)
        elif form == "csv":
            from tsbench.leaderboard.cells import to_csv

            for number, frame in enumerate(frames(store)):
                echo_text(to_csv(frame, header=number == 0, float_format=None))
        else:
            _print(store)
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


def write_results(store: Store, path: Path, form: str) -> int:
    """Write all rows of a store as "csv", "jsonl" or "parquet", a piece at a time; return how many there are."""
    from tsbench.leaderboard.cells import to_csv
    from tsbench.leaderboard.export import replacing

    count = 0
    writer = None
    with replacing(path) as file:
        for number, frame in enumerate(frames(store)):
            if form == "csv":
                file.write(to_csv(frame, header=number == 0, float_format=None).encode())
            elif form == "jsonl":
                text = frame.to_json(orient="records", lines=True, double_precision=15)
                file.write(text.replace("\x7f", "\\u007f").encode())  # the one control character that pandas leaves
            else:
                import pyarrow as pa
                from pyarrow.parquet import ParquetWriter

                table = pa.Table.from_pandas(frame, preserve_index=False)
                writer = writer or ParquetWriter(file, table.schema)
                writer.write_table(table)
            count += len(frame)
        if writer is not None:
            writer.close()
    return count


def frames(store: Store) -> Iterator[pd.DataFrame]:
    """Yield the rows of a store as DataFrames of the same columns and types, at least one."""
    from itertools import chain

    batches = store.batches()
    for batch in chain([next(batches, [])], batches):
        yield results_frame(batch)


def results_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return stored rows as a DataFrame, in their order."""
    import pandas as pd

    from tsbench.identity import canonical
    from tsbench.tasks.metrics import METRICS

    columns = {
        "key": [row["key"] for row in rows],
        "method": [row["label"] for row in rows],
        **{name: [row[name] for row in rows] for name in ("method_version", "versions")},
        **{name: [row[name] for row in rows] for name in PLACE},
        **{name: pd.array([row.get(name) for row in rows], dtype=float) for name in METRICS},
        **{
            name: pd.array([_whole(row["facts"].get(name)) for row in rows], dtype="Int64")
            for name in ("n_train", "n_test")
        },
        "fit_seconds": pd.array([row["durations"].get("fit") for row in rows], dtype=float),
        "probe_seconds": pd.array([row["durations"].get("probe") for row in rows], dtype=float),
        **{name: [row[name] for row in rows] for name in ("peak_memory_bytes", "device", "error")},
        "warnings": ["; ".join(row["warnings"]) for row in rows],
        "params": [canonical(row["params"]) for row in rows],
    }
    return pd.DataFrame(columns)


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) and value == value // 1 and abs(value) < 2**63 else None


def _print(store: Store) -> None:
    from tsbench.cli.ui.tables import print_table

    texts = ["key", "method", "dataset", "protocol", "fold", "seed", "status"]
    numbers = ["accuracy", "f1_macro", "fit_seconds"]
    cells = (
        [row["key"][:10], row["label"], *(str(row[name]) for name in texts[2:])]
        + [_number(row.get(name), 4) for name in numbers[:2]]
        + [_number(row["durations"].get("fit"), 1)]
        for batch in store.batches()
        for row in batch
    )
    columns = [*((name, "left") for name in texts), *((name, "right") for name in numbers)]
    if not print_table(columns, cells, least=LEAST):
        echo("Cut to the terminal: 'tsbench results | less -S' or '--format csv' shows all.")


def _number(value: float | None, digits: int) -> str:
    return "" if value is None or value != value else f"{value:.{digits}f}"
