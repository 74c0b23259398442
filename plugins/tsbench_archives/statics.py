"""Static values of cases: columns or arrays `static_NAME`, of numbers or of categories."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tsbench.data.panel import normalise_label
from tsbench.errors import InvalidDataError
from tsbench_archives.cells import MISSING, shown
from tsbench_archives.written import numbers_as_text

PREFIX = "static_"
MOST_CATEGORIES = 100  # more is text that describes no group of cases


def static_fields(columns: Mapping[str, Sequence[str]], where: Callable[[int], str]) -> dict[str, Any]:
    """Return `static`, `static_names` and `categories` of a Panel; empty where there is no column.

    columns : {name: a cell per case, as text}. A column whose every cell is a number (or missing) holds numbers, one
    without any number categories. where : names the place of a case in messages. Raises InvalidDataError for a mixture,
    for numbers that a comma or a unit makes text, that are infinite or too large, and for a column without a name.
    """
    if not columns:
        return {}
    static, categories = [], {}
    for name, cells in columns.items():
        if not name.strip():
            raise InvalidDataError(f"'{PREFIX}' names no static value; call it {PREFIX}NAME")
        numbers = [_number(cell) for cell in cells]
        texts = [case for case, cell in enumerate(cells) if numbers[case] is None and cell not in MISSING]
        if texts and (found := numbers_as_text(cells)):
            is_text = f"static '{shown(name)}' is {shown(cells[found.case])!r}"
            rest = ", and the unit in the name of the column" if found.unit else ""
            raise InvalidDataError(f"{where(found.case)}: {is_text}, {found.said}{rest}")
        if texts and any(number is not None for number in numbers):
            raise InvalidDataError(
                f"{where(texts[0])}: static '{shown(name)}' is {shown(cells[texts[0]])!r}, where other cases have "
                "numbers; write numbers alone, or names alone"
            )
        if texts:
            known = sorted({normalise_label(cells[case]) for case in texts})
            if len(known) > MOST_CATEGORIES:
                raise InvalidDataError(
                    f"{where(texts[0])}: static '{shown(name)}' has {len(known)} different texts; a category is shared "
                    f"by cases, and there may be {MOST_CATEGORIES}"
                )
            code, categories[name] = {one: float(number) for number, one in enumerate(known)}, tuple(known)
            numbers = [code.get(normalise_label(cell)) for cell in cells]
        static.append([np.nan if number is None else number for number in numbers])
        with np.errstate(over="ignore"):
            wrong = np.flatnonzero(np.isinf(np.asarray(static[-1]).astype(np.float32)))
        if len(wrong):
            at = int(wrong[0])
            what = f"static '{shown(name)}' is {shown(cells[at])}"
            raise InvalidDataError(f"{where(at)}: {what}, infinite or too large for float32; correct it")
    values = np.asarray(static, dtype=np.float64).T.astype(np.float32)
    return {"static": values, "static_names": tuple(columns), "categories": categories}


def _number(cell: str) -> float | None:
    """Return the number a cell is written as; None for text and for what is missing."""
    if cell in MISSING or "_" in cell or not cell.isascii():
        return None
    try:
        return float(cell)
    except ValueError:
        return None
