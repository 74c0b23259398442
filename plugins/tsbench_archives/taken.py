"""What the labels of a file are taken for where nobody says it."""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from tsbench_archives.arrays import label_array
from tsbench_archives.arrow import label_column
from tsbench_archives.cells import MISSING, encoding
from tsbench_archives.labels import SEPARATOR, number

FEW, MANY = 5, 20  # different numbers from which on they may be values: with a fraction among them, and without
Taken = tuple[str, str]  # the task, and why, in words; "" for classes


def taken_for(labels: Sequence[str]) -> Taken:
    """Return what the labels of the cases of a file are taken for.

    Several per case where a label holds ';'. Numbers where all are, more than half of them are different, and MANY are,
    or FEW are and one has a fraction. Classes otherwise.
    """
    if any(SEPARATOR in label for label in labels):
        return "multilabel", f"taken for several labels per case, as one holds '{SEPARATOR}'"
    there = [label for label in labels if label not in MISSING]
    values = {number(label) for label in there}
    least = FEW if any(value % 1 for value in values) else MANY
    if not any(map(math.isnan, values)) and len(values) >= least and 2 * len(values) > len(there):
        return "regression", f"taken for numbers, as {len(values)} of {len(there)} are different"
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
                table = pd.read_csv(
                    file, usecols=lambda name: name.strip() in ("case", "label"), dtype=str, keep_default_na=False
                )
        case ".parquet":
            names = [name for name in pq.read_schema(path).names if name.strip() in ("case", "label")]
            table = pq.read_table(path, columns=names, read_dictionary=names).to_pandas()
        case ".arrow" | ".feather":
            return label_column(path)
        case ".npz":
            y = label_array(path)
            return None if y.ndim == 2 else list(y.tolist())
        case _:
            with path.open(encoding=encoding(path)) as file:
                return [line.split(maxsplit=1)[0] for line in file if line.strip()]
    table = table.rename(columns=str.strip)
    return list((table.drop_duplicates("case") if "case" in table else table)["label"].astype(str))
