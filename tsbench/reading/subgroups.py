"""Subgroups of cases by a static value or a column of meta: categories as they are, numbers in bands."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from tsbench.data.panel import Panel
from tsbench.errors import UsageError

Array = npt.NDArray[Any]
MOST = 30  # groups that a table may have
DISCRETE = 8  # numbers of no more values than this are groups as they are
QUARTERS = (0.25, 0.5, 0.75)
UNKNOWN = "missing"


def subgroups(panel: Panel, text: str) -> tuple[str, dict[str, Array]]:
    """Return a column's name and {group: bool (n,)}, in order; text : NAME, static:NAME, meta:NAME, then =EDGE,EDGE.

    Several statics NAME=VALUE that are 0 or 1 are one column NAME. Numbers of more than DISCRETE values become bands:
    below the first edge, from one to below the next, from the last; without edges the quarters of these cases. A case
    without a value is in the group "missing". Raises UsageError for a column that there is not, and one of too many
    groups.
    """
    name, edges = _read(panel, text)
    values = _column(panel, name, text)
    if values.dtype.kind in "biuf":
        groups = _of_numbers(values.astype(np.float64), edges)
    elif edges:
        raise UsageError(f"--by {text}: {name} is no number: leave out the edges")
    else:
        names = np.asarray([str(one).strip() or UNKNOWN for one in values.tolist()])
        groups = {one: names == one for one in np.unique(names).tolist()}
    if len(groups) > MOST:
        raise UsageError(f"--by {text}: {name} has {len(groups)} values; name a column of at most {MOST}")
    return name.partition(":")[2], groups


def columns(panel: Panel) -> list[str]:
    """Return the names of what cases can be grouped by."""
    statics = [f"static:{name}" for name in panel.static_names]
    joined = [
        f"static:{one}" for one in dict.fromkeys(name.partition("=")[0] for name in panel.static_names if "=" in name)
    ]
    return [*statics, *joined, *(f"meta:{name}" for name in panel.meta)]


def _read(panel: Panel, text: str) -> tuple[str, list[float]]:
    """Return the column, "static:NAME" or "meta:NAME", and the edges of its bands."""
    known = columns(panel)
    for asked in (text, text.rpartition("=")[0]):
        for name in (asked, f"static:{asked}", f"meta:{asked}"):
            if name in known:
                return name, _edges(text, text[len(asked) + 1 :])
    raise UsageError(f"--by {text}: there is no such column; choose one of {', '.join(known) or 'none'}")


def _edges(text: str, given: str) -> list[float]:
    try:
        edges = [float(one) for one in given.split(",") if one.strip()]
    except ValueError:
        edges = [float("nan")]
    if not all(low < high for low, high in pairwise(edges)) or not np.isfinite(edges).all():
        raise UsageError(f"--by {text}: edges are rising numbers, such as age=18,65,80")
    return edges


def _column(panel: Panel, name: str, text: str) -> Array:
    kind, _, column = name.partition(":")
    if kind == "meta":
        return panel.meta[column]
    assert panel.static is not None
    if column in panel.static_names:
        values: Array = panel.static[:, panel.static_names.index(column)]
        return _named(values, panel.categories[column]) if column in panel.categories else values
    places = [
        (one.partition("=")[2], at) for at, one in enumerate(panel.static_names) if one.partition("=")[0] == column
    ]
    hot = panel.static[:, [at for _, at in places]]
    if not (np.isin(hot, (0, 1)) | np.isnan(hot)).all() or (np.nansum(hot, axis=1) > 1).any():
        raise UsageError(f"--by {text}: {column} stands in several columns that are not 0 or 1; name one of them")
    chosen = np.where(np.nansum(hot, axis=1) == 1, np.nan_to_num(hot).argmax(axis=1), np.nan)
    return _named(chosen, [value for value, _ in places])


def _named(codes: Array, names: Any) -> Array:
    return np.asarray([UNKNOWN if code != code else names[int(code)] for code in codes.tolist()])


def _of_numbers(values: Array, edges: list[float]) -> dict[str, Array]:
    there = ~np.isnan(values)
    distinct = np.unique(values[there])
    if not edges and len(distinct) <= DISCRETE:
        groups = {f"{value:g}": values == value for value in distinct}
    else:
        edges = edges or sorted(set(np.quantile(values[there], QUARTERS).tolist()))
        band = np.searchsorted(edges, values, side="right")
        names = [
            f"< {edges[0]:g}",
            *(f"{a:g} to < {b:g}" for a, b in pairwise(edges)),
            f">= {edges[-1]:g}",
        ]
        groups = {name: there & (band == number) for number, name in enumerate(names)}
    groups |= {} if there.all() else {UNKNOWN: ~there}
    return {name: cases for name, cases in groups.items() if cases.any()}
