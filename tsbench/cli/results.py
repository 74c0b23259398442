"""tsbench results."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import click

from tsbench.cli.options import common_options, open_store
from tsbench.errors import UsageError

COLUMNS = ("key", "method", "dataset", "protocol", "fold", "seed", "status")


@click.command()
@click.option("--format", "form", type=click.Choice(["table", "csv", "parquet"]), default="table", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Write to a file in place of the terminal.")
@common_options
def results(form: str, out: Path | None) -> int:
    """Print or export a row per run: key, method, dataset, protocol, fold, seed, status, metrics, costs, parameters.

    \b
    Examples:
      tsbench results
      tsbench results --format parquet --out results.parquet
    """
    if form == "parquet" and out is None:
        raise UsageError("--format parquet needs --out FILE")
    with contextlib.closing(open_store(must_exist=True)) as store:
        frame = results_frame(store.results())
    if form == "table" and out is None:
        _print(frame)
    elif form == "parquet":
        from tsbench.leaderboard.export import write_bytes

        assert out is not None
        write_bytes(out, frame.to_parquet(index=False))
    else:
        text = frame.to_csv(index=False, lineterminator="\n")
        if out is None:
            click.echo(text, nl=False)
        else:
            from tsbench.leaderboard.export import write_bytes

            write_bytes(out, text.encode())
    return 0


def results_frame(rows: list[dict[str, Any]]) -> Any:
    """Return stored rows as a DataFrame, ordered by dataset, method, protocol, fold and seed."""
    import pandas as pd

    from tsbench.identity import canonical
    from tsbench.metrics import METRICS

    records = []
    for row in rows:
        durations, facts = row["durations"], row["facts"]
        records.append(
            {
                "key": row["key"],
                "method": row["label"],
                "dataset": row["dataset"],
                "protocol": row["protocol"],
                "protocol_hash": row["protocol_hash"],
                "normalisation": row["normalisation"],
                "fold": row["fold"],
                "seed": row["seed"],
                "status": row["status"],
                **{name: row.get(name) for name in METRICS},
                "n_train": facts.get("n_train"),
                "n_test": facts.get("n_test"),
                "fit_seconds": durations.get("fit"),
                "probe_seconds": durations.get("probe"),
                "peak_memory_bytes": row["peak_memory_bytes"],
                "device": row["device"],
                "error": row["error"],
                "warnings": "; ".join(row["warnings"]),
                "params": canonical(row["spec"]["params"]),
            }
        )
    frame = pd.DataFrame(records, columns=None if records else list(COLUMNS))
    order = ["dataset", "method", "protocol", "fold", "seed"]
    frame = frame.sort_values(order, kind="stable", ignore_index=True)
    return frame.astype({name: "Int64" for name in ("n_train", "n_test") if name in frame})


def _print(frame: Any) -> None:
    from rich.markup import escape
    from rich.table import Table

    from tsbench.cli.tables import print_table

    table = Table()
    shown = ["key", "method", "dataset", "protocol", "fold", "seed", "status", "accuracy", "f1_macro", "fit_seconds"]
    for name in shown:
        number = name in ("accuracy", "f1_macro", "fit_seconds")
        table.add_column(name, no_wrap=True, justify="right" if number else "left")
    for row in frame.to_dict("records"):
        cells = [row["key"][:10], *(escape(str(row[name])) for name in shown[1:7])]
        numbers = [(row["accuracy"], 4), (row["f1_macro"], 4), (row["fit_seconds"], 1)]
        cells += ["" if value is None or value != value else f"{value:.{digits}f}" for value, digits in numbers]
        table.add_row(*cells)
    print_table(table)
