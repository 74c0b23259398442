"""What `read` found as lines and tables, CSV (a row per number) and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tsbench.compare.blocks import Block, Table, columns, markdown
from tsbench.leaderboard.cells import to_csv
from tsbench.reading.reading import SMALL, SMALL_CLASS, Group, Number, Reading
from tsbench.text import to_json

FORMATS = ("csv", "md", "json")
SHOWN = ("auroc", "auprc_positive", "sensitivity", "specificity", "ece_positive")  # of a group of binary answers
MOST_CLASSES = 12  # of a confusion matrix that is shown
LABELS = "multilabel"


def blocks(found: Reading) -> Iterator[Block]:
    """Yield what was read."""
    yield found.name
    whose = "" if found.subjects is None else f" of {found.subjects} subjects (by {found.by})"
    yield f"{found.cases} test cases{whose}" + (
        f"; positive class: {found.positive} ({found.rule})" if found.positive else ""
    )
    yield from found.notes
    rows = [[one.name, *_number(found, one)] for one in found.numbers]
    yield Table(columns(["metric"], ["value", "95% interval"]), rows)
    yield from _confusion(found)
    if found.curve:
        yield f"Calibration of the probability of {found.positive}"
        yield Table(columns(["probability"], ["cases", "mean", "came true"]), list(_curve_rows(found)))
    if found.benefit:
        yield "Net benefit of treating at a threshold; treating none has 0"
        rows = [[f"{t:g}", f"{run:.4f}", f"{every:.4f}"] for t, run, every in found.benefit]
        yield Table(columns([], ["threshold", "run", "treat all"]), rows)
    yield from _group_blocks(found)
    if found.against is not None:
        a = found.against
        yield f"Against {a.name}"
        test = [
            *(_text(value, ".4f") for value in (a.first, a.second, a.first - a.second)),
            _interval(a.low, a.high),
            _text(a.p, ".3g"),
        ]
        yield Table(columns([], ["auroc", "the other's", "difference", "95% interval", "DeLong p"]), [test])
        if a.p != a.p:
            yield "DeLong's test needs two cases of either class in every fold."
        elif found.subjects is not None and found.subjects < found.cases:
            yield "DeLong's test takes cases as independent, and subjects have several: trust the interval."


def _confusion(found: Reading) -> Iterator[Block]:
    if found.confusion is None:
        return
    if found.task == LABELS:
        yield "Cases by label"
        rows = [[name, *map(str, cells.ravel())] for name, cells in zip(found.classes, found.confusion, strict=True)]
        yield Table(columns(["label"], ["true neg.", "false pos.", "false neg.", "true pos."]), rows)
    elif len(found.classes) <= MOST_CLASSES:
        yield "Confusion (a row per true class, a column per predicted one)"
        rows = [[name, *map(str, row)] for name, row in zip(found.classes, found.confusion, strict=True)]
        yield Table(columns(["true"], list(found.classes)), rows)


def _curve_rows(found: Reading) -> Iterator[list[str]]:
    names = ("low", "high", "cases", "confidence", "accuracy")
    for low, high, n, mean, came in zip(*(found.curve[name].tolist() for name in names), strict=True):
        yield [f"{low:.2f} to {high:.2f}", str(n), f"{mean:.3f}", f"{came:.3f}"]


def _group_blocks(found: Reading) -> Iterator[Block]:
    for column in dict.fromkeys(group.column for group in found.groups):
        groups = [group for group in found.groups if group.column == column]
        shown = [one.name for one in found.numbers if one.name in SHOWN] if found.positive else [found.main]
        heads = [*(("positives",) if found.positive else ()), *shown[:1], "95% interval", *shown[1:]]
        yield f"By {column}"
        yield Table(columns([column], ["cases", *heads]), [_group_row(found, group, shown) for group in groups])
        worst = found.worst.get(column)
        yield f"Worst by {found.main}: " + ("none (all alike, or one that is large enough)" if worst is None else worst)
    if any(group.small for group in found.groups):
        least = f" or {SMALL_CLASS} of either class" if found.positive else ""
        yield f"(small): fewer than {SMALL} cases{least}; never called the worst"


def _group_row(found: Reading, group: Group, shown: Sequence[str]) -> list[str]:
    numbers = {one.name: one for one in group.numbers}
    counts = [str(group.cases), *([] if group.positives is None else [str(group.positives)])]
    values = [_number(found, numbers[name]) for name in shown if name in numbers]
    name = f"{group.name} (small)" if group.small else group.name
    return [name, *counts, *values[0], *(value for value, _ in values[1:])]


def _number(found: Reading, number: Number) -> tuple[str, str]:
    form = ".4f" if found.metric(number.name).unit == "fraction" else ".4g"
    return _text(number.value, form), _interval(number.low, number.high, form)


def _interval(low: float, high: float, form: str = ".4f") -> str:
    return "" if low != low else f"{low:{form}} to {high:{form}}"


def _text(value: float, form: str) -> str:
    return "" if value != value else format(value, form)


def frame(found: Reading) -> pd.DataFrame:
    """Return a row per number: part, column, group, name, value, low, high, cases, small.

    part : "metric", "group", "confusion" (column true, group predicted), "calibration" (value: what came true, name:
    the mean probability), "net benefit" (name: the threshold) or "against".
    """
    rows = [
        _row("metric", name=n.name, value=n.value, low=n.low, high=n.high, cases=found.cases) for n in found.numbers
    ]
    for group in found.groups:
        at = {"column": group.column, "group": group.name, "cases": group.cases, "small": group.small}
        rows += [_row("group", **at, name=n.name, value=n.value, low=n.low, high=n.high) for n in group.numbers]
    if found.confusion is not None and found.task != LABELS:
        named = [(true, said) for true in found.classes for said in found.classes]
        cells = zip(named, found.confusion.ravel().tolist(), strict=True)
        rows += [_row("confusion", column=true, group=said, name="cases", value=n) for (true, said), n in cells]
    elif found.confusion is not None:
        kinds = ("true negative", "false positive", "false negative", "true positive")
        for label, cells_of in zip(found.classes, found.confusion, strict=True):
            pairs = zip(kinds, cells_of.ravel().tolist(), strict=True)
            rows += [_row("confusion", column=label, group=kind, name="cases", value=n) for kind, n in pairs]
    if found.curve:
        bins = zip(
            *(found.curve[name].tolist() for name in ("low", "high", "confidence", "accuracy", "cases")), strict=True
        )
        rows += [
            _row("calibration", group=f"{a:.4g} to {b:.4g}", name=f"{p:.6g}", value=v, cases=n)
            for a, b, p, v, n in bins
        ]
    for threshold, run, every in found.benefit:
        rows.append(_row("net benefit", group="run", name=f"{threshold:g}", value=run))
        rows.append(_row("net benefit", group="treat all", name=f"{threshold:g}", value=every))
    if (a := found.against) is not None:
        ends = {"low": a.low, "high": a.high}
        rows += [_row("against", group=a.name, name="auroc", value=a.second)]
        rows += [_row("against", group=a.name, name="difference", value=a.first - a.second, **ends)]
        rows += [_row("against", group=a.name, name="delong_p", value=a.p)]
    return pd.DataFrame(rows)


def _row(part: str, **given: Any) -> dict[str, Any]:
    empty = {"column": "", "group": "", "name": "", "value": np.nan, "low": np.nan, "high": np.nan}
    return {"part": part, **empty, "cases": 0, "small": False, **given}


def content(found: Reading) -> dict[str, Any]:
    """Return it as JSON has it."""
    return {
        "name": found.name,
        "keys": list(found.keys),
        "cases": found.cases,
        "subjects": found.subjects,
        "subjects_by": found.by,
        "positive": found.positive,
        "positive_rule": found.rule,
        "notes": list(found.notes),
        "metrics": _numbers(found.numbers),
        "classes": list(found.classes),
        "confusion": None if found.confusion is None else found.confusion.tolist(),
        "calibration": {name: values.tolist() for name, values in found.curve.items()},
        "net_benefit": [dict(zip(("threshold", "run", "treat_all"), row, strict=True)) for row in found.benefit],
        "groups": [{**vars(group), "numbers": _numbers(group.numbers)} for group in found.groups],
        "worst": found.worst,
        "against": None if found.against is None else vars(found.against),
    }


def _numbers(numbers: Sequence[Number]) -> dict[str, dict[str, float]]:
    return {one.name: {"value": one.value, "low": one.low, "high": one.high} for one in numbers}


def text_of(found: Reading, form: str) -> str:
    """Return it as "csv", "md" or "json"."""
    if form == "csv":
        return to_csv(frame(found), float_format=None)
    return markdown(blocks(found)) if form == "md" else to_json(content(found)) + "\n"
