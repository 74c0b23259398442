"""Rows of a store as DataFrames and files: what `tsbench results` and `Bench.results` give."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from tsbench.condition import Condition
from tsbench.identity import canonical
from tsbench.leaderboard.cells import to_csv
from tsbench.output import replacing
from tsbench.protocol import Split
from tsbench.store.store import ALL, Store
from tsbench.store.wanted import Wanted
from tsbench.tasks import METRICS, measured_by
from tsbench.tasks.metrics import METRICS as ALWAYS
from tsbench.tasks.score import Predictions

PLACE = ("dataset", "protocol", "protocol_hash", "normalisation", "fold", "seed", "status")


def frames(store: Store, wanted: Wanted = ALL) -> Iterator[pd.DataFrame]:
    """Yield the rows of a store as DataFrames of the same columns and types, at least one."""
    batches, known = store.batches(wanted), store.metric_names()
    for batch in chain([next(batches, [])], batches):
        yield results_frame(batch, known)


def results_frame(rows: list[dict[str, Any]], known: Set[str] | None = None) -> pd.DataFrame:
    """Return stored rows as a DataFrame, in their order.

    known : the metrics that have a column beside those of every classification; None for those of these rows.
    """
    known = {name for row in rows for name in row} if known is None else known
    metrics = [name for name in METRICS if name in known or name in ALWAYS]
    columns = {
        "key": [row["key"] for row in rows],
        "method": [row["label"] for row in rows],
        **{name: [row[name] for row in rows] for name in ("method_version", "versions")},
        **{name: [row[name] for row in rows] for name in PLACE},
        "exposure": [row.get("exposure", "") for row in rows],
        "split": [split_label(row.get("protocol_split")) for row in rows],
        "corruption": [corruption_label(row.get("protocol_condition")) for row in rows],
        **{name: pd.array([row.get(name) for row in rows], dtype=float) for name in metrics},
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


def predictions_frame(predictions: Predictions, fold: int) -> pd.DataFrame:
    """Return a row per test case: case, its name where it has one, fold, truth, prediction, score:CLASS of each.

    Truth and prediction are as `Measured.words` has them. Of imputation there is a row per hidden value, with `channel`
    and `step`, both from 0, after the fold.
    """
    words, classes, places = measured_by(predictions.task).words, predictions.classes, predictions.places
    of = slice(None) if places is None else places[:, 0]
    return pd.DataFrame(
        {
            "case": predictions.cases[of],
            **({} if predictions.names is None else {"name": predictions.names[of]}),
            "fold": fold,
            **({} if places is None else {"channel": places[:, 1], "step": places[:, 2]}),
            "truth": words(predictions.y_true, classes),
            "prediction": words(predictions.y_pred, classes),
            **{f"score:{name}": predictions.scores[:, number] for number, name in enumerate(classes)},
        }
    )


def split_label(value: object) -> str:
    """Return what the split of a stored protocol is called; "" where that is none."""
    try:
        return Split.model_validate(value).label
    except ValidationError:
        return ""


def corruption_label(value: object) -> str:
    """Return what the condition of a stored protocol corrupts, and whether that reads labels; "" where nothing is."""
    try:
        return Condition.model_validate(value).label
    except ValidationError:
        return ""


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) and value == value // 1 and abs(value) < 2**63 else None


def write_results(frames: Iterable[pd.DataFrame], path: Path, form: str) -> int:
    """Write `frames` as "csv", "jsonl" or "parquet", a piece at a time; return how many there are."""
    count = 0
    writer = None
    with replacing(path) as file:
        for number, frame in enumerate(frames):
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
