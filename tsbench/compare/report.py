"""What `stores` found, as lines and tables, CSV and JSON."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import pandas as pd

from tsbench.compare.blocks import Block, Table, columns, markdown
from tsbench.compare.stores import RULE, RUN, Difference, Moved
from tsbench.leaderboard.cells import to_csv
from tsbench.tasks import METRICS
from tsbench.text import to_json

SHOWN = 20  # cells
CELLS = columns(["method", "protocol", "dataset", "metric"], ["first", "second", "difference", "spread", "seeds"])
MOVED = columns(
    ["method", "protocol", "metric"], ["datasets", "mean difference", "95% interval", "p", "better", "equal", "worse"]
)


def blocks(found: Difference, verbose: bool = False) -> Iterator[Block]:
    """Yield what changed; verbose : every run and every cell by its name."""
    first, second = found.names
    counts = [len(one) for one in found.only]
    yield f"{first} -> {second}: {found.n_both} runs in both, {counts[0]} in the first alone, {counts[1]} in the other."
    for which, runs in zip(("first", "second"), found.only, strict=True) if verbose else ():
        yield from (f"in the {which} alone: {_run(row)}" for row in runs.to_dict("records"))
    yield f"One run, two results (this should never be): {len(found.apart) or 'none'}."
    for key, names in found.apart.items():
        yield f"{key[:12]}: {', '.join(f'{name} {then} -> {now}' for name, (then, now) in names.items())}"
    for row in found.changes.to_dict("records"):
        yield f"{row['label']}, {row['protocol']}: {row['n']} runs of the same cells differ in: {row['what']}"
    if found.cells.empty:
        yield "No cell has runs of the same fold and seed in both."
        return
    yield f"Second less first, over {len(found.cells)} cells with runs of the same folds and seeds; fractions in %."
    moved = [one for one in found.moved if verbose or one.paired.equal < one.paired.n]
    if moved:
        yield Table(MOVED, [_moved(one) for one in moved])
    if len(moved) < len(found.moved):
        yield f"{len(found.moved) - len(moved)} methods under a protocol have the same scores in both."
    yield from _noise(found)
    unlike = found.unlike if verbose else found.unlike.head(SHOWN)
    if len(unlike):
        yield Table(CELLS, [_cell(row) for row in unlike.to_dict("records")])
    if len(unlike) < len(found.unlike):
        yield f"and {len(found.unlike) - len(unlike)} more; --verbose shows all"


def _noise(found: Difference) -> Iterator[str]:
    cells = found.cells
    known = cells[cells["beyond"].notna()]
    if len(known):
        yield f"{int(known['beyond'].sum())} of {len(known)} cells with several seeds differ {RULE}."
    if alone := len(cells) - len(known):
        moved = int((cells.loc[cells["beyond"].isna(), "difference"] != 0).sum())
        yield f"{alone} cells have one seed in common, which tells nothing of their noise; {moved} of them differ."


def text_of(found: Difference, form: str, verbose: bool = False) -> str:
    """Return it as "csv" (the cells), "md" or "json"."""
    if form == "csv":
        return to_csv(found.cells)
    return markdown(blocks(found, verbose)) if form == "md" else to_json(content(found)) + "\n"


def content(found: Difference) -> dict[str, Any]:
    """Return it as JSON has it; no number is in percent."""
    apart = {key: {name: list(pair) for name, pair in names.items()} for key, names in found.apart.items()}
    return {
        "first": found.names[0],
        "second": found.names[1],
        "n_both": found.n_both,
        "only_first": _records(found.only[0]),
        "only_second": _records(found.only[1]),
        "two_results": apart,
        "changes": _records(found.changes),
        "rule": RULE,
        "moved": [
            {"method": one.label, "protocol": one.protocol, "metric": one.metric, **one.paired.content()}
            for one in found.moved
        ],
        "cells": _records(found.cells),
        "differs": found.differs,
    }


def _records(frame: pd.DataFrame) -> list[dict[Hashable, Any]]:
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


def _run(row: Mapping[Any, Any]) -> str:
    return f"{row['key'][:12]} {' '.join(str(row[name]) for name in RUN if name not in ('protocol_hash', 'metric'))}"


def _moved(one: Moved) -> list[str]:
    unit, test = METRICS[one.metric].unit, one.paired
    mean = _shift(test.mean, unit) if test.mean == test.mean else ""
    p = f"{test.p:.2g}" if test.p == test.p else ""
    interval = f"{_shift(test.low, unit)} to {_shift(test.high, unit)}" if test.low == test.low else ""
    counts = [str(number) for number in (test.better, test.equal, test.worse)]
    return [one.label, one.protocol, one.metric, str(test.n), mean, interval, p, *counts]


def _cell(row: Mapping[Any, Any]) -> list[str]:
    metric = METRICS[row["metric"]]
    spread = "" if row["spread"] != row["spread"] else metric.text(row["spread"])
    shown = [metric.text(row["first"]), metric.text(row["second"]), _shift(row["difference"], metric.unit), spread]
    return [row["label"], row["protocol"], row["dataset"], row["metric"], *shown, str(row["n_seeds"])]


def _shift(value: float, unit: str) -> str:
    return f"{100 * value:+.2f}" if unit == "fraction" else f"{value:+.4g}"
