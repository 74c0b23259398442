"""What the label cells of a file mean: a class, a number, or any number of names."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tsbench.data.panel import LARGEST_TARGET, class_index, normalise_label
from tsbench.errors import InvalidDataError
from tsbench_archives.cells import MISSING, shown
from tsbench_archives.written import numbers_as_text

SEPARATOR = ";"  # between the names of a multilabel cell
PREFIX = "label_"  # of the columns of 0 and 1 that name a label each
FEW, MANY = 5, 20  # different numbers from which on they may be values: with a fraction among them, and without
Where = Callable[[int], str]


def target(cells: Sequence[str], task: str, where: Where) -> dict[str, Any]:
    """Return y, classes and task of a Panel for label cells, one per case.

    task : "classification" or "" for a class, "regression" for a number, "multilabel" for names separated by ';', an
    empty cell being a case without a label. where : says of a case where its cell stands, for messages.

    Raises InvalidDataError naming the first cell that is no such thing, or where all are numbers that a comma makes
    text; or a unit, where the numbers would be values.
    """
    if task != "multilabel" and (found := numbers_as_text(cells)):
        numbers = task == "regression" or are_values([number(one) for one in found.meant])
        if numbers or not found.unit:
            raise InvalidDataError(f"{where(found.case)}: label {shown(cells[found.case])!r} is {found.said}")
    if task == "regression":
        values = [_finite(cell, case, where) for case, cell in enumerate(cells)]
        return {"y": np.asarray(values, dtype=np.float64), "task": "regression"}
    if task == "multilabel":
        named = [[normalise_label(part) for part in cell.split(SEPARATOR) if part.strip()] for cell in cells]
        for case, names in enumerate(named):
            if missing := next((name for name in names if name in MISSING), None):
                raise InvalidDataError(
                    f"{where(case)}: label {missing!r} means missing; name it, or leave the cell empty"
                )
        every = [name for names in named for name in names]
        if not every:
            raise InvalidDataError(f"{where(0)}: no case has a label; name them, separated by '{SEPARATOR}'")
        classes = class_index(every)[1]
        return several(np.asarray([[name in names for name in classes] for names in named]), classes)
    y, classes = class_index(cells)
    return {"y": y, "classes": classes, "task": "classification"}


def of_columns(columns: Mapping[str, Sequence[str]], where: Where) -> dict[str, Any]:
    """Return y, classes and task of a Panel for columns of 0 and 1: {label_NAME: a cell per case}.

    A cell is a number however it is written: 1.0 is 1. Raises InvalidDataError naming the first that is neither.
    """
    flags = np.asarray([[normalise_label(cell) for cell in cells] for cells in columns.values()], dtype=object).T
    wrong = np.argwhere(~np.isin(flags, ("0", "1")))
    if len(wrong):
        case, label = wrong[0]
        name = list(columns)[label]
        raise InvalidDataError(
            f"{where(int(case))}: column '{shown(name)}' is {shown(columns[name][case])!r}; a label is 0 or 1"
        )
    return several(flags == "1", [name.removeprefix(PREFIX) for name in columns])


def several(flags: npt.NDArray[Any], names: Sequence[str]) -> dict[str, Any]:
    """Return y, classes and task of a Panel for labels of 0 and 1 (n, n_labels), in the order of their names.

    Raises InvalidDataError where a name means missing, or two are alike as `normalise_label` spells them.
    """
    spelt = [normalise_label(name) for name in names]
    for number, name in enumerate(spelt):
        if name in MISSING:
            raise InvalidDataError(f"label {number} is called {name!r}, which means missing; name it")
        if name in spelt[:number]:
            raise InvalidDataError(f"two labels are called {shown(name)!r}, in one spelling or two; names must differ")
    classes = class_index(names)[1]
    order = [spelt.index(name) for name in classes]
    return {"y": np.asarray(flags)[:, order].astype(np.uint8), "classes": classes, "task": "multilabel"}


def are_values(labels: Sequence[float]) -> bool:
    """Say whether labels are numbers (none is NaN) of which so many differ that they are values, and no classes."""
    values = set(labels)
    least = FEW if any(value % 1 for value in values) else MANY
    return not any(map(math.isnan, values)) and len(values) >= least and 2 * len(values) > len(labels)


def number(cell: str) -> float:
    """Return the number that a cell spells, NaN for none."""
    try:
        return float(cell) if "_" not in cell and cell.isascii() else math.nan
    except ValueError:
        return math.nan


def _finite(cell: str, case: int, where: Where) -> float:
    value = number(cell)
    if not abs(value) <= LARGEST_TARGET:
        raise InvalidDataError(
            f"{where(case)}: label {shown(cell)!r} is not a finite number (up to {LARGEST_TARGET:g}), as regression "
            "needs; correct or remove it"
        )
    return value
