"""What the labels of a file are taken for where nobody says it."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from tsbench_archives.arrays import label_array
from tsbench_archives.arrow import label_column
from tsbench_archives.cells import MISSING, encoding
from tsbench_archives.labels import SEPARATOR, are_values, number

Taken = tuple[str, str]  # the task, and why, in words; "" for classes


def taken_for(labels: Sequence[str]) -> Taken:
    """Return what the labels of the cases of a file are taken for.

    Several per case where a label holds ';'. Numbers where all are, and so many of them differ (`labels.are_values`).
    Classes otherwise.
    """
    if any(SEPARATOR in label for label in labels):
        return "multilabel", f"taken for several labels per case, as one holds '{SEPARATOR}'"
    there = [label for label in labels if label not in MISSING]
    values = [number(label) for label in there]
    if are_values(values):
        return "regression", f"taken for numbers, as {len(set(values))} of {len(there)} are different"
    return "classification", ""


def taken(path: Path) -> Taken:
    """Return what the labels of a file are taken for that does not say it: a table, arrays or .tsv.

    A file that cannot be read is taken for one of classes: reading it in full says what is wrong.
    """
    with contextlib.suppress(OSError):
        found = path.stat()
        return _remembered(path, found.st_mtime_ns, found.st_size)
    return "classification", ""


@functools.lru_cache(maxsize=64)
def _remembered(path: Path, changed: int, size: int) -> Taken:
    with contextlib.suppress(Exception):  # whatever the libraries raise on rubbish
        labels = label_cells(path)
        if labels is None:
            return "multilabel", ""
        return taken_for([str(label).strip() for label in labels])
    return "classification", ""


def label_cells(path: Path) -> Sequence[object] | None:
    """Return the label of each case, as the file spells it; None where an array has several for each.

    Raises what the libraries raise on a file that cannot be read, or has no labels.
    """
    match path.suffix.lower():
        case ".csv":
            with path.open(newline="", encoding=encoding(path)) as file:
                table = pd.read_csv(file, usecols=_tells, dtype=str, keep_default_na=False)
        case ".parquet":
            names = list(filter(_tells, pq.read_schema(path).names))
            table = pq.read_table(path, columns=names, read_dictionary=names).to_pandas()
        case ".arrow" | ".feather":
            return label_column(path)
        case ".npz":
            y = label_array(path)
            return None if y.ndim == 2 else list(y.tolist())
        case _:
            with path.open(encoding=encoding(path)) as file:
                return [line.split(maxsplit=1)[0] for line in file if line.strip()]
    table = table.rename(columns=lambda name: name.strip().casefold())
    return list((table.drop_duplicates("case") if "case" in table else table)["label"].astype(str))


def _tells(name: str) -> bool:
    return name.strip().casefold() in ("case", "label")
