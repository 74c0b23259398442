"""Static values of cases as columns of numbers, with the statistics of the training cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tsbench.data.dataset import Index
from tsbench.data.panel import Panel
from tsbench.errors import InvalidDataError
from tsbench.text import first_few

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Column:
    """What the training cases say of one static value.

    mean, std : of a number, over the cases that have it; std is 0 where it does not vary. categories : those they
    have, None for a number. masked : some case lacks the value, which a column of its own then says.
    """

    name: str
    mean: float
    std: float
    categories: tuple[str, ...] | None
    masked: bool

    @property
    def names(self) -> tuple[str, ...]:
        """What the columns it becomes are called."""
        values = [self.name] if self.categories is None else [f"{self.name}={one}" for one in self.categories]
        return (*values, f"{self.name} missing") if self.masked else tuple(values)

    def of(self, values: Numbers, categories: tuple[str, ...]) -> list[Numbers]:
        """Return the columns (n,) that values (n,) become; categories : what the values are indices of, if of any."""
        missing = np.isnan(values)
        if self.categories is None:
            centred = (values - self.mean) / self.std if self.std else np.zeros(len(values))
            columns = [np.where(missing, 0.0, centred)]
        elif len(self.categories) == 1:  # says nothing
            columns = [np.zeros(len(values))]
        else:
            code = {name: number for number, name in enumerate(categories)}
            columns = [(values == code.get(one, -1)).astype(np.float64) for one in self.categories]
        return [*columns, missing.astype(np.float64)] if self.masked else columns


@dataclass(frozen=True)
class StaticStatistics:
    """How static values become columns of numbers: one `Column` for each of `Panel.static`.

    A number is z-scored (float64, ddof 0) and 0 where it is missing or does not vary in training. A category becomes a
    column of 0 and 1 for each that training cases have; one that none of them has is 0 in all, and so is a missing one.
    Where a training case lacks a value, a further column of 0 and 1 says which cases do.
    """

    columns: tuple[Column, ...]

    def apply(self, panel: Panel) -> Panel:
        """Return the panel with these columns as its static values; one without static values stays as it is.

        Raises InvalidDataError where the panel has other static values, or a result is too large for float32.
        """
        if panel.static is None:
            return panel
        here, known = _names(panel), tuple(column.name for column in self.columns)
        if here != known:
            raise InvalidDataError(f"static values {', '.join(here)} where the training cases have {', '.join(known)}")
        values = panel.static.astype(np.float64)
        made: list[Numbers] = []
        for number, column in enumerate(self.columns):
            made += column.of(values[:, number], panel.categories.get(column.name, ()))
        with np.errstate(over="ignore"):  # Panel refuses the infinite values that result
            static = np.stack(made, axis=1).astype(np.float32) if made else np.empty((len(panel), 0), np.float32)
        names: list[str] = []
        for name in (name for column in self.columns for name in column.names):
            while name in names:  # of another column: "age missing" may be one of its own
                name += "'"
            names.append(name)
        return replace(panel, static=static, static_names=tuple(names), categories={})

    def unknown(self, panel: Panel) -> list[str]:
        """Say, a line each, which categories other cases with these static values have and no training case has."""
        if panel.static is None:
            return []
        names, lines = panel.case_names(), []
        for column, values in zip(self.columns, panel.static.T, strict=True):
            for code, category in enumerate(panel.categories.get(column.name, ())):
                cases = np.flatnonzero(values == code)
                if len(cases) and category not in (column.categories or ()):
                    whose = first_few([names[case] for case in cases])
                    lines.append(_unknown(column.name, category, f"{_count(len(cases))}: {whose}"))
        return lines


def static_statistics(panel: Panel, index: Index) -> StaticStatistics | None:
    """Return the statistics of the static values over the given cases; None where the panel has none."""
    if panel.static is None:
        return None
    values = panel.static[index].astype(np.float64)
    columns = zip(_names(panel), values.T, strict=True)
    return StaticStatistics(tuple(_column(name, column, panel.categories) for name, column in columns))


def unknown_static(panel: Panel, train: Index) -> list[str]:
    """Say, a line each, which static values no training case has, and which categories: these become all zero.

    Of categories it is said how many others have them.
    """
    if panel.static is None:
        return []
    lines = []
    for name, values in zip(_names(panel), panel.static.T, strict=True):
        if np.isnan(values[train]).all():
            lines.append(f"static {name}: no training case has a value: it says nothing")
            continue
        categories = panel.categories.get(name, ())
        for code in np.setdiff1d(values[~np.isnan(values)], values[train]) if categories else ():
            lines.append(_unknown(name, categories[int(code)], _count(int((values == code).sum()))))
    return lines


def _unknown(name: str, category: str, whose: str) -> str:
    return f"static {name}: '{category}' ({whose}) is in no training case: all its columns are 0"


def _count(n: int) -> str:
    return f"{n} case{'s' * (n != 1)}"


def _names(panel: Panel) -> tuple[str, ...]:
    return panel.static_names or tuple(map(str, range(panel.shape.n_static)))


def _column(name: str, values: Numbers, categories: Mapping[str, tuple[str, ...]]) -> Column:
    seen = values[~np.isnan(values)]
    masked = 0 < len(seen) < len(values)
    if name in categories:
        known = categories[name]
        return Column(name, 0.0, 0.0, tuple(known[int(code)] for code in np.unique(seen)), masked)
    if not len(seen) or seen.min() == seen.max():  # rounding of the mean would make a tiny deviation of it
        return Column(name, float(seen[0]) if len(seen) else 0.0, 0.0, None, masked)
    return Column(name, float(seen.mean()), float(seen.std()), None, masked)
